/* SPDX-License-Identifier: MIT
 *
 * PNG and JPEG files as pictures of a data set: what the codecs of io/ give, and what they let pass.
 */
#ifndef SLR_RASTER_PICTURE_H
#define SLR_RASTER_PICTURE_H

#include "io/image.h"
#include "medical/medical_options.h"
#include "medical/picture_facts.h"

/* `kind`: SLR_KIND_PNG or SLR_KIND_JPEG. By the header alone. */
selora_status slr_raster_facts(const void *data, size_t size, slr_picture_kind kind,
                               const slr_medical_options *options, slr_picture_facts *facts, slr_error *err);
/* Float grey 0..1 or RGB. See-through PNG are put on black. On failure *image is empty and facts->skip says
 * why. */
selora_status slr_raster_picture(const void *data, size_t size, slr_picture_kind kind,
                                 const slr_medical_options *options, slr_image *image,
                                 slr_picture_facts *facts, slr_error *err);

#endif
