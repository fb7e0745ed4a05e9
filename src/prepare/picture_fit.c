/* SPDX-License-Identifier: MIT */
#include "prepare/picture_fit.h"

#include <string.h>

#include "data/image_prepare.h"

static selora_status crop(const slr_picture_fit *fit, const slr_image *image, slr_image *out, slr_error *err)
{
    int width, height;
    slr_prepare_cover(image->width, image->height, fit->width, fit->height, &width, &height);
    slr_resize_window window = {(width - fit->width) / 2, (height - fit->height) / 2, fit->width,
                                fit->height};
    return slr_image_resize_window(image, width, height, window, fit->filter, out, err);
}

static int at_least_one(int64_t value)
{
    return value < 1 ? 1 : (int)value;
}

static selora_status pad(const slr_picture_fit *fit, const slr_image *image, slr_image *out, slr_error *err)
{
    slr_image inner;
    int width = fit->width, height = fit->height;
    if ((int64_t)image->width * fit->height > (int64_t)image->height * fit->width)
        height = at_least_one((int64_t)fit->width * image->height / image->width);
    else
        width = at_least_one((int64_t)fit->height * image->width / image->height);
    SLR_TRY(slr_image_resize(image, width, height, fit->filter, &inner, err));
    selora_status status = slr_image_new(fit->width, fit->height, image->channels, out, err);
    if (status == SELORA_OK) {
        size_t channels = (size_t)image->channels, row = (size_t)width * channels,
               wide = (size_t)fit->width * channels;
        size_t left = (size_t)((fit->width - width) / 2) * channels,
               top = (size_t)((fit->height - height) / 2);
        memset(out->pixels, 0, wide * (size_t)fit->height * sizeof *out->pixels);
        for (size_t y = 0; y < (size_t)height; y++)
            memcpy(out->pixels + (top + y) * wide + left, inner.pixels + y * row, row * sizeof *out->pixels);
    }
    slr_image_free(&inner);
    return status;
}

static void clamp(slr_image *image)
{
    size_t count = (size_t)image->width * (size_t)image->height * (size_t)image->channels;
    for (size_t i = 0; i < count; i++) {
        float value = image->pixels[i];
        image->pixels[i] = value > 0.0f ? value < 1.0f ? value : 1.0f : 0.0f;
    }
}

selora_status slr_picture_fit_apply(const slr_picture_fit *fit, slr_image *image, slr_error *err)
{
    slr_image out = {0};
    if (fit->width <= 0 || (image->width == fit->width && image->height == fit->height))
        return SELORA_OK;
    selora_status status = fit->policy == SLR_FIT_CROP ? crop(fit, image, &out, err)
                           : fit->policy == SLR_FIT_PAD
                               ? pad(fit, image, &out, err)
                               : slr_image_resize(image, fit->width, fit->height, fit->filter, &out, err);
    slr_image_free(image);
    if (status != SELORA_OK)
        return status;
    out.bits = 16;
    *image = out;
    clamp(image);
    return SELORA_OK;
}
