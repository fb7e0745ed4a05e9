/* SPDX-License-Identifier: MIT */
#include "eval/wavelet.h"

#include <stddef.h>

enum { TAPS = 6, CENTRE = 3 };

static const double low[TAPS] = {-0.015655728135791993, -0.07273261951252645, 0.3848648468648578,
                                 0.8525720202116004,    0.3378976624574818,   -0.07273261951252645};

/* hi[k] = (-1)^(k+1) lo[5-k] */
static double tap(slr_wavelet_filter filter, int k)
{
    return filter == SLR_WAVELET_LOW ? low[k] : k % 2 ? low[TAPS - 1 - k] : -low[TAPS - 1 - k];
}

/* out[n] = sum_k h[k] in[(n + 3 - k) mod count] over lines of `inner` numbers side by side. */
static void filter_lines(const double *in, int count, size_t inner, slr_wavelet_filter filter, double *out)
{
    for (int n = 0; n < count; n++) {
        double *to = out + (size_t)n * inner;
        for (size_t i = 0; i < inner; i++)
            to[i] = 0;
        for (int k = 0; k < TAPS; k++) {
            int from = ((n + CENTRE - k) % count + count) % count;
            double h = tap(filter, k);
            for (size_t i = 0; i < inner; i++)
                to[i] += h * in[(size_t)from * inner + i];
        }
    }
}

void slr_wavelet_band(const double *in, int width, int height, slr_wavelet_filter down,
                      slr_wavelet_filter across, double *scratch, double *out)
{
    filter_lines(in, height, (size_t)width, down, scratch);
    for (int y = 0; y < height; y++)
        filter_lines(scratch + (size_t)y * (size_t)width, width, 1, across, out + (size_t)y * (size_t)width);
}
