/* SPDX-License-Identifier: MIT */
#include "kernels/cpu/cpu_pack.h"

#include "kernels/cpu/bf16_pack.h"
#include "kernels/cpu/vector_lanes.h"

#ifdef __F16C__
#include <immintrin.h>
#endif

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
    if (g->transposed) {
        turn(panel, g->weight, first_depth, depth, g->first + first_column, columns);
    } else {
        int64_t at = slr_weight_index(g->weight, first_column, g->first + first_depth);
        if (g->weight->dtype == SLR_DTYPE_F32)
            return (const float *)g->weight->data + at;
        widen(panel, g->weight->data, at, depth, g->weight->dtype);
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
    if (g->transposed) {
        int64_t at = slr_weight_index(w, first_depth, g->first + first_column); /* first_depth: a multiple of 32 */
        SLR_CPU(bf16_pack_columns)(element(w->data, w->dtype, at), w->dtype, SLR_PANEL, w->depth * SLR_PANEL, depth,
                                   columns, panel);
    } else {
        int64_t at = slr_weight_index(w, first_column, g->first + first_depth);
        SLR_CPU(bf16_pack_rows)(element(w->data, w->dtype, at), w->dtype, SLR_PANEL, depth, columns, panel);
    }
    return panel;
}

void SLR_CPU(look_ahead)(const slr_gemm *g, int64_t first_depth, int64_t depth, int64_t first_column,
                         slr_panel_product *product)
{
    const slr_weight *w = g->weight;
    if (first_column >= g->columns)
        return;
    const int64_t size = w->dtype == SLR_DTYPE_F32 ? 4 : 2, square = SLR_PANEL * SLR_PANEL * size;
    const int64_t at = g->transposed ? slr_weight_index(w, first_depth / SLR_PANEL * SLR_PANEL, g->first + first_column)
                                     : slr_weight_index(w, first_column, g->first + first_depth);
    product->ahead = (const char *)w->data + at * size;
    product->ahead_shift = size == 4 ? 12 : 11; /* a square */
    product->ahead_runs = (depth + SLR_PANEL - 1) / SLR_PANEL;
    product->ahead_stride = g->transposed ? w->depth * SLR_PANEL * size : square;
}
