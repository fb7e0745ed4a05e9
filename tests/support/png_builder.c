/* SPDX-License-Identifier: MIT */
#include "support/png_builder.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void put_u32(unsigned char *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (unsigned char)(value >> (24 - 8 * i));
}

void png_add(png_bytes *file, const void *data, size_t size)
{
    if (file->size + size >= file->capacity) {
        file->capacity = 2 * (file->size + size) + 1;
        file->data = realloc(file->data, file->capacity);
    }
    memcpy(file->data + file->size, data, size);
    file->size += size;
}

void png_add_chunk(png_bytes *file, const char *type, const void *body, size_t size)
{
    unsigned char word[4];
    put_u32(word, (uint32_t)size);
    png_add(file, word, 4);
    png_add(file, type, 4);
    if (size > 0)
        png_add(file, body, size);
    put_u32(word, (uint32_t)crc32(0, file->data + file->size - size - 4, (uInt)(size + 4)));
    png_add(file, word, 4);
}

int png_samples(int colour)
{
    return colour == 2 ? 3 : colour == 4 ? 2 : colour == 6 ? 4 : 1;
}

/* Appends the scan lines of the pixels x0 + i dx, y0 + j dy, filter type 0. */
static void add_lines(png_bytes *raw, const png_kind *kind, const uint16_t *samples, uint32_t x0,
                      uint32_t y0, uint32_t dx, uint32_t dy)
{
    uint32_t per_pixel = (uint32_t)png_samples(kind->colour);
    if (x0 >= kind->width)
        return;
    for (uint32_t y = y0; y < kind->height; y += dy) {
        unsigned char filter = 0, byte = 0;
        int filled = 0;
        png_add(raw, &filter, 1);
        for (uint32_t x = x0; x < kind->width; x += dx)
            for (uint32_t c = 0; c < per_pixel; c++) {
                uint16_t value = samples[((size_t)y * kind->width + x) * per_pixel + c];
                if (kind->depth == 16) {
                    unsigned char pair[2] = {(unsigned char)(value >> 8), (unsigned char)value};
                    png_add(raw, pair, 2);
                    continue;
                }
                byte = (unsigned char)(byte << kind->depth | value);
                filled += kind->depth;
                if (filled == 8) {
                    png_add(raw, &byte, 1);
                    filled = byte = 0;
                }
            }
        if (filled > 0) {
            byte = (unsigned char)(byte << (8 - filled));
            png_add(raw, &byte, 1);
        }
    }
}

unsigned char *png_build(const png_kind *kind, const uint16_t *samples, size_t *size)
{
    static const uint32_t passes[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                          {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
    png_bytes file = {0}, raw = {0};
    unsigned char header[13];
    put_u32(header, kind->width);
    put_u32(header + 4, kind->height);
    header[8] = (unsigned char)kind->depth;
    header[9] = (unsigned char)kind->colour;
    header[10] = header[11] = 0;
    header[12] = kind->interlaced;
    png_add(&file, "\x89PNG\r\n\x1a\n", 8);
    png_add_chunk(&file, "IHDR", header, 13);
    if (kind->palette)
        png_add_chunk(&file, "PLTE", kind->palette, 3 * kind->palette_count);
    if (kind->trns)
        png_add_chunk(&file, "tRNS", kind->trns, kind->trns_size);
    if (kind->interlaced)
        for (int pass = 0; pass < 7; pass++)
            add_lines(&raw, kind, samples, passes[pass][0], passes[pass][1], passes[pass][2],
                      passes[pass][3]);
    else
        add_lines(&raw, kind, samples, 0, 0, 1, 1);
    uLongf packed = compressBound((uLong)raw.size);
    unsigned char *body = malloc(packed);
    compress(body, &packed, raw.data, (uLong)raw.size);
    png_add_chunk(&file, "IDAT", body, packed);
    png_add_chunk(&file, "IEND", NULL, 0);
    free(body);
    free(raw.data);
    *size = file.size;
    return file.data;
}
