/* SPDX-License-Identifier: MIT
 *
 * Pictures of one size: one policy for a whole set.
 *
 *     slr_picture_fit fit = {.width = 512, .height = 512, .policy = SLR_FIT_CROP, .filter =
 * SLR_RESIZE_BILINEAR}; SLR_TRY(slr_picture_fit_apply(&fit, &image, err));            (image is the fitted
 * one now)
 */
#ifndef SLR_PICTURE_FIT_H
#define SLR_PICTURE_FIT_H

#include "io/resize.h"

typedef enum slr_fit_policy {
    SLR_FIT_CROP,   /* covers the size, the centre stays */
    SLR_FIT_PAD,    /* all of the picture, black beside it */
    SLR_FIT_STRETCH /* each side for itself: bodies change their shape */
} slr_fit_policy;

typedef struct slr_picture_fit {
    int width, height; /* 0: pictures stay as they are */
    slr_fit_policy policy;
    slr_resize_filter filter;
} slr_picture_fit;

/* Replaces the picture; on failure it is empty. Values stay within 0..1. */
selora_status slr_picture_fit_apply(const slr_picture_fit *fit, slr_image *image, slr_error *err);

#endif
