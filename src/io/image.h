/* SPDX-License-Identifier: MIT
 *
 * Pictures as selora handles them: floats 0..1, rows top to bottom, channels interleaved (H, W, C),
 * C = 1 grey or 3 RGB. Alpha is dropped on reading (as PIL's convert("RGB") does), palettes are
 * expanded, 16-bit samples keep their 16 bits.
 *
 *     slr_image image = {0};
 *     SLR_TRY(slr_image_read("chest.png", NULL, &image, err));
 *     ...
 *     slr_image_free(&image);
 */
#ifndef SLR_IMAGE_H
#define SLR_IMAGE_H

#include "core/status.h"

typedef struct slr_image {
    int width, height;
    int channels;  /* 1 or 3 */
    int bits;      /* 8 or 16: what the file held */
    float *pixels; /* (height, width, channels) */
} slr_image;

/* Caller's limits against hostile headers; NULL means 16384 x 16384 and 2^27 pixels. */
typedef struct slr_image_limits {
    int max_width, max_height;
    int64_t max_pixels;
} slr_image_limits;

/* Allocates `pixels` (uninitialised). */
selora_status slr_image_new(int width, int height, int channels, slr_image *image, slr_error *err);
void slr_image_free(slr_image *image); /* also of a zeroed one; zeroes it */

/* PNG or JPEG, told by the first bytes, not by the name. Truncated or damaged data is
 * SELORA_BAD_INPUT. */
selora_status slr_image_read(const char *path, const slr_image_limits *limits, slr_image *image,
                             slr_error *err);
selora_status slr_image_read_memory(const void *data, size_t size, const char *name,
                                    const slr_image_limits *limits, slr_image *image,
                                    slr_error *err);
/* The size in the header, nothing decoded. */
selora_status slr_image_read_size(const char *path, const slr_image_limits *limits, int *width,
                                  int *height, slr_error *err);

/* A PNG text chunk (tEXt, or iTXt when not ASCII). The key: 1 to 79 ASCII characters. A text
 * without a value is left out. */
typedef struct slr_png_text {
    const char *key, *value;
} slr_png_text;

/* Values are clamped to 0..1 and rounded to `bits` (8 or 16). Written atomically. */
selora_status slr_png_write(const char *path, const slr_image *image, int bits,
                            const slr_png_text *texts, size_t text_count, slr_error *err);
/* The same into memory; caller free()s *data. */
selora_status slr_png_write_memory(const slr_image *image, int bits, const slr_png_text *texts,
                                   size_t text_count, void **data, size_t *size, slr_error *err);

#endif
