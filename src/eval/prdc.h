/* SPDX-License-Identifier: MIT
 *
 * Precision, recall, density and coverage of two sets of features by balls round rows that reach to their k-th nearest
 * other row of the same side (Naeem et al. 2020; closed balls with k = 3 are precision and recall of Kynkaanniemi et al. 2019).
 *
 *     slr_prdc_variant variants[] = {{.k = 5}, {.k = 3, .closed = true}};
 *     slr_prdc prdc[2];
 *     SLR_TRY(slr_prdc_judge(real, n, synthetic, m, dim, NULL, NULL, variants, 2, threads, prdc, err));
 *
 * Distances come from blocks of products; near the edge of a ball, where rounding would decide, they are taken directly, so
 * that copies are at distance 0 and ties are ties. The jackknife is exact: each row keeps the nearest of every fold.
 */
#ifndef SLR_PRDC_H
#define SLR_PRDC_H

#include "eval/jackknife.h"

enum { SLR_PRDC_MOST_K = 16, SLR_PRDC_MOST_VARIANTS = 4 };

typedef enum slr_prdc_value { SLR_PRECISION, SLR_RECALL, SLR_DENSITY, SLR_COVERAGE, SLR_PRDC_VALUES } slr_prdc_value;

typedef struct slr_prdc_variant {
    int k;       /* below the rows of each side */
    bool closed; /* balls hold their edge */
} slr_prdc_variant;

typedef struct slr_prdc {
    double value[SLR_PRDC_VALUES];
    double se[SLR_PRDC_VALUES]; /* jackknife; NaN without folds, or where a fold left out leaves too few rows */
    size_t twins[2];            /* rows of each side that another row of it equals */
    size_t points[2];           /* rows of each side whose ball has no extent */
} slr_prdc;

/* x (n, dim): the real side; y (m, dim). SELORA_BAD_INPUT: k is not below n and m. Folds may be NULL. prdc (variants). */
selora_status slr_prdc_judge(const double *x, size_t n, const double *y, size_t m, size_t dim, const slr_folds *x_folds,
                             const slr_folds *y_folds, const slr_prdc_variant *variants, int variant_count, int threads,
                             slr_prdc *prdc, slr_error *err);

#endif
