/* SPDX-License-Identifier: MIT
 *
 * Drawn pictures as DICOM objects that say in every place a viewer looks that no patient is shown: Secondary
 * Capture, grey, uncompressed.
 *
 *     slr_dcm_synthetic about = {.bits = 8, .modality = "OT", .study_uid = study, .series_uid = series, ...};
 *     SLR_TRY(slr_dcm_new_uid(study, err));          one study and one series for a run
 *     SLR_TRY(slr_dcm_write_synthetic("000000.dcm", &image, &about, err));
 */
#ifndef SLR_DCM_WRITE_H
#define SLR_DCM_WRITE_H

#include "io/image.h"
#include "medical/dcm.h"

typedef struct slr_dcm_synthetic {
    int bits;             /* 8 or 16 */
    const char *modality; /* NULL: OT; a defined term of at most 16 capitals */
    const char *run_id;   /* stands in Patient ID: SYNTHETIC-<run id>; letters, digits, at most 40 */
    const char *study_uid, *series_uid; /* of slr_dcm_new_uid */
    int instance;                       /* Instance Number, from 1 */
    bool burned_in;                     /* something was drawn into the picture */
    const char *derivation; /* one line: hashes, seed, sampler; NULL: none. At most 1024 characters */
    const char *prompt;     /* NULL: not written. Prompts can hold a patient's words */
} slr_dcm_synthetic;

/* 2.25.<random number of 128 bits>. */
selora_status slr_dcm_new_uid(char uid[SLR_DCM_UID], slr_error *err);

/* Grey pictures as they are, colour as its luma. Written aside and renamed. The object's own UID is fresh. */
selora_status slr_dcm_write_synthetic(const char *path, const slr_image *image,
                                      const slr_dcm_synthetic *about, slr_error *err);

#endif
