/* SPDX-License-Identifier: MIT */
#include "medical/nifti_picture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "medical/picture_colour.h"
#include "medical/picture_geometry.h"

enum { RIGHT, ANTERIOR, SUPERIOR };

/* Which axes of the patient a picture is cut along. Anterior or superior is at the top. */
typedef struct plane {
    int through, across, down;
    bool mirrored; /* the column at the left is the last along `across` */
} plane;

static plane plane_of(const slr_medical_options *options)
{
    switch (options->axis) {
    case SLR_AXIS_CORONAL:
        return (plane){ANTERIOR, RIGHT, SUPERIOR, !options->neurological};
    case SLR_AXIS_SAGITTAL:
        return (plane){RIGHT, ANTERIOR, SUPERIOR, true};
    default:
        return (plane){SUPERIOR, RIGHT, ANTERIOR, !options->neurological};
    }
}

int64_t slr_nifti_slices(const slr_nifti *nifti, slr_axis axis)
{
    slr_medical_options options = {.axis = axis};
    return slr_nifti_size(nifti, plane_of(&options).through);
}

static void fill_facts(const slr_nifti *nifti, int64_t slice, const slr_medical_options *options,
                       slr_picture_facts *facts)
{
    const slr_nifti_header *header = slr_nifti_header_of(nifti);
    const slr_nifti_axes *axes = slr_nifti_axes_of(nifti);
    plane cut = plane_of(options);
    memset(facts, 0, sizeof *facts);
    facts->kind = SLR_KIND_NIFTI;
    facts->source_width = (int32_t)slr_nifti_size(nifti, cut.across);
    facts->source_height = (int32_t)slr_nifti_size(nifti, cut.down);
    facts->frame = slice;
    facts->frames = slr_nifti_size(nifti, cut.through);
    facts->volume = options->volume;
    facts->volumes = header->volumes;
    facts->axis = "acs"[options->axis];
    facts->neurological = options->neurological;
    memcpy(facts->axis_codes, axes->codes, sizeof facts->axis_codes);
    facts->spacing[0] = slr_nifti_spacing(nifti, cut.down);
    facts->spacing[1] = slr_nifti_spacing(nifti, cut.across);
    facts->slice_thickness = slr_nifti_spacing(nifti, cut.through);
    facts->bits_stored = header->type == SLR_NIFTI_RGB24 ? 8 : (int32_t)(8 * header->voxel_bytes);
    facts->is_signed = header->type == SLR_NIFTI_I8 || header->type == SLR_NIFTI_I16 ||
                       header->type == SLR_NIFTI_I32 || header->type == SLR_NIFTI_F32 ||
                       header->type == SLR_NIFTI_F64;
    snprintf(facts->photometric, sizeof facts->photometric, "%s",
             header->type == SLR_NIFTI_RGB24 ? "RGB" : "MONOCHROME2");
    if (!axes->oriented)
        facts->warnings |= SLR_WARN_NO_ORIENTATION;
}

/* Ends of the type after scaling; a float has none but those of its values. */
static void full_range(const slr_nifti *nifti, double *low, double *high)
{
    const slr_nifti_header *header = slr_nifti_header_of(nifti);
    const slr_nifti_axes *axes = slr_nifti_axes_of(nifti);
    double span = ldexp(1.0, 8 * (int)header->voxel_bytes), first = 0.0;
    if (header->type == SLR_NIFTI_I8 || header->type == SLR_NIFTI_I16 || header->type == SLR_NIFTI_I32)
        first = -span / 2.0;
    double a = first * axes->slope + axes->intercept,
           b = (first + span - 1.0) * axes->slope + axes->intercept;
    *low = fmin(a, b);
    *high = fmax(a, b);
}

/* The grey rule of the volume: the range is that of the values once they are loaded. */
static void choose_voi(const slr_nifti *nifti, const slr_medical_options *options, slr_picture_facts *facts)
{
    const slr_nifti_statistics *values = slr_nifti_statistics_of(nifti);
    slr_nifti_type type = slr_nifti_header_of(nifti)->type;
    if (type == SLR_NIFTI_RGB24) {
        facts->voi = SLR_VOI_NONE;
    } else if (options->has_window) {
        slr_window window = {options->window_function, options->window_centre, options->window_width};
        facts->voi = SLR_VOI_USER;
        slr_window_range(&window, &facts->voi_low, &facts->voi_high);
    } else if (options->no_voi == SLR_NO_VOI_FULL && type != SLR_NIFTI_F32 && type != SLR_NIFTI_F64) {
        facts->voi = SLR_VOI_FULL;
        full_range(nifti, &facts->voi_low, &facts->voi_high);
    } else if (options->no_voi == SLR_NO_VOI_PERCENTILE) {
        facts->voi = SLR_VOI_PERCENTILE;
        facts->voi_low = values->low;
        facts->voi_high = values->high;
    } else {
        facts->voi = SLR_VOI_MINMAX;
        facts->voi_low = values->least;
        facts->voi_high = values->greatest;
    }
}

static selora_status check_place(const slr_picture_facts *facts, slr_error *err)
{
    if (facts->frame < 0 || facts->frame >= facts->frames)
        return slr_fail(err, SELORA_BAD_INPUT, "slice %lld is asked for and there are %lld, counted from 0",
                        (long long)facts->frame, (long long)facts->frames);
    if (facts->volume < 0 || facts->volume >= facts->volumes)
        return slr_fail(err, SELORA_BAD_INPUT, "volume %lld is asked for and there are %lld, counted from 0",
                        (long long)facts->volume, (long long)facts->volumes);
    return SELORA_OK;
}

selora_status slr_nifti_facts(const slr_nifti *nifti, int64_t slice, const slr_medical_options *options,
                              slr_picture_facts *facts, slr_error *err)
{
    fill_facts(nifti, slice, options, facts);
    selora_status status = check_place(facts, err);
    if (status != SELORA_OK)
        facts->skip = SLR_SKIP_NO_FRAME;
    choose_voi(nifti, options, facts);
    return status;
}

/* ---- pictures ---- */

static float grey_of(const slr_medical_options *options, const slr_picture_facts *facts, double least,
                     float value)
{
    slr_window window = {options->window_function, options->window_centre, options->window_width};
    double x = isnan(value) ? least : (double)value;
    return (float)(facts->voi == SLR_VOI_USER ? slr_window_grey(&window, x)
                                              : slr_range_grey(facts->voi_low, facts->voi_high, x));
}

/* One row of the picture; `line` holds what the file has for it. */
static void draw_row(const slr_nifti *nifti, const slr_medical_options *options,
                     const slr_picture_facts *facts, plane cut, const int64_t at[3], void *line,
                     float *pixels)
{
    int64_t width = facts->source_width;
    double least = slr_nifti_statistics_of(nifti)->least;
    const float *values = line;
    const uint8_t *bytes = line;
    bool rgb = facts->voi == SLR_VOI_NONE;
    if (rgb)
        slr_nifti_rgb_row(nifti, cut.across, at, line);
    else
        slr_nifti_row(nifti, cut.across, at, line);
    for (int64_t x = 0; x < width; x++) {
        int64_t from = cut.mirrored ? width - 1 - x : x;
        if (!rgb)
            pixels[x] = grey_of(options, facts, least, values[from]);
        for (int64_t c = 0; rgb && c < 3; c++)
            pixels[3 * x + c] = (float)bytes[3 * from + c] / 255.0f;
    }
}

static selora_status draw(const slr_nifti *nifti, const slr_medical_options *options, slr_image *image,
                          slr_picture_facts *facts, slr_error *err)
{
    plane cut = plane_of(options);
    int width = facts->source_width, height = facts->source_height;
    int channels = facts->voi == SLR_VOI_NONE ? 3 : 1;
    void *line = slr_alloc((size_t)width, sizeof(float));
    if (!line)
        return slr_fail_memory(err, (size_t)width * sizeof(float), "a row of voxels");
    selora_status status = slr_image_new(width, height, channels, image, err);
    bool constant = channels == 1;
    for (int y = 0; status == SELORA_OK && y < height; y++) {
        int64_t at[3] = {0, 0, 0};
        at[cut.through] = facts->frame;
        at[cut.down] = height - 1 - y;
        float *row = image->pixels + (size_t)y * (size_t)width * (size_t)channels;
        draw_row(nifti, options, facts, cut, at, line, row);
        for (int x = 0; constant && x < width; x++)
            constant = row[x] == image->pixels[0];
    }
    if (constant)
        facts->warnings |= SLR_WARN_CONSTANT;
    free(line);
    return status;
}

static selora_status finish(const slr_medical_options *options, slr_image *image, slr_picture_facts *facts,
                            slr_error *err)
{
    int width, height;
    image->bits = facts->bits_stored > 8 ? 16 : 8;
    SLR_TRY(slr_colour_settle(image, options->grey_only, facts, err));
    slr_picture_blackout(image, options->blackout, options->blackouts);
    if (!slr_square_size(image->width, image->height, facts->spacing[0], facts->spacing[1], &width, &height))
        facts->warnings |= SLR_WARN_NO_SQUARE;
    SLR_TRY(slr_picture_make_square(image, facts->spacing[0], facts->spacing[1], err));
    facts->width = image->width;
    facts->height = image->height;
    facts->channels = image->channels;
    return SELORA_OK;
}

selora_status slr_nifti_picture(slr_nifti *nifti, int64_t slice, const slr_medical_options *options,
                                slr_image *image, slr_picture_facts *facts, slr_error *err)
{
    memset(image, 0, sizeof *image);
    SLR_TRY(slr_nifti_facts(nifti, slice, options, facts, err));
    facts->skip = SLR_SKIP_DAMAGED;
    SLR_TRY(slr_nifti_load(nifti, options->volume, err));
    facts->skip = SLR_SKIP_NONE;
    choose_voi(nifti, options, facts);
    facts->nan_voxels = slr_nifti_statistics_of(nifti)->odd;
    if (facts->nan_voxels > 0)
        facts->warnings |= SLR_WARN_NAN;
    selora_status status = draw(nifti, options, image, facts, err);
    if (status == SELORA_OK)
        status = finish(options, image, facts, err);
    if (status == SELORA_NO_RESOURCE)
        facts->skip = SLR_SKIP_UNREADABLE;
    if (status != SELORA_OK)
        slr_image_free(image);
    return status;
}

/* ---- the largest slice ---- */

selora_status slr_nifti_largest(slr_nifti *nifti, const slr_medical_options *options, int64_t *largest,
                                slr_error *err)
{
    plane cut = plane_of(options);
    int64_t width = slr_nifti_size(nifti, cut.across), most = 0;
    *largest = 0;
    if (slr_nifti_header_of(nifti)->type == SLR_NIFTI_RGB24)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "the largest slice can be found in grey volumes only; "
                        "give --slice mid, all, every:N or index:K");
    SLR_TRY(slr_nifti_load(nifti, options->volume, err));
    float *line = slr_alloc((size_t)width, sizeof *line);
    if (!line)
        return slr_fail_memory(err, (size_t)width * sizeof *line, "a row of voxels");
    for (int64_t slice = 0; slice < slr_nifti_size(nifti, cut.through); slice++) {
        int64_t area = 0, at[3] = {0, 0, 0};
        at[cut.through] = slice;
        for (at[cut.down] = 0; at[cut.down] < slr_nifti_size(nifti, cut.down); at[cut.down]++) {
            slr_nifti_row(nifti, cut.across, at, line);
            for (int64_t x = 0; x < width; x++)
                area += (double)line[x] > slr_nifti_statistics_of(nifti)->fifth;
        }
        if (area > most) {
            most = area;
            *largest = slice;
        }
    }
    free(line);
    return SELORA_OK;
}
