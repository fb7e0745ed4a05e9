/* SPDX-License-Identifier: MIT
 *
 * How the axes of a NIfTI lie in the patient, and how its numbers are scaled; by libnifti where the build
 * has it.
 */
#ifndef SLR_NIFTI_AXES_H
#define SLR_NIFTI_AXES_H

#include "medical/nifti_header.h"

typedef struct slr_nifti_axes {
    bool oriented;   /* by sform or qform; else axes are taken as R, A, S */
    char codes[4];   /* where x, y and z grow to, such as "LSA" */
    int from[3];     /* which stored axis runs right, anterior, superior */
    bool flipped[3]; /* ... backwards */
    double slope, intercept;
} slr_nifti_axes;

/* False in a build without libnifti, where the next function always fails. */
bool slr_nifti_is_built(void);
/* `header` passed its check. */
selora_status slr_nifti_axes_read(const slr_nifti_header *header, slr_nifti_axes *axes, slr_error *err);

#endif
