/* SPDX-License-Identifier: MIT
 *
 * Kernel distance of two sets of features (KID when they are Inception's): the unbiased estimate of the squared maximum mean
 * discrepancy with k(a, b) = (a.b/D + 1)^3. It may be negative, and its expectation does not depend on the number of rows.
 *
 *     slr_kid_options options = {.permutations = 999, .subsets = 100, .seed = 42, .threads = 2};
 *     slr_kid kid;
 *     SLR_TRY(slr_kid_judge(x, n, y, m, dim, NULL, NULL, &options, &kid, err));
 *
 * Every number comes from one pass over blocks of the kernel matrix, which is never held whole: the weights of rows in the
 * jackknife, in subsets and in permutations are columns of one matrix that each block is multiplied with.
 */
#ifndef SLR_KID_H
#define SLR_KID_H

#include "eval/jackknife.h"

typedef struct slr_kid_options {
    size_t permutations; /* of the labels for the p-value; 0: none */
    size_t subsets;      /* for mean and deviation as other tools give them; 0: none */
    uint64_t seed;
    uint32_t item; /* which metric of the job draws */
    int threads;
} slr_kid_options;

typedef struct slr_kid {
    double value;
    double xx, yy, xy;      /* means of the kernel: value = xx + yy - 2 xy */
    double biased;          /* with i = j */
    double se;              /* jackknife; NaN without folds */
    double p_value;         /* NaN without permutations */
    size_t subset_size;     /* min(1000, floor(min(n, m) / 2)) */
    double subset_mean, subset_sd; /* divisor: the number of subsets; NaN without them */
} slr_kid;

/* x (n, dim), y (m, dim); at least two rows each. Folds may be NULL. */
selora_status slr_kid_judge(const double *x, size_t n, const double *y, size_t m, size_t dim, const slr_folds *x_folds,
                            const slr_folds *y_folds, const slr_kid_options *options, slr_kid *kid, slr_error *err);

#endif
