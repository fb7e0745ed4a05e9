/* SPDX-License-Identifier: MIT
 *
 * Matrix work of the metrics, in double, through OpenBLAS on the calling thread alone: the bits depend on shapes, never on
 * the number of threads. Parallel loops call these from each of their threads.
 *
 *     slr_rows_by_rows(x, n, y, m, dim, products);         products[i m + j] = x_i . y_j
 *     SLR_TRY(slr_singular_sum(products, n, m, &sum, err));
 */
#ifndef SLR_DENSE_H
#define SLR_DENSE_H

#include <stddef.h>

#include "core/status.h"

/* out (n, m) = x (n, dim) times the transpose of y (m, dim). Sizes below 2^31. */
void slr_rows_by_rows(const double *x, size_t n, const double *y, size_t m, size_t dim, double *out);
/* out (n, m) = a (n, k) times b (k, m), whose rows are `stride` apart. */
void slr_product_into(const double *a, size_t n, size_t k, const double *b, size_t m, size_t stride, double *out);

/* The sum of the singular values of a (rows, columns); a is destroyed. */
selora_status slr_singular_sum(double *a, size_t rows, size_t columns, double *sum, slr_error *err);

/* x (n, dim), n > dim, becomes dim rows R with R^T R = x^T x: the QR factor, upper triangular. */
selora_status slr_triangle(double *x, size_t n, size_t dim, slr_error *err);

/* out (dim) = the mean of the rows `chosen` (count numbers; NULL: the first `count`). */
void slr_mean_row(const double *x, const size_t *chosen, size_t count, size_t dim, double *out);

/* Is `count` a size that LAPACK's int holds? Else SELORA_BAD_INPUT. */
selora_status slr_dense_check(size_t count, size_t dim, slr_error *err);

#endif
