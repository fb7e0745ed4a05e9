/* SPDX-License-Identifier: MIT
 * Plants a defect in every PNG of a folder, for tests of metrics.
 *     spoil_pictures blur|tint|deep FOLDER */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/image.h"

/* Means of 5 x 5 neighbourhoods, cut at the border. */
static void blur(const slr_image *in, slr_image *out)
{
    for (int y = 0; y < in->height; y++)
        for (int x = 0; x < in->width; x++)
            for (int c = 0; c < in->channels; c++) {
                double sum = 0, count = 0;
                for (int j = y - 2; j <= y + 2; j++)
                    for (int i = x - 2; i <= x + 2; i++)
                        if (i >= 0 && j >= 0 && i < in->width && j < in->height) {
                            sum += (double)in->pixels[(j * in->width + i) * in->channels + c];
                            count++;
                        }
                out->pixels[(y * in->width + x) * in->channels + c] = (float)(sum / count);
            }
}

static void tint(const slr_image *in, slr_image *out)
{
    static const float gains[3] = {1.0f, 0.9f, 0.7f};
    for (int p = 0; p < in->width * in->height; p++)
        for (int c = 0; c < 3; c++)
            out->pixels[3 * p + c] = in->pixels[p * in->channels + (in->channels == 3 ? c : 0)] * gains[c];
}

static int spoil(const char *kind, const char *path)
{
    slr_image in = {0}, out = {0};
    slr_error err = {0};
    int deep = strcmp(kind, "deep") == 0, coloured = strcmp(kind, "tint") == 0;
    if (slr_image_read(path, NULL, &in, &err) != SELORA_OK ||
        slr_image_new(in.width, in.height, coloured ? 3 : in.channels, &out, &err) != SELORA_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    if (coloured)
        tint(&in, &out);
    else if (deep)
        memcpy(out.pixels, in.pixels, (size_t)(in.width * in.height * in.channels) * sizeof *in.pixels);
    else
        blur(&in, &out);
    int failed = slr_png_write(path, &out, deep ? 16 : 8, NULL, 0, &err) != SELORA_OK;
    slr_image_free(&in);
    slr_image_free(&out);
    return failed;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    DIR *folder = opendir(argv[2]);
    struct dirent *entry;
    int failed = !folder;
    while (folder && !failed && (entry = readdir(folder))) {
        char path[4096];
        size_t length = strlen(entry->d_name);
        if (length < 4 || strcmp(entry->d_name + length - 4, ".png") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", argv[2], entry->d_name);
        failed = spoil(argv[1], path);
    }
    if (folder)
        closedir(folder);
    return failed;
}
