/* SPDX-License-Identifier: MIT
 *
 * Counts out of trials, judged exactly.
 *
 *     double p = slr_binomial_tail(3, 10, 0.05);               0.0115: P(X >= 3)
 *     slr_interval i = slr_wilson(3, 10, slr_z95);  0.108 .. 0.603
 */
#ifndef SLR_BINOMIAL_H
#define SLR_BINOMIAL_H

#include <stdint.h>

typedef struct slr_interval {
    double low, high;
} slr_interval;

static const double slr_z95 = 1.96; /* of the two-sided 95 % interval */

/* P(X >= count) for X ~ Binomial(trials, p); 1 for count <= 0. */
double slr_binomial_tail(int64_t count, int64_t trials, double p);
/* Wilson's score interval of count / trials at z standard errors; 0..1 without trials. */
slr_interval slr_wilson(int64_t count, int64_t trials, double z);

#endif
