/* SPDX-License-Identifier: MIT
 *
 * Colours: the models of DICOM as RGB, and which pictures in three channels are grey in truth.
 */
#ifndef SLR_PICTURE_COLOUR_H
#define SLR_PICTURE_COLOUR_H

#include "io/image.h"
#include "medical/picture_facts.h"

/* PS3.3 C.7.6.3.1.2: three numbers 0..255 to RGB 0..255, cut at both ends. */
void slr_ybr_to_rgb(double y, double cb, double cr, double rgb[3]);

/* Measures how far the channels of an RGB picture are apart; one that is grey gets a single channel, by
 * 0.299 R + 0.587 G + 0.114 B. Colour is SELORA_BAD_INPUT (SLR_SKIP_COLOUR) where only grey is wanted. */
selora_status slr_colour_settle(slr_image *image, bool grey_only, slr_picture_facts *facts, slr_error *err);

#endif
