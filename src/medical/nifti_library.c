/* SPDX-License-Identifier: MIT
 * The library turns a checked header into matrices. It does not read voxels: it makes 0 of those that are not
 * numbers, without a word. */
#include "medical/nifti_axes.h"

#include <math.h>
#include <nifti2_io.h>
#include <string.h>

bool slr_nifti_is_built(void)
{
    return true;
}

static nifti_image *convert(const slr_nifti_header *header)
{
    nifti_1_header one;
    nifti_2_header two;
    nifti_set_debug_level(0); /* not a word on standard error */
    memcpy(&one, header->bytes, sizeof one);
    memcpy(&two, header->bytes, sizeof two);
    return header->version == 1 ? nifti_convert_n1hdr2nim(one, NULL) : nifti_convert_n2hdr2nim(two, NULL);
}

static bool is_finite(const nifti_dmat44 *matrix)
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++)
            if (!isfinite(matrix->m[i][j]))
                return false;
    return true;
}

/* Which way each stored axis runs; false when the matrix has no axes. */
static bool orient(const nifti_dmat44 *matrix, slr_nifti_axes *axes)
{
    static const char letters[] = "?RLAPSI"; /* by NIFTI_L2R = 1, NIFTI_R2L ... */
    int way[3] = {0, 0, 0};
    bool seen[3] = {false, false, false};
    if (!is_finite(matrix))
        return false;
    nifti_dmat44_to_orientation(*matrix, &way[0], &way[1], &way[2]);
    for (int stored = 0; stored < 3; stored++) {
        if (way[stored] < NIFTI_L2R || way[stored] > NIFTI_S2I)
            return false;
        int axis = (way[stored] - 1) / 2;
        axes->codes[stored] = letters[way[stored]];
        axes->from[axis] = stored;
        axes->flipped[axis] = way[stored] % 2 == 0;
        seen[axis] = true;
    }
    return seen[0] && seen[1] && seen[2];
}

selora_status slr_nifti_axes_read(const slr_nifti_header *header, slr_nifti_axes *axes, slr_error *err)
{
    nifti_image *image = convert(header);
    if (!image)
        return slr_fail(err, SELORA_BAD_INPUT, "libnifti refuses the NIfTI header");
    memset(axes, 0, sizeof *axes);
    axes->oriented = (image->sform_code > 0 && orient(&image->sto_xyz, axes)) ||
                     (image->qform_code > 0 && orient(&image->qto_xyz, axes));
    if (!axes->oriented)
        *axes = (slr_nifti_axes){.codes = "RAS", .from = {0, 1, 2}};
    bool scaled = isfinite(image->scl_slope) && image->scl_slope != 0.0 && isfinite(image->scl_inter);
    axes->slope = scaled ? image->scl_slope : 1.0;
    axes->intercept = scaled ? image->scl_inter : 0.0;
    nifti_image_free(image);
    return SELORA_OK;
}
