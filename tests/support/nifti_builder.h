/* SPDX-License-Identifier: MIT
 *
 * NIfTI files built byte by byte, apart from the library that reads them.
 *
 *     nifti_begin(1, false);                        a 6 x 5 x 4 volume, axes left, superior, anterior
 *     nifti_put_scaling(0, 0);
 *     nifti_add_volume();
 *     nifti_save("a.nii");
 */
#ifndef NIFTI_BUILDER_H
#define NIFTI_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "medical/nifti_header.h"

enum { NX = 6, NY = 5, NZ = 4, VOXELS = NX * NY * NZ };

extern struct nifti_bytes {
    unsigned char bytes[1 << 16];
    size_t size;
    int version;
    bool swapped; /* the byte order that this machine does not have */
} nifti_file;     /* the file in the making */

/* Header of i16 voxels with slope 0.5, intercept 7, spacing 2 x 4 x 3. */
void nifti_begin(int version, bool swapped);
void nifti_put_integer(size_t at, int64_t value, size_t size);
void nifti_put_real(size_t at, double value); /* float or double by version */
void nifti_put_dim(int index, int64_t value);
void nifti_put_spacing(int index, double value);
void nifti_put_scaling(double slope, double intercept);
void nifti_put_type(slr_nifti_type type, size_t bytes);
void nifti_put_offset(double offset);

/* (i mod 251) - 100 with i the index of [x][y][z], z running fastest. */
int nifti_voxel_value(int x, int y, int z);
void nifti_add_voxel(const void *value, size_t size);
void nifti_add_volume(void);

/* Into the scratch folder, plain or through gzip. */
void nifti_save(const char *name);
void nifti_save_packed(const char *name);

#endif
