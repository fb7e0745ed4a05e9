/* SPDX-License-Identifier: MIT
 *
 * Blocks of C of R rows x V vectors stay in registers while the depth goes by: V loads of B, R broadcasts of A and
 * R V multiply-adds a step. Three or four vectors ask less of the load ports than two: 10 loads for 24
 * multiply-adds (6 x 4) instead of 16 for 28 (14 x 2).
 */
#include "kernels/cpu/block_product.h"

#include <string.h>

#include "kernels/cpu/vector_lanes.h"

#if defined __AVX512F__
enum { MOST_VECTORS = 4 }; /* up to 28 accumulators of 32 registers */
static const int most_rows[] = {0, 14, 14, 9, 6};
#else
enum { MOST_VECTORS = 3 }; /* 12 of 16 */
static const int most_rows[] = {0, 8, 6, 4};
#endif
enum { DEPTH_STEP = 512 }; /* a step of a panel stays in the second-level cache while all rows pass */

/* Vectors of the panel that begins when `left` are left: the widest that leaves none of one vector alone. */
static int panel_vectors(int64_t left)
{
    if (left <= MOST_VECTORS)
        return (int)left;
    return left % MOST_VECTORS == 0 || left % MOST_VECTORS == MOST_VECTORS - 1 ? MOST_VECTORS : MOST_VECTORS - 1;
}

static int64_t vectors_of(int64_t columns)
{
    return slr_padded_columns(columns) / WIDTH;
}

/* ---- packing ---- */

void SLR_CPU(pack_rows)(const slr_packed *b, const float *from, int64_t stride)
{
    float *panel = b->values;
    int vectors;
    for (int64_t left = vectors_of(b->columns), first = 0; left > 0; left -= vectors, first += vectors * WIDTH) {
        vectors = panel_vectors(left);
        int64_t width = vectors * WIDTH, real = b->columns - first < width ? b->columns - first : width;
        for (int64_t p = 0; p < b->depth; p++, panel += width) {
            const float *row = from + p * stride + first;
            int64_t j = 0;
            for (; j + WIDTH <= real; j += WIDTH)
                *(vector *)(void *)(panel + j) = *(const unaligned_vector *)(const void *)(row + j);
            for (; j < width; j++)
                panel[j] = j < real ? row[j] : 0;
        }
    }
}

/* One vector's columns of a panel, `width` floats from row to row. The last tile may overlap the one before. */
static void pack_vector(float *panel, int64_t width, const float *from, int64_t stride, int64_t depth, int64_t columns)
{
    for (int64_t p = 0; p < depth && depth >= WIDTH; p += WIDTH) {
        vector tile[WIDTH];
        int64_t at = p + WIDTH <= depth ? p : depth - WIDTH;
        for (int j = 0; j < WIDTH; j++)
            tile[j] = j < columns ? *(const unaligned_vector *)(const void *)(from + j * stride + at) : (vector){0};
        slr_transpose(tile);
        for (int j = 0; j < WIDTH; j++)
            *(vector *)(void *)(panel + (at + j) * width) = tile[j];
    }
    for (int64_t p = 0; p < depth && depth < WIDTH; p++)
        for (int j = 0; j < WIDTH; j++)
            panel[p * width + j] = j < columns ? from[j * stride + p] : 0;
}

void SLR_CPU(pack_columns)(const slr_packed *b, const float *from, int64_t stride)
{
    float *panel = b->values;
    int vectors;
    for (int64_t left = vectors_of(b->columns), first = 0; left > 0; left -= vectors) {
        vectors = panel_vectors(left);
        for (int v = 0; v < vectors; v++, first += WIDTH)
            pack_vector(panel + v * WIDTH, vectors * WIDTH, from + first * stride, stride, b->depth, b->columns - first);
        panel += b->depth * vectors * WIDTH;
    }
}

/* ---- products ---- */

/* `rows` and `vectors` are constants where this is inlined, and every loop over them is unrolled: else the accumulators
 * would live in memory. */
SLR_INLINE void block(const int rows, const int vectors, const slr_block_product *g, int64_t depth, const float *a,
                      const float *panel, float *c, bool add)
{
    int64_t a_row = g->a_row, a_step = g->a_step, c_row = g->c_row;
    vector sum[14][MOST_VECTORS];
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            sum[i][v] = (vector){0};
    for (int64_t p = 0; p < depth; p++, panel += vectors * WIDTH, a += a_step) {
        vector b[MOST_VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            b[v] = *(const vector *)(const void *)(panel + v * WIDTH);
#pragma GCC unroll 14
        for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                sum[i][v] += a[i * a_row] * b[v];
    }
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            vector *to = (vector *)(void *)(c + i * c_row + v * WIDTH);
            *to = add ? *to + sum[i][v] : sum[i][v];
        }
}

/* One loop for each number of rows, so that the accumulators are registers. */
#define BLOCK_CASE(r)                                                                              \
    case r:                                                                                        \
        block(r, vectors, g, depth, a, panel, c, add);                                             \
        break;

SLR_INLINE void some_rows(int rows, const int vectors, const slr_block_product *g, int64_t depth, const float *a,
                          const float *panel, float *c, bool add)
{
    switch (rows) {
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

#define PANEL_FUNCTION(name, vectors)                                                                             \
    static void name(int rows, const slr_block_product *g, int64_t depth, const float *a, const float *panel,     \
                     float *c, bool add)                                                                          \
    {                                                                                                             \
        if (rows >= 1 && rows <= most_rows[vectors])                                                              \
            some_rows(rows, vectors, g, depth, a, panel, c, add);                                                 \
    }
PANEL_FUNCTION(one_vector, 1)
PANEL_FUNCTION(two_vectors, 2)
PANEL_FUNCTION(three_vectors, 3)
#ifdef __AVX512F__
PANEL_FUNCTION(four_vectors, 4)
#endif

static void (*const panel_functions[])(int rows, const slr_block_product *g, int64_t depth, const float *a,
                                       const float *panel, float *c, bool add) = {
    NULL, one_vector, two_vectors, three_vectors,
#ifdef __AVX512F__
    four_vectors,
#endif
};

/* All rows and one step of the depth of one panel, in blocks of nearly equal height. */
static void panel_step(const slr_block_product *g, int vectors, int64_t first, int64_t depth, const float *panel,
                       float *c)
{
    int64_t blocks = (g->rows + most_rows[vectors] - 1) / most_rows[vectors];
    for (int64_t i = 0; i < blocks; i++) {
        int64_t row = i * g->rows / blocks, end = (i + 1) * g->rows / blocks;
        panel_functions[vectors]((int)(end - row), g, depth, g->a + row * g->a_row + first * g->a_step, panel,
                                 c + row * g->c_row, g->add || first > 0);
    }
}

void SLR_CPU(block_product)(const slr_block_product *g)
{
    const float *panel = g->b->values;
    int vectors;
    for (int64_t left = vectors_of(g->b->columns), column = 0; column < g->columns; left -= vectors) {
        vectors = panel_vectors(left);
        for (int64_t p = 0; p < g->depth; p += DEPTH_STEP)
            panel_step(g, vectors, p, g->depth - p < DEPTH_STEP ? g->depth - p : DEPTH_STEP,
                       panel + p * vectors * WIDTH, g->c + column);
        panel += g->b->depth * vectors * WIDTH;
        column += vectors * WIDTH;
    }
}
