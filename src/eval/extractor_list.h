/* SPDX-License-Identifier: MIT
 *
 * The functions behind the table of extractor.c. `file` is NULL for extractors without weights; *x comes
 * zeroed, and what fails leaves nothing to free in it.
 */
#ifndef SLR_EXTRACTOR_LIST_H
#define SLR_EXTRACTOR_LIST_H

#include "eval/extractor.h"

typedef selora_status slr_extractor_opener(const char *file, const slr_extractor_context *context,
                                           slr_extractor *x, slr_error *err);

slr_extractor_opener slr_extractor_radiomics; /* eval/radiomics.h */
slr_extractor_opener slr_extractor_vae;       /* the base model's latents, 8 x 8 means */
slr_extractor_opener slr_extractor_pixels;    /* grey 32 x 32; for debugging */

/* eval/extract_network.c: networks with the user's weights (models/feature_net.h). */
slr_extractor_opener slr_extractor_clip, slr_extractor_raddino, slr_extractor_dinov2, slr_extractor_inception,
    slr_extractor_xrv, slr_extractor_densenet121, slr_extractor_resnet50;

#endif
