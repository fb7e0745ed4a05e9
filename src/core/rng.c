/* SPDX-License-Identifier: MIT */
#include "core/rng.h"

#include <math.h>
#include <string.h>

void slr_philox4x32(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        uint32_t n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

slr_rng slr_rng_at(uint64_t seed, slr_stream stream, uint32_t step, uint32_t item)
{
    slr_rng rng;
    memset(&rng, 0, sizeof rng);
    rng.key[0] = (uint32_t)seed;
    rng.key[1] = (uint32_t)(seed >> 32);
    rng.counter[1] = item;
    rng.counter[2] = step;
    rng.counter[3] = (uint32_t)stream;
    rng.used = 4;
    return rng;
}

uint32_t slr_rng_u32(slr_rng *rng)
{
    if (rng->used == 4) {
        slr_philox4x32(rng->key, rng->counter, rng->block);
        rng->counter[0]++;
        rng->used = 0;
    }
    return rng->block[rng->used++];
}

double slr_rng_uniform(slr_rng *rng)
{
    uint64_t high = slr_rng_u32(rng) >> 5;
    uint64_t low = slr_rng_u32(rng) >> 6;
    return (double)((high << 26) | low) * 0x1p-53;
}

double slr_rng_normal(slr_rng *rng)
{
    if (rng->has_normal) {
        rng->has_normal = 0;
        return rng->normal;
    }
    double radius = sqrt(-2.0 * log(1.0 - slr_rng_uniform(rng)));
    double angle = 6.283185307179586476925 * slr_rng_uniform(rng);
    rng->normal = radius * sin(angle);
    rng->has_normal = 1;
    return radius * cos(angle);
}

uint32_t slr_rng_below(slr_rng *rng, uint32_t bound)
{
    uint32_t reject_below = (0u - bound) % bound; /* 2^32 mod bound */
    uint32_t value;
    do
        value = slr_rng_u32(rng);
    while (value < reject_below);
    return value % bound;
}

void slr_rng_fill_normal(slr_rng *rng, slr_real *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (slr_real)slr_rng_normal(rng);
}

void slr_rng_permutation(slr_rng *rng, uint32_t *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = i;
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = slr_rng_below(rng, i);
        uint32_t swap = out[i - 1];
        out[i - 1] = out[j];
        out[j] = swap;
    }
}
