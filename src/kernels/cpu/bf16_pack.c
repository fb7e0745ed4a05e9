/* SPDX-License-Identifier: MIT */
#include "kernels/cpu/bf16_pack.h"

#include "kernels/cpu/bf16_round.h"

enum { STEP = 32, UNITS = 16 }; /* a step of the depth in numbers, in pairs */

#ifdef __AVX512F__

/* 16 vectors of 16 units become columns: in each quarter of the vectors, then among the quarters. */
SLR_INLINE void transpose(__m512i *t)
{
    __m512i s[UNITS];
    for (int i = 0; i < UNITS; i += 2) {
        s[i] = _mm512_unpacklo_epi32(t[i], t[i + 1]);
        s[i + 1] = _mm512_unpackhi_epi32(t[i], t[i + 1]);
    }
    for (int i = 0; i < UNITS; i += 4)
        for (int k = 0; k < 2; k++) {
            t[i + 2 * k] = _mm512_unpacklo_epi64(s[i + k], s[i + k + 2]);
            t[i + 2 * k + 1] = _mm512_unpackhi_epi64(s[i + k], s[i + k + 2]);
        }
    for (int k = 0; k < 4; k++) {
        s[k] = _mm512_shuffle_i32x4(t[k], t[k + 4], 0x88);
        s[k + 4] = _mm512_shuffle_i32x4(t[k], t[k + 4], 0xdd);
        s[k + 8] = _mm512_shuffle_i32x4(t[k + 8], t[k + 12], 0x88);
        s[k + 12] = _mm512_shuffle_i32x4(t[k + 8], t[k + 12], 0xdd);
    }
    for (int k = 0; k < 8; k++) {
        t[k] = _mm512_shuffle_i32x4(s[k], s[k + 8], 0x88);
        t[k + 8] = _mm512_shuffle_i32x4(s[k], s[k + 8], 0xdd);
    }
}

static inline __mmask32 first_of(int64_t count)
{
    return count >= STEP ? 0xffffffffu : (__mmask32)((1u << count) - 1);
}

/* 16 of 32 numbers as floats: those of the lower or upper half that `real` names, zeros for others. */
SLR_INLINE __m512 load_half(const void *b, int64_t at, const slr_dtype dtype, __mmask32 real, const int upper)
{
    const __mmask16 mask = (__mmask16)(real >> 16 * upper);
    at += 16 * upper;
    if (dtype == SLR_DTYPE_F32)
        return _mm512_maskz_loadu_ps(mask, (const float *)b + at);
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, (const uint16_t *)b + at));
}

/* 32 numbers in a row. */
SLR_INLINE __m512i load_row(const void *b, int64_t at, const slr_dtype dtype, __mmask32 real)
{
    if (dtype == SLR_DTYPE_BF16)
        return _mm512_maskz_loadu_epi16(real, (const uint16_t *)b + at);
    return slr_bf16_round(load_half(b, at, dtype, real, 0), load_half(b, at, dtype, real, 1));
}

SLR_INLINE void rows_of(const void *b, const slr_dtype dtype, int64_t b_row, int64_t depth, int columns,
                        uint16_t *panel)
{
    const __mmask32 real = first_of(columns);
    const __m512i low = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37, 5,
                                         36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
    const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
    int64_t padded = (depth + STEP - 1) / STEP * STEP;
    for (int64_t p = 0; p < padded; p += 2, panel += 2 * SLR_PANEL) {
        const __mmask32 even_real = p < depth ? real : 0, odd_real = p + 1 < depth ? real : 0;
        const int64_t at = p * b_row;
        if (dtype == SLR_DTYPE_BF16) {
            __m512i even = load_row(b, at, dtype, even_real), odd = load_row(b, at + b_row, dtype, odd_real);
            _mm512_store_si512(panel, _mm512_permutex2var_epi16(even, low, odd));
            _mm512_store_si512(panel + SLR_PANEL, _mm512_permutex2var_epi16(even, high, odd));
            continue;
        }
        for (int half = 0; half < 2; half++) {
            __m512 even = load_half(b, at, dtype, even_real, half), odd = load_half(b, at + b_row, dtype, odd_real, half);
            _mm512_store_si512(panel + half * SLR_PANEL, slr_bf16_round_pairs(even, odd));
        }
    }
}

SLR_INLINE void columns_of(const void *b, const slr_dtype dtype, int64_t b_step, int64_t b_block, int64_t depth,
                           int columns, uint16_t *panel)
{
    for (int64_t p = 0; p < depth; p += STEP, panel += STEP * SLR_PANEL) {
        const __mmask32 real = first_of(depth - p);
        for (int first = 0; first < SLR_PANEL; first += UNITS) {
            __m512i t[UNITS];
            for (int j = 0; j < UNITS; j++)
                t[j] = first + j < columns ? load_row(b, p / STEP * b_block + (first + j) * b_step, dtype, real)
                                           : _mm512_setzero_si512();
            transpose(t);
            for (int r = 0; r < UNITS; r++)
                _mm512_store_si512(panel + (2 * r * SLR_PANEL + 2 * first), t[r]);
        }
    }
}

void SLR_CPU(bf16_pack_rows)(const void *b, slr_dtype dtype, int64_t b_row, int64_t depth, int columns,
                             uint16_t *panel)
{
    switch (dtype) {
    case SLR_DTYPE_BF16: rows_of(b, SLR_DTYPE_BF16, b_row, depth, columns, panel); break;
    case SLR_DTYPE_F16: rows_of(b, SLR_DTYPE_F16, b_row, depth, columns, panel); break;
    default: rows_of(b, SLR_DTYPE_F32, b_row, depth, columns, panel); break;
    }
}

void SLR_CPU(bf16_pack_columns)(const void *b, slr_dtype dtype, int64_t b_step, int64_t b_block, int64_t depth,
                                int columns, uint16_t *panel)
{
    switch (dtype) {
    case SLR_DTYPE_BF16: columns_of(b, SLR_DTYPE_BF16, b_step, b_block, depth, columns, panel); break;
    case SLR_DTYPE_F16: columns_of(b, SLR_DTYPE_F16, b_step, b_block, depth, columns, panel); break;
    default: columns_of(b, SLR_DTYPE_F32, b_step, b_block, depth, columns, panel); break;
    }
}

/* Rows that lie across: 16 of them at a time. */
static void round_across(const float *a, int64_t a_step, int64_t rows, int64_t depth, uint16_t *out, int64_t out_row)
{
    for (int64_t i = 0; i < rows; i += UNITS) {
        const int count = rows - i < UNITS ? (int)(rows - i) : UNITS;
        const __mmask16 real = (__mmask16)first_of(count);
        for (int64_t p = 0; p < depth; p += STEP) {
            __m512i t[UNITS];
            for (int r = 0; r < UNITS; r++) {
                const int64_t even = p + 2 * r, odd = even + 1;
                t[r] = slr_bf16_round_pairs(_mm512_maskz_loadu_ps(even < depth ? real : 0, a + even * a_step + i),
                                            _mm512_maskz_loadu_ps(odd < depth ? real : 0, a + odd * a_step + i));
            }
            transpose(t);
            for (int r = 0; r < count; r++)
                _mm512_store_si512(out + (i + r) * out_row + p, t[r]);
        }
    }
}

void SLR_CPU(bf16_round_rows)(const float *a, int64_t a_row, int64_t a_step, int64_t rows, int64_t depth,
                              uint16_t *out, int64_t out_row)
{
    if (a_step != 1) {
        round_across(a, a_step, rows, depth, out, out_row);
        return;
    }
    for (int64_t i = 0; i < rows; i++)
        for (int64_t p = 0; p < depth; p += STEP)
            _mm512_store_si512(out + i * out_row + p, load_row(a, i * a_row + p, SLR_DTYPE_F32, first_of(depth - p)));
}

#else /* no backend of these instruction sets has a bf16 product; the same in plain C */

static uint16_t rounded(const void *b, slr_dtype dtype, int64_t at)
{
    switch (dtype) {
    case SLR_DTYPE_BF16: return ((const uint16_t *)b)[at];
    case SLR_DTYPE_F16: return slr_f32_to_bf16(slr_f16_to_f32(((const uint16_t *)b)[at]));
    default: return slr_f32_to_bf16(((const float *)b)[at]);
    }
}

static int64_t padded(int64_t depth)
{
    return (depth + STEP - 1) / STEP * STEP;
}

void SLR_CPU(bf16_pack_rows)(const void *b, slr_dtype dtype, int64_t b_row, int64_t depth, int columns,
                             uint16_t *panel)
{
    for (int64_t p = 0; p < padded(depth); p++)
        for (int j = 0; j < SLR_PANEL; j++)
            panel[(p / 2 * SLR_PANEL + j) * 2 + p % 2] =
                p < depth && j < columns ? rounded(b, dtype, p * b_row + j) : 0;
}

void SLR_CPU(bf16_pack_columns)(const void *b, slr_dtype dtype, int64_t b_step, int64_t b_block, int64_t depth,
                                int columns, uint16_t *panel)
{
    for (int64_t p = 0; p < padded(depth); p++)
        for (int j = 0; j < SLR_PANEL; j++)
            panel[(p / 2 * SLR_PANEL + j) * 2 + p % 2] =
                p < depth && j < columns ? rounded(b, dtype, p / STEP * b_block + j * b_step + p % STEP) : 0;
}

void SLR_CPU(bf16_round_rows)(const float *a, int64_t a_row, int64_t a_step, int64_t rows, int64_t depth,
                              uint16_t *out, int64_t out_row)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t p = 0; p < padded(depth); p++)
            out[i * out_row + p] = p < depth ? slr_f32_to_bf16(a[i * a_row + p * a_step]) : 0;
}

#endif
