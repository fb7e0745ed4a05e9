/* SPDX-License-Identifier: MIT
 * RLE Lossless (PS3.5 G): a header of 16 numbers, then for each byte of a pixel, the highest first, one
 * segment of runs. A segment that ends early is refused: what is missing is not made up. */
#include <string.h>

#include "medical/dcm_parts.h"

enum { HEADER_BYTES = 64, MAX_SEGMENTS = 15 };

static uint32_t little(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* `count` bytes, one every `stride`; how many of them the segment gave. */
static size_t unpack(const uint8_t *in, size_t size, uint8_t *out, size_t stride, size_t count)
{
    size_t made = 0, at = 0;
    while (made < count && at < size) {
        uint8_t control = in[at++];
        if (control == 128)
            continue;
        size_t run = control < 128 ? (size_t)control + 1 : 257 - (size_t)control;
        size_t take = run < count - made ? run : count - made;
        if (control < 128) {
            if (take > size - at)
                take = size - at;
            for (size_t i = 0; i < take; i++)
                out[(made + i) * stride] = in[at + i];
            at += take;
        } else {
            if (at >= size)
                break;
            uint8_t value = in[at++];
            for (size_t i = 0; i < take; i++)
                out[(made + i) * stride] = value;
        }
        made += take;
    }
    return made;
}

static selora_status check_header(const uint8_t *data, size_t size, uint32_t segments, slr_error *err)
{
    if (size < HEADER_BYTES)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "(7FE0,0010) Pixel Data: found an RLE frame of %zu bytes, expected a header of %d",
                        size, HEADER_BYTES);
    if (little(data) != segments)
        return slr_fail(err, SELORA_BAD_INPUT, "(7FE0,0010) Pixel Data: found %u RLE segments, expected %u",
                        (unsigned)little(data), (unsigned)segments);
    for (uint32_t s = 0; s < segments; s++) {
        uint32_t start = little(data + 4 + 4 * s), before = s > 0 ? little(data + 4 * s) : HEADER_BYTES;
        if (start < before || start > size)
            return slr_fail(err, SELORA_BAD_INPUT,
                            "(7FE0,0010) Pixel Data: RLE segment %u begins at byte %u, expected %u to %zu",
                            (unsigned)s, (unsigned)start, (unsigned)before, size);
    }
    return SELORA_OK;
}

selora_status slr_rle_decode(const uint8_t *data, size_t size, const slr_dcm_desc *desc, uint8_t *out,
                             slr_error *err)
{
    size_t sample_bytes = (size_t)desc->bits_allocated / 8, samples = (size_t)desc->samples;
    size_t pixels = (size_t)desc->rows * desc->columns;
    uint32_t segments = (uint32_t)(sample_bytes * samples);
    SLR_TRY(check_header(data, size, segments, err));
    for (uint32_t s = 0; s < segments; s++) {
        size_t start = little(data + 4 + 4 * s), end = s + 1 < segments ? little(data + 8 + 4 * s) : size;
        size_t sample = s / sample_bytes, byte = sample_bytes - 1 - s % sample_bytes; /* little endian host */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        byte = s % sample_bytes;
#endif
        size_t made = unpack(data + start, end - start, out + sample * sample_bytes + byte, segments, pixels);
        if (made != pixels)
            return slr_fail(err, SELORA_BAD_INPUT,
                            "(7FE0,0010) Pixel Data: RLE segment %u holds %zu bytes, expected %zu",
                            (unsigned)s, made, pixels);
    }
    return SELORA_OK;
}

void slr_dcm_interleave(const uint8_t *planes, size_t pixels, int samples, int sample_bytes, uint8_t *out)
{
    size_t width = (size_t)sample_bytes;
    for (int s = 0; s < samples; s++)
        for (size_t i = 0; i < pixels; i++)
            memcpy(out + (i * (size_t)samples + (size_t)s) * width, planes + ((size_t)s * pixels + i) * width,
                   width);
}
