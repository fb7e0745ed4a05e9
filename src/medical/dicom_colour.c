/* SPDX-License-Identifier: MIT */
#include "medical/dicom_colour.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "medical/dicom_rule.h"
#include "medical/picture_colour.h"

static void rgb_pixels(const slr_dcm_desc *desc, const void *samples, size_t n, float *pixels)
{
    slr_grey_rule bits = {
        .bits_allocated = desc->bits_allocated, .bits_stored = desc->bits_stored, .high_bit = desc->high_bit};
    float top = (float)((1u << desc->bits_stored) - 1);
    const uint8_t *bytes = samples;
    const uint16_t *words = samples;
    for (size_t i = 0; i < n; i++) {
        uint32_t word = desc->bits_allocated == 8 ? bytes[i] : words[i];
        pixels[i] = (float)slr_grey_stored(&bits, word) / top;
    }
}

static void put_ybr(double y, double cb, double cr, float *pixel)
{
    double rgb[3];
    slr_ybr_to_rgb(y, cb, cr, rgb);
    for (int c = 0; c < 3; c++)
        pixel[c] = (float)(rgb[c] / 255.0);
}

static void ybr_pixels(const uint8_t *samples, size_t n, float *pixels)
{
    for (size_t i = 0; i < n; i++)
        put_ybr(samples[3 * i], samples[3 * i + 1], samples[3 * i + 2], pixels + 3 * i);
}

/* Y0 Y1 Cb Cr: two neighbours share their chroma. */
static void ybr_422_pixels(const uint8_t *samples, size_t n, float *pixels)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t *pair = samples + i / 2 * 4;
        put_ybr(pair[i % 2], pair[2], pair[3], pixels + 3 * i);
    }
}

selora_status slr_dicom_colour(const slr_dcm_desc *desc, const char *model, const void *samples,
                               slr_image *image, slr_error *err)
{
    size_t n = (size_t)desc->columns * desc->rows;
    bool rgb = strcmp(model, "RGB") == 0, whole = strcmp(model, "YBR_FULL") == 0;
    bool shared = strcmp(model, "YBR_FULL_422") == 0 && desc->frame_bytes == 2 * n;
    bool bytes = desc->bits_allocated == 8 && desc->bits_stored == 8;
    memset(image, 0, sizeof *image);
    if (!rgb && !((whole || shared || strcmp(model, "YBR_FULL_422") == 0) && bytes))
        return slr_fail(
            err, SELORA_BAD_INPUT,
            "(0028,0004) Photometric Interpretation: colours of %d bits as %s are not read; RGB, and "
            "YBR_FULL and YBR_FULL_422 of 8 bits are",
            desc->bits_stored, model);
    SLR_TRY(slr_image_new((int)desc->columns, (int)desc->rows, 3, image, err));
    image->bits = desc->bits_allocated;
    if (rgb)
        rgb_pixels(desc, samples, 3 * n, image->pixels);
    else if (shared)
        ybr_422_pixels(samples, n, image->pixels);
    else
        ybr_pixels(samples, n, image->pixels);
    return SELORA_OK;
}

/* ---- palettes ---- */

static selora_status palette_pixels(const slr_lut palettes[3], const slr_grey_rule *bits, const void *words,
                                    size_t n, float *pixels, slr_error *err)
{
    size_t entries = (size_t)1 << bits->bits_allocated;
    float *table = slr_alloc(entries, 3 * sizeof *table);
    if (!table)
        return slr_fail_memory(err, entries * 3 * sizeof *table, "a palette");
    for (size_t word = 0; word < entries; word++)
        for (int c = 0; c < 3; c++)
            table[3 * word + (size_t)c] =
                (float)slr_lut_grey(&palettes[c], slr_grey_stored(bits, (uint32_t)word));
    const uint8_t *bytes = words;
    const uint16_t *wide = words;
    for (size_t i = 0; i < n; i++)
        memcpy(pixels + 3 * i, table + 3 * (size_t)(bits->bits_allocated == 8 ? bytes[i] : wide[i]),
               3 * sizeof *table);
    free(table);
    return SELORA_OK;
}

static selora_status read_palettes(const slr_dcm *dcm, bool is_signed, slr_lut palettes[3], slr_error *err)
{
    static const char *const names[] = {"red palette", "green palette", "blue palette"};
    for (int c = 0; c < 3; c++) {
        char descriptor[16], data[16], segmented[16];
        snprintf(descriptor, sizeof descriptor, "0028,110%d", c + 1);
        snprintf(data, sizeof data, "0028,120%d", c + 1);
        snprintf(segmented, sizeof segmented, "0028,122%d", c + 1);
        if (slr_dcm_bytes(dcm, segmented, NULL, 0) >= 0)
            return slr_fail(
                err, SELORA_BAD_INPUT,
                "(0028,1221) Segmented Palette Color Lookup Table Data: segmented palettes are not read");
        SLR_TRY(slr_dicom_read_lut(dcm, descriptor, data, is_signed, names[c], &palettes[c], err));
    }
    return SELORA_OK;
}

selora_status slr_dicom_palette(const slr_dcm *dcm, const slr_dcm_desc *desc, const void *words,
                                slr_image *image, slr_error *err)
{
    slr_lut palettes[3] = {{0}, {0}, {0}};
    slr_grey_rule bits = {.bits_allocated = desc->bits_allocated,
                          .bits_stored = desc->bits_stored,
                          .high_bit = desc->high_bit,
                          .is_signed = desc->is_signed};
    memset(image, 0, sizeof *image);
    selora_status status = read_palettes(dcm, desc->is_signed, palettes, err);
    if (status == SELORA_OK)
        status = slr_image_new((int)desc->columns, (int)desc->rows, 3, image, err);
    if (status == SELORA_OK) {
        image->bits = palettes[0].bits > 8 ? 16 : 8;
        status =
            palette_pixels(palettes, &bits, words, (size_t)desc->columns * desc->rows, image->pixels, err);
    }
    for (int c = 0; c < 3; c++)
        slr_lut_free(&palettes[c]);
    return status;
}
