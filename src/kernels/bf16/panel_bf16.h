/* SPDX-License-Identifier: MIT
 *
 * Panel products with operands in bf16 (backend.h describes them), each built once for its own instructions: sums of
 * products of pairs in f32, subnormal numbers counting as zero. Every element of C is a sum in an order that depends on
 * the depth alone. bias and add do not go together. kernels/cpu/bf16_pack.h makes the operands.
 */
#ifndef SLR_PANEL_BF16_H
#define SLR_PANEL_BF16_H

#include "graph/backend.h"

/* The product with the panel of column `first` alone. */
static inline slr_panel_product slr_panel_at(const slr_panel_product *q, int first)
{
    slr_panel_product p = *q;
    p.columns = q->columns - first < SLR_PANEL ? q->columns - first : SLR_PANEL;
    p.panel = (const uint16_t *)q->panel + first / SLR_PANEL * q->panel_step;
    p.c += first;
    p.bias = q->bias ? q->bias + first : NULL;
    return p;
}

void slr_panel_product_avx512bf16(const slr_panel_product *product);
/* Only after slr_backend_cpu_variant("amx") has returned a backend: the system ends processes that did not ask. */
void slr_panel_product_amx(const slr_panel_product *product);

#endif
