/* SPDX-License-Identifier: MIT
 *
 * 3 x 3 convolution with stride 1 and one pixel of padding as Winograd's F(4 x 4, 3 x 3) or F(2 x 2, 3 x 3): 4 or 2.25
 * times fewer multiplications, from the stored weights, which are transformed as they are used. docs/kernels.md tells
 * the way from a tile to the output.
 *
 * Every output element is computed in an order that depends on the shapes alone.
 */
#ifndef SLR_CPU_WINOGRAD_H
#define SLR_CPU_WINOGRAD_H

#include "kernels/cpu/cpu_kernels.h"

typedef struct slr_winograd {
    int64_t n, h, w, in, out; /* channels of x and y */
    int64_t judged;           /* images that what is fastest, and so the order of additions, is chosen for */
    slr_panel_kernel bf16;    /* or NULL: compute in f32 */
    const slr_weight *weight; /* W(o, tap * in + c), */
    bool transposed;          /* with this W(c, (8 - tap) * out + o): the data gradient */
    const float *x, *bias;    /* bias may be NULL */
    float *y;
    bool add; /* y += */
} slr_winograd;

/* Whether it is faster than gathering patches; looks, as the next one does, at the sizes and bf16 alone. */
bool SLR_CPU(winograd_pays)(const slr_winograd *c);
size_t SLR_CPU(winograd_workspace)(const slr_winograd *c, int threads);
void SLR_CPU(winograd)(const slr_winograd *c, void *workspace, int threads);

#endif
