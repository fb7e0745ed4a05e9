/* SPDX-License-Identifier: MIT
 * Is a header something that pixels can be read by? Nothing is allocated before this says yes. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "medical/dcm_parts.h"

static const int64_t MAX_SIDE = 16384, MAX_FRAMES = 100000, MAX_FRAME_BYTES = (int64_t)1 << 30;

static void refuse(slr_dcm_desc *desc, slr_dcm_pixels why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The first refusal stays. */
static void refuse(slr_dcm_desc *desc, slr_dcm_pixels why, const char *format, ...)
{
    if (desc->pixels != SLR_DCM_PIXELS)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(desc->refusal, sizeof desc->refusal, format, args);
    va_end(args);
    desc->pixels = why;
}

static void expect_range(slr_dcm_desc *desc, const char *what, int64_t found, int64_t least, int64_t most)
{
    if (found == SLR_DCM_ABSENT)
        refuse(desc, SLR_DCM_BAD_PIXELS, "%s: absent, expected %" PRId64 " to %" PRId64, what, least, most);
    else if (found < least || found > most)
        refuse(desc, SLR_DCM_BAD_PIXELS, "%s: found %" PRId64 ", expected %" PRId64 " to %" PRId64, what,
               found, least, most);
}

static void check_kind(const slr_dcm_header *h, slr_dcm_desc *desc)
{
    const slr_dcm_syntax *syntax = slr_dcm_find_syntax(h->transfer_syntax);
    if (!h->has_pixels && h->has_float_pixels)
        refuse(desc, SLR_DCM_FLOAT_PIXELS,
               "(7FE0,0008) Float or (7FE0,0009) Double Float Pixel Data, expected (7FE0,0010) Pixel Data of "
               "8 or 16 bits");
    else if (!h->has_pixels)
        refuse(desc, SLR_DCM_NO_PIXELS, "(7FE0,0010) Pixel Data: absent, this object holds no picture");
    if (!syntax || syntax->coding == SLR_DCM_UNDECODED) {
        char text[SLR_DCM_REFUSAL];
        slr_dcm_refuse_syntax(h->transfer_syntax, text, sizeof text);
        refuse(desc, SLR_DCM_OTHER_SYNTAX, "%s", text);
    } else if ((syntax->coding == SLR_DCM_NATIVE) == h->encapsulated) {
        refuse(desc, SLR_DCM_BAD_PIXELS,
               "(7FE0,0010) Pixel Data: found %s, but (0002,0010) Transfer Syntax UID says %s",
               h->encapsulated ? "fragments" : "plain values", syntax->name);
    }
    if (h->bits_allocated == 1)
        refuse(desc, SLR_DCM_BIT_PIXELS,
               "(0028,0100) Bits Allocated: found 1 (a segmentation), expected 8 or 16");
    else if (h->bits_allocated == SLR_DCM_ABSENT)
        refuse(desc, SLR_DCM_BAD_PIXELS, "(0028,0100) Bits Allocated: absent, expected 8 or 16");
    else if (h->bits_allocated != 8 && h->bits_allocated != 16)
        refuse(desc, SLR_DCM_WIDE_PIXELS, "(0028,0100) Bits Allocated: found %" PRId64 ", expected 8 or 16",
               h->bits_allocated);
}

static void check_values(const slr_dcm_header *h, slr_dcm_desc *desc)
{
    expect_range(desc, "(0028,0010) Rows", h->rows, 1, MAX_SIDE);
    expect_range(desc, "(0028,0011) Columns", h->columns, 1, MAX_SIDE);
    if (h->samples != 1 && h->samples != 3) {
        if (h->samples == SLR_DCM_ABSENT)
            refuse(desc, SLR_DCM_BAD_PIXELS, "(0028,0002) Samples per Pixel: absent, expected 1 or 3");
        refuse(desc, SLR_DCM_BAD_PIXELS, "(0028,0002) Samples per Pixel: found %" PRId64 ", expected 1 or 3",
               h->samples);
    }
    expect_range(desc, "(0028,0101) Bits Stored", h->bits_stored, 1, h->bits_allocated);
    expect_range(desc, "(0028,0102) High Bit", h->high_bit, h->bits_stored - 1, h->bits_allocated - 1);
    if (h->representation != SLR_DCM_ABSENT)
        expect_range(desc, "(0028,0103) Pixel Representation", h->representation, 0, 1);
    if (h->samples == 3 && h->planar != SLR_DCM_ABSENT)
        expect_range(desc, "(0028,0006) Planar Configuration", h->planar, 0, 1);
    if (h->frames > 0 || h->frames < SLR_DCM_ABSENT)
        expect_range(desc, "(0028,0008) Number of Frames", h->frames, 1, MAX_FRAMES);
    if (!h->photometric[0])
        refuse(desc, SLR_DCM_BAD_PIXELS,
               "(0028,0004) Photometric Interpretation: absent, expected MONOCHROME1, MONOCHROME2, RGB or "
               "another");
    bool grey =
        strncmp(h->photometric, "MONOCHROME", 10) == 0 || strcmp(h->photometric, "PALETTE COLOR") == 0;
    if (grey && h->samples != 1)
        refuse(desc, SLR_DCM_BAD_PIXELS,
               "(0028,0002) Samples per Pixel: found %" PRId64 ", expected 1 for %s", h->samples,
               h->photometric);
    bool colour = strcmp(h->photometric, "RGB") == 0 || strncmp(h->photometric, "YBR_", 4) == 0;
    if (colour && h->samples != 3)
        refuse(desc, SLR_DCM_BAD_PIXELS,
               "(0028,0002) Samples per Pixel: found %" PRId64 ", expected 3 for %s", h->samples,
               h->photometric);
}

/* Uncompressed 4:2:2 shares the chroma of two neighbours: two bytes a pixel. */
static bool is_packed(const slr_dcm_header *h)
{
    return !h->encapsulated && strcmp(h->photometric, "YBR_FULL_422") == 0;
}

static void check_sizes(const slr_dcm_header *h, slr_dcm_desc *desc)
{
    if (is_packed(h) && (h->columns % 2 != 0 || h->bits_allocated != 8))
        refuse(desc, SLR_DCM_BAD_PIXELS,
               "(0028,0004) Photometric Interpretation: YBR_FULL_422 needs an even (0028,0011) Columns "
               "(found %" PRId64 ") and 8 (0028,0100) Bits Allocated (found %" PRId64 ")",
               h->columns, h->bits_allocated);
    if (desc->pixels != SLR_DCM_PIXELS)
        return;
    int64_t bytes = h->rows * h->columns * (is_packed(h) ? 2 : h->samples) * (h->bits_allocated / 8);
    if (bytes > MAX_FRAME_BYTES)
        refuse(desc, SLR_DCM_BAD_PIXELS,
               "(0028,0010) Rows x (0028,0011) Columns: a frame of %" PRId64 " x %" PRId64 " takes %" PRId64
               " bytes, expected at most %" PRId64,
               h->rows, h->columns, bytes, MAX_FRAME_BYTES);
    if (!h->encapsulated && bytes * desc->frames > h->pixel_length)
        refuse(desc, SLR_DCM_BAD_PIXELS,
               "(7FE0,0010) Pixel Data: found %" PRId64 " bytes, expected %" PRId64 " (%" PRIu32
               " frames of %" PRId64 " x %" PRId64 " pixels)",
               h->pixel_length, bytes * desc->frames, desc->frames, h->rows, h->columns);
    if (desc->pixels == SLR_DCM_PIXELS)
        desc->frame_bytes = (size_t)bytes;
}

static uint32_t positive(int64_t value)
{
    return value > 0 && value <= UINT32_MAX ? (uint32_t)value : 0;
}

void slr_dcm_judge(const slr_dcm_header *header, slr_dcm_desc *desc)
{
    *desc = (slr_dcm_desc){.rows = positive(header->rows),
                           .columns = positive(header->columns),
                           .frames = header->frames > 0 ? positive(header->frames) : 1,
                           .samples = (int)positive(header->samples),
                           .bits_allocated = (int)positive(header->bits_allocated),
                           .bits_stored = (int)positive(header->bits_stored),
                           .high_bit = (int)positive(header->high_bit),
                           .is_signed = header->representation == 1,
                           .planar = (int)positive(header->planar)};
    memcpy(desc->photometric, header->photometric, sizeof desc->photometric);
    memcpy(desc->transfer_syntax, header->transfer_syntax, sizeof desc->transfer_syntax);
    check_kind(header, desc);
    check_values(header, desc);
    check_sizes(header, desc);
}
