/* SPDX-License-Identifier: MIT */
#include "report/paired.h"

#include <math.h>

/* P(T > t) for t >= 0: half the regularised incomplete beta function at x = f / (f + t^2), by its continued fraction
 * (Lentz), on the side where that converges fast. */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1), h;
    d = 1 / (fabs(d) < tiny ? tiny : d);
    h = d;
    for (int m = 1; m < 400; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        const double terms[2] = {even, odd};
        double before = h;
        for (int k = 0; k < 2; k++) {
            d = 1 + terms[k] * d;
            c = 1 + terms[k] / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            h *= d * c;
        }
        if (fabs(h - before) <= 1e-16 * fabs(h))
            break;
    }
    return h;
}

static double beta_part(double a, double b, double x)
{
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

static double upper_tail(double t, double freedom)
{
    return t > 0 ? 0.5 * beta_part(freedom / 2, 0.5, freedom / (freedom + t * t)) : 0.5;
}

double slr_student_quantile(double p, double freedom)
{
    double low = 0, high = 1;
    while (upper_tail(high, freedom) > 1 - p && high < 1e12)
        high *= 2;
    for (int i = 0; i < 200 && high - low > 1e-15 * high; i++) {
        double middle = 0.5 * (low + high);
        if (upper_tail(middle, freedom) > 1 - p)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

slr_paired slr_paired_of(const double *differences, size_t count)
{
    slr_paired paired = {.count = count, .mean = NAN, .low = NAN, .high = NAN};
    double sum = 0, square = 0;
    for (size_t i = 0; i < count; i++)
        sum += differences[i];
    if (count > 0)
        paired.mean = sum / (double)count;
    if (count < SLR_PAIRED_LEAST)
        return paired;
    for (size_t i = 0; i < count; i++)
        square += (differences[i] - paired.mean) * (differences[i] - paired.mean);
    double half = slr_student_quantile(0.975, (double)count - 1) * sqrt(square / (double)(count - 1) / (double)count);
    paired.low = paired.mean - half;
    paired.high = paired.mean + half;
    return paired;
}
