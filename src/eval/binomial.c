/* SPDX-License-Identifier: MIT */
#include "eval/binomial.h"

#include <math.h>

static double log_factorial(int64_t n)
{
    int sign;
    return lgamma_r((double)n + 1, &sign);
}

static double term(int64_t k, int64_t n, double p)
{
    return exp(log_factorial(n) - log_factorial(k) - log_factorial(n - k) + (double)k * log(p) +
               (double)(n - k) * log1p(-p));
}

double slr_binomial_tail(int64_t count, int64_t trials, double p)
{
    if (count <= 0)
        return 1;
    if (count > trials || p <= 0)
        return 0;
    if (p >= 1)
        return 1;
    double odds = p / (1 - p), sum = 0;
    if ((double)count > (double)trials * p) { /* terms fall from `count` on */
        double t = term(count, trials, p);
        for (int64_t k = count; k <= trials && t > 1e-18 * sum; k++) {
            sum += t;
            t *= odds * (double)(trials - k) / (double)(k + 1);
        }
        return fmin(sum, 1);
    }
    double t = term(count - 1, trials, p); /* terms fall downwards from the one below */
    for (int64_t k = count - 1; k >= 0 && t > 1e-18 * sum; k--) {
        sum += t;
        t *= (double)k / (odds * (double)(trials - k + 1));
    }
    return fmax(1 - sum, 0);
}

slr_interval slr_wilson(int64_t count, int64_t trials, double z)
{
    if (trials <= 0)
        return (slr_interval){0, 1};
    double n = (double)trials, p = (double)count / n, zz = z * z / n;
    double centre = p + zz / 2, half = sqrt(zz * (p * (1 - p) + zz / 4));
    return (slr_interval){fmax((centre - half) / (1 + zz), 0), fmin((centre + half) / (1 + zz), 1)};
}
