/* SPDX-License-Identifier: MIT
 * Any bytes as a PNG, once as they are and once with the checksums of its chunks put right, so that
 * changes get past them. What can be read must survive being written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "io/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const slr_image_limits limits = {4096, 4096, 1 << 18};

static void write_and_read(const slr_image *image)
{
    void *file;
    size_t size;
    slr_image again;
    if (slr_png_write_memory(image, image->bits, NULL, 0, &file, &size, NULL) != SELORA_OK)
        abort();
    if (slr_image_read_memory(file, size, "again", &limits, &again, NULL) != SELORA_OK)
        abort();
    size_t count = (size_t)image->width * (size_t)image->height * (size_t)image->channels;
    if (memcmp(image->pixels, again.pixels, count * sizeof *image->pixels) != 0)
        abort();
    slr_image_free(&again);
    free(file);
}

static void read_once(const void *data, size_t size)
{
    slr_image image;
    slr_error err = {0};
    if (slr_image_read_memory(data, size, "input", &limits, &image, &err) == SELORA_OK)
        write_and_read(&image);
    else if (!err.message[0] || image.pixels)
        abort();
    slr_image_free(&image);
}

static uint32_t big_endian(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void repair_checksums(uint8_t *file, size_t size)
{
    for (size_t at = 8; at + 12 <= size;) {
        size_t length = big_endian(file + at);
        if (length > size - at - 12)
            return;
        uint32_t sum = (uint32_t)crc32(0, file + at + 4, (uInt)length + 4);
        for (int i = 0; i < 4; i++)
            file[at + 8 + length + (size_t)i] = (uint8_t)(sum >> (24 - 8 * i));
        at += length + 12;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_once(data, size);
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        return 0;
    if (size > 0)
        memcpy(copy, data, size);
    repair_checksums(copy, size);
    read_once(copy, size);
    free(copy);
    return 0;
}
