/* SPDX-License-Identifier: MIT */
#include "medical/nifti_header.h"

#include <math.h>
#include <string.h>

static const int64_t MAX_SIDE = 65535, MAX_VOXELS = INT64_C(1) << 31;

/* A field of `size` bytes as an integer with its sign. */
static int64_t integer_at(const unsigned char *bytes, size_t offset, size_t size, bool swapped)
{
    unsigned char copy[8];
    int16_t two;
    int32_t four;
    int64_t eight;
    for (size_t i = 0; i < size; i++)
        copy[i] = bytes[offset + (swapped ? size - 1 - i : i)];
    switch (size) {
    case 2:
        memcpy(&two, copy, 2);
        return two;
    case 4:
        memcpy(&four, copy, 4);
        return four;
    default:
        memcpy(&eight, copy, 8);
        return eight;
    }
}

static double real_at(const unsigned char *bytes, size_t offset, size_t size, bool swapped)
{
    int64_t bits = integer_at(bytes, offset, size, swapped);
    int32_t narrow = (int32_t)bits;
    float four;
    double eight;
    memcpy(&four, &narrow, sizeof four);
    memcpy(&eight, &bits, sizeof eight);
    return size == 4 ? (double)four : eight;
}

/* Version and byte order; false when it is no NIfTI. */
static bool recognise(const unsigned char *bytes, size_t size, slr_nifti_header *header)
{
    static const char magic_2[] = {'\r', '\n', '\032', '\n'}; /* behind "n+2" NUL: what text tools destroy */
    if (size < SLR_NIFTI_1_BYTES)
        return false;
    for (int swapped = 0; swapped < 2; swapped++) {
        int64_t length = integer_at(bytes, 0, 4, swapped != 0);
        const char *magic = (const char *)bytes + (length == SLR_NIFTI_1_BYTES ? 344 : 4);
        header->swapped = swapped != 0;
        if (length == SLR_NIFTI_1_BYTES && (memcmp(magic, "n+1", 4) == 0 || memcmp(magic, "ni1", 4) == 0)) {
            header->version = 1;
            header->paired = magic[1] == 'i';
            return true;
        }
        if (length == SLR_NIFTI_2_BYTES && size >= SLR_NIFTI_2_BYTES && memcmp(magic + 4, magic_2, 4) == 0 &&
            (memcmp(magic, "n+2", 4) == 0 || memcmp(magic, "ni2", 4) == 0)) {
            header->version = 2;
            header->paired = magic[1] == 'i';
            return true;
        }
    }
    return false;
}

bool slr_nifti_looks_like(const void *head, size_t size)
{
    slr_nifti_header header;
    return recognise(head, size, &header);
}

static selora_status read_sizes(const unsigned char *bytes, slr_nifti_header *header, slr_error *err)
{
    bool two = header->version == 2;
    size_t width = two ? 8 : 2, at = two ? 16 : 40, count = 1;
    int64_t axes = integer_at(bytes, at, width, header->swapped), voxels = 1, size[8];
    if (axes < 1 || axes > 7)
        return slr_fail(err, SELORA_BAD_INPUT, "NIfTI dim[0]: found %lld axes, expected 1 to 7",
                        (long long)axes);
    for (; count <= (size_t)axes; count++) {
        size[count] = integer_at(bytes, at + count * width, width, header->swapped);
        if (size[count] < 1 || size[count] > MAX_SIDE)
            return slr_fail(err, SELORA_BAD_INPUT, "NIfTI dim[%zu]: found %lld voxels, expected 1 to %lld",
                            count, (long long)size[count], (long long)MAX_SIDE);
        if (size[count] > MAX_VOXELS / voxels)
            return slr_fail(err, SELORA_BAD_INPUT, "NIfTI dim: more than %lld voxels in all",
                            (long long)MAX_VOXELS);
        voxels *= size[count];
    }
    for (; count < 8; count++)
        size[count] = 1;
    for (size_t i = 0; i < 3; i++)
        header->size[i] = size[i + 1];
    header->volumes = size[4] * size[5] * size[6] * size[7];
    return SELORA_OK;
}

static selora_status read_type(const unsigned char *bytes, slr_nifti_header *header, slr_error *err)
{
    static const struct {
        slr_nifti_type type;
        size_t bytes;
    } known[] = {{SLR_NIFTI_U8, 1},  {SLR_NIFTI_I8, 1},  {SLR_NIFTI_I16, 2},
                 {SLR_NIFTI_U16, 2}, {SLR_NIFTI_I32, 4}, {SLR_NIFTI_U32, 4},
                 {SLR_NIFTI_F32, 4}, {SLR_NIFTI_F64, 8}, {SLR_NIFTI_RGB24, 3}};
    int64_t type = integer_at(bytes, header->version == 2 ? 12 : 70, 2, header->swapped);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].type == type) {
            header->type = known[i].type;
            header->voxel_bytes = known[i].bytes;
            return SELORA_OK;
        }
    return slr_fail(
        err, SELORA_BAD_INPUT,
        "NIfTI datatype: found %lld; 2 4 8 16 64 128 256 512 and 768 are read (integers of 8 to 32 bits, "
        "float, double, RGB)",
        (long long)type);
}

selora_status slr_nifti_check_offset(const slr_nifti_header *header, int64_t file_size, slr_error *err)
{
    if (header->voxel_offset < 0 || (file_size >= 0 && header->voxel_offset >= file_size))
        return slr_fail(err, SELORA_BAD_INPUT, "NIfTI vox_offset: found %lld, which is outside its file",
                        (long long)header->voxel_offset);
    return SELORA_OK;
}

selora_status slr_nifti_header_read(const void *head, size_t size, int64_t file_size,
                                    slr_nifti_header *header, slr_error *err)
{
    const unsigned char *bytes = head;
    memset(header, 0, sizeof *header);
    if (!recognise(bytes, size, header))
        return slr_fail(err, SELORA_BAD_INPUT,
                        "is no NIfTI: a header of 348 or 540 bytes with n+1, ni1, n+2 or ni2 is expected");
    bool two = header->version == 2;
    memcpy(header->bytes, bytes, two ? SLR_NIFTI_2_BYTES : SLR_NIFTI_1_BYTES);
    SLR_TRY(read_sizes(bytes, header, err));
    SLR_TRY(read_type(bytes, header, err));
    double offset =
        two ? (double)integer_at(bytes, 168, 8, header->swapped) : real_at(bytes, 108, 4, header->swapped);
    header->voxel_offset = offset >= 0.0 && offset < 1e15 ? (int64_t)offset : -1;
    if (!header->paired && header->voxel_offset < (two ? SLR_NIFTI_2_BYTES : SLR_NIFTI_1_BYTES))
        return slr_fail(err, SELORA_BAD_INPUT, "NIfTI vox_offset: found %g, which is inside the header",
                        offset);
    for (size_t i = 0; i < 3; i++)
        header->spacing[i] =
            fabs(real_at(bytes, (two ? 104 : 76) + (i + 1) * (two ? 8 : 4), two ? 8 : 4, header->swapped));
    return slr_nifti_check_offset(header, file_size, err);
}
