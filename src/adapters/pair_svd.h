/* SPDX-License-Identifier: MIT
 *
 * The singular values and vectors of B A of a low-rank pair, from its factors: QR of B and of A transposed, one-sided
 * Jacobi of the small product of their triangles. The whole product, (out, in), is never made. All in double, one
 * thread, additions in an order that the shapes alone decide.
 *
 *     slr_pair_svd svd;
 *     SLR_TRY(slr_pair_svd_of(pair, &svd, err));
 *     ... svd.values[0] is the largest of svd.count ...
 *     slr_pair_svd_free(&svd);
 */
#ifndef SLR_PAIR_SVD_H
#define SLR_PAIR_SVD_H

#include "adapters/pairs.h"
#include "core/status.h"

/* B A = sum of values[i] left[i] right[i]^T, largest first, without what is zero up to rounding. The largest element
 * of each right vector is positive. */
typedef struct slr_pair_svd {
    int count;
    double *values; /* without the pair's scale */
    double *left;   /* (count, out) */
    double *right;  /* (count, in) */
} slr_pair_svd;

selora_status slr_pair_svd_of(const slr_pair *pair, slr_pair_svd *svd, slr_error *err);
void slr_pair_svd_free(slr_pair_svd *svd); /* of a zeroed one too */

#endif
