/* SPDX-License-Identifier: MIT
 * Any bytes as a PNG and as a JPEG of a data set: a picture within 0..1, or an error that says something. */
#include <stdint.h>
#include <stdlib.h>

#include "io/image_codec.h"
#include "medical/raster_picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_as(const uint8_t *data, size_t size, slr_picture_kind kind)
{
    slr_medical_options options = slr_medical_options_default();
    slr_picture_facts facts;
    slr_image image;
    slr_error err = {0};
    int width = 0, height = 0;
    static const slr_image_limits small = {4096, 4096, 1 << 18};
    if ((kind == SLR_KIND_PNG ? slr_png_size : slr_jpeg_size)(data, size, "input", &small, &width, &height,
                                                              NULL) != SELORA_OK)
        return;
    options.exif_rotate = true;
    options.png_max = 1000;
    if (slr_raster_picture(data, size, kind, &options, &image, &facts, &err) != SELORA_OK) {
        if (!err.message[0] || image.pixels || facts.skip == SLR_SKIP_NONE)
            abort();
        return;
    }
    for (int i = 0; i < image.width * image.height * image.channels; i++)
        if (!(image.pixels[i] >= 0.0f && image.pixels[i] <= 1.0f))
            abort();
    slr_image_free(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_as(data, size, SLR_KIND_PNG);
    read_as(data, size, SLR_KIND_JPEG);
    return 0;
}
