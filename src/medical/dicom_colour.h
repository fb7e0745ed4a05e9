/* SPDX-License-Identifier: MIT
 *
 * Decoded DICOM frames in colour, as RGB pictures. Colour has no modality and no window step.
 */
#ifndef SLR_DICOM_COLOUR_H
#define SLR_DICOM_COLOUR_H

#include "io/image.h"
#include "medical/dcm.h"

/* Samples side by side, in one of the models "RGB", "YBR_FULL" and "YBR_FULL_422"; RGB of 8 or 16 bits. */
selora_status slr_dicom_colour(const slr_dcm_desc *desc, const char *model, const void *samples,
                               slr_image *image, slr_error *err);
/* Palette indices and the palettes of the file. */
selora_status slr_dicom_palette(const slr_dcm *dcm, const slr_dcm_desc *desc, const void *words,
                                slr_image *image, slr_error *err);

#endif
