/* SPDX-License-Identifier: MIT
 *
 * Features brought to one scale by the real side: (value - mean) / sd with the real side's mean and sd (divisor n). A feature
 * that is constant there says nothing and is dropped; which ones is told.
 *
 *     slr_scaling scaling;
 *     SLR_TRY(slr_scaling_fit(real, n, dim, false, &scaling, err));
 *     slr_scaling_apply(&scaling, synthetic, m, out);             (m, scaling.kept)
 *     slr_scaling_free(&scaling);
 */
#ifndef SLR_STANDARDISE_H
#define SLR_STANDARDISE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

typedef struct slr_scaling {
    size_t dim, kept;
    size_t *columns;  /* (kept): the features that stay */
    double *mean, *sd; /* (kept) */
} slr_scaling;

/* A feature goes when sd <= 1e-9 max(1, |mean|); `rounded`: of numbers of 32 bits, 2.5e-7, so that their rounding is no
 * feature. SELORA_BAD_INPUT when none stays. */
selora_status slr_scaling_fit(const double *real, size_t count, size_t dim, bool rounded, slr_scaling *scaling,
                              slr_error *err);
void slr_scaling_free(slr_scaling *scaling);
/* values (count, dim) to out (count, kept). */
void slr_scaling_apply(const slr_scaling *scaling, const double *values, size_t count, double *out);

/* The `most` kept features whose mean over the scaled rows (count, kept) is farthest from 0, farthest first: places among
 * the kept ones and their means; returns how many. */
size_t slr_scaling_farthest(const slr_scaling *scaling, const double *scaled, size_t count, size_t most, size_t *places,
                            double *means);

#endif
