/* SPDX-License-Identifier: MIT
 * Damage is left to the decoders: reading marks ends where nothing more can be read. */
#include "medical/raster_checks.h"

#include <stdint.h>
#include <string.h>

static uint32_t big(const unsigned char *bytes, int count)
{
    uint32_t value = 0;
    for (int i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

static uint32_t little(const unsigned char *bytes, int count)
{
    uint32_t value = 0;
    for (int i = count - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

/* ---- PNG ---- */

static void png_chunk(const unsigned char *type, const unsigned char *body, size_t length,
                      slr_raster_marks *marks)
{
    static const int samples[] = {1, 0, 3, 3, 2, 0, 4};
    static const char *const profiles[] = {"gAMA", "sRGB", "iCCP", "cHRM"};
    if (memcmp(type, "IHDR", 4) == 0 && length >= 13) {
        marks->bits = body[8];
        marks->components = body[9] < 7 ? samples[body[9]] : 0;
        marks->has_alpha = body[9] == 4 || body[9] == 6;
    }
    if (memcmp(type, "tRNS", 4) == 0)
        marks->has_alpha = true;
    for (size_t i = 0; i < 4; i++)
        if (memcmp(type, profiles[i], 4) == 0)
            marks->has_profile = true;
    for (size_t i = 0; i < length && memcmp(type, "sBIT", 4) == 0; i++)
        if (body[i] > marks->significant_bits)
            marks->significant_bits = body[i];
}

void slr_png_marks(const void *data, size_t size, slr_raster_marks *marks)
{
    const unsigned char *bytes = data;
    size_t at = 8;
    memset(marks, 0, sizeof *marks);
    while (at + 12 <= size) {
        size_t length = big(bytes + at, 4);
        if (length > size - at - 12 || memcmp(bytes + at + 4, "IDAT", 4) == 0)
            return; /* what matters stands before the pixels */
        png_chunk(bytes + at + 4, bytes + at + 8, length, marks);
        at += length + 12;
    }
}

/* ---- JPEG ---- */

/* The orientation in a TIFF header, 0 when there is none. */
static int exif_orientation(const unsigned char *tiff, size_t size)
{
    enum { ORIENTATION = 0x112, SHORT = 3, ENTRY = 12 };
    if (size < 8 || (memcmp(tiff, "II*\0", 4) != 0 && memcmp(tiff, "MM\0*", 4) != 0))
        return 0;
    uint32_t (*number)(const unsigned char *, int) = tiff[0] == 'I' ? little : big;
    size_t at = number(tiff + 4, 4);
    if (at > size - 2)
        return 0;
    size_t entries = number(tiff + at, 2);
    for (at += 2; entries > 0 && at + ENTRY <= size; entries--, at += ENTRY)
        if (number(tiff + at, 2) == ORIENTATION && number(tiff + at + 2, 2) == SHORT) {
            uint32_t value = number(tiff + at + 8, 2);
            return value >= 1 && value <= 8 ? (int)value : 0;
        }
    return 0;
}

static void jpeg_segment(int marker, const unsigned char *body, size_t length, slr_raster_marks *marks)
{
    bool frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    if (frame && length >= 6) {
        marks->bits = body[0];
        marks->components = body[5];
    }
    if (marker == 0xe1 && length > 6 && memcmp(body, "Exif\0\0", 6) == 0 && marks->orientation == 0)
        marks->orientation = exif_orientation(body + 6, length - 6);
    if (marker == 0xe2 && length > 12 && memcmp(body, "ICC_PROFILE", 12) == 0)
        marks->has_profile = true;
}

void slr_jpeg_marks(const void *data, size_t size, slr_raster_marks *marks)
{
    enum { START_OF_SCAN = 0xda, END = 0xd9 };
    const unsigned char *bytes = data;
    size_t at = 2;
    memset(marks, 0, sizeof *marks);
    while (at + 4 <= size && bytes[at] == 0xff) {
        int marker = bytes[at + 1];
        if (marker == 0xff || (marker >= 0xd0 && marker <= 0xd7) || marker == 0x01) { /* fill, no body */
            at += marker == 0xff ? 1 : 2;
            continue;
        }
        size_t length = big(bytes + at + 2, 2);
        if (marker == START_OF_SCAN || marker == END || length < 2 || length > size - at - 2)
            return;
        jpeg_segment(marker, bytes + at + 4, length - 2, marks);
        at += length + 2;
    }
}
