/* SPDX-License-Identifier: MIT
 * JPEG through libturbojpeg. Any damage that the library notices is an error: a picture with a grey
 * lower half must not be trained on. */
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include "core/memory.h"
#include "io/image_codec.h"

bool slr_jpeg_is(const void *data, size_t size)
{
    return size >= 3 && memcmp(data, "\xff\xd8\xff", 3) == 0;
}

static selora_status fail_damaged(tjhandle decoder, const char *name, slr_error *err)
{
    return slr_fail(err, SELORA_BAD_INPUT, "%s: damaged or unsupported JPEG: %s; save it anew",
                    name, tjGetErrorStr2(decoder));
}

/* The size and the kind of colour (TJCS_...). */
static selora_status read_header(tjhandle decoder, const void *data, size_t size, const char *name,
                                 const slr_image_limits *limits, int *width, int *height,
                                 int *colours, slr_error *err)
{
    int subsampling;
    *width = *height = *colours = 0; /* a file of tables alone is no error to the library, and sets nothing */
    if (tjDecompressHeader3(decoder, data, size, width, height, &subsampling, colours) != 0)
        return fail_damaged(decoder, name, err);
    if (*width == 0 && *height == 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: damaged JPEG: no picture is in it", name);
    return slr_image_check_size(*width, *height, name, limits, err);
}

selora_status slr_jpeg_size(const void *data, size_t size, const char *name,
                            const slr_image_limits *limits, int *width, int *height, slr_error *err)
{
    int colours;
    tjhandle decoder = tjInitDecompress();
    if (!decoder)
        return slr_fail(err, SELORA_NO_RESOURCE, "%s: libturbojpeg cannot be set up", name);
    selora_status status =
        read_header(decoder, data, size, name, limits, width, height, &colours, err);
    tjDestroy(decoder);
    return status;
}

/* Ink as Adobe stores it, inverted (255: none), which PIL takes for granted: light is what passes
 * ink and black. */
static void cmyk_to_rgb(const unsigned char *ink, size_t count, float *pixels)
{
    for (size_t i = 0; i < count; i++)
        for (int c = 0; c < 3; c++)
            pixels[3 * i + (size_t)c] =
                (float)(ink[4 * i + (size_t)c] * ink[4 * i + 3]) / (255.0f * 255.0f);
}

static selora_status decode(tjhandle decoder, const void *data, size_t size, const char *name,
                            const slr_image_limits *limits, slr_image *image, slr_error *err)
{
    int width, height, colours;
    SLR_TRY(read_header(decoder, data, size, name, limits, &width, &height, &colours, err));
    bool grey = colours == TJCS_GRAY, ink = colours == TJCS_CMYK || colours == TJCS_YCCK;
    size_t samples = grey ? 1 : ink ? 4 : 3, count = (size_t)width * (size_t)height;
    unsigned char *bytes = slr_alloc(count, samples);
    if (!bytes)
        return slr_fail_memory(err, count * samples, name);
    selora_status status = SELORA_OK;
    int flags = TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS;
    if (tjDecompress2(decoder, data, size, bytes, width, 0, height,
                      grey  ? TJPF_GRAY
                      : ink ? TJPF_CMYK
                            : TJPF_RGB,
                      flags) != 0)
        status = fail_damaged(decoder, name, err);
    else
        status = slr_image_new(width, height, grey ? 1 : 3, image, err);
    if (status == SELORA_OK && ink)
        cmyk_to_rgb(bytes, count, image->pixels);
    for (size_t i = 0; status == SELORA_OK && !ink && i < count * samples; i++)
        image->pixels[i] = (float)bytes[i] / 255.0f;
    free(bytes);
    return status;
}

selora_status slr_jpeg_decode(const void *data, size_t size, const char *name,
                              const slr_image_limits *limits, slr_image *image, slr_error *err)
{
    tjhandle decoder = tjInitDecompress();
    if (!decoder)
        return slr_fail(err, SELORA_NO_RESOURCE, "%s: libturbojpeg cannot be set up", name);
    selora_status status = decode(decoder, data, size, name, limits, image, err);
    tjDestroy(decoder);
    return status;
}
