/* SPDX-License-Identifier: MIT */
#include "eval/wavelet.h"

#include <stddef.h>

enum { TAPS = 6, CENTRE = 3 };

static const double low[TAPS] = {-0.015655728135791993, -0.07273261951252645, 0.3848648468648578,
                                 0.8525720202116004,    0.3378976624574818,   -0.07273261951252645};

static int wrapped(int place, int count)
{
    place %= count;
    return place < 0 ? place + count : place;
}

/* hi[k] = (-1)^(k+1) lo[5-k] */
static double tap(slr_wavelet_filter filter, int k)
{
    return filter == SLR_WAVELET_LOW ? low[k] : k % 2 ? low[TAPS - 1 - k] : -low[TAPS - 1 - k];
}

/* out[n] = sum_k h[k] in[(n + 3 - k) mod count], down: rows of `width` numbers. */
static void filter_down(const double *in, int width, int height, slr_wavelet_filter filter, double *out)
{
    for (int n = 0; n < height; n++) {
        double *to = out + (size_t)n * (size_t)width;
        for (int x = 0; x < width; x++)
            to[x] = 0;
        for (int k = 0; k < TAPS; k++) {
            const double *from = in + (size_t)wrapped(n + CENTRE - k, height) * (size_t)width;
            double h = tap(filter, k);
            for (int x = 0; x < width; x++)
                to[x] += h * from[x];
        }
    }
}

/* The same across. */
static void filter_across(const double *in, int width, int height, slr_wavelet_filter filter, double *out)
{
    double h[TAPS];
    for (int k = 0; k < TAPS; k++)
        h[k] = tap(filter, k);
    for (int y = 0; y < height; y++, in += width, out += width)
        for (int n = 0; n < width; n++) {
            double sum = 0;
            if (n + CENTRE < TAPS - 1 || n + CENTRE >= width)
                for (int k = 0; k < TAPS; k++)
                    sum += h[k] * in[wrapped(n + CENTRE - k, width)];
            else
                for (int k = 0; k < TAPS; k++)
                    sum += h[k] * in[n + CENTRE - k];
            out[n] = sum;
        }
}

void slr_wavelet_band(const double *in, int width, int height, slr_wavelet_filter down,
                      slr_wavelet_filter across, double *scratch, double *out)
{
    filter_down(in, width, height, down, scratch);
    filter_across(scratch, width, height, across, out);
}
