/* SPDX-License-Identifier: MIT */
#include "api/generate_dicom.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* The last digits of the study's UID: they are random, and say nothing else. */
static void make_run_id(slr_generate_dicom *dicom)
{
    size_t length = strlen(dicom->study_uid), wanted = sizeof dicom->run_id - 1;
    snprintf(dicom->run_id, sizeof dicom->run_id, "%s",
             dicom->study_uid + (length > wanted ? length - wanted : 0));
}

selora_status slr_generate_dicom_begin(slr_generate_dicom *dicom, const selora_generate_options *o,
                                       const char *model_hash, const char *adapter_hash, slr_error *err)
{
    *dicom = (slr_generate_dicom){.options = o};
    SLR_TRY(slr_dcm_init(err));
    SLR_TRY(slr_dcm_new_uid(dicom->study_uid, err));
    SLR_TRY(slr_dcm_new_uid(dicom->series_uid, err));
    make_run_id(dicom);
    snprintf(dicom->derivation, sizeof dicom->derivation,
             "selora %s; model sha256 %s; adapter sha256 %s; seed %llu; sampler %s", selora_version(),
             model_hash, *adapter_hash ? adapter_hash : "none", (unsigned long long)o->seed, o->sampler);
    return SELORA_OK;
}

selora_status slr_generate_dicom_write(const slr_generate_dicom *dicom, int64_t picture,
                                       const slr_image *image, const char *prompt, slr_error *err)
{
    const selora_generate_options *o = dicom->options;
    slr_dcm_synthetic about = {.bits = o->dicom_bits && strcmp(o->dicom_bits, "16") == 0 ? 16 : 8,
                               .modality = o->dicom_modality,
                               .run_id = dicom->run_id,
                               .study_uid = dicom->study_uid,
                               .series_uid = dicom->series_uid,
                               .instance = (int)(picture + 1),
                               .burned_in = o->watermark,
                               .derivation = dicom->derivation,
                               .prompt = o->dicom_prompt ? prompt : NULL};
    char *path = slr_format("%s/%06lld.dcm", o->out, (long long)picture);
    if (!path)
        return slr_fail_memory(err, 0, "a path");
    selora_status status = slr_dcm_write_synthetic(path, image, &about, err);
    free(path);
    return status;
}
