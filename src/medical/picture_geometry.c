/* SPDX-License-Identifier: MIT */
#include "medical/picture_geometry.h"

#include <math.h>
#include <string.h>

#include "io/resize.h"

enum { MAX_SIDE = 16384, MAX_PIXELS = 1 << 26 };
static const double most_oblong = 50.0;

void slr_picture_blackout(slr_image *image, const slr_blackout *parts, int count)
{
    size_t channels = (size_t)image->channels;
    for (int i = 0; i < count; i++) {
        int64_t left = parts[i].x, right = left + parts[i].width;
        int64_t top = parts[i].y, bottom = top + parts[i].height;
        right = right > image->width ? image->width : right;
        bottom = bottom > image->height ? image->height : bottom;
        for (int64_t y = top; y < bottom && left < right; y++)
            memset(image->pixels + (size_t)(y * image->width + left) * channels, 0,
                   (size_t)(right - left) * channels * sizeof *image->pixels);
    }
}

bool slr_square_size(int width, int height, double row_spacing, double column_spacing, int *new_width,
                     int *new_height)
{
    *new_width = width;
    *new_height = height;
    double ratio = row_spacing / column_spacing; /* how much higher than wide a pixel is */
    if (!(row_spacing > 0.0) || !(column_spacing > 0.0) || !(ratio >= 1.0 / most_oblong) ||
        !(ratio <= most_oblong))
        return false;
    double grown_width = round(width * fmax(1.0, 1.0 / ratio));
    double grown_height = round(height * fmax(1.0, ratio));
    if (grown_width > MAX_SIDE || grown_height > MAX_SIDE || grown_width * grown_height > MAX_PIXELS) {
        grown_width = fmax(1.0, round(width * fmin(1.0, 1.0 / ratio)));
        grown_height = fmax(1.0, round(height * fmin(1.0, ratio)));
    }
    *new_width = (int)grown_width;
    *new_height = (int)grown_height;
    return true;
}

selora_status slr_picture_make_square(slr_image *image, double row_spacing, double column_spacing,
                                      slr_error *err)
{
    int width, height;
    slr_image out;
    if (!slr_square_size(image->width, image->height, row_spacing, column_spacing, &width, &height) ||
        (width == image->width && height == image->height))
        return SELORA_OK;
    SLR_TRY(slr_image_resize(image, width, height, SLR_RESIZE_BILINEAR, &out, err));
    slr_image_free(image);
    *image = out;
    return SELORA_OK;
}

/* Where the seen pixel (x, y) comes from. Orientations 5 to 8 swap the sides. */
static size_t turned_from(const slr_image *image, int orientation, int x, int y)
{
    bool swapped = orientation >= 5;
    int across = swapped ? y : x, down = swapped ? x : y;
    if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8)
        across = image->width - 1 - across;
    if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7)
        down = image->height - 1 - down;
    return (size_t)down * (size_t)image->width + (size_t)across;
}

selora_status slr_picture_turn(slr_image *image, int orientation, slr_error *err)
{
    if (orientation < 2 || orientation > 8)
        return SELORA_OK;
    slr_image out;
    bool swapped = orientation >= 5;
    size_t channels = (size_t)image->channels;
    SLR_TRY(slr_image_new(swapped ? image->height : image->width, swapped ? image->width : image->height,
                          image->channels, &out, err));
    out.bits = image->bits;
    float *to = out.pixels;
    for (int y = 0; y < out.height; y++)
        for (int x = 0; x < out.width; x++, to += channels)
            memcpy(to, image->pixels + turned_from(image, orientation, x, y) * channels,
                   channels * sizeof *to);
    slr_image_free(image);
    *image = out;
    return SELORA_OK;
}
