/* SPDX-License-Identifier: MIT
 * Built where DCMTK is missing: everything says so. */
#include "medical/dcm_write.h"

static selora_status refuse(slr_error *err)
{
    return slr_fail(err, SELORA_BAD_INPUT,
                    "this build of selora knows no DICOM: install libdcmtk-dev, libopenjp2-7-dev and g++ and "
                    "build again");
}

bool slr_dcm_is_built(void)
{
    return false;
}

selora_status slr_dcm_init(slr_error *err)
{
    return refuse(err);
}

void slr_dcm_shutdown(void) {}

selora_status slr_dcm_open(const char *path, slr_dcm **dcm, slr_error *err)
{
    (void)path;
    *dcm = NULL;
    return refuse(err);
}

void slr_dcm_describe(const slr_dcm *dcm, slr_dcm_desc *desc)
{
    (void)dcm;
    *desc = (slr_dcm_desc){.pixels = SLR_DCM_NO_PIXELS};
}

void slr_dcm_close(slr_dcm *dcm)
{
    (void)dcm;
}

selora_status slr_dcm_frame(slr_dcm *dcm, uint32_t frame, void *out, size_t bytes, char model[SLR_DCM_MODEL],
                            slr_error *err)
{
    (void)dcm, (void)frame, (void)out, (void)bytes, (void)model;
    return refuse(err);
}

long slr_dcm_doubles(const slr_dcm *dcm, const char *path, double *out, size_t n)
{
    (void)dcm, (void)path, (void)out, (void)n;
    return -1;
}

long slr_dcm_text(const slr_dcm *dcm, const char *path, char *out, size_t n)
{
    (void)dcm, (void)path, (void)out, (void)n;
    return -1;
}

long slr_dcm_bytes(const slr_dcm *dcm, const char *path, void *out, size_t n)
{
    (void)dcm, (void)path, (void)out, (void)n;
    return -1;
}

long slr_dcm_items(const slr_dcm *dcm, const char *path)
{
    (void)dcm, (void)path;
    return -1;
}

selora_status slr_dcm_new_uid(char uid[SLR_DCM_UID], slr_error *err)
{
    uid[0] = '\0';
    return refuse(err);
}

selora_status slr_dcm_write_synthetic(const char *path, const slr_image *image,
                                      const slr_dcm_synthetic *about, slr_error *err)
{
    (void)path, (void)image, (void)about;
    return refuse(err);
}
