/* SPDX-License-Identifier: MIT */
#include "medical/float_ranks.h"

#include <math.h>
#include <string.h>

/* Unsigned numbers in the order of the floats. */
static uint32_t key_of(float value)
{
    uint32_t bits;
    value += 0.0f; /* -0 is 0 */
    memcpy(&bits, &value, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static float value_of(uint32_t key)
{
    uint32_t bits = key & 0x80000000u ? key & 0x7fffffffu : ~key;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void slr_float_ranks_begin(slr_float_ranks *ranks)
{
    memset(ranks, 0, sizeof *ranks);
    ranks->least = INFINITY;
    ranks->greatest = -INFINITY;
}

void slr_float_ranks_upper(slr_float_ranks *ranks, const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            ranks->odd++;
            continue;
        }
        ranks->counted++;
        ranks->upper[key_of(values[i]) >> 16]++;
        ranks->least = fminf(ranks->least, values[i]);
        ranks->greatest = fmaxf(ranks->greatest, values[i]);
    }
}

/* Upper bits of the value with this rank; the rank among those with the same upper bits goes to *within. */
static uint32_t find_upper(const slr_float_ranks *ranks, uint64_t rank, uint64_t *within)
{
    uint64_t below = 0;
    uint32_t upper = 0;
    while (upper < SLR_FLOAT_HALVES - 1 && below + ranks->upper[upper] <= rank)
        below += ranks->upper[upper++];
    *within = rank - below;
    return upper;
}

void slr_float_ranks_want(slr_float_ranks *ranks, const double *percents, int count)
{
    int slots = 0;
    for (int i = 0; ranks->counted > 0 && i < 2 * count; i++) {
        double exact = percents[i / 2] / 100.0 * (double)(ranks->counted - 1);
        uint64_t rank = (uint64_t)exact + (uint64_t)(i % 2);
        if (rank >= ranks->counted)
            rank = ranks->counted - 1;
        ranks->share[i / 2] = exact - floor(exact);
        ranks->place[i] = find_upper(ranks, rank, &ranks->rank[i]);
        if (!ranks->slot[ranks->place[i]])
            ranks->slot[ranks->place[i]] = (uint8_t)++slots;
    }
}

void slr_float_ranks_lower(slr_float_ranks *ranks, const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i]))
            continue;
        uint32_t key = key_of(values[i]);
        int slot = ranks->slot[key >> 16];
        if (slot)
            ranks->lower[slot - 1][key & 0xffff]++;
    }
}

static double value_at(const slr_float_ranks *ranks, int i)
{
    const uint32_t *lower = ranks->lower[ranks->slot[ranks->place[i]] - 1];
    uint64_t below = 0;
    uint32_t half = 0;
    while (half < SLR_FLOAT_HALVES - 1 && below + lower[half] <= ranks->rank[i])
        below += lower[half++];
    return (double)value_of(ranks->place[i] << 16 | half);
}

double slr_float_ranks_get(const slr_float_ranks *ranks, int wanted)
{
    if (ranks->counted == 0)
        return 0.0;
    double first = value_at(ranks, 2 * wanted), second = value_at(ranks, 2 * wanted + 1);
    return first + ranks->share[wanted] * (second - first);
}
