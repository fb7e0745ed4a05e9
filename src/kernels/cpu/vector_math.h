/* SPDX-License-Identifier: MIT
 *
 * Elementary functions as straight-line arithmetic, so that the compiler turns loops over them into vector
 * code. Errors are relative to double libm where no argument is clamped.
 */
#ifndef SLR_VECTOR_MATH_H
#define SLR_VECTOR_MATH_H

#include <stdint.h>
#include <string.h>

/* e^x: relative error below 2e-7; arguments are clamped to [-64, 64], far from where e^x or its inverse times an
 * activation would be subnormal. Compilers work out ahead what follows from a clamped argument, and multiply every
 * vector by it before they choose: with subnormal products each vector takes the processor's slow path, 10 times as
 * long. */
static inline float slr_exp(float x)
{
    x = x < -64.0f ? -64.0f : x;
    x = x > 64.0f ? 64.0f : x;
    float shifted = x * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: the low bits now hold round(x / ln 2) */
    int32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    float n = shifted - 12582912.0f;
    float r = x - n * 0.693145752f - n * 1.42860677e-6f;
    float p = 1.0f / 5040.0f;
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    int32_t power = (int32_t)((uint32_t)bits << 23);
    int32_t scaled;
    memcpy(&scaled, &p, sizeof scaled);
    scaled = (int32_t)((uint32_t)scaled + (uint32_t)power);
    memcpy(&p, &scaled, sizeof p);
    return p;
}

/* 2^t for t that is not above zero by more than rounding, as in softmax: relative error below 2e-7; from -126 downwards
 * it is 2^-126. */
static inline float slr_exp2_negative(float t)
{
    t = t < -126.0f ? -126.0f : t;
    float shifted = t + 12582912.0f;
    int32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    float r = t - (shifted - 12582912.0f);
    float p = 0.00132647273f; /* minimax on [-1/2, 1/2] with p(0) = 1 */
    p = p * r + 0.00967151299f;
    p = p * r + 0.0555073358f;
    p = p * r + 0.240222424f;
    p = p * r + 0.693147004f;
    p = p * r + 1.0f;
    int32_t scaled;
    memcpy(&scaled, &p, sizeof scaled);
    scaled = (int32_t)((uint32_t)scaled + ((uint32_t)bits << 23));
    memcpy(&p, &scaled, sizeof p);
    return p;
}

static inline float slr_sigmoid(float x)
{
    return 1.0f / (1.0f + slr_exp(-x));
}

/* Phi(z), the normal distribution function, absolute error below 3e-7 (Abramowitz and Stegun 7.1.26);
 * *density is phi(z). */
static inline float slr_normal_cdf(float z, float *density)
{
    float a = z < 0 ? -z : z;
    float e = slr_exp(-0.5f * z * z);
    float t = 1.0f / (1.0f + 0.3275911f * 0.70710678f * a);
    float p = 1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    float tail = 0.5f * p * t * e;
    *density = 0.398942280f * e;
    return z < 0 ? tail : 1.0f - tail;
}

#endif
