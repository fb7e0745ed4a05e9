/* SPDX-License-Identifier: MIT
 *
 * Percentile bootstrap over groups: patients (real) or prompts (synthetic) are drawn with replacement, with all that belongs
 * to them. For means of values of pictures or pairs, never for distances.
 *
 *     slr_bootstrap b;
 *     SLR_TRY(slr_bootstrap_mean(values, groups, count, seed, item, &b, err));
 *     printf("%.3f +- %.3f (%.3f .. %.3f)\n", b.value, b.se, b.low, b.high);
 */
#ifndef SLR_BOOTSTRAP_H
#define SLR_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

enum { SLR_RESAMPLES = 2000 };

typedef struct slr_bootstrap {
    double value;     /* of all */
    double se;        /* deviation over resamples; NaN with fewer than two groups */
    double low, high; /* 2.5 % and 97.5 % quantiles, NaN likewise */
} slr_bootstrap;

/* The mean of `values` (count). `groups` dense from 0 (NULL: each row its own). Draws from (seed, item). */
selora_status slr_bootstrap_mean(const double *values, const int32_t *groups, size_t count, uint64_t seed, uint32_t item,
                                 slr_bootstrap *result, slr_error *err);

#endif
