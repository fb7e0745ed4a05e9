/* SPDX-License-Identifier: MIT */
#include "support/tiny_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "io/image.h"

enum { WIDTH = 24, HEIGHT = 20 };

static void write_picture(const char *folder, int index)
{
    char *path = slr_format("%s/Secret_%03d.png", folder, index);
    slr_image image = {0};
    slr_error err = {0};
    if (!path || slr_image_new(WIDTH, HEIGHT, 1, &image, &err) != SELORA_OK)
        exit(99);
    for (int p = 0; p < WIDTH * HEIGHT; p++)
        image.pixels[p] = (float)((p * (7 + index) + p / WIDTH * index) % 97) / 97.0f;
    if (slr_png_write(path, &image, 8, NULL, 0, &err) != SELORA_OK)
        exit(99);
    slr_image_free(&image);
    free(path);
}

void tiny_data_write(const char *folder, int count)
{
    char *path = slr_format("%s/metadata.csv", folder);
    FILE *list = path && mkdir(folder, 0755) == 0 ? fopen(path, "w") : NULL;
    if (!list)
        exit(99);
    fputs("file_name,text\n", list);
    for (int i = 0; i < count; i++) {
        write_picture(folder, i);
        fprintf(list, "Secret_%03d.png,\"Secret %c, view %d\"\n", i, 'a' + i % 26, i % 3);
    }
    if (fclose(list) != 0)
        exit(99);
    free(path);
}
