/* SPDX-License-Identifier: MIT
 *
 * The 380 features of `selora-radiomics-1`: 76 of texture (eval/texture.h) in the picture itself and in the
 * four bands of one wavelet level, of greys brought to mean 0 and deviation 100. A fixed relative of what
 * PyRadiomics computes, with its numbers in each family; not comparable with other people's radiomic
 * distances.
 *
 *     slr_radiomics *r;
 *     SLR_TRY(slr_radiomics_new(224, &r, err));
 *     double features[SLR_RADIOMICS_FEATURES];
 *     SLR_TRY(slr_radiomics_run(r, grey, features, &is_constant, err));
 *     slr_radiomics_free(r);
 */
#ifndef SLR_RADIOMICS_H
#define SLR_RADIOMICS_H

#include <stdbool.h>

#include "eval/texture.h"

#define SLR_RADIOMICS_NAME "selora-radiomics-1"

enum { SLR_RADIOMICS_BANDS = 5, SLR_RADIOMICS_FEATURES = SLR_RADIOMICS_BANDS * SLR_TEXTURE_FEATURES };

typedef struct slr_radiomics slr_radiomics;

/* Pictures of side x side pixels; SELORA_USAGE when that is odd or below 16. One for each thread. */
selora_status slr_radiomics_new(int side, slr_radiomics **radiomics, slr_error *err);
void slr_radiomics_free(slr_radiomics *radiomics); /* NULL is legal */

/* grey: (side, side). A picture whose greys deviate by less than 1e-6 has no features: *constant, and they
 * are left. */
selora_status slr_radiomics_run(slr_radiomics *radiomics, const double *grey,
                                double features[SLR_RADIOMICS_FEATURES], bool *constant, slr_error *err);

/* "HL/glszm/ZoneEntropy"; at most 63 characters. */
void slr_radiomics_feature_name(int feature, char name[64]);

#endif
