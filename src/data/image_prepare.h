/* SPDX-License-Identifier: MIT
 *
 * From a picture to what the VAE encoder takes: shrunk or grown to cover the target, cropped,
 * perhaps mirrored, three channels in -1..1.
 *
 *     slr_prepare_options options = slr_prepare_options_default(224, 224);
 *     SLR_TRY(slr_image_prepare(&image, &options, seed, epoch, item, pixels, err));
 *
 * leaves (224, 224, 3) numbers in `pixels`.
 */
#ifndef SLR_IMAGE_PREPARE_H
#define SLR_IMAGE_PREPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "io/resize.h"
#include "io/image.h"

typedef struct slr_prepare_options {
    int width, height; /* of the target, pixels */
    slr_resize_filter filter;
    bool random_crop; /* else the centre */
    bool random_flip; /* left-right, half of the draws: wrong where laterality matters */
} slr_prepare_options;

/* Bilinear, centre crop, no flip. */
slr_prepare_options slr_prepare_options_default(int width, int height);

/* Writes out[height * width * 3], rows top to bottom, channels interleaved, -1..1; grey three
 * times. Crop and flip depend on SLR_STREAM_CROP at (seed, step, item) alone and do not draw unless
 * asked for. */
selora_status slr_image_prepare(const slr_image *image, const slr_prepare_options *options,
                                uint64_t seed, uint32_t step, uint32_t item, float *out,
                                slr_error *err);

/* The size the picture is resized to before the crop: the smallest that covers the target at the
 * picture's own aspect, the longer side rounded down. */
void slr_prepare_cover(int width, int height, int target_width, int target_height, int *cover_width,
                       int *cover_height);

/* Where the centre crop begins: half the room; a half pixel goes to the even side, as torchvision's round() has it. */
int slr_prepare_centre(int room);

#endif
