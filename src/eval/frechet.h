/* SPDX-License-Identifier: MIT
 *
 * Frechet distance of two sets of features, as if each were a sample of a normal distribution; FID when the features are
 * Inception's. d2 = |mx - my|^2 + Tr Sx + Tr Sy - 2 Tr (Sx Sy)^(1/2), divisors n - 1. The last term is the sum of singular
 * values of Xc Yc^T over sqrt((n - 1)(m - 1)): no product of covariances, no complex parts, exact for fewer rows than
 * features.
 *
 *     double d2;
 *     SLR_TRY(slr_frechet_distance(x, n, y, m, dim, &d2, err));
 *
 * For many parts of the same sides (jackknife, subsets) prepare once:
 *
 *     slr_frechet *frechet;
 *     SLR_TRY(slr_frechet_new(x, n, y, m, dim, &frechet, err));
 *     SLR_TRY(slr_frechet_part(frechet, x_rows, x_count, y_rows, y_count, &d2, err));      (any number of threads at once)
 *     slr_frechet_free(frechet);
 */
#ifndef SLR_FRECHET_H
#define SLR_FRECHET_H

#include <stdbool.h>

#include "core/status.h"

/* x (n, dim), y (m, dim); at least two rows each. */
selora_status slr_frechet_distance(const double *x, size_t n, const double *y, size_t m, size_t dim, double *d2,
                                   slr_error *err);

typedef struct slr_frechet slr_frechet;
selora_status slr_frechet_new(const double *x, size_t n, const double *y, size_t m, size_t dim, slr_frechet **frechet,
                              slr_error *err);
void slr_frechet_free(slr_frechet *frechet);
/* Of the rows named (numbers below n and m, without repeats; NULL: all of the side). */
selora_status slr_frechet_part(const slr_frechet *frechet, const size_t *x_rows, size_t x_count, const size_t *y_rows,
                               size_t y_count, double *d2, slr_error *err);

enum { SLR_INF_SIZES = 15, SLR_INF_DRAWS = 4 };

/* What d2 would be of endless sides: least squares of d2 on 1/n over sizes from N/4 to N. */
typedef struct slr_frechet_inf {
    double value, slope, r2;
    bool reliable; /* false: N/4 < D/4, or R^2 < 0.9 */
} slr_frechet_inf;

/* Sides of equal size. Draws from (seed, `item`). */
selora_status slr_frechet_infinity(const slr_frechet *frechet, uint64_t seed, uint32_t item, int threads,
                                   slr_frechet_inf *inf, slr_error *err);
/* The fit alone: value, slope and R^2. */
void slr_frechet_fit(const double *sizes, const double *d2, size_t count, slr_frechet_inf *inf);

#endif
