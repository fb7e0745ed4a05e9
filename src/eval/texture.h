/* SPDX-License-Identifier: MIT
 *
 * The five families of radiomic features of a grey picture, over all of its pixels: first-order statistics,
 * grey level co-occurrence (GLCM), run lengths (GLRLM), size zones (GLSZM), neighbourhood grey tone
 * difference (NGTDM). Numerically PyRadiomics with force2D and a mask of the whole picture.
 *
 *     slr_texture *t;
 *     SLR_TRY(slr_texture_new(side * side, &t, err));
 *     SLR_TRY(slr_texture_levels(t, values, side, side, 5, err));
 *     double features[SLR_TEXTURE_FEATURES];
 *     slr_texture_features(t, 300, features);
 *     slr_texture_free(t);
 *
 * What a family costs grows with the pixels and with the levels that occur, never with the square of all
 * levels between (one white pixel on black has thousands of them), but for NGTDM, which looks at every pair
 * of levels that occur.
 */
#ifndef SLR_TEXTURE_H
#define SLR_TEXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

enum {
    SLR_FIRST_ORDER_FEATURES = 17,
    SLR_GLCM_FEATURES = 22,
    SLR_GLRLM_FEATURES = 16,
    SLR_GLSZM_FEATURES = 16,
    SLR_NGTDM_FEATURES = 5,
    SLR_TEXTURE_FEATURES = 76
};

/* A picture in levels 1 .. level_count, and room for what is counted over it. */
typedef struct slr_texture slr_texture;

selora_status slr_texture_new(size_t most_pixels, slr_texture **texture, slr_error *err);
void slr_texture_free(slr_texture *texture); /* NULL is legal */

/* level = floor(value / width) - floor(least / width) + 1. `values`: finite, borrowed until the next picture.
 * SELORA_NUMERIC when they spread over more than 2^20 levels. */
selora_status slr_texture_levels(slr_texture *texture, const double *values, int width, int height,
                                 double bin_width, slr_error *err);

/* All 76 of the picture; `shift` is added to values in Energy and RootMeanSquared. */
void slr_texture_features(slr_texture *texture, double shift, double features[SLR_TEXTURE_FEATURES]);
/* "glcm/Contrast" and the like, in the order of the features. */
const char *slr_texture_feature_name(int feature);

#endif
