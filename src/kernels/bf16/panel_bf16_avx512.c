/* SPDX-License-Identifier: MIT
 * A block of up to 14 rows x 32 columns in registers: one broadcast of a pair of A, two multiply-adds of pairs. */
#include "kernels/bf16/panel_bf16.h"

#ifdef __AVX512BF16__
#include <immintrin.h>

enum { WIDTH = 16, BLOCK_ROWS = 14 };

/* `rows` and `vectors` are constants where this is inlined. */
static inline __attribute__((always_inline)) void block(const int rows, const int vectors,
                                                        const slr_panel_product *q, int64_t row)
{
    const char *a = (const char *)q->a + row * q->a_row * 2, *b = q->panel;
    const int64_t a_bytes = q->a_row * 2;
    __m512 sum[BLOCK_ROWS][2];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            sum[i][v] = q->bias ? _mm512_loadu_ps(q->bias + v * WIDTH) : _mm512_setzero_ps();
    for (int64_t p = 0; p < q->depth; p += 2, a += 4, b += SLR_PANEL * 4) {
        __m512i pairs[2];
        for (int v = 0; v < vectors; v++)
            pairs[v] = _mm512_load_si512(b + v * 64);
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) {
            const __m512i pair = _mm512_set1_epi32(*(const int *)(const void *)(a + i * a_bytes));
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++)
                sum[i][v] = _mm512_dpbf16_ps(sum[i][v], (__m512bh)pair, (__m512bh)pairs[v]);
        }
    }
    const int last = q->columns - (vectors - 1) * WIDTH;
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++) {
            const __mmask16 real = v + 1 < vectors ? 0xffff : (__mmask16)((1u << last) - 1);
            float *c = q->c + (row + i) * q->c_row + v * WIDTH;
            __m512 value = q->add ? _mm512_add_ps(sum[i][v], _mm512_maskz_loadu_ps(real, c)) : sum[i][v];
            _mm512_mask_storeu_ps(c, real, value);
        }
}

/* One function for each number of rows, so that the sums are registers. */
#define BLOCK_CASE(r)              \
    case r:                        \
        block(r, vectors, q, row);    \
        break;

static inline __attribute__((always_inline)) void all_rows(const int vectors, const slr_panel_product *q)
{
    const int64_t blocks = (q->rows + BLOCK_ROWS - 1) / BLOCK_ROWS, height = (q->rows + blocks - 1) / blocks;
    for (int64_t row = 0; row < q->rows; row += height)
        switch (q->rows - row < height ? q->rows - row : height) {
            BLOCK_CASE(1)
            BLOCK_CASE(2)
            BLOCK_CASE(3)
            BLOCK_CASE(4)
            BLOCK_CASE(5)
            BLOCK_CASE(6)
            BLOCK_CASE(7)
            BLOCK_CASE(8)
            BLOCK_CASE(9)
            BLOCK_CASE(10)
            BLOCK_CASE(11)
            BLOCK_CASE(12)
            BLOCK_CASE(13)
            BLOCK_CASE(14)
        default:
            break;
        }
}

void slr_panel_product_avx512bf16(const slr_panel_product *q)
{
    if (q->rows == 0)
        return;
    for (int first = 0; first < q->columns; first += SLR_PANEL) {
        const slr_panel_product p = slr_panel_at(q, first);
        if (p.columns > WIDTH)
            all_rows(2, &p);
        else
            all_rows(1, &p);
    }
}

#endif
