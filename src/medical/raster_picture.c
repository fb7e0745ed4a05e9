/* SPDX-License-Identifier: MIT */
#include "medical/raster_picture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/image_codec.h"
#include "medical/picture_colour.h"
#include "medical/picture_geometry.h"
#include "medical/raster_checks.h"

static const slr_image_limits limits = {16384, 16384, INT64_C(1) << 27};

static selora_status refuse(slr_picture_facts *facts, slr_picture_skip why, slr_error *err,
                            const char *message)
{
    facts->skip = why;
    return slr_fail(err, SELORA_BAD_INPUT, "%s", message);
}

static selora_status check_jpeg(const slr_raster_marks *marks, const slr_medical_options *options,
                                slr_picture_facts *facts, slr_error *err)
{
    if (marks->bits != 0 && marks->bits != 8)
        return refuse(facts, SLR_SKIP_COLOUR_MODEL, err,
                      "JPEG of other than 8 bits a sample are not read; save it as a 16-bit PNG");
    if (marks->components == 4)
        return refuse(facts, SLR_SKIP_COLOUR_MODEL, err,
                      "JPEG in CMYK (printing inks) are not read; convert it to RGB");
    if (marks->orientation > 1 && !options->exif_rotate)
        return refuse(facts, SLR_SKIP_ORIENTATION, err,
                      "EXIF orientation: the picture is stored turned and other tools may show it in another "
                      "way; --exif-rotate turns it, or save it upright");
    return SELORA_OK;
}

static selora_status read_facts(const void *data, size_t size, slr_picture_kind kind,
                                const slr_medical_options *options, slr_raster_marks *marks,
                                slr_picture_facts *facts, slr_error *err)
{
    int width = 0, height = 0;
    bool png = kind == SLR_KIND_PNG;
    memset(facts, 0, sizeof *facts);
    facts->kind = kind;
    facts->frames = facts->volumes = 1;
    (png ? slr_png_marks : slr_jpeg_marks)(data, size, marks);
    facts->bits_stored = marks->bits;
    facts->significant_bits = marks->significant_bits;
    snprintf(facts->photometric, sizeof facts->photometric, "%s",
             marks->components <= 2 ? "MONOCHROME2" : "RGB");
    facts->lossy = png ? SLR_ABSENT : SLR_YES;
    if (marks->has_profile)
        facts->warnings |= SLR_WARN_COLOUR_PROFILE;
    if (!png)
        SLR_TRY(check_jpeg(marks, options, facts, err));
    facts->skip = SLR_SKIP_DAMAGED;
    SLR_TRY((png ? slr_png_size : slr_jpeg_size)(data, size, "picture", &limits, &width, &height, err));
    facts->skip = SLR_SKIP_NONE;
    facts->source_width = width;
    facts->source_height = height;
    return SELORA_OK;
}

selora_status slr_raster_facts(const void *data, size_t size, slr_picture_kind kind,
                               const slr_medical_options *options, slr_picture_facts *facts, slr_error *err)
{
    slr_raster_marks marks;
    return read_facts(data, size, kind, options, &marks, facts, err);
}

/* The largest sample, and whether all are the same. */
static void measure(const slr_image *image, int bits, slr_picture_facts *facts)
{
    size_t n = (size_t)image->width * (size_t)image->height * (size_t)image->channels;
    float most = 0.0f, least = 1.0f;
    for (size_t i = 0; i < n; i++) {
        most = fmaxf(most, image->pixels[i]);
        least = fminf(least, image->pixels[i]);
    }
    facts->sample_max = (int32_t)lrintf(most * (float)((1u << bits) - 1));
    if (!(least < most))
        facts->warnings |= SLR_WARN_CONSTANT;
    if (bits == 16 && facts->sample_max < 1 << (bits - 2))
        facts->warnings |= SLR_WARN_DARK;
}

/* One white for the whole set. */
static void stretch(slr_image *image, int32_t png_max)
{
    size_t n = (size_t)image->width * (size_t)image->height * (size_t)image->channels;
    for (size_t i = 0; i < n; i++)
        image->pixels[i] = fminf(1.0f, image->pixels[i] * 65535.0f / (float)png_max);
}

static selora_status finish(const slr_raster_marks *marks, const slr_medical_options *options,
                            slr_image *image, slr_picture_facts *facts, slr_error *err)
{
    measure(image, image->bits, facts);
    SLR_TRY(slr_colour_settle(image, options->grey_only, facts, err));
    if (image->bits == 16 && options->png_max > 0 && image->channels == 1)
        stretch(image, options->png_max);
    slr_picture_blackout(image, options->blackout, options->blackouts);
    if (marks->orientation > 1) {
        SLR_TRY(slr_picture_turn(image, marks->orientation, err));
        facts->warnings |= SLR_WARN_TURNED;
    }
    facts->width = image->width;
    facts->height = image->height;
    facts->channels = image->channels;
    return SELORA_OK;
}

selora_status slr_raster_picture(const void *data, size_t size, slr_picture_kind kind,
                                 const slr_medical_options *options, slr_image *image,
                                 slr_picture_facts *facts, slr_error *err)
{
    slr_raster_marks marks;
    memset(image, 0, sizeof *image);
    SLR_TRY(read_facts(data, size, kind, options, &marks, facts, err));
    facts->skip = SLR_SKIP_DAMAGED;
    if (kind == SLR_KIND_PNG && marks.has_alpha)
        SLR_TRY(
            slr_png_decode_on_black(data, size, "picture", &limits, image, &facts->see_through_pixels, err));
    else if (kind == SLR_KIND_PNG)
        SLR_TRY(slr_png_decode(data, size, "picture", &limits, image, err));
    else
        SLR_TRY(slr_jpeg_decode(data, size, "picture", &limits, image, err));
    facts->skip = SLR_SKIP_NONE;
    if (facts->see_through_pixels > 0)
        facts->warnings |= SLR_WARN_ALPHA;
    selora_status status = finish(&marks, options, image, facts, err);
    if (status == SELORA_NO_RESOURCE)
        facts->skip = SLR_SKIP_UNREADABLE;
    if (status != SELORA_OK)
        slr_image_free(image);
    return status;
}
