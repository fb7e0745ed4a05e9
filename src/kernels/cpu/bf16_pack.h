/* SPDX-License-Identifier: MIT
 *
 * Makes the operands of bf16 panel products: numbers are rounded to nearest even, places beyond the true depth and
 * columns are zeros. `depth` may be anything; what is written goes up to the next multiple of 32.
 *
 *     uint16_t *a = scratch, *panel = ...;
 *     int64_t a_row = slr_bf16_row(depth);
 *     SLR_CPU(bf16_round_rows)(x, in, 1, rows, depth, a, a_row);
 *     SLR_CPU(bf16_pack_rows)(panel_of_weight, SLR_DTYPE_F16, SLR_PANEL, depth, SLR_PANEL, panel);
 */
#ifndef SLR_BF16_PACK_H
#define SLR_BF16_PACK_H

#include "kernels/cpu/cpu_kernels.h"

/* The distance of rows for a depth: an odd number of cache lines, so that a tile's rows lie in different sets. */
static inline int64_t slr_bf16_row(int64_t depth)
{
    return ((depth + 31) / 32 | 1) * 32;
}

/* A(i, p) = a[i * a_row + p * a_step] with a_step or a_row 1, into out[i * out_row + p]. */
void SLR_CPU(bf16_round_rows)(const float *a, int64_t a_row, int64_t a_step, int64_t rows, int64_t depth,
                              uint16_t *out, int64_t out_row);

/* A panel from rows: B(p, j) = b[p * b_row + j], of type `dtype` (F32, F16, BF16). A panel of a weight as it lies is the
 * rows b + k * SLR_PANEL with b_row = SLR_PANEL. */
void SLR_CPU(bf16_pack_rows)(const void *b, slr_dtype dtype, int64_t b_row, int64_t depth, int columns,
                             uint16_t *panel);

/* A panel from columns that are contiguous for 32 steps of the depth: B(p, j) = b[p / 32 * b_block + j * b_step + p % 32].
 * Plain columns are b_block = 32. A weight's B(p, j) = W(p, first + j) is b + first * SLR_PANEL with b_step = SLR_PANEL
 * and b_block = weight->depth * SLR_PANEL. */
void SLR_CPU(bf16_pack_columns)(const void *b, slr_dtype dtype, int64_t b_step, int64_t b_block, int64_t depth,
                                int columns, uint16_t *panel);

#endif
