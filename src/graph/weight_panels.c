/* SPDX-License-Identifier: MIT */
#include "graph/weight_panels.h"

#include <math.h>
#include <string.h>

enum { PIECE = 144 }; /* columns of the file's rows that are turned at a time: the taps of a few channels */
_Static_assert(PIECE >= SLR_MAX_KERNEL * SLR_MAX_KERNEL, "a piece holds a channel");

slr_weight_size slr_weight_size_of(const slr_weight_spec *spec)
{
    if (spec->kind == SLR_WEIGHT_VECTOR)
        return (slr_weight_size){1, spec->shape[0]};
    return (slr_weight_size){spec->shape[0], slr_weight_elements(spec) / spec->shape[0]};
}

static bool is_panelled(const slr_weight_spec *spec)
{
    return spec->kind == SLR_WEIGHT_MATRIX || spec->kind == SLR_WEIGHT_CONV;
}

size_t slr_weight_layout_count(const slr_weight_spec *spec)
{
    slr_weight_size size = slr_weight_size_of(spec);
    int64_t rows = is_panelled(spec) ? (size.rows + SLR_PANEL - 1) / SLR_PANEL * SLR_PANEL : size.rows;
    return (size_t)(rows * size.depth);
}

/* The largest finite number of a type. */
static slr_real limit_of(slr_dtype dtype)
{
    return dtype == SLR_DTYPE_F16 ? (slr_real)65504 : dtype == SLR_DTYPE_BF16 ? (slr_real)0x1.fep127 : (slr_real)INFINITY;
}

/* Writes `count` numbers from element `at` on. */
static void put(void *data, slr_dtype dtype, int64_t at, const slr_real *values, int64_t count)
{
#ifdef SLR_REAL_IS_DOUBLE
    (void)dtype;
    memcpy((slr_real *)data + at, values, (size_t)count * sizeof *values);
#else
    if (dtype == SLR_DTYPE_F16)
        slr_f32_to_f16_many(values, (size_t)count, (uint16_t *)data + at);
    else if (dtype == SLR_DTYPE_BF16)
        slr_f32_to_bf16_many(values, (size_t)count, (uint16_t *)data + at);
    else
        memcpy((slr_real *)data + at, values, (size_t)count * sizeof *values);
#endif
}

/* Bits: 1 a number is not finite, 2 one is beyond the limit. */
static int look_at(const slr_real *values, int64_t count, slr_real limit)
{
    slr_real sum = 0, most = 0; /* 0 * x is NaN exactly when x is not finite */
#pragma omp simd reduction(+ : sum) reduction(max : most)
    for (int64_t i = 0; i < count; i++) {
        slr_real size = values[i] < 0 ? -values[i] : values[i];
        sum += values[i] * 0;
        most = size > most ? size : most;
    }
    return (sum == 0 ? 0 : 1) | (most > limit ? 2 : 0);
}

static int64_t taps_of(const slr_weight_spec *spec)
{
    return spec->kind == SLR_WEIGHT_CONV ? spec->shape[2] * spec->shape[3] : 1;
}

/* Columns [first, first + count), whole channels, of a panel's rows in the file, where column e is channel e / taps under
 * tap e % taps. */
static int turn_piece(const slr_weight_spec *spec, const slr_stored_tensor *tensor, slr_dtype dtype, void *data,
                      int64_t panel, int64_t first, int64_t count)
{
    slr_weight_size size = slr_weight_size_of(spec);
    int64_t taps = taps_of(spec), in = size.depth / taps, channels = count / taps;
    slr_real rows[SLR_PANEL][PIECE], lines[PIECE * SLR_PANEL];
    int problems = 0;
    for (int j = 0; j < SLR_PANEL; j++) {
        int64_t o = panel * SLR_PANEL + j;
        if (o < size.rows)
            slr_stored_to_real(tensor, o * size.depth + first, count, rows[j]);
        else
            memset(rows[j], 0, (size_t)count * sizeof rows[j][0]);
        problems |= look_at(rows[j], count, limit_of(dtype));
    }
    for (int64_t tap = 0; tap < taps; tap++) {
        for (int64_t c = 0; c < channels; c++)
            for (int j = 0; j < SLR_PANEL; j++)
                lines[c * SLR_PANEL + j] = rows[j][c * taps + tap];
        put(data, dtype, (panel * size.depth + tap * in + first / taps) * SLR_PANEL, lines, channels * SLR_PANEL);
    }
    return problems;
}

static int copy_piece(const slr_stored_tensor *tensor, slr_dtype dtype, void *data, int64_t first, int64_t count)
{
    slr_real values[PIECE];
    slr_stored_to_real(tensor, first, count, values);
    put(data, dtype, first, values, count);
    return look_at(values, count, limit_of(dtype));
}

bool slr_weight_convert(const slr_weight_spec *spec, const slr_stored_tensor *tensor, slr_dtype dtype, void *data,
                        slr_weight_range *range)
{
    slr_real probe[1];
    if (!slr_stored_to_real(tensor, 0, 1, probe))
        return false;
    slr_weight_size size = slr_weight_size_of(spec);
    bool panelled = is_panelled(spec);
    int64_t lines = panelled ? (size.rows + SLR_PANEL - 1) / SLR_PANEL : size.rows;
    int64_t piece = panelled ? PIECE / taps_of(spec) * taps_of(spec) : PIECE;
    int64_t pieces = (size.depth + piece - 1) / piece;
    int problems = 0;
#pragma omp parallel for schedule(static) reduction(| : problems) if (lines * size.depth > 1 << 16)
    for (int64_t task = 0; task < lines * pieces; task++) {
        int64_t line = task / pieces, first = task % pieces * piece;
        int64_t count = size.depth - first < piece ? size.depth - first : piece;
        problems |= panelled ? turn_piece(spec, tensor, dtype, data, line, first, count)
                             : copy_piece(tensor, dtype, data, line * size.depth + first, count);
    }
    *range = (slr_weight_range){.finite = !(problems & 1), .fits = !(problems & 2)};
    return true;
}
