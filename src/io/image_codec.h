/* SPDX-License-Identifier: MIT
 *
 * The formats behind io/image.h: whole files in memory to pictures. `name` stands for the file in
 * messages; limits are never NULL here.
 */
#ifndef SLR_IMAGE_CODEC_H
#define SLR_IMAGE_CODEC_H

#include <stdbool.h>

#include "io/image.h"

/* SELORA_BAD_INPUT unless 1 x 1 .. the limits. */
selora_status slr_image_check_size(int64_t width, int64_t height, const char *name,
                                   const slr_image_limits *limits, slr_error *err);

bool slr_png_is(const void *data, size_t size);
selora_status slr_png_size(const void *data, size_t size, const char *name,
                           const slr_image_limits *limits, int *width, int *height, slr_error *err);
selora_status slr_png_decode(const void *data, size_t size, const char *name,
                             const slr_image_limits *limits, slr_image *image, slr_error *err);
/* The same with see-through pixels laid on black, and how many there were. A palette or grey picture
 * with a tRNS chunk comes in three channels. */
selora_status slr_png_decode_on_black(const void *data, size_t size, const char *name,
                                      const slr_image_limits *limits, slr_image *image,
                                      int64_t *see_through, slr_error *err);

bool slr_jpeg_is(const void *data, size_t size);
selora_status slr_jpeg_size(const void *data, size_t size, const char *name,
                            const slr_image_limits *limits, int *width, int *height,
                            slr_error *err);
selora_status slr_jpeg_decode(const void *data, size_t size, const char *name,
                              const slr_image_limits *limits, slr_image *image, slr_error *err);

#endif
