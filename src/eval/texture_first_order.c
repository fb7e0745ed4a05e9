/* SPDX-License-Identifier: MIT
 * First-order statistics of the values of a picture. */
#include <math.h>

#include "core/quantile.h"
#include "eval/texture_parts.h"

/* Puts the value of rank `place` of v[0 .. count - 1] there; larger ones behind it, smaller ones before. */
static void select_rank(double *v, ptrdiff_t count, ptrdiff_t place)
{
    enum { MOST_ROUNDS = 64 };
    ptrdiff_t low = 0, high = count - 1;
    for (int round = 0; low < high; round++) {
        ptrdiff_t i = low, j = high;
        double pivot = v[low + (high - low) / 2];
        if (round == MOST_ROUNDS) { /* pivots that never were near the middle */
            slr_sort_doubles(v + low, (size_t)(high - low) + 1);
            return;
        }
        while (i <= j) {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i <= j) {
                double kept = v[i];
                v[i++] = v[j];
                v[j--] = kept;
            }
        }
        if (place <= j)
            high = j;
        else if (place >= i)
            low = i;
        else
            return;
    }
}

/* The value of that rank from 0: looked for in its level alone. */
static double ranked(slr_texture *t, size_t rank)
{
    size_t below = 0;
    int level = 1;
    while (below + (size_t)t->level_counts[level] <= rank)
        below += (size_t)t->level_counts[level++];
    select_rank(t->sorted + below, (ptrdiff_t)t->level_counts[level], (ptrdiff_t)(rank - below));
    return t->sorted[rank];
}

static double percentile(slr_texture *t, double q)
{
    double place = q / 100 * (double)(slr_texture_pixels(t) - 1), part = place - floor(place);
    size_t rank = (size_t)place;
    double low = ranked(t, rank);
    return part > 0 ? low + part * (ranked(t, rank + 1) - low) : low;
}

/* Mean absolute distance to their own mean of the values between low and high. */
static double mean_deviation(const slr_texture *t, double low, double high)
{
    size_t pixels = slr_texture_pixels(t), count = 0;
    double sum = 0, deviation = 0;
    for (size_t i = 0; i < pixels; i++)
        if (t->values[i] >= low && t->values[i] <= high) {
            sum += t->values[i];
            count++;
        }
    double mean = count ? sum / (double)count : 0;
    for (size_t i = 0; i < pixels; i++)
        if (t->values[i] >= low && t->values[i] <= high)
            deviation += fabs(t->values[i] - mean);
    return count ? deviation / (double)count : 0;
}

static void level_shares(const slr_texture *t, double *entropy, double *uniformity)
{
    double *shares = t->by_level[0], pixels = (double)slr_texture_pixels(t);
    *uniformity = 0;
    for (int i = 1; i <= t->level_count; i++) {
        shares[i - 1] = (double)t->level_counts[i] / pixels;
        *uniformity += shares[i - 1] * shares[i - 1];
    }
    *entropy = slr_texture_entropy(shares, (size_t)t->level_count);
}

void slr_texture_first_order(slr_texture *t, double shift, double f[SLR_FIRST_ORDER_FEATURES])
{
    size_t pixels = slr_texture_pixels(t);
    double n = (double)pixels, sum = 0, energy = 0, m2 = 0, m3 = 0, m4 = 0;
    for (size_t i = 0; i < pixels; i++) {
        sum += t->values[i];
        energy += (t->values[i] + shift) * (t->values[i] + shift);
    }
    double mean = sum / n;
    for (size_t i = 0; i < pixels; i++) {
        double d = t->values[i] - mean, square = d * d;
        m2 += square;
        m3 += square * d;
        m4 += square * square;
    }
    m2 /= n;
    double least = t->least, largest = t->largest;
    double p10 = percentile(t, 10), p90 = percentile(t, 90);
    f[0] = mean;
    f[1] = percentile(t, 50);
    f[2] = least;
    f[3] = largest;
    f[4] = largest - least;
    f[5] = m2;
    f[6] = m2 > 0 ? m3 / n / pow(m2, 1.5) : 0;
    f[7] = m2 > 0 ? m4 / n / (m2 * m2) : 0;
    f[8] = energy;
    f[9] = sqrt(energy / n);
    f[10] = mean_deviation(t, least, largest);
    f[11] = mean_deviation(t, p10, p90);
    f[12] = percentile(t, 75) - percentile(t, 25);
    f[13] = p10;
    f[14] = p90;
    level_shares(t, &f[15], &f[16]);
}
