/* SPDX-License-Identifier: MIT
 *
 * Slices of NIfTI volumes as pictures. Axial and coronal ones show the patient's right on the left
 * (radiological) unless `neurological`; anterior is up in axial ones, superior up in the others, anterior
 * left in sagittal ones. One rule of greys for a whole volume.
 */
#ifndef SLR_NIFTI_PICTURE_H
#define SLR_NIFTI_PICTURE_H

#include "io/image.h"
#include "medical/medical_options.h"
#include "medical/nifti_volume.h"
#include "medical/picture_facts.h"

int64_t slr_nifti_slices(const slr_nifti *nifti, slr_axis axis);

/* By the header alone. Fails with facts->skip for a slice or volume that is not there. */
selora_status slr_nifti_facts(const slr_nifti *nifti, int64_t slice, const slr_medical_options *options,
                              slr_picture_facts *facts, slr_error *err);
/* Float grey 0..1 or RGB, square pixels. On failure *image is empty and facts->skip says why. */
selora_status slr_nifti_picture(slr_nifti *nifti, int64_t slice, const slr_medical_options *options,
                                slr_image *image, slr_picture_facts *facts, slr_error *err);
/* The slice with the most values above the volume's 5th percentile. */
selora_status slr_nifti_largest(slr_nifti *nifti, const slr_medical_options *options, int64_t *largest,
                                slr_error *err);

#endif
