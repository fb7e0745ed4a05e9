/* SPDX-License-Identifier: MIT */
#include "adapters/score.h"

#include <math.h>

double slr_energy_ratio(double enlarged, double present)
{
    if (present != 0 || isnan(enlarged))
        return enlarged / present;
    return enlarged > 0 ? INFINITY : 1;
}

void slr_score_add(slr_score *score, double n, double d)
{
    score->count++;
    if (!isfinite(n) || !isfinite(d)) {
        score->broken = 1;
        return;
    }
    score->n += n;
    score->d += d;
    score->nn += n * n;
    score->nd += n * d;
    score->dd += d * d;
}

double slr_score_ratio(const slr_score *score)
{
    if (score->broken != 0 || score->count == 0)
        return NAN;
    double n = fmax(score->n, 0);
    return score->d > 0 ? 1 + n / score->d : slr_energy_ratio(n, 0);
}

double slr_score_error(const slr_score *score)
{
    double count = score->count, slope = slr_score_ratio(score) - 1;
    if (count < 2 || !isfinite(slope) || score->d <= 0)
        return 0;
    double squares = score->nn - 2 * slope * score->nd + slope * slope * score->dd;
    return sqrt(fmax(squares, 0) / (count * (count - 1))) / (score->d / count);
}
