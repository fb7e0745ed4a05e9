/* SPDX-License-Identifier: MIT
 * Built where libnifti is missing: everything says so. */
#include "medical/nifti_axes.h"

bool slr_nifti_is_built(void)
{
    return false;
}

selora_status slr_nifti_axes_read(const slr_nifti_header *header, slr_nifti_axes *axes, slr_error *err)
{
    (void)header, (void)axes;
    return slr_fail(err, SELORA_BAD_INPUT,
                    "this build of selora reads no NIfTI: install libnifti2-dev and build again");
}
