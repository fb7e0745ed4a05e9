/* SPDX-License-Identifier: MIT
 *
 * Distances between pictures for slr_memorisation_judge().
 *
 *     slr_feature_space features = {.dim = 512, .kind = SLR_DISTANCE_COSINE, .count = {500, 100, 200},
 *                                   .side = {train, held_out, synthetic}};
 *     slr_picture_space space = slr_feature_picture_space(&features);
 *
 *     slr_pixel_space *pixels;                                           (grey pictures of 64 x 64, whatever
 * the shift) SLR_TRY(slr_pixel_space_new(counts, &pixels, err)); slr_pixel_space_put(pixels, SLR_AUDIT_TRAIN,
 * i, grey); space = slr_pixel_picture_space(pixels); slr_pixel_space_free(pixels);
 *
 * Pixels: 1 - NCC of the middle 60 x 60 of one picture, as it is and mirrored, with the 25 windows of that
 * size of the other: the smallest of these 50. Brightness and contrast do not matter. A picture without any
 * contrast is at 1 from every other.
 */
#ifndef SLR_PICTURE_SPACE_H
#define SLR_PICTURE_SPACE_H

#include "eval/memorisation.h"

typedef enum slr_distance { SLR_DISTANCE_EUCLIDEAN, SLR_DISTANCE_RMS, SLR_DISTANCE_COSINE } slr_distance;

/* Rows of numbers, borrowed, of either type; `side` by slr_audit_side. */
typedef struct slr_feature_space {
    size_t dim;
    slr_distance kind;
    size_t count[3];
    const double *side[3];  /* (count, dim) */
    const float *floats[3]; /* the same where `side` is NULL */
} slr_feature_space;

slr_picture_space slr_feature_picture_space(const slr_feature_space *space); /* borrows it */
double slr_feature_distance(const slr_feature_space *space, slr_audit_side a, size_t i, slr_audit_side b,
                            size_t j);

enum { SLR_PIXEL_SIDE = 64, SLR_PIXEL_SHIFT = 2 };

typedef struct slr_pixel_space slr_pixel_space;
selora_status slr_pixel_space_new(const size_t counts[3], slr_pixel_space **space, slr_error *err);
void slr_pixel_space_free(slr_pixel_space *space);
/* grey (64, 64), 0..1. */
void slr_pixel_space_put(slr_pixel_space *space, slr_audit_side side, size_t i, const float *grey);
slr_picture_space slr_pixel_picture_space(const slr_pixel_space *space);
double slr_pixel_pair(const float *a, const float *b); /* the same distance of two grey pictures of 64 x 64 */

/* Normalised cross-correlation of two lists of numbers; 0 where one is constant. */
double slr_ncc(const double *a, const double *b, size_t count);

#endif
