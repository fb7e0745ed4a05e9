/* SPDX-License-Identifier: MIT */
#include "medical/voi.h"

#include <math.h>
#include <stdlib.h>

bool slr_window_is_valid(const slr_window *window)
{
    if (!isfinite(window->centre) || !isfinite(window->width))
        return false;
    return window->function == SLR_VOI_LINEAR ? window->width >= 1.0 : window->width > 0.0;
}

/* The standard's own order of tests: with width 1 the second one makes a step. */
static double linear(double c, double w, double x)
{
    if (x <= c - 0.5 - (w - 1.0) / 2.0)
        return 0.0;
    if (x > c - 0.5 + (w - 1.0) / 2.0)
        return 1.0;
    return (x - (c - 0.5)) / (w - 1.0) + 0.5;
}

static double linear_exact(double c, double w, double x)
{
    if (x <= c - w / 2.0)
        return 0.0;
    if (x > c + w / 2.0)
        return 1.0;
    return (x - c) / w + 0.5;
}

double slr_window_grey(const slr_window *window, double x)
{
    double c = window->centre, w = window->width;
    switch (window->function) {
    case SLR_VOI_LINEAR_EXACT:
        return linear_exact(c, w, x);
    case SLR_VOI_SIGMOID:
        return 1.0 / (1.0 + exp(-4.0 * (x - c) / w));
    default:
        return linear(c, w, x);
    }
}

void slr_window_range(const slr_window *window, double *low, double *high)
{
    bool linear_one = window->function == SLR_VOI_LINEAR;
    double centre = linear_one ? window->centre - 0.5 : window->centre;
    double half = (linear_one ? window->width - 1.0 : window->width) / 2.0;
    *low = centre - half;
    *high = centre + half;
}

double slr_range_grey(double low, double high, double x)
{
    if (!(x > low))
        return 0.0;
    return x >= high ? 1.0 : (x - low) / (high - low);
}

static int compare(const void *a, const void *b)
{
    double left = ((const slr_value_count *)a)->value, right = ((const slr_value_count *)b)->value;
    return (left > right) - (left < right);
}

void slr_value_counts_sort(slr_value_count *values, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (values[i - 1].value > values[i].value) {
            qsort(values, n, sizeof *values, compare);
            return;
        }
}

double slr_percentile(const slr_value_count *sorted, size_t n, double p)
{
    uint64_t total = 0, below = 0;
    for (size_t i = 0; i < n; i++)
        total += sorted[i].count;
    if (total == 0)
        return NAN;
    double rank = p / 100.0 * (double)(total - 1), whole = floor(rank);
    for (size_t i = 0; i < n; i++) {
        below += sorted[i].count;
        if ((double)below <= whole)
            continue;
        size_t next = i; /* the value of the next rank: the same one unless this was its last */
        if ((double)below <= whole + 1.0)
            do
                next++;
            while (next < n && sorted[next].count == 0);
        if (next >= n)
            next = i;
        return sorted[i].value + (rank - whole) * (sorted[next].value - sorted[i].value);
    }
    return sorted[n - 1].value;
}
