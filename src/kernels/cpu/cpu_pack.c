/* SPDX-License-Identifier: MIT */
#include "kernels/cpu/cpu_pack.h"

#include "kernels/cpu/bf16_pack.h"
#include "kernels/cpu/vector_lanes.h"

#ifdef __F16C__
#include <immintrin.h>
#endif

enum { PARTS = SLR_PANEL / WIDTH };

typedef uint16_t halves __attribute__((vector_size(WIDTH * sizeof(uint16_t)), aligned(2)));
typedef uint32_t words __attribute__((vector_size(WIDTH * sizeof(uint32_t))));

/* WIDTH numbers of a stored weight. */
SLR_INLINE vector load(const void *data, int64_t at, const slr_dtype dtype)
{
    if (dtype == SLR_DTYPE_F32)
        return *(const unaligned_vector *)(const void *)((const float *)data + at);
    words w = __builtin_convertvector(*(const halves *)(const void *)((const uint16_t *)data + at), words);
    if (dtype == SLR_DTYPE_BF16)
        return (vector)(w << 16);
#if defined __AVX512F__
    return (vector)_mm512_cvtph_ps((__m256i)*(const halves *)(const void *)((const uint16_t *)data + at));
#elif defined __F16C__
    return (vector)_mm256_cvtph_ps((__m128i)*(const halves *)(const void *)((const uint16_t *)data + at));
#else
    /* Exponent and fraction to their places in f32, then the bias put right by a product, which makes subnormals
     * normal too; weights are finite. */
    words magnitude = (w & 0x7fff) << 13, sign = (w & 0x8000) << 16;
    return (vector)((words)((vector)magnitude * 0x1p112f) | sign);
#endif
}

/* A column block of a panel from columns that are contiguous along the depth: B(p, j) = b[p + j * b_step]. */
static void pack_columns(float *panel, const float *b, int64_t b_step, int64_t depth, int columns)
{
    int64_t p = 0;
    for (; p + WIDTH <= depth; p += WIDTH) {
        vector tile[WIDTH];
        for (int j = 0; j < WIDTH; j++)
            tile[j] = j < columns ? *(const unaligned_vector *)(const void *)(b + j * b_step + p) : (vector){0};
        slr_transpose(tile);
        for (int j = 0; j < WIDTH; j++)
            *(vector *)(void *)(panel + (p + j) * SLR_PANEL) = tile[j];
    }
    for (; p < depth; p++)
        for (int j = 0; j < WIDTH; j++)
            panel[p * SLR_PANEL + j] = j < columns ? b[j * b_step + p] : 0;
}

static void pack_rows(float *panel, const float *b, int64_t b_row, int64_t depth, int columns)
{
    for (int64_t p = 0; p < depth; p++, panel += SLR_PANEL, b += b_row) {
        if (columns == SLR_PANEL)
            for (int v = 0; v < PARTS; v++)
                *(vector *)(void *)(panel + v * WIDTH) = *(const unaligned_vector *)(const void *)(b + v * WIDTH);
        else
            for (int j = 0; j < SLR_PANEL; j++)
                panel[j] = j < columns ? b[j] : 0;
    }
}

SLR_INLINE void widen_of(float *panel, const void *data, int64_t at, int64_t depth, const slr_dtype dtype)
{
    for (int64_t i = 0; i < depth * SLR_PANEL; i += WIDTH)
        *(vector *)(void *)(panel + i) = load(data, at + i, dtype);
}

/* Columns [first, first + columns) of W as they are: rows of B are outputs, which lie 32 beside each other. */
SLR_INLINE void turn_of(float *panel, const slr_weight *w, int64_t first_depth, int64_t depth, int64_t first,
                        int columns, const slr_dtype dtype)
{
    for (int64_t p = 0; p < depth; p++)
        for (int j = columns; j < SLR_PANEL; j++)
            panel[p * SLR_PANEL + j] = 0;
    for (int64_t p = 0; p < depth;) {
        int64_t o = first_depth + p, at = slr_weight_index(w, o, first);
        int run = (int)(WIDTH - o % WIDTH); /* to the end of a vector of outputs */
        run = depth - p < run ? (int)(depth - p) : run;
        int skip = (int)(o % WIDTH);
        for (int j = 0; j < columns; j += WIDTH) {
            vector tile[WIDTH];
            for (int i = 0; i < WIDTH; i++)
                tile[i] = j + i < columns ? load(w->data, at - skip + (j + i) * SLR_PANEL, dtype) : (vector){0};
            slr_transpose(tile);
            for (int i = 0; i < run; i++)
                *(vector *)(void *)(panel + (p + i) * SLR_PANEL + j) = tile[skip + i];
        }
        p += run;
    }
}

static void widen(float *panel, const void *data, int64_t at, int64_t depth, slr_dtype dtype)
{
    if (dtype == SLR_DTYPE_F16)
        widen_of(panel, data, at, depth, SLR_DTYPE_F16);
    else
        widen_of(panel, data, at, depth, SLR_DTYPE_BF16);
}

static void turn(float *panel, const slr_weight *w, int64_t first_depth, int64_t depth, int64_t first, int columns)
{
    if (w->dtype == SLR_DTYPE_F16)
        turn_of(panel, w, first_depth, depth, first, columns, SLR_DTYPE_F16);
    else if (w->dtype == SLR_DTYPE_BF16)
        turn_of(panel, w, first_depth, depth, first, columns, SLR_DTYPE_BF16);
    else
        turn_of(panel, w, first_depth, depth, first, columns, SLR_DTYPE_F32);
}

const float *SLR_CPU(pack_panel)(const slr_gemm *g, int64_t first_depth, int64_t depth, int64_t first_column,
                                 int columns, float *panel)
{
    if (g->weight && g->transposed) {
        turn(panel, g->weight, first_depth, depth, g->first + first_column, columns);
    } else if (g->weight) {
        int64_t at = slr_weight_index(g->weight, first_column, g->first + first_depth);
        if (g->weight->dtype == SLR_DTYPE_F32)
            return (const float *)g->weight->data + at;
        widen(panel, g->weight->data, at, depth, g->weight->dtype);
    } else if (g->b_step == 1) {
        pack_rows(panel, g->b + first_depth * g->b_row + first_column, g->b_row, depth, columns);
    } else {
        const float *b = g->b + first_depth + first_column * g->b_step;
        for (int j = 0; j < SLR_PANEL; j += WIDTH)
            pack_columns(panel + j, b + j * g->b_step, g->b_step, depth, columns - j);
    }
    return panel;
}

static const void *element(const void *data, slr_dtype dtype, int64_t at)
{
    return (const char *)data + at * (dtype == SLR_DTYPE_F32 ? 4 : 2);
}

const void *SLR_CPU(pack_pairs)(const slr_gemm *g, int64_t first_depth, int64_t depth, int64_t first_column,
                                int columns, void *panel)
{
    const slr_weight *w = g->weight;
    if (w && g->transposed) {
        int64_t at = slr_weight_index(w, first_depth, g->first + first_column); /* first_depth: a multiple of 32 */
        SLR_CPU(bf16_pack_columns)(element(w->data, w->dtype, at), w->dtype, SLR_PANEL, w->depth * SLR_PANEL, depth,
                                   columns, panel);
    } else if (w) {
        int64_t at = slr_weight_index(w, first_column, g->first + first_depth);
        SLR_CPU(bf16_pack_rows)(element(w->data, w->dtype, at), w->dtype, SLR_PANEL, depth, columns, panel);
    } else if (g->b_step == 1) {
        SLR_CPU(bf16_pack_rows)(g->b + first_depth * g->b_row + first_column, SLR_DTYPE_F32, g->b_row, depth, columns,
                                panel);
    } else {
        SLR_CPU(bf16_pack_columns)(g->b + first_depth + first_column * g->b_step, SLR_DTYPE_F32, g->b_step, 32, depth,
                                   columns, panel);
    }
    return panel;
}
