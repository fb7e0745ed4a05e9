/* SPDX-License-Identifier: MIT
 *
 * Drawn pictures as DICOM files: one study and one series a job.
 *
 *     slr_generate_dicom dicom;
 *     SLR_TRY(slr_generate_dicom_begin(&dicom, options, "model_sha256 ...", err));
 *     SLR_TRY(slr_generate_dicom_write(&dicom, 0, &image, prompt, err));           (OUT/000000.dcm)
 */
#ifndef SLR_GENERATE_DICOM_H
#define SLR_GENERATE_DICOM_H

#include <stdint.h>

#include "medical/dcm_write.h"

typedef struct slr_generate_dicom {
    const selora_generate_options *options;
    char study_uid[SLR_DCM_UID], series_uid[SLR_DCM_UID], run_id[17];
    char derivation[512];
} slr_generate_dicom;

/* Fails at once where this build writes no DICOM. Hashes may be "". */
selora_status slr_generate_dicom_begin(slr_generate_dicom *dicom, const selora_generate_options *options,
                                       const char *model_hash, const char *adapter_hash, slr_error *err);
selora_status slr_generate_dicom_write(const slr_generate_dicom *dicom, int64_t picture,
                                       const slr_image *image, const char *prompt, slr_error *err);

#endif
