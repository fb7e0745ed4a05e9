/* SPDX-License-Identifier: MIT
 *
 * Standard error of a statistic of two sides by leaving out groups: G folds of patients (real) or prompts (synthetic) on
 * each side, se^2 = (G - 1)/G sum_g (theta_g - mean)^2 for one side plus the same for the other. Resampling with replacement
 * would make duplicates, which break distances and neighbours.
 *
 *     slr_folds folds;
 *     SLR_TRY(slr_folds_new(real->groups, real->count, &folds, err));
 *     SLR_TRY(slr_jackknife(&folds, &other, 1, statistic, frechet, threads, &se, err));
 */
#ifndef SLR_JACKKNIFE_H
#define SLR_JACKKNIFE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

enum { SLR_MOST_FOLDS = 20 };

/* Which fold each row is in: dense group number modulo the number of folds. */
typedef struct slr_folds {
    size_t count;  /* rows */
    int folds;     /* min(20, groups); below 2 there is no jackknife */
    int32_t *fold; /* (count) */
} slr_folds;

/* `groups` dense from 0. */
selora_status slr_folds_new(const int32_t *groups, size_t count, slr_folds *folds, slr_error *err);
void slr_folds_free(slr_folds *folds);

/* theta of each fold left out to a standard error: the part of one side squared; NaN below two folds. */
double slr_jackknife_part(const double *theta, int folds, int stride);

/* A statistic of `outputs` numbers of parts of the two sides (NULL: all); called by several threads at once. */
typedef selora_status (*slr_two_sided)(const void *user, const size_t *x_rows, size_t x_count, const size_t *y_rows,
                                       size_t y_count, double *outputs, slr_error *err);

/* se (outputs); NaN where a side has fewer than two folds. */
selora_status slr_jackknife(const slr_folds *x, const slr_folds *y, int outputs, slr_two_sided statistic, const void *user,
                            int threads, double *se, slr_error *err);

#endif
