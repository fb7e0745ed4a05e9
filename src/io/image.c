/* SPDX-License-Identifier: MIT */
#include "io/image.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/image_codec.h"
#include "io/regular_file.h"

enum {
    MAX_FILE_BYTES = 1 << 30,
    HEAD_BYTES = 1 << 18 /* nearly always holds the size; a JPEG may carry more before it */
};

static const slr_image_limits default_limits = {16384, 16384, INT64_C(1) << 27};

selora_status slr_image_check_size(int64_t width, int64_t height, const char *name,
                                   const slr_image_limits *limits, slr_error *err)
{
    if (width < 1 || height < 1)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %lld x %lld pixels, the picture is empty", name,
                        (long long)width, (long long)height);
    if (width > limits->max_width || height > limits->max_height ||
        width > limits->max_pixels / height)
        return slr_fail(
            err, SELORA_BAD_INPUT,
            "%s: %lld x %lld pixels, at most %d x %d and %lld in all are accepted; shrink it", name,
            (long long)width, (long long)height, limits->max_width, limits->max_height,
            (long long)limits->max_pixels);
    return SELORA_OK;
}

selora_status slr_image_new(int width, int height, int channels, slr_image *image, slr_error *err)
{
    memset(image, 0, sizeof *image);
    if (width < 1 || height < 1 || (channels != 1 && channels != 3))
        return slr_fail(err, SELORA_USAGE, "a picture of %d x %d pixels and %d channels cannot be",
                        width, height, channels);
    size_t count;
    if (!slr_mul_size((size_t)width, (size_t)height * (size_t)channels, &count) ||
        !(image->pixels = slr_alloc_aligned(count, sizeof *image->pixels)))
        return slr_fail(err, SELORA_NO_RESOURCE,
                        "not enough memory for a picture of %d x %d pixels", width, height);
    image->width = width;
    image->height = height;
    image->channels = channels;
    image->bits = 8;
    return SELORA_OK;
}

void slr_image_free(slr_image *image)
{
    free(image->pixels);
    memset(image, 0, sizeof *image);
}

/* What a file that is neither PNG nor JPEG seems to be. */
static const char *guess_format(const unsigned char *data, size_t size)
{
    static const struct {
        size_t offset;
        const char *mark, *name;
    } known[] = {
        {0, "GIF8", "a GIF picture"},
        {0, "BM", "a BMP picture"},
        {0, "II*", "a TIFF picture"},
        {0, "MM", "a TIFF picture"},
        {8, "WEBP", "a WebP picture"},
        {4, "ftypavif", "an AVIF picture"},
        {4, "ftypheic", "a HEIC picture"},
        {4, "jP  ", "a JPEG 2000 picture"},
        {128, "DICM", "a DICOM file"},
        {0, "version https://git-lfs", "a pointer of git LFS, the picture was not fetched"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t length = strlen(known[i].mark);
        if (size >= known[i].offset + length &&
            memcmp(data + known[i].offset, known[i].mark, length) == 0)
            return known[i].name;
    }
    return size == 0 ? "empty" : "of an unknown format";
}

static selora_status fail_format(const void *data, size_t size, const char *name, slr_error *err)
{
    return slr_fail(err, SELORA_BAD_INPUT, "%s: is %s; PNG and JPEG are read: convert it", name,
                    guess_format(data, size));
}

selora_status slr_image_read_memory(const void *data, size_t size, const char *name,
                                    const slr_image_limits *limits, slr_image *image,
                                    slr_error *err)
{
    memset(image, 0, sizeof *image);
    if (!limits)
        limits = &default_limits;
    if (slr_png_is(data, size))
        return slr_png_decode(data, size, name, limits, image, err);
    if (slr_jpeg_is(data, size))
        return slr_jpeg_decode(data, size, name, limits, image, err);
    return fail_format(data, size, name, err);
}

selora_status slr_image_read(const char *path, const slr_image_limits *limits, slr_image *image,
                             slr_error *err)
{
    char *data;
    size_t size;
    memset(image, 0, sizeof *image);
    SLR_TRY(slr_read_file(path, MAX_FILE_BYTES, &data, &size, err));
    selora_status status = slr_image_read_memory(data, size, path, limits, image, err);
    free(data);
    return status;
}

static selora_status memory_size(const void *data, size_t size, const char *name,
                                 const slr_image_limits *limits, int *width, int *height,
                                 slr_error *err)
{
    if (slr_png_is(data, size))
        return slr_png_size(data, size, name, limits, width, height, err);
    if (slr_jpeg_is(data, size))
        return slr_jpeg_size(data, size, name, limits, width, height, err);
    return fail_format(data, size, name, err);
}

selora_status slr_image_read_size(const char *path, const slr_image_limits *limits, int *width,
                                  int *height, slr_error *err)
{
    int fd;
    uint64_t length;
    size_t got = 0;
    *width = *height = 0;
    if (!limits)
        limits = &default_limits;
    SLR_TRY(slr_open_regular(path, &fd, &length, err));
    char *head = malloc(HEAD_BYTES);
    selora_status status = head ? slr_read_some(fd, path, head, HEAD_BYTES, &got, err)
                                : slr_fail_memory(err, HEAD_BYTES, path);
    close(fd);
    if (status == SELORA_OK)
        status = memory_size(head, got, path, limits, width, height, err);
    free(head);
    if (status != SELORA_BAD_INPUT || length <= HEAD_BYTES)
        return status;
    char *whole;
    SLR_TRY(slr_read_file(path, MAX_FILE_BYTES, &whole, &got, err));
    status = memory_size(whole, got, path, limits, width, height, err);
    free(whole);
    return status;
}
