/* SPDX-License-Identifier: MIT
 * How long the DICOM boundary takes for a file, and what it reads: the oracle of tools/verify_dicom.py
 * compares that with pydicom's. build/dicom_read FILE...          milliseconds to open and to decode all
 * frames, the best of five build/dicom_read --raw FILE OUT   stored values of all frames into OUT; prints
 * rows columns frames samples bits-allocated bits-stored high-bit signed model, or "refused: why" */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "medical/dcm.h"

/* Decodes all frames; each goes to `out` when there is one. */
static selora_status read_frames(slr_dcm *dcm, const slr_dcm_desc *desc, FILE *out, char model[SLR_DCM_MODEL],
                                 slr_error *err)
{
    if (desc->pixels != SLR_DCM_PIXELS)
        return slr_fail(err, SELORA_BAD_INPUT, "%s", desc->refusal);
    void *frame = malloc(desc->frame_bytes);
    if (!frame)
        return slr_fail_memory(err, desc->frame_bytes, "a frame");
    selora_status status = SELORA_OK;
    for (uint32_t k = 0; k < desc->frames && status == SELORA_OK; k++) {
        status = slr_dcm_frame(dcm, k, frame, desc->frame_bytes, model, err);
        if (status == SELORA_OK && out && fwrite(frame, desc->frame_bytes, 1, out) != 1)
            status = slr_fail(err, SELORA_NO_RESOURCE, "the frame cannot be written");
    }
    free(frame);
    return status;
}

static selora_status write_raw(const char *path, const char *out_path, slr_error *err)
{
    slr_dcm *dcm;
    slr_dcm_desc desc;
    char model[SLR_DCM_MODEL] = "";
    SLR_TRY(slr_dcm_open(path, &dcm, err));
    slr_dcm_describe(dcm, &desc);
    FILE *out = fopen(out_path, "wb");
    selora_status status =
        out ? read_frames(dcm, &desc, out, model, err) : slr_fail_errno(err, out_path, "write it");
    if (out && fclose(out) != 0 && status == SELORA_OK)
        status = slr_fail_errno(err, out_path, "write it");
    slr_dcm_close(dcm);
    if (status == SELORA_OK)
        printf("%u %u %u %d %d %d %d %d %s\n", (unsigned)desc.rows, (unsigned)desc.columns,
               (unsigned)desc.frames, desc.samples, desc.bits_allocated, desc.bits_stored, desc.high_bit,
               desc.is_signed, model);
    return status;
}

static selora_status measure(const char *path, slr_error *err)
{
    double best_open = 1e9, best_all = 1e9;
    for (int round = 0; round < 5; round++) {
        slr_dcm *dcm;
        slr_dcm_desc desc;
        char model[SLR_DCM_MODEL];
        double start = slr_clock_seconds();
        SLR_TRY(slr_dcm_open(path, &dcm, err));
        double opened = slr_clock_seconds();
        slr_dcm_describe(dcm, &desc);
        selora_status status = read_frames(dcm, &desc, NULL, model, err);
        slr_dcm_close(dcm);
        SLR_TRY(status);
        double all = slr_clock_seconds() - start;
        best_open = opened - start < best_open ? opened - start : best_open;
        best_all = all < best_all ? all : best_all;
    }
    printf("%s: open %.2f ms, all %.2f ms\n", path, 1e3 * best_open, 1e3 * best_all);
    return SELORA_OK;
}

int main(int argc, char **argv)
{
    slr_error err = {0};
    bool raw = argc == 4 && strcmp(argv[1], "--raw") == 0;
    if (argc < 2 || (!raw && argv[1][0] == '-')) {
        fprintf(stderr, "usage: dicom_read FILE...\n       dicom_read --raw FILE OUT\n");
        return SELORA_USAGE;
    }
    selora_status status = slr_dcm_init(&err);
    if (status == SELORA_OK && raw) {
        status = write_raw(argv[2], argv[3], &err);
        if (status == SELORA_BAD_INPUT)
            printf("refused: %s\n", err.message);
    }
    for (int i = 1; !raw && i < argc && status == SELORA_OK; i++)
        status = measure(argv[i], &err);
    if (status != SELORA_OK)
        fprintf(stderr, "%s\n", err.message);
    slr_dcm_shutdown();
    return status;
}
