/* SPDX-License-Identifier: MIT */
#include "support/nifti_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>
#include <cmocka.h>

#include "support/scratch.h"

struct nifti_bytes nifti_file;

static void put(size_t at, const void *value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        nifti_file.bytes[at + i] = ((const unsigned char *)value)[nifti_file.swapped ? size - 1 - i : i];
}

void nifti_put_integer(size_t at, int64_t value, size_t size)
{
    put(at, &value, size); /* this machine puts the low bytes first */
}

void nifti_put_real(size_t at, double value)
{
    float narrow = (float)value;
    if (nifti_file.version == 2)
        put(at, &value, 8);
    else
        put(at, &narrow, 4);
}

void nifti_put_dim(int index, int64_t value)
{
    if (nifti_file.version == 2)
        nifti_put_integer(16 + 8 * (size_t)index, value, 8);
    else
        nifti_put_integer(40 + 2 * (size_t)index, value, 2);
}

void nifti_put_spacing(int index, double value)
{
    nifti_put_real(nifti_file.version == 2 ? 104 + 8 * (size_t)index : 76 + 4 * (size_t)index, value);
}

void nifti_put_scaling(double slope, double intercept)
{
    nifti_put_real(nifti_file.version == 2 ? 176 : 112, slope);
    nifti_put_real(nifti_file.version == 2 ? 184 : 116, intercept);
}

void nifti_put_type(slr_nifti_type type, size_t bytes)
{
    nifti_put_integer(nifti_file.version == 2 ? 12 : 70, type, 2);
    nifti_put_integer(nifti_file.version == 2 ? 14 : 72, (int64_t)(8 * bytes), 2);
}

void nifti_put_offset(double offset)
{
    if (nifti_file.version == 2)
        nifti_put_integer(168, (int64_t)offset, 8);
    else
        nifti_put_real(108, offset);
}

static void put_sform(const double rows[12])
{
    if (nifti_file.version == 2)
        nifti_put_integer(348, 1, 4);
    else
        nifti_put_integer(254, 1, 2);
    for (size_t i = 0; i < 12; i++)
        nifti_put_real(nifti_file.version == 2 ? 400 + 8 * i : 280 + 4 * i, rows[i]);
}

/* A 6 x 5 x 4 volume whose axes run left, superior, anterior. */
void nifti_begin(int version, bool swapped)
{
    static const double rows[12] = {-2, 0, 0, 10, 0, 0, 3, -20, 0, 4, 0, 30};
    static const double spacing[] = {1, 2, 4, 3};
    memset(&nifti_file, 0, sizeof nifti_file);
    nifti_file.version = version;
    nifti_file.swapped = swapped;
    nifti_put_integer(0, version == 2 ? 540 : 348, 4);
    memcpy(nifti_file.bytes + (version == 2 ? 4 : 344), version == 2 ? "n+2\0\r\n\032\n" : "n+1",
           version == 2 ? 8 : 4);
    const int dims[] = {3, NX, NY, NZ, 1, 1, 1, 1};
    for (int i = 0; i < 8; i++)
        nifti_put_dim(i, dims[i]);
    for (int i = 0; i < 4; i++)
        nifti_put_spacing(i, spacing[i]);
    nifti_put_type(SLR_NIFTI_I16, 2);
    nifti_put_scaling(0.5, 7);
    put_sform(rows);
    nifti_file.size = version == 2 ? 544 : 352;
    nifti_put_offset((double)nifti_file.size);
}

int nifti_voxel_value(int x, int y, int z)
{
    return ((x * NY + y) * NZ + z) % 251 - 100;
}

void nifti_add_voxel(const void *value, size_t size)
{
    put(nifti_file.size, value, size);
    nifti_file.size += size;
}

void nifti_add_volume(void)
{
    for (int z = 0; z < NZ; z++)
        for (int y = 0; y < NY; y++)
            for (int x = 0; x < NX; x++) {
                int16_t value = (int16_t)nifti_voxel_value(x, y, z);
                nifti_add_voxel(&value, 2);
            }
}

void nifti_save(const char *name)
{
    scratch_write(name, nifti_file.bytes, nifti_file.size);
}

void nifti_save_packed(const char *name)
{
    gzFile stream = gzopen(scratch_path(name), "wb");
    assert_non_null(stream);
    assert_int_equal(gzwrite(stream, nifti_file.bytes, (unsigned)nifti_file.size), nifti_file.size);
    assert_int_equal(gzclose(stream), Z_OK);
}
