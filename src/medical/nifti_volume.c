/* SPDX-License-Identifier: MIT
 * Voxels come through zlib, which reads plain files too, and are kept as they are stored. */
#include "medical/nifti_volume.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "core/memory.h"
#include "io/regular_file.h"
#include "medical/float_ranks.h"

enum { PIECE = 1 << 28 };
static const size_t MAX_VOLUME_BYTES = (size_t)3 << 30;

struct slr_nifti {
    slr_nifti_header header;
    slr_nifti_axes axes;
    char *voxel_path;
    int64_t stride[3], origin; /* in voxels as stored, of R, A, S */
    unsigned char *voxels;     /* of one volume, host byte order */
    int64_t loaded;            /* which, -1: none */
    slr_nifti_statistics statistics;
};

const slr_nifti_header *slr_nifti_header_of(const slr_nifti *nifti)
{
    return &nifti->header;
}

const slr_nifti_axes *slr_nifti_axes_of(const slr_nifti *nifti)
{
    return &nifti->axes;
}

const slr_nifti_statistics *slr_nifti_statistics_of(const slr_nifti *nifti)
{
    return &nifti->statistics;
}

int64_t slr_nifti_size(const slr_nifti *nifti, int axis)
{
    return nifti->header.size[nifti->axes.from[axis]];
}

double slr_nifti_spacing(const slr_nifti *nifti, int axis)
{
    return nifti->header.spacing[nifti->axes.from[axis]];
}

/* ---- files ---- */

/* zlib over a plain file; *size is the file's, -1 when it is compressed. Paths stay out of messages. */
static selora_status open_stream(const char *path, gzFile *stream, int64_t *size, slr_error *err)
{
    int fd;
    uint64_t length;
    selora_status status = slr_open_regular(path, &fd, &length, NULL);
    *stream = NULL;
    *size = -1;
    if (status != SELORA_OK)
        return slr_fail(err, status, "cannot be opened as a file");
    *stream = gzdopen(fd, "rb");
    if (!*stream) {
        close(fd);
        return slr_fail(err, SELORA_NO_RESOURCE, "not enough memory to read a NIfTI");
    }
    if (gzdirect(*stream))
        *size = (int64_t)length;
    return SELORA_OK;
}

static selora_status fail_packed(slr_error *err)
{
    return slr_fail(err, SELORA_BAD_INPUT, "damaged NIfTI: its compressed data are broken");
}

static selora_status read_header(const char *path, slr_nifti *nifti, slr_error *err)
{
    gzFile stream;
    int64_t size;
    unsigned char head[SLR_NIFTI_2_BYTES];
    SLR_TRY(open_stream(path, &stream, &size, err));
    int got = gzread(stream, head, sizeof head);
    gzclose(stream);
    if (got < 0)
        return fail_packed(err);
    SLR_TRY(slr_nifti_header_read(head, (size_t)got, -1, &nifti->header, err));
    return nifti->header.paired ? SELORA_OK : slr_nifti_check_offset(&nifti->header, size, err);
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length > tail && strcmp(text + length - tail, end) == 0;
}

/* The file itself, or the .img beside a .hdr; free() it. */
static selora_status find_voxels(const char *path, bool paired, char **voxel_path, slr_error *err)
{
    *voxel_path = NULL;
    if (!paired) {
        *voxel_path = slr_copy_text(path);
        return *voxel_path ? SELORA_OK : slr_fail_memory(err, strlen(path), "a path");
    }
    size_t stem = ends_with(path, ".hdr")      ? strlen(path) - 4
                  : ends_with(path, ".hdr.gz") ? strlen(path) - 7
                                               : 0;
    static const char *const ends[] = {".img", ".img.gz"};
    for (size_t i = 0; stem > 0 && i < 2; i++) {
        char *candidate = slr_format("%.*s%s", (int)stem, path, ends[i]);
        if (!candidate)
            return slr_fail_memory(err, stem, "a path");
        if (access(candidate, R_OK) == 0) {
            *voxel_path = candidate;
            return SELORA_OK;
        }
        free(candidate);
    }
    return slr_fail(err, SELORA_BAD_INPUT,
                    "NIfTI magic: ni1 or ni2, the header of a pair: the file .img or .img.gz of the same "
                    "name is missing");
}

static void set_strides(slr_nifti *nifti)
{
    const slr_nifti_axes *axes = &nifti->axes;
    int64_t stored[3] = {1, nifti->header.size[0], nifti->header.size[0] * nifti->header.size[1]};
    nifti->origin = 0;
    for (int axis = 0; axis < 3; axis++) {
        int64_t stride = stored[axes->from[axis]];
        if (axes->flipped[axis])
            nifti->origin += (slr_nifti_size(nifti, axis) - 1) * stride;
        nifti->stride[axis] = axes->flipped[axis] ? -stride : stride;
    }
}

selora_status slr_nifti_open(const char *path, slr_nifti **nifti, slr_error *err)
{
    *nifti = NULL;
    slr_nifti *file = slr_alloc(1, sizeof *file);
    if (!file)
        return slr_fail_memory(err, sizeof *file, "a NIfTI");
    file->loaded = -1;
    selora_status status = read_header(path, file, err);
    if (status == SELORA_OK)
        status = slr_nifti_axes_read(&file->header, &file->axes, err);
    if (status == SELORA_OK)
        status = find_voxels(path, file->header.paired, &file->voxel_path, err);
    if (status != SELORA_OK) {
        slr_nifti_close(file);
        return status;
    }
    set_strides(file);
    *nifti = file;
    return SELORA_OK;
}

void slr_nifti_close(slr_nifti *nifti)
{
    if (!nifti)
        return;
    free(nifti->voxel_path);
    free(nifti->voxels);
    free(nifti);
}

/* ---- voxels ---- */

static selora_status read_exactly(gzFile stream, unsigned char *out, size_t bytes, slr_error *err)
{
    for (size_t done = 0; done < bytes;) {
        unsigned piece = bytes - done < PIECE ? (unsigned)(bytes - done) : (unsigned)PIECE;
        int got = gzread(stream, out + done, piece);
        if (got < 0)
            return fail_packed(err);
        if (got == 0)
            return slr_fail(err, SELORA_BAD_INPUT, "truncated NIfTI: %zu bytes of voxels are missing",
                            bytes - done);
        done += (size_t)got;
    }
    return SELORA_OK;
}

/* The checksum of a compressed file is looked at where its data end. */
static selora_status check_end(gzFile stream, slr_error *err)
{
    char one;
    int code = Z_OK;
    if (gzread(stream, &one, 1) < 0)
        gzerror(stream, &code);
    return code == Z_OK ? SELORA_OK : fail_packed(err);
}

static void swap_voxels(unsigned char *bytes, size_t count, size_t size)
{
    for (size_t i = 0; i < count; i++, bytes += size)
        for (size_t k = 0; k < size / 2; k++) {
            unsigned char kept = bytes[k];
            bytes[k] = bytes[size - 1 - k];
            bytes[size - 1 - k] = kept;
        }
}

static selora_status read_voxels(slr_nifti *nifti, int64_t volume, size_t count, slr_error *err)
{
    gzFile stream;
    int64_t size;
    size_t bytes = count * nifti->header.voxel_bytes;
    z_off_t begin = (z_off_t)nifti->header.voxel_offset + (z_off_t)volume * (z_off_t)bytes;
    SLR_TRY(open_stream(nifti->voxel_path, &stream, &size, err));
    selora_status status = slr_nifti_check_offset(&nifti->header, size, err);
    if (status == SELORA_OK && gzseek(stream, begin, SEEK_SET) != begin)
        status = slr_fail(err, SELORA_BAD_INPUT, "truncated or damaged NIfTI: volume %lld is not there",
                          (long long)volume);
    if (status == SELORA_OK)
        status = read_exactly(stream, nifti->voxels, bytes, err);
    if (status == SELORA_OK)
        status = check_end(stream, err);
    gzclose(stream);
    if (status == SELORA_OK && nifti->header.swapped && nifti->header.type != SLR_NIFTI_RGB24)
        swap_voxels(nifti->voxels, count, nifti->header.voxel_bytes);
    return status;
}

#define SCALE_RUN(type)                                              \
    do {                                                             \
        for (int64_t i = 0; i < n; i++, from += step) {              \
            type stored;                                             \
            memcpy(&stored, from, sizeof stored);                    \
            values[i] = (float)((double)stored * slope + intercept); \
        }                                                            \
    } while (0)

/* n voxels from `first`, `stride` voxels apart. */
static void scale_run(const slr_nifti *nifti, int64_t first, int64_t stride, int64_t n, float *values)
{
    int64_t size = (int64_t)nifti->header.voxel_bytes, step = stride * size;
    const unsigned char *from = nifti->voxels + first * size;
    double slope = nifti->axes.slope, intercept = nifti->axes.intercept;
    switch (nifti->header.type) {
    case SLR_NIFTI_U8:
        SCALE_RUN(uint8_t);
        break;
    case SLR_NIFTI_I8:
        SCALE_RUN(int8_t);
        break;
    case SLR_NIFTI_I16:
        SCALE_RUN(int16_t);
        break;
    case SLR_NIFTI_U16:
        SCALE_RUN(uint16_t);
        break;
    case SLR_NIFTI_I32:
        SCALE_RUN(int32_t);
        break;
    case SLR_NIFTI_U32:
        SCALE_RUN(uint32_t);
        break;
    case SLR_NIFTI_F32:
        SCALE_RUN(float);
        break;
    case SLR_NIFTI_F64:
        SCALE_RUN(double);
        break;
    default:
        break;
    }
}

static int64_t first_of(const slr_nifti *nifti, int axis, const int64_t at[3])
{
    int64_t first = nifti->origin;
    for (int k = 0; k < 3; k++)
        first += k == axis ? 0 : at[k] * nifti->stride[k];
    return first;
}

void slr_nifti_row(const slr_nifti *nifti, int axis, const int64_t at[3], float *values)
{
    scale_run(nifti, first_of(nifti, axis, at), nifti->stride[axis], slr_nifti_size(nifti, axis), values);
}

void slr_nifti_rgb_row(const slr_nifti *nifti, int axis, const int64_t at[3], uint8_t *values)
{
    const unsigned char *from = nifti->voxels + 3 * first_of(nifti, axis, at);
    for (int64_t i = 0; i < slr_nifti_size(nifti, axis); i++, from += 3 * nifti->stride[axis])
        memcpy(values + 3 * i, from, 3);
}

/* ---- statistics ---- */

typedef void (*take_piece)(slr_float_ranks *ranks, const float *values, size_t n);

static void scan(const slr_nifti *nifti, size_t count, take_piece take, slr_float_ranks *ranks)
{
    enum { SCALED = 4096 };
    float values[SCALED];
    for (size_t done = 0; done < count; done += SCALED) {
        size_t n = count - done < SCALED ? count - done : SCALED;
        scale_run(nifti, (int64_t)done, 1, (int64_t)n, values);
        take(ranks, values, n);
    }
}

static selora_status measure(slr_nifti *nifti, size_t count, slr_error *err)
{
    static const double percents[] = {0.5, 5.0, 99.5};
    slr_float_ranks *ranks = slr_alloc(1, sizeof *ranks);
    if (!ranks)
        return slr_fail_memory(err, sizeof *ranks, "percentiles of a volume");
    slr_float_ranks_begin(ranks);
    scan(nifti, count, slr_float_ranks_upper, ranks);
    slr_float_ranks_want(ranks, percents, 3);
    scan(nifti, count, slr_float_ranks_lower, ranks);
    bool any = ranks->counted > 0;
    nifti->statistics = (slr_nifti_statistics){
        .least = any ? (double)ranks->least : 0.0,
        .greatest = any ? (double)ranks->greatest : 0.0,
        .low = slr_float_ranks_get(ranks, 0),
        .fifth = slr_float_ranks_get(ranks, 1),
        .high = slr_float_ranks_get(ranks, 2),
        .odd = (int64_t)ranks->odd,
    };
    free(ranks);
    return SELORA_OK;
}

selora_status slr_nifti_load(slr_nifti *nifti, int64_t volume, slr_error *err)
{
    const int64_t *n = nifti->header.size;
    size_t count = (size_t)(n[0] * n[1] * n[2]), bytes;
    if (volume < 0 || volume >= nifti->header.volumes)
        return slr_fail(err, SELORA_BAD_INPUT, "volume %lld is asked for and there are %lld, counted from 0",
                        (long long)volume, (long long)nifti->header.volumes);
    if (nifti->loaded == volume)
        return SELORA_OK;
    if (!slr_mul_size(count, nifti->header.voxel_bytes, &bytes) || bytes > MAX_VOLUME_BYTES)
        return slr_fail(err, SELORA_BAD_INPUT, "NIfTI dim: a volume of over 3 GiB is not read");
    nifti->loaded = -1;
    if (!nifti->voxels && !(nifti->voxels = slr_alloc_aligned(bytes, 1)))
        return slr_fail_memory(err, bytes, "a volume");
    SLR_TRY(read_voxels(nifti, volume, count, err));
    memset(&nifti->statistics, 0, sizeof nifti->statistics);
    if (nifti->header.type != SLR_NIFTI_RGB24)
        SLR_TRY(measure(nifti, count, err));
    nifti->loaded = volume;
    return SELORA_OK;
}
