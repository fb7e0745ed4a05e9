/* SPDX-License-Identifier: MIT
 *
 * The innermost matrix product: any rows of A times one panel, 32 columns of B that lie packed row after row. All
 * products of the CPU kernels come down to this one.
 *
 * Every element of C is one sum over the depth in ascending order, so its bits depend on nothing else.
 */
#ifndef SLR_PANEL_PRODUCT_H
#define SLR_PANEL_PRODUCT_H

#include "kernels/cpu/cpu_kernels.h"

void SLR_CPU(panel_product)(const slr_panel_product *product); /* f32; backend.h describes the operands */

#endif
