/* SPDX-License-Identifier: MIT
 *
 * Matrix products: C (rows, columns) = A B, or C += A B, B being a weight. A is read where it lies; B is brought into panels
 * (cpu_pack.h) as it is used, and panel_product.h does the rest.
 *
 * Every element of C is the sum over depth in ascending order, in steps that depend on depth alone: its bits depend
 * neither on the other rows and columns nor on the number of threads.
 */
#ifndef SLR_CPU_GEMM_H
#define SLR_CPU_GEMM_H

#include "kernels/cpu/cpu_kernels.h"

typedef struct slr_gemm {
    int64_t rows, columns, depth;
    const float *a; /* A(i, p) = a[i * a_row + p] */
    int64_t a_row;
    const slr_weight *weight; /* B(p, j) = W(j, first + p), */
    bool transposed;          /* with this W(p, first + j) */
    int64_t first;
    float *c; /* C(i, j) = c[i * c_row + j] */
    int64_t c_row;
    const float *bias; /* (columns), added once, or NULL; not together with add */
    bool add;          /* C += instead of C = */
    slr_panel_kernel bf16; /* of the backend: operands are rounded to bf16; NULL: f32 */
} slr_gemm;

/* Bytes of packing space, a multiple of 64, that one thread needs. */
size_t SLR_CPU(gemm_packing)(void);

/* `packing`: threads * gemm_packing() bytes, aligned to 64. */
void SLR_CPU(gemm)(const slr_gemm *g, void *packing, int threads);

#endif
