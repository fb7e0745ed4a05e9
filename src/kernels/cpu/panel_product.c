/* SPDX-License-Identifier: MIT
 *
 * A block of up to BLOCK_ROWS x 2 vectors of C stays in registers while the depth goes by: one broadcast of A and two
 * multiply-adds a row and step. The panel streams from the second-level cache; A is broadcast from where it lies.
 */
#include "kernels/cpu/panel_product.h"

#include "kernels/cpu/vector_lanes.h"

#if defined __AVX512F__
enum { BLOCK_ROWS = 14 }; /* 28 accumulators of 32 registers */
#else
enum { BLOCK_ROWS = 6 }; /* 12 of 16 */
#endif

enum { RUN = 32 }; /* steps of the depth between two looks at where to fetch from */

/* A block of C: its place in the product, and how many of its columns are real. */
typedef struct block {
    const slr_panel_product *p;
    int64_t row;
    int column, columns;
    int64_t fetched, fetch; /* bytes of what comes next: fetched by the blocks before, to fetch a step of the depth */
} block;

static void store_part(const block *b, const float *values, int rows, int width)
{
    float *c = b->p->c + b->row * b->p->c_row + b->column;
    for (int i = 0; i < rows; i++, c += b->p->c_row, values += width)
        for (int j = 0; j < b->columns; j++)
            c[j] = b->p->add ? c[j] + values[j] : values[j];
}

/* Below, `rows` and `vectors` are constants where this is inlined. Every loop over a block is unrolled by name, or gcc
 * keeps its numbers on the stack. */
SLR_INLINE void store(const int rows, const int vectors, const block *b, vector sum[BLOCK_ROWS][2])
{
    const slr_panel_product *p = b->p;
    if (p->bias)
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++)
                sum[i][v] += *(const unaligned_vector *)(const void *)(p->bias + b->column + v * WIDTH);
    if (b->columns < vectors * WIDTH) {
        vector copy[BLOCK_ROWS * 2]; /* an address of `sum` itself would drive it out of the registers */
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++)
                copy[i * vectors + v] = sum[i][v];
        store_part(b, (const float *)copy, rows, vectors * WIDTH);
        return;
    }
    float *first = p->c + b->row * p->c_row + b->column;
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            unaligned_vector *c = (unaligned_vector *)(void *)(first + i * p->c_row + v * WIDTH);
            *c = p->add ? *c + sum[i][v] : sum[i][v];
        }
}

/* The place to fetch from at a step of the depth. */
static inline const char *next_of(const block *b, int64_t step)
{
    const slr_panel_product *p = b->p;
    int64_t ahead = b->fetched + step * b->fetch;
    return p->ahead + (ahead >> p->ahead_shift) * p->ahead_stride + (ahead & (((int64_t)1 << p->ahead_shift) - 1));
}

/* A step has no arithmetic but the sums' to speak of. Each third row of A has a pointer, the rows between are a scaled
 * index away: gcc by itself keeps 14 offsets, half of them in vector registers, and fetching them from there takes
 * turns with the multiply-adds. */
SLR_INLINE void compute(const int rows, const int vectors, const block *b)
{
    const slr_panel_product *p = b->p;
    const int64_t a_row = p->a_row;
    const float *panel = (const float *)p->panel + b->column, *a[(BLOCK_ROWS + 2) / 3];
    const float *c = p->c + b->row * p->c_row + b->column;
    vector sum[BLOCK_ROWS][2];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
        if (i % 3 == 0)
            a[i / 3] = (const float *)p->a + (b->row + i) * a_row;
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            __builtin_prefetch(c + i * p->c_row + v * WIDTH, 1); /* written, and perhaps read, at the end */
            sum[i][v] = (vector){0};
        }
    }
    for (int64_t first = 0; first < p->depth; first += RUN) {
        const int64_t count = p->depth - first < RUN ? p->depth - first : RUN;
        const char *next = next_of(b, first);
        for (int64_t d = 0; d < count; d++, panel += SLR_PANEL, next += b->fetch) {
            vector line[2];
            __builtin_prefetch(next, 0, 2);
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++)
                line[v] = *(const vector *)(const void *)(panel + v * WIDTH);
#pragma GCC unroll 16
            for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
                for (int v = 0; v < vectors; v++)
                    sum[i][v] += a[i / 3][i % 3 * a_row] * line[v];
#pragma GCC unroll 16
            for (int i = 0; i < rows; i += 3) {
                a[i / 3]++;
                __asm__("" : "+r"(a[i / 3])); /* stays a pointer with a register of its own */
            }
        }
    }
    store(rows, vectors, b, sum);
}

/* One function for each number of rows, so that the accumulators are registers. */
#define ROWS_CASE(r)                                                                                                   \
    case r:                                                                                                            \
        compute(r, vectors, b);                                                                                        \
        break;

SLR_INLINE void some_rows(int rows, const int vectors, const block *b)
{
    switch (rows) {
        ROWS_CASE(1)
        ROWS_CASE(2)
        ROWS_CASE(3)
        ROWS_CASE(4)
        ROWS_CASE(5)
        ROWS_CASE(6)
#ifdef __AVX512F__
        ROWS_CASE(7)
        ROWS_CASE(8)
        ROWS_CASE(9)
        ROWS_CASE(10)
        ROWS_CASE(11)
        ROWS_CASE(12)
        ROWS_CASE(13)
        ROWS_CASE(14)
#endif
    default:
        break;
    }
}

static void narrow_rows(int rows, const block *b)
{
    some_rows(rows, 1, b);
}

static void wide_rows(int rows, const block *b)
{
    some_rows(rows, 2, b);
}

void SLR_CPU(panel_product)(const slr_panel_product *p)
{
    int64_t blocks = (p->rows + BLOCK_ROWS - 1) / BLOCK_ROWS, height = blocks ? (p->rows + blocks - 1) / blocks : 0;
    int64_t steps = blocks * ((p->columns + 2 * WIDTH - 1) / (2 * WIDTH)) * p->depth;
    int64_t bytes = p->ahead ? p->ahead_runs << p->ahead_shift : 0, done = 0;
    int64_t fetch = steps ? bytes / steps : 0;
    for (int column = 0; column < p->columns; column += 2 * WIDTH)
        for (int64_t row = 0; row < p->rows; row += height, done += p->depth * fetch) {
            block b = {p, row, column, p->columns - column, done, fetch};
            int rows = (int)(p->rows - row < height ? p->rows - row : height);
            (b.columns > WIDTH ? wide_rows : narrow_rows)(rows, &b);
        }
}
