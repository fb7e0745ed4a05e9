/* SPDX-License-Identifier: MIT
 *
 * DICOM frames as pictures.
 *
 *     slr_picture_facts facts;
 *     slr_image image;
 *     SLR_TRY(slr_dicom_picture(dcm, 0, &options, &image, &facts, err));
 */
#ifndef SLR_DICOM_PICTURE_H
#define SLR_DICOM_PICTURE_H

#include "io/image.h"
#include "medical/dcm.h"
#include "medical/medical_options.h"
#include "medical/picture_facts.h"

/* What the header says; nothing is decoded. Fails, with facts->skip, where slr_dicom_picture() would. */
selora_status slr_dicom_read_facts(const slr_dcm *dcm, uint32_t frame, const slr_medical_options *options,
                                   slr_picture_facts *facts, slr_error *err);

/* Float grey 0..1 or RGB, square pixels, full size. On failure *image is empty and facts->skip says why. */
selora_status slr_dicom_picture(slr_dcm *dcm, uint32_t frame, const slr_medical_options *options,
                                slr_image *image, slr_picture_facts *facts, slr_error *err);

/* The grey frame with the most values above the 5th percentile of all frames; decodes each of them twice. */
selora_status slr_dicom_largest(slr_dcm *dcm, const slr_medical_options *options, int64_t *largest,
                                slr_picture_skip *skip, slr_error *err);

#endif
