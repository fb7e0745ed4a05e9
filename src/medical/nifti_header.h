/* SPDX-License-Identifier: MIT
 *
 * NIfTI-1 and NIfTI-2 headers, checked before any library sees them: libnifti reads past its stack when the
 * number of dimensions is out of range.
 */
#ifndef SLR_NIFTI_HEADER_H
#define SLR_NIFTI_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

enum { SLR_NIFTI_1_BYTES = 348, SLR_NIFTI_2_BYTES = 540 };

/* Codes of the format. */
typedef enum slr_nifti_type {
    SLR_NIFTI_U8 = 2,
    SLR_NIFTI_I16 = 4,
    SLR_NIFTI_I32 = 8,
    SLR_NIFTI_F32 = 16,
    SLR_NIFTI_F64 = 64,
    SLR_NIFTI_RGB24 = 128,
    SLR_NIFTI_I8 = 256,
    SLR_NIFTI_U16 = 512,
    SLR_NIFTI_U32 = 768
} slr_nifti_type;

typedef struct slr_nifti_header {
    int version;     /* 1 or 2 */
    bool swapped;    /* the other byte order than this machine's */
    bool paired;     /* voxels are in a file of their own, .img */
    int64_t size[3]; /* x, y, z as stored, 1 where the file has fewer axes */
    int64_t volumes; /* all further axes together */
    slr_nifti_type type;
    size_t voxel_bytes;
    int64_t voxel_offset;
    double spacing[3];                      /* pixdim, mm */
    unsigned char bytes[SLR_NIFTI_2_BYTES]; /* as in the file, zeros behind a NIfTI-1 header */
} slr_nifti_header;

/* Could these first bytes, uncompressed, be a NIfTI header? */
bool slr_nifti_looks_like(const void *head, size_t size);

/* `file_size`: of the uncompressed file that holds the voxels, -1 when it is not known. SELORA_BAD_INPUT
 * names the field, what was found and what was expected. */
selora_status slr_nifti_header_read(const void *head, size_t size, int64_t file_size,
                                    slr_nifti_header *header, slr_error *err);
/* The same check for a file of voxels whose size became known later. */
selora_status slr_nifti_check_offset(const slr_nifti_header *header, int64_t file_size, slr_error *err);

#endif
