/* SPDX-License-Identifier: MIT
 *
 * Logistic regression with an L2 penalty: the small classifier that tells what synthetic pictures are worth.
 * Convex, so its result depends on the data alone; features should be z-scored.
 *
 *     slr_logistic model = {0};
 *     SLR_TRY(slr_logistic_fit(x, y, n, dim, 0.01, &model, err));
 *     double p = slr_sigmoid(slr_logistic_score(&model, row));
 *     slr_logistic_free(&model);
 *
 * Minimises mean log loss + lambda / 2 |w|^2, the intercept without penalty. scikit-learn's C is 1 / (n
 * lambda).
 */
#ifndef SLR_LOGISTIC_H
#define SLR_LOGISTIC_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct slr_logistic {
    size_t dim;
    double *weights; /* (dim + 1): the last is the intercept */
    int iterations;
} slr_logistic;

/* x (n, dim), y 0 or 1, both present. A model with weights of that size is where the search begins (free it
 * once). */
selora_status slr_logistic_fit(const double *x, const uint8_t *y, size_t n, size_t dim, double lambda,
                               slr_logistic *model, slr_error *err);
void slr_logistic_free(slr_logistic *model);
double slr_logistic_score(const slr_logistic *model, const double *row); /* the logit */
double slr_sigmoid(double score); /* the probability */

/* The penalty with the smallest held-out log loss over five folds of whole groups, drawn from the seed.
 * `groups`: a number for each row. Where a fold lacks a class it is left out; where all do, the middle
 * penalty is taken. */
selora_status slr_logistic_choose(const double *x, const uint8_t *y, const int32_t *groups, size_t n,
                                  size_t dim, uint64_t seed, int threads, double *lambda, slr_error *err);

#endif
