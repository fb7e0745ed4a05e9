/* SPDX-License-Identifier: MIT
 *
 * What is done to pictures as surfaces: parts blacked out, pixels made square, sides turned.
 */
#ifndef SLR_PICTURE_GEOMETRY_H
#define SLR_PICTURE_GEOMETRY_H

#include "io/image.h"
#include "medical/medical_options.h"

/* What lies outside the picture is cut off. */
void slr_picture_blackout(slr_image *image, const slr_blackout *parts, int count);

/* The size at which pixels are square: the axis with the larger spacing grows, the other stays, unless that
 * would be beyond 16384 pixels or 2^26 in all: then the other shrinks. False when the spacing makes no sense
 * (not finite, not above 0, a ratio beyond 50); the size stays then. */
bool slr_square_size(int width, int height, double row_spacing, double column_spacing, int *new_width,
                     int *new_height);
/* Bilinear; replaces the picture when the size differs. */
selora_status slr_picture_make_square(slr_image *image, double row_spacing, double column_spacing,
                                      slr_error *err);

/* EXIF orientation 1 to 8: the picture as it is to be seen. */
selora_status slr_picture_turn(slr_image *image, int orientation, slr_error *err);

#endif
