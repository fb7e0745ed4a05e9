/* SPDX-License-Identifier: MIT
 *
 * NIfTI files as volumes in RAS+ order: axes are permuted and flipped, never interpolated.
 *
 *     slr_nifti *nifti;
 *     SLR_TRY(slr_nifti_open(path, &nifti, err));
 *     SLR_TRY(slr_nifti_load(nifti, 0, err));
 *     slr_nifti_row(nifti, 0, (int64_t[3]){0, 4, 7}, values);      the row of x at y 4, z 7
 *     slr_nifti_close(nifti);
 */
#ifndef SLR_NIFTI_VOLUME_H
#define SLR_NIFTI_VOLUME_H

#include "medical/nifti_axes.h"

typedef struct slr_nifti slr_nifti;

/* What is known about the numbers of the volume that is loaded; 0 of RGB. */
typedef struct slr_nifti_statistics {
    double least, greatest;  /* finite values */
    double low, fifth, high; /* percentiles 0.5, 5, 99.5 of the finite values */
    int64_t odd;             /* voxels that are not finite numbers */
} slr_nifti_statistics;

/* Header and axes; .nii, .nii.gz, or the .hdr of a pair. Messages do not name the file. */
selora_status slr_nifti_open(const char *path, slr_nifti **nifti, slr_error *err);
void slr_nifti_close(slr_nifti *nifti); /* NULL is legal */

const slr_nifti_header *slr_nifti_header_of(const slr_nifti *nifti);
const slr_nifti_axes *slr_nifti_axes_of(const slr_nifti *nifti);
int64_t slr_nifti_size(const slr_nifti *nifti, int axis);   /* voxels along R, A, S: 0, 1, 2 */
double slr_nifti_spacing(const slr_nifti *nifti, int axis); /* mm; 0 or not finite where the file is odd */

/* Reads a volume and measures it; the one that is loaded already is kept. */
selora_status slr_nifti_load(slr_nifti *nifti, int64_t volume, slr_error *err);
const slr_nifti_statistics *slr_nifti_statistics_of(const slr_nifti *nifti);

/* Scaled values along an axis through `at` (whose entry for that axis is not looked at), of a loaded volume
 * that is not RGB. NaN stays; other infinities too. */
void slr_nifti_row(const slr_nifti *nifti, int axis, const int64_t at[3], float *values);
/* Of RGB: 3 bytes a voxel. */
void slr_nifti_rgb_row(const slr_nifti *nifti, int axis, const int64_t at[3], uint8_t *values);

#endif
