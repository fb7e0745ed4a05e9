/* SPDX-License-Identifier: MIT
 *
 * The products of attention: C (rows, columns) = A B, or C += A B, on the calling thread. B is packed once and used by
 * many products; panels are as wide as the columns allow, up to four vectors, so that heads of 40 or 80 waste no lanes
 * that whole vectors can save. A is read where it lies, in either direction.
 *
 *     slr_packed k = {space, dim, keys};                        space: slr_packed_floats(dim, keys)
 *     SLR_CPU(pack_columns)(&k, keys_at, stride);               B(p, j) = keys_at[j * stride + p]
 *     SLR_CPU(block_product)(&(slr_block_product){.b = &k, ...});
 *
 * Every element of C is the sum over depth in ascending order: its bits do not depend on other rows and columns.
 */
#ifndef SLR_BLOCK_PRODUCT_H
#define SLR_BLOCK_PRODUCT_H

#include "kernels/cpu/cpu_kernels.h"

/* Columns are padded to whole vectors of any instruction set, with zeros. */
enum { SLR_PACKED_COLUMNS = 16 };

typedef struct slr_packed {
    float *values; /* 64-byte aligned */
    int64_t depth, columns;
} slr_packed;

typedef struct slr_block_product {
    int64_t rows, depth; /* depth may be less than that of b */
    const float *a;      /* A(i, p) = a[i * a_row + p * a_step] */
    int64_t a_row, a_step;
    const slr_packed *b;
    int64_t columns; /* at least these columns are written, and at most those of b, padded */
    float *c;        /* 64-byte aligned rows */
    int64_t c_row;
    bool add;
} slr_block_product;

static inline int64_t slr_padded_columns(int64_t columns)
{
    return (columns + SLR_PACKED_COLUMNS - 1) / SLR_PACKED_COLUMNS * SLR_PACKED_COLUMNS;
}

static inline int64_t slr_packed_floats(int64_t depth, int64_t columns)
{
    return depth * slr_padded_columns(columns);
}

void SLR_CPU(pack_rows)(const slr_packed *b, const float *from, int64_t stride);    /* B(p, j) = from[p * stride + j] */
void SLR_CPU(pack_columns)(const slr_packed *b, const float *from, int64_t stride); /* B(p, j) = from[j * stride + p] */
void SLR_CPU(block_product)(const slr_block_product *g);

#endif
