/* SPDX-License-Identifier: MIT */
#include "kernels/cpu/winograd_transforms.h"

#include <string.h>

#include "kernels/cpu/bf16_round.h"
#include "kernels/cpu/vector_lanes.h"

enum { FILLED = 32 }; /* bf16 rows are filled up to a multiple of it */

/* The points +-P, +-Q of m = 4, their squares and cubes. */
#define P 0.65f
#define Q 1.45f
#define P2 (P * P)
#define Q2 (Q * Q)
#define P_FACTOR (1 / (2 * P2 * (P2 - Q2)))
#define Q_FACTOR (1 / (2 * Q2 * (Q2 - P2)))

SLR_INLINE vector load(const float *at)
{
    return *(const unaligned_vector *)(const void *)at;
}

SLR_INLINE void store(float *at, vector value)
{
    *(unaligned_vector *)(void *)at = value;
}

/* A vector, rounded to bf16. */
SLR_INLINE void put_rounded(uint16_t *at, vector value)
{
#ifdef __AVX512F__
    *(__m256i *)(void *)at = _mm512_castsi512_si256(slr_bf16_round((__m512)value, (__m512)value));
#else
    for (int i = 0; i < WIDTH; i++)
        at[i] = slr_f32_to_bf16(value[i]);
#endif
}

/* Two vectors, rounded to bf16, side by side. */
SLR_INLINE void put_pairs(uint16_t *at, vector even, vector odd)
{
#ifdef __AVX512F__
    *(__m512i *)(void *)at = slr_bf16_round_pairs((__m512)even, (__m512)odd);
#else
    for (int i = 0; i < WIDTH; i++) {
        at[2 * i] = slr_f32_to_bf16(even[i]);
        at[2 * i + 1] = slr_f32_to_bf16(odd[i]);
    }
#endif
}

/* G times a column of three. */
SLR_INLINE void times_g(const int m, const vector *g, vector *out)
{
    out[0] = g[0];
    if (m == 2) {
        vector even = g[0] + g[2];
        out[1] = even + g[1];
        out[2] = even - g[1];
        out[3] = g[2];
        return;
    }
    vector even = g[0] + P2 * g[2], wide = g[0] + Q2 * g[2];
    out[1] = even + P * g[1];
    out[2] = even - P * g[1];
    out[3] = wide + Q * g[1];
    out[4] = wide - Q * g[1];
    out[5] = g[2];
}

/* B^T times a column of m + 2. */
SLR_INLINE void times_b(const int m, const vector *d, vector *out)
{
    if (m == 2) {
        out[0] = d[0] - d[2];
        out[1] = d[2] + d[1];
        out[2] = d[2] - d[1];
        out[3] = d[1] - d[3];
        return;
    }
    vector even = d[4] - Q2 * d[2], odd = d[3] - Q2 * d[1];
    vector even_wide = d[4] - P2 * d[2], odd_wide = d[3] - P2 * d[1];
    out[0] = d[0] - (1 / P2 + 1 / Q2) * d[2] + (1 / (P2 * Q2)) * d[4];
    out[1] = even + P * odd;
    out[2] = even - P * odd;
    out[3] = even_wide + Q * odd_wide;
    out[4] = even_wide - Q * odd_wide;
    out[5] = P2 * Q2 * d[1] - (P2 + Q2) * d[3] + d[5];
}

/* A^T times a column of m + 2. */
SLR_INLINE void times_a(const int m, const vector *s, vector *out)
{
    vector even = s[1] + s[2], odd = s[1] - s[2];
    if (m == 2) {
        out[0] = s[0] + 0.5f * even;
        out[1] = 0.5f * odd - s[3];
        return;
    }
    vector even_wide = s[3] + s[4], odd_wide = s[3] - s[4];
    out[0] = s[0] + P_FACTOR * even + Q_FACTOR * even_wide;
    out[1] = P_FACTOR * P * odd + Q_FACTOR * Q * odd_wide;
    out[2] = P_FACTOR * P2 * even + Q_FACTOR * Q2 * even_wide;
    out[3] = s[5] + P_FACTOR * P * P2 * odd + Q_FACTOR * Q * Q2 * odd_wide;
}

/* G g, row by row, of the vector at `at` of each tap. */
SLR_INLINE void half_weights(const int m, const float *const taps[9], int64_t at, vector half[6][3])
{
    for (int q = 0; q < 3; q++) {
        vector column[3] = {load(taps[q] + at), load(taps[3 + q] + at), load(taps[6 + q] + at)}, out[6];
        times_g(m, column, out);
        for (int i = 0; i < m + 2; i++)
            half[i][q] = out[i];
    }
}

SLR_INLINE void weights_of(const int m, const float *const taps[9], int64_t rows, char *u, int64_t stride)
{
    for (int64_t at = 0; at < rows * SLR_PANEL; at += WIDTH) {
        vector half[6][3];
        half_weights(m, taps, at, half);
        for (int i = 0; i < m + 2; i++) {
            vector out[6];
            times_g(m, half[i], out);
            for (int j = 0; j < m + 2; j++)
                *(vector *)(void *)(u + (i * (m + 2) + j) * stride + at * 4) = out[j];
        }
    }
}

SLR_INLINE void weights_of_bf16(const int m, const float *const taps[9], int64_t rows, char *u, int64_t stride)
{
    for (int64_t row = 0; row < rows; row += 2)
        for (int column = 0; column < SLR_PANEL; column += WIDTH) {
            int64_t at = row * SLR_PANEL + column;
            vector even[6][3], odd[6][3];
            half_weights(m, taps, at, even);
            half_weights(m, taps, at + SLR_PANEL, odd);
            for (int i = 0; i < m + 2; i++) {
                vector out[6], odd_out[6];
                times_g(m, even[i], out);
                times_g(m, odd[i], odd_out);
                for (int j = 0; j < m + 2; j++)
                    put_pairs((uint16_t *)(void *)(u + (i * (m + 2) + j) * stride) + row * SLR_PANEL + 2 * column,
                              out[j], odd_out[j]);
            }
        }
}

void SLR_CPU(winograd_weights)(int m, bool bf16, const float *const taps[9], int64_t rows, char *u, int64_t stride)
{
    if (bf16)
        weights_of_bf16(2, taps, rows, u, stride);
    else if (m == 4)
        weights_of(4, taps, rows, u, stride);
    else
        weights_of(2, taps, rows, u, stride);
}

SLR_INLINE void input_at(const int m, const bool bf16, const float *const *pixels, int64_t channel, char *v,
                         int64_t stride)
{
    const int side = m + 2;
    vector half[6][6]; /* [row of B^T d][column of d] */
    for (int j = 0; j < side; j++) {
        vector column[6], out[6];
        for (int i = 0; i < side; i++)
            column[i] = load(pixels[i * side + j] + channel);
        times_b(m, column, out);
        for (int i = 0; i < side; i++)
            half[i][j] = out[i];
    }
    for (int i = 0; i < side; i++) {
        vector out[6];
        times_b(m, half[i], out);
        for (int j = 0; j < side; j++)
            if (bf16)
                put_rounded((uint16_t *)(void *)(v + (i * side + j) * stride), out[j]);
            else
                *(vector *)(void *)(v + (i * side + j) * stride) = out[j];
    }
}

SLR_INLINE void input_of(const int m, const bool bf16, const float *const *pixels, int64_t channels, char *v,
                         int64_t stride)
{
    const int64_t end = bf16 ? (channels + FILLED - 1) / FILLED * FILLED : channels, size = bf16 ? 2 : 4;
    int64_t c = 0;
    for (; c + WIDTH <= channels; c += WIDTH)
        input_at(m, bf16, pixels, c, v + c * size, stride);
    if (c >= end)
        return;
    float rest[SLR_WINOGRAD_POSITIONS][FILLED];
    const float *rows[SLR_WINOGRAD_POSITIONS];
    memset(rest, 0, sizeof rest);
    for (int k = 0; k < (m + 2) * (m + 2); k++) {
        memcpy(rest[k], pixels[k] + c, (size_t)(channels - c) * sizeof(float));
        rows[k] = rest[k];
    }
    for (int64_t first = c; c < end; c += WIDTH)
        input_at(m, bf16, rows, c - first, v + c * size, stride);
}

void SLR_CPU(winograd_input)(int m, bool bf16, const float *const *pixels, int64_t channels, char *v, int64_t stride)
{
    if (bf16)
        input_of(2, true, pixels, channels, v, stride);
    else if (m == 4)
        input_of(4, false, pixels, channels, v, stride);
    else
        input_of(2, false, pixels, channels, v, stride);
}

/* `count` of a vector's values. */
static void put_part(float *y, const float *values, int count, bool add)
{
    for (int i = 0; i < count; i++)
        y[i] = add ? y[i] + values[i] : values[i];
}

/* `full`: the whole tile and panel lie in the map. */
SLR_INLINE void output_of(const int m, const bool full, const float *products, int64_t stride,
                          const slr_winograd_target *t)
{
    const int side = m + 2;
    const int columns = full ? SLR_PANEL : t->columns, lines = full ? m : t->lines, pixels = full ? m : t->pixels;
    for (int column = 0; column < columns; column += WIDTH) {
        vector half[4][6]; /* [row of A^T M][column of M] */
        for (int j = 0; j < side; j++) {
            vector in[6], out[4];
            for (int i = 0; i < side; i++)
                in[i] = *(const vector *)(const void *)(products + (i * side + j) * stride + column);
            times_a(m, in, out);
            for (int i = 0; i < m; i++)
                half[i][j] = out[i];
        }
        vector bias = load(t->bias + column);
        int count = columns - column;
        for (int i = 0; i < m && i < lines; i++) {
            vector out[4];
            times_a(m, half[i], out);
            float *y = t->y + i * t->line + column;
            for (int j = 0; j < m && j < pixels; j++, y += t->pixel) {
                vector value = out[j] + bias;
                if (count < WIDTH)
                    put_part(y, (const float *)&value, count, t->add);
                else
                    store(y, t->add ? load(y) + value : value);
            }
        }
    }
}

SLR_INLINE void output(const int m, const float *products, int64_t stride, const slr_winograd_target *t)
{
    if (t->columns == SLR_PANEL && t->lines == m && t->pixels == m)
        output_of(m, true, products, stride, t);
    else
        output_of(m, false, products, stride, t);
}

void SLR_CPU(winograd_output)(int m, const float *products, int64_t stride, const slr_winograd_target *target)
{
    if (m == 4)
        output(4, products, stride, target);
    else
        output(2, products, stride, target);
}
