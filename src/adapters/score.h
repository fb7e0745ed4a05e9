/* SPDX-License-Identifier: MIT
 *
 * The score of the expansion test: R = (energy of the enlarged pair's gradient) / (energy of the
 * present pair's) = 1 + n / d, with n = ||g||^2 of the candidate's column of B and d = ||gA||^2 +
 * ||gB||^2; over a window the ratio of the sums, with its standard error.
 *
 *     slr_score score = {0};
 *     slr_score_add(&score, slr_adapter_probe_energy(a, 0), slr_adapter_gradient_energy(a));
 *     double ratio = slr_score_ratio(&score);
 */
#ifndef SLR_SCORE_H
#define SLR_SCORE_H

/* Sums over the steps of a window; all double, so that an array of them can be stored as it
 * lies. */
typedef struct slr_score {
    double count, broken; /* broken: a value was not finite */
    double n, d, nn, nd, dd;
} slr_score;

/* enlarged / present: 1 for 0/0, infinity for x/0. */
double slr_energy_ratio(double enlarged, double present);

void slr_score_add(slr_score *score, double n, double d);
/* 1 + max(n, 0) / d; NaN when broken or empty. */
double slr_score_ratio(const slr_score *score);
/* sqrt(sum_j (n_j - (R - 1) d_j)^2 / (K (K - 1))) / mean d; 0 for one step or no d. */
double slr_score_error(const slr_score *score);

#endif
