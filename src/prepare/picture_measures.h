/* SPDX-License-Identifier: MIT
 *
 * Numbers of a picture that tell where it comes from: what traps in data sets are found by.
 *
 *     slr_picture_measures measures;
 *     SLR_TRY(slr_picture_measure(&image, &measures, err));
 */
#ifndef SLR_PICTURE_MEASURES_H
#define SLR_PICTURE_MEASURES_H

#include <stdbool.h>

#include "io/image.h"

typedef struct slr_picture_measures {
    double sharpness;  /* energy between neighbours over all energy; blur and enlarging lower it */
    double blockiness; /* steps over the edges of 8 x 8 blocks over steps elsewhere: 1, after JPEG more;
                          1 below 128 pixels */
    double zeros;      /* share of pixels that are exactly 0 */
    double frame;      /* grey of a border of one colour, -1 when the border has no single colour */
    double residual;   /* max of |R-G|, |G-B|, of 255 */
    double coloured;   /* share of pixels with more than 8 of 255 between channels */
    int marks;         /* small saturated things near the border: letters, markers */
} slr_picture_measures;

/* Colour is measured by its luma. */
selora_status slr_picture_measure(const slr_image *image, slr_picture_measures *measures, slr_error *err);

/* As one text without commas and back; false when it is none. */
enum { SLR_MEASURES_TEXT = 120 };
void slr_picture_measures_text(const slr_picture_measures *measures, char text[SLR_MEASURES_TEXT]);
bool slr_picture_measures_parse(const char *text, slr_picture_measures *measures);

#endif
