/* SPDX-License-Identifier: MIT
 * Brings a piece of B, a weight as a product names it, into a panel. */
#ifndef SLR_CPU_PACK_H
#define SLR_CPU_PACK_H

#include "kernels/cpu/cpu_gemm.h"

/* B(p, j) for p in [first_depth, first_depth + depth) and the `columns` (up to 32) columns from first_column on: an f32
 * panel of depth x 32, zeros beyond the columns. Where B already lies so, nothing is copied and `panel` is not used. */
const float *SLR_CPU(pack_panel)(const slr_gemm *g, int64_t first_depth, int64_t depth, int64_t first_column,
                                 int columns, float *panel);
/* The same in bf16, as pairs, the depth filled up to a multiple of 32. */
const void *SLR_CPU(pack_pairs)(const slr_gemm *g, int64_t first_depth, int64_t depth, int64_t first_column,
                                int columns, void *panel);

/* What packing that piece will read: to be fetched while `product` is computed. Nothing beyond the last column. */
void SLR_CPU(look_ahead)(const slr_gemm *g, int64_t first_depth, int64_t depth, int64_t first_column,
                         slr_panel_product *product);

#endif
