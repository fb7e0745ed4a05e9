/* SPDX-License-Identifier: MIT
 * The frame header of JPEG and JPEG-LS streams (ISO 10918-1 B.2.2, 14495-1 C.2.2): decoders believe it, so it
 * has to agree with what DICOM says. */
#include "medical/dcm_parts.h"

enum { FIRST_FRAME = 0xC0, LAST_FRAME = 0xCF, HUFFMAN_TABLES = 0xC4, EXTENSION = 0xC8, ARITHMETIC = 0xCC };
enum { FIRST_LONE = 0xD0, SCAN = 0xDA, LS_FRAME = 0xF7 };

static unsigned big(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static bool is_frame(uint8_t marker)
{
    return marker == LS_FRAME || (marker >= FIRST_FRAME && marker <= LAST_FRAME && marker != HUFFMAN_TABLES &&
                                  marker != EXTENSION && marker != ARITHMETIC);
}

/* The SOF segment behind its marker, at least 8 bytes long; NULL when there is none before the first scan. */
static const uint8_t *find_frame(const uint8_t *data, size_t size)
{
    size_t at = 2;
    if (size < 4 || data[0] != 0xFF || data[1] != 0xD8)
        return NULL;
    while (at + 4 <= size && data[at] == 0xFF) {
        uint8_t marker = data[at + 1];
        if (marker == 0xFF) { /* fill */
            at++;
            continue;
        }
        unsigned length = big(data + at + 2);
        if (marker < FIRST_FRAME || (marker >= FIRST_LONE && marker <= SCAN) || length < 2)
            return NULL; /* what has no length has no business here: DCMTK's own search turns in circles at 01
                          */
        if (is_frame(marker))
            return length >= 8 && at + 2 + length <= size ? data + at + 2 : NULL;
        at += 2 + (size_t)length;
    }
    return NULL;
}

selora_status slr_jpeg_check_header(const uint8_t *data, size_t size, const slr_dcm_desc *desc,
                                    int *precision, slr_error *err)
{
    const uint8_t *frame = find_frame(data, size);
    if (!frame)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "(7FE0,0010) Pixel Data: found no JPEG frame header, expected one");
    unsigned rows = big(frame + 3), columns = big(frame + 5), samples = frame[7];
    *precision = frame[2];
    if (rows != desc->rows || columns != desc->columns)
        return slr_fail(
            err, SELORA_BAD_INPUT,
            "(7FE0,0010) Pixel Data: found a JPEG picture of %u x %u, expected (0028,0011) Columns x "
            "(0028,0010) Rows, %u x %u",
            columns, rows, (unsigned)desc->columns, (unsigned)desc->rows);
    if (samples != (unsigned)desc->samples)
        return slr_fail(
            err, SELORA_BAD_INPUT,
            "(7FE0,0010) Pixel Data: found a JPEG picture of %u components, expected (0028,0002) Samples per "
            "Pixel, %d",
            samples, desc->samples);
    if (*precision < 1 || *precision > desc->bits_allocated)
        return slr_fail(
            err, SELORA_BAD_INPUT,
            "(7FE0,0010) Pixel Data: found a JPEG picture of %d bits, expected at most (0028,0100) Bits "
            "Allocated, %d",
            *precision, desc->bits_allocated);
    return SELORA_OK;
}
