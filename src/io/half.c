/* SPDX-License-Identifier: MIT
 * 16-bit floats, exact to the last bit in both directions (round to nearest even). Free of branches, so that the
 * compiler turns the loops over many into vector code. */
#ifdef __x86_64__
#include <immintrin.h>
#endif
#include <stdbool.h>
#include <string.h>

#include "io/safetensors.h"

static inline uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint16_t narrow_bf16(float value)
{
    uint32_t bits = bits_of(value);
    uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1)) >> 16;
    uint32_t nan = (bits >> 16) | 0x40; /* rounding could carry a NaN into an infinity */
    return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
}

static inline uint16_t narrow_f16(float value)
{
    uint32_t bits = bits_of(value), sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
    uint32_t nan = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
    /* Subnormal: adding 0.5 leaves the value, rounded to 2^-24, in the low bits. */
    uint32_t subnormal = bits_of(float_of(magnitude < 0x38800000u ? magnitude : 0) + 0.5f) - 0x3f000000u;
    uint32_t normal = (magnitude + 0xfffu + ((magnitude >> 13) & 1) - 0x38000000u) >> 13;
    uint32_t finite = magnitude < 0x38800000u ? subnormal : normal;
    uint32_t number = magnitude >= 0x477ff000u ? 0x7c00u : finite; /* 65520 and above: infinity */
    return (uint16_t)(sign | (magnitude > 0x7f800000u ? nan : number));
}

static inline float widen_f16(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, magnitude = (uint32_t)(half & 0x7fffu) << 13;
    uint32_t special = magnitude >= 0x0f800000u ? 0x38000000u : 0; /* infinity and NaN: exponent to 255 */
    uint32_t quiet = magnitude > 0x0f800000u ? 0x00400000u : 0; /* as the processor does it */
    uint32_t normal = (magnitude + 0x38000000u + special) | quiet;
    /* Subnormal: the fraction below 2^-14, which is then taken off; exact, and no subnormal float on the way. */
    uint32_t subnormal = bits_of(float_of((magnitude & 0x7fffffu) | 0x38800000u) - 0x1p-14f);
    return float_of(sign | (magnitude < 0x00800000u ? subnormal : normal));
}

uint16_t slr_f32_to_bf16(float value)
{
    return narrow_bf16(value);
}

float slr_bf16_to_f32(uint16_t half)
{
    return float_of((uint32_t)half << 16);
}

uint16_t slr_f32_to_f16(float value)
{
    return narrow_f16(value);
}

float slr_f16_to_f32(uint16_t half)
{
    return widen_f16(half);
}

/* The processor's own conversion of as many as come in eights, where it has one; returns how many. */
#ifdef __x86_64__
__attribute__((target("avx,f16c"))) static size_t widen_eights(const unsigned char *halves, size_t count, float *out)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(halves + 2 * i))));
    return i;
}

__attribute__((target("avx,f16c"))) static size_t narrow_eights(const float *values, size_t count, uint16_t *out)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm_storeu_si128((__m128i *)(void *)(out + i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(values + i), _MM_FROUND_TO_NEAREST_INT));
    return i;
}

static bool has_eights(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2");
}
#else
static size_t widen_eights(const unsigned char *halves, size_t count, float *out)
{
    (void)halves, (void)count, (void)out;
    return 0;
}

static size_t narrow_eights(const float *values, size_t count, uint16_t *out)
{
    (void)values, (void)count, (void)out;
    return 0;
}

static bool has_eights(void)
{
    return false;
}
#endif

void slr_f16_to_f32_many(const void *halves, size_t count, float *out)
{
    const unsigned char *from = halves;
    for (size_t i = has_eights() ? widen_eights(from, count, out) : 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, from + 2 * i, sizeof half);
        out[i] = widen_f16(half);
    }
}

void slr_bf16_to_f32_many(const void *halves, size_t count, float *out)
{
    const unsigned char *from = halves;
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, from + 2 * i, sizeof half);
        out[i] = float_of((uint32_t)half << 16);
    }
}

void slr_f32_to_f16_many(const float *values, size_t count, uint16_t *out)
{
    for (size_t i = has_eights() ? narrow_eights(values, count, out) : 0; i < count; i++)
        out[i] = narrow_f16(values[i]);
}

void slr_f32_to_bf16_many(const float *values, size_t count, uint16_t *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = narrow_bf16(values[i]);
}
