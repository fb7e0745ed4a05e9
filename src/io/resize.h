/* SPDX-License-Identifier: MIT
 *
 * Antialiased resampling, numerically that of PIL's float mode: separable, taps widened by the
 * scale when shrinking, weights normalised, sums in double.
 *
 *     slr_image small = {0};
 *     SLR_TRY(slr_image_resize(&image, 224, 224, SLR_RESIZE_BILINEAR, &small, err));
 *     slr_image_free(&small);
 */
#ifndef SLR_RESIZE_H
#define SLR_RESIZE_H

#include "io/image.h"

typedef enum slr_resize_filter {
    SLR_RESIZE_BILINEAR,
    SLR_RESIZE_BICUBIC, /* a = -0.5 */
    SLR_RESIZE_LANCZOS  /* three lobes */
} slr_resize_filter;

/* Allocates `out`. Bicubic and Lanczos can overshoot 0..1: the caller clamps. */
selora_status slr_image_resize(const slr_image *image, int width, int height,
                               slr_resize_filter filter, slr_image *out, slr_error *err);

/* A window of the resized picture: what slr_image_resize() gives, cropped, without computing the
 * rest. */
typedef struct slr_resize_window {
    int left, top, width, height; /* within 0 0 width height of the resized picture */
} slr_resize_window;
selora_status slr_image_resize_window(const slr_image *image, int width, int height,
                                      slr_resize_window window, slr_resize_filter filter,
                                      slr_image *out, slr_error *err);

#endif
