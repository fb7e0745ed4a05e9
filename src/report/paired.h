/* SPDX-License-Identifier: MIT
 *
 * Differences between two ways to train that were tried at the same seeds, which share order, noise and timesteps: what
 * the seed does to both cancels.
 *
 *     slr_paired paired = slr_paired_of(differences, 5);
 *     if (paired.count >= SLR_PAIRED_LEAST) ... paired.mean, paired.low, paired.high ...
 */
#ifndef SLR_PAIRED_H
#define SLR_PAIRED_H

#include <stddef.h>

enum { SLR_PAIRED_LEAST = 3 }; /* seeds below which there is no interval */

typedef struct slr_paired {
    size_t count;
    double mean, low, high; /* 95 % interval of Student's t; NaN below SLR_PAIRED_LEAST */
} slr_paired;

slr_paired slr_paired_of(const double *differences, size_t count);

/* t such that a Student variable of `freedom` degrees lies below it with probability p, 0.5 <= p < 1. */
double slr_student_quantile(double p, double freedom);

#endif
