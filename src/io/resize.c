/* SPDX-License-Identifier: MIT */
#include "io/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

static const double pi = 3.14159265358979323846;

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * a : 0.0;
}

static double sinc(double x)
{
    return x == 0.0 ? 1.0 : sin(pi * x) / (pi * x);
}

static double lanczos(double x)
{
    return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0;
}

static const struct {
    double (*weight)(double);
    double reach; /* zero beyond, at scale 1 */
} filters[] = {
    [SLR_RESIZE_BILINEAR] = {bilinear, 1.0},
    [SLR_RESIZE_BICUBIC] = {bicubic, 2.0},
    [SLR_RESIZE_LANCZOS] = {lanczos, 3.0},
};

/* For each place of a stretch of the output, the run of inputs it is the weighted mean of. */
typedef struct taps {
    int *first, *count;
    double *weights; /* (places, most) */
    size_t places, most;
} taps;

static void taps_free(taps *t)
{
    free(t->first);
    free(t->count);
    free(t->weights);
}

/* Places begin .. begin + places - 1 of `out` that cover `in`. */
static selora_status taps_make(int in, int out, int begin, int places, slr_resize_filter filter,
                               taps *t, slr_error *err)
{
    double scale = (double)in / out, stretch = scale > 1.0 ? scale : 1.0;
    double support = filters[filter].reach * stretch;
    size_t count;
    t->places = (size_t)places;
    t->most = 2 * (size_t)ceil(support) + 1;
    t->first = slr_alloc(t->places, sizeof *t->first);
    t->count = slr_alloc(t->places, sizeof *t->count);
    t->weights =
        slr_mul_size(t->places, t->most, &count) ? slr_alloc(count, sizeof *t->weights) : NULL;
    if (!t->first || !t->count || !t->weights)
        return slr_fail(err, SELORA_NO_RESOURCE, "not enough memory to resize a picture");
    for (int i = 0; i < places; i++) {
        double centre = (begin + i + 0.5) * scale, sum = 0.0;
        double low = floor(centre - support + 0.5), high = floor(centre + support + 0.5);
        int first = low > 0.0 ? (int)low : 0, end = high < in ? (int)high : in;
        double *weights = t->weights + (size_t)i * t->most;
        for (int j = first; j < end; j++)
            sum += weights[j - first] = filters[filter].weight((j - centre + 0.5) / stretch);
        for (int j = first; j < end; j++)
            weights[j - first] /= sum;
        t->first[i] = first;
        t->count[i] = end - first;
    }
    return SELORA_OK;
}

/* Resamples the middle axis: in (outer, n, inner) -> out (outer, places, inner); `in` begins
 * `skipped` places into that axis. */
static void resample(const float *in, size_t outer, size_t n, size_t inner, const taps *t,
                     int skipped, float *out)
{
    for (size_t o = 0; o < outer; o++)
        for (size_t p = 0; p < t->places; p++) {
            const double *weights = t->weights + p * t->most;
            const float *from = in + (o * n + (size_t)(t->first[p] - skipped)) * inner;
            for (size_t i = 0; i < inner; i++) {
                double sum = 0.0;
                for (size_t k = 0; k < (size_t)t->count[p]; k++)
                    sum += weights[k] * (double)from[k * inner + i];
                *out++ = (float)sum;
            }
        }
}

/* Rows first to last that the lower taps read are resampled across, then those down. */
static selora_status resize_both(const slr_image *image, const taps *across, const taps *down,
                                 slr_image *out, slr_error *err)
{
    int top = down->first[0], last = (int)down->places - 1;
    int rows = down->first[last] + down->count[last] - top;
    size_t channels = (size_t)image->channels, width = (size_t)image->width;
    slr_image middle;
    SLR_TRY(slr_image_new((int)across->places, rows, image->channels, &middle, err));
    selora_status status =
        slr_image_new((int)across->places, (int)down->places, image->channels, out, err);
    if (status == SELORA_OK) {
        resample(image->pixels + (size_t)top * width * channels, (size_t)rows, width, channels,
                 across, 0, middle.pixels);
        resample(middle.pixels, 1, (size_t)rows, across->places * channels, down, top, out->pixels);
        out->bits = image->bits;
    }
    slr_image_free(&middle);
    return status;
}

selora_status slr_image_resize_window(const slr_image *image, int width, int height,
                                      slr_resize_window window, slr_resize_filter filter,
                                      slr_image *out, slr_error *err)
{
    taps across = {0}, down = {0};
    memset(out, 0, sizeof *out);
    if (window.left < 0 || window.top < 0 || window.width < 1 || window.height < 1 ||
        window.width > width - window.left || window.height > height - window.top)
        return slr_fail(err, SELORA_USAGE, "a window of %d x %d pixels does not lie in %d x %d",
                        window.width, window.height, width, height);
    selora_status status =
        taps_make(image->width, width, window.left, window.width, filter, &across, err);
    if (status == SELORA_OK)
        status = taps_make(image->height, height, window.top, window.height, filter, &down, err);
    if (status == SELORA_OK)
        status = resize_both(image, &across, &down, out, err);
    taps_free(&across);
    taps_free(&down);
    return status;
}

selora_status slr_image_resize(const slr_image *image, int width, int height,
                               slr_resize_filter filter, slr_image *out, slr_error *err)
{
    return slr_image_resize_window(image, width, height, (slr_resize_window){0, 0, width, height},
                                   filter, out, err);
}
