/* SPDX-License-Identifier: MIT
 * Any bytes as a JPEG. */
#include <stdint.h>
#include <stdlib.h>

#include "io/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const slr_image_limits limits = {4096, 4096, 1 << 16};
    slr_image image;
    slr_error err = {0};
    if (slr_image_read_memory(data, size, "input", &limits, &image, &err) == SELORA_OK) {
        size_t count = (size_t)image.width * (size_t)image.height * (size_t)image.channels;
        for (size_t i = 0; i < count; i++)
            if (!(image.pixels[i] >= 0.0f && image.pixels[i] <= 1.0f))
                abort();
    } else if (!err.message[0] || image.pixels) {
        abort();
    }
    slr_image_free(&image);
    return 0;
}
