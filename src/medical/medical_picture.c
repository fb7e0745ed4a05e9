/* SPDX-License-Identifier: MIT */
#include "medical/medical_picture.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "core/memory.h"
#include "io/image_codec.h"
#include "io/regular_file.h"
#include "medical/dcm.h"
#include "medical/dicom_picture.h"
#include "medical/nifti_picture.h"
#include "medical/raster_picture.h"
#include "medical/slice_choice.h"

enum { HEAD_BYTES = 4096, MAX_RASTER_BYTES = 1 << 30 };

struct slr_medical {
    slr_picture_kind kind;
    slr_dcm *dcm;
    slr_nifti *nifti;
    char *raster; /* a whole PNG or JPEG file */
    size_t raster_size;
};

/* ---- kinds ---- */

/* The first bytes of a compressed file, unpacked; 0 when it is none. */
static size_t unpack_head(const unsigned char *packed, size_t size, unsigned char *head, size_t capacity)
{
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)packed,
                       .avail_in = (uInt)size,
                       .next_out = head,
                       .avail_out = (uInt)capacity};
    if (size < 2 || packed[0] != 0x1f || packed[1] != 0x8b || inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
        return 0;
    inflate(&stream, Z_SYNC_FLUSH);
    size_t got = capacity - stream.avail_out;
    inflateEnd(&stream);
    return got;
}

static slr_picture_kind kind_of_head(const unsigned char *head, size_t size)
{
    unsigned char unpacked[SLR_NIFTI_2_BYTES];
    if (slr_png_is(head, size))
        return SLR_KIND_PNG;
    if (slr_jpeg_is(head, size))
        return SLR_KIND_JPEG;
    if (size >= 132 && memcmp(head + 128, "DICM", 4) == 0)
        return SLR_KIND_DICOM;
    if (slr_nifti_looks_like(head, size))
        return SLR_KIND_NIFTI;
    size_t got = unpack_head(head, size, unpacked, sizeof unpacked);
    if (got > 0)
        return slr_nifti_looks_like(unpacked, got) ? SLR_KIND_NIFTI : SLR_KIND_UNKNOWN;
    return slr_dcm_looks_like(head, size) ? SLR_KIND_DICOM : SLR_KIND_UNKNOWN;
}

/* Paths stay out of messages; `code` of a file that cannot be read stays. */
static selora_status read_kind(const char *path, slr_picture_kind *kind, slr_error *err)
{
    int fd;
    uint64_t length;
    size_t got = 0;
    unsigned char head[HEAD_BYTES];
    *kind = SLR_KIND_UNKNOWN;
    selora_status status = slr_open_regular(path, &fd, &length, NULL);
    if (status == SELORA_OK) {
        status = slr_read_some(fd, path, head, sizeof head, &got, NULL);
        close(fd);
    }
    if (status != SELORA_OK)
        return slr_fail(err, status, "cannot be opened or read as a file");
    if (length == 0)
        return slr_fail(err, SELORA_BAD_INPUT, "is empty");
    *kind = kind_of_head(head, got);
    return SELORA_OK;
}

slr_picture_kind slr_medical_kind_of(const char *path)
{
    slr_picture_kind kind;
    read_kind(path, &kind, NULL);
    return kind;
}

/* ---- files ---- */

static selora_status open_raster(const char *path, slr_medical *file, slr_error *err)
{
    selora_status status = slr_read_file(path, MAX_RASTER_BYTES, &file->raster, &file->raster_size, NULL);
    return status == SELORA_OK ? SELORA_OK : slr_fail(err, status, "cannot be read, or has over 1 GiB");
}

static selora_status open_kind(const char *path, slr_medical *file, slr_picture_skip *skip, slr_error *err)
{
    *skip = SLR_SKIP_UNREADABLE;
    SLR_TRY(read_kind(path, &file->kind, err));
    *skip = SLR_SKIP_DAMAGED;
    switch (file->kind) {
    case SLR_KIND_DICOM:
        if (!slr_dcm_is_built())
            *skip = SLR_SKIP_NOT_BUILT;
        return slr_dcm_open(path, &file->dcm, err);
    case SLR_KIND_NIFTI:
        if (!slr_nifti_is_built())
            *skip = SLR_SKIP_NOT_BUILT;
        return slr_nifti_open(path, &file->nifti, err);
    case SLR_KIND_PNG:
    case SLR_KIND_JPEG:
        *skip = SLR_SKIP_UNREADABLE;
        return open_raster(path, file, err);
    default:
        *skip = SLR_SKIP_FORMAT;
        return slr_fail(err, SELORA_BAD_INPUT, "is of no known format: DICOM, NIfTI, PNG and JPEG are read");
    }
}

selora_status slr_medical_open(const char *path, slr_medical **file, slr_picture_skip *skip, slr_error *err)
{
    slr_picture_skip why = SLR_SKIP_UNREADABLE;
    *file = NULL;
    slr_medical *opened = slr_alloc(1, sizeof *opened);
    selora_status status =
        opened ? open_kind(path, opened, &why, err) : slr_fail_memory(err, sizeof *opened, "a medical file");
    if (skip)
        *skip = status == SELORA_OK ? SLR_SKIP_NONE : why;
    if (status == SELORA_OK)
        *file = opened;
    else
        slr_medical_close(opened);
    return status;
}

void slr_medical_close(slr_medical *file)
{
    if (!file)
        return;
    slr_dcm_close(file->dcm);
    slr_nifti_close(file->nifti);
    free(file->raster);
    free(file);
}

slr_picture_kind slr_medical_kind(const slr_medical *file)
{
    return file->kind;
}

/* ---- pictures ---- */

int64_t slr_medical_frames(const slr_medical *file, const slr_medical_options *options)
{
    slr_dcm_desc desc;
    switch (file->kind) {
    case SLR_KIND_DICOM:
        slr_dcm_describe(file->dcm, &desc);
        return desc.frames;
    case SLR_KIND_NIFTI:
        return slr_nifti_slices(file->nifti, options->axis);
    default:
        return 1;
    }
}

selora_status slr_medical_choose(slr_medical *file, const slr_medical_options *options, int64_t **frames,
                                 size_t *count, slr_picture_skip *skip, slr_error *err)
{
    slr_medical_options rule = *options;
    int64_t largest = 0, all = slr_medical_frames(file, options);
    slr_picture_skip why = SLR_SKIP_DAMAGED;
    selora_status status = SELORA_OK;
    *frames = NULL;
    *count = 0;
    if (file->raster || (all == 1 && rule.slice == SLR_SLICE_LARGEST))
        rule.slice = SLR_SLICE_ALL; /* there is nothing to choose from */
    if (rule.slice == SLR_SLICE_LARGEST)
        status = file->dcm ? slr_dicom_largest(file->dcm, options, &largest, &why, err)
                           : slr_nifti_largest(file->nifti, options, &largest, err);
    if (status == SELORA_OK) {
        why = SLR_SKIP_NO_FRAME;
        status = slr_slice_choose(&rule, all, largest, frames, count, err);
    }
    if (skip)
        *skip = status == SELORA_OK ? SLR_SKIP_NONE : why;
    return status;
}

/* Frames are counted in 32 bits by the DICOM side. */
static selora_status check_frame(slr_medical *file, int64_t frame, slr_picture_facts *facts, slr_error *err)
{
    if (frame >= 0 && frame <= UINT32_MAX && (file->dcm || file->nifti || frame == 0))
        return SELORA_OK;
    memset(facts, 0, sizeof *facts);
    facts->kind = file->kind;
    facts->frame = frame;
    facts->skip = SLR_SKIP_NO_FRAME;
    return slr_fail(err, SELORA_BAD_INPUT, "frame %lld is asked for and is not there", (long long)frame);
}

selora_status slr_medical_facts(slr_medical *file, int64_t frame, const slr_medical_options *options,
                                slr_picture_facts *facts, slr_error *err)
{
    SLR_TRY(check_frame(file, frame, facts, err));
    switch (file->kind) {
    case SLR_KIND_DICOM:
        return slr_dicom_read_facts(file->dcm, (uint32_t)frame, options, facts, err);
    case SLR_KIND_NIFTI:
        return slr_nifti_facts(file->nifti, frame, options, facts, err);
    default:
        return slr_raster_facts(file->raster, file->raster_size, file->kind, options, facts, err);
    }
}

selora_status slr_medical_read(slr_medical *file, int64_t frame, const slr_medical_options *options,
                               slr_image *image, slr_picture_facts *facts, slr_error *err)
{
    memset(image, 0, sizeof *image);
    SLR_TRY(check_frame(file, frame, facts, err));
    switch (file->kind) {
    case SLR_KIND_DICOM:
        return slr_dicom_picture(file->dcm, (uint32_t)frame, options, image, facts, err);
    case SLR_KIND_NIFTI:
        return slr_nifti_picture(file->nifti, frame, options, image, facts, err);
    default:
        return slr_raster_picture(file->raster, file->raster_size, file->kind, options, image, facts, err);
    }
}
