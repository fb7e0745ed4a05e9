/* SPDX-License-Identifier: MIT
 * 16-bit floats, exact to the last bit in both directions (round to nearest even). Free of branches, so that the
 * compiler turns the loops over many into vector code. */
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
    uint32_t normal = magnitude + 0x38000000u + special;
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

void slr_f16_to_f32_many(const void *halves, size_t count, float *out)
{
    const unsigned char *from = halves;
    for (size_t i = 0; i < count; i++) {
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
    for (size_t i = 0; i < count; i++)
        out[i] = narrow_f16(values[i]);
}

void slr_f32_to_bf16_many(const float *values, size_t count, uint16_t *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = narrow_bf16(values[i]);
}
