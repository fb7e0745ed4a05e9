/* SPDX-License-Identifier: MIT
 *
 * PNG files of every kind, built byte by byte with zlib alone, apart from the library that reads
 * them.
 *
 *     png_kind kind = {.width = 5, .height = 3, .depth = 2, .colour = 0};
 *     size_t size;
 *     unsigned char *file = png_build(&kind, samples, &size);      one uint16_t a sample; free() it
 */
#ifndef PNG_BUILDER_H
#define PNG_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct png_kind {
    uint32_t width, height;
    int depth;                    /* 1 2 4 8 16 */
    int colour;                   /* 0 grey, 2 RGB, 3 palette, 4 grey + alpha, 6 RGB + alpha */
    bool interlaced;
    const unsigned char *palette; /* RGB entries, or NULL */
    size_t palette_count;
    const unsigned char *trns;    /* body of a tRNS chunk, or NULL */
    size_t trns_size;
} png_kind;

int png_samples(int colour); /* of a pixel */

/* `samples`: height * width * png_samples() values. */
unsigned char *png_build(const png_kind *kind, const uint16_t *samples, size_t *size);

/* Bytes with chunks added one by one, for files that are wrong on purpose. */
typedef struct png_bytes {
    unsigned char *data;
    size_t size, capacity;
} png_bytes;
void png_add(png_bytes *file, const void *data, size_t size);
void png_add_chunk(png_bytes *file, const char *type, const void *body, size_t size);

#endif
