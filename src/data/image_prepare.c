/* SPDX-License-Identifier: MIT */
#include "data/image_prepare.h"

#include "core/rng.h"

slr_prepare_options slr_prepare_options_default(int width, int height)
{
    return (slr_prepare_options){.width = width, .height = height, .filter = SLR_RESIZE_BILINEAR};
}

void slr_prepare_cover(int width, int height, int target_width, int target_height, int *cover_width,
                       int *cover_height)
{
    if ((int64_t)width * target_height <= (int64_t)height * target_width) { /* the width decides */
        int64_t rounded = (int64_t)target_width * height / width;
        *cover_width = target_width;
        *cover_height = (int)(rounded < target_height ? target_height : rounded);
    } else {
        int64_t rounded = (int64_t)target_height * width / height;
        *cover_height = target_height;
        *cover_width = (int)(rounded < target_width ? target_width : rounded);
    }
}

int slr_prepare_centre(int room)
{
    int half = room / 2;
    return room % 2 != 0 && half % 2 != 0 ? half + 1 : half;
}

/* Writes three channels, mirrored or not, 0..1 -> -1..1; what the filter overshot is clamped. */
static void copy_pixels(const slr_image *image, bool mirrored, float *out)
{
    size_t channels = (size_t)image->channels;
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++) {
            int from = mirrored ? image->width - 1 - x : x;
            const float *pixel =
                image->pixels + ((size_t)y * (size_t)image->width + (size_t)from) * channels;
            for (size_t c = 0; c < 3; c++) {
                float value = pixel[channels == 1 ? 0 : c];
                *out++ = value <= 0.0f ? -1.0f : value >= 1.0f ? 1.0f : 2.0f * value - 1.0f;
            }
        }
}

selora_status slr_image_prepare(const slr_image *image, const slr_prepare_options *options,
                                uint64_t seed, uint32_t step, uint32_t item, float *out,
                                slr_error *err)
{
    enum { MAX_SIDE = 1 << 16 };
    if (options->width < 1 || options->height < 1 || options->width > MAX_SIDE ||
        options->height > MAX_SIDE)
        return slr_fail(err, SELORA_USAGE, "a picture of %d x %d pixels cannot be prepared",
                        options->width, options->height);
    slr_image picture;
    int width, height;
    slr_prepare_cover(image->width, image->height, options->width, options->height, &width,
                      &height);
    slr_resize_window window = {slr_prepare_centre(width - options->width),
                                slr_prepare_centre(height - options->height), options->width,
                                options->height};
    slr_rng rng = slr_rng_at(seed, SLR_STREAM_CROP, step, item);
    if (options->random_crop) {
        window.left = (int)slr_rng_below(&rng, (uint32_t)(width - options->width + 1));
        window.top = (int)slr_rng_below(&rng, (uint32_t)(height - options->height + 1));
    }
    bool mirrored = options->random_flip && slr_rng_u32(&rng) >> 31 != 0;
    SLR_TRY(slr_image_resize_window(image, width, height, window, options->filter, &picture, err));
    copy_pixels(&picture, mirrored, out);
    slr_image_free(&picture);
    return SELORA_OK;
}
