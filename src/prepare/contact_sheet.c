/* SPDX-License-Identifier: MIT */
#include "prepare/contact_sheet.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/atomic_file.h"
#include "io/resize.h"

enum { DIGIT_WIDTH = 5, DIGIT_HEIGHT = 7, CELLS = SLR_SHEET_SIDE * SLR_SHEET_SIDE };

/* Rows of five dots, the left one highest. */
static const uint8_t digits[10][DIGIT_HEIGHT] = {
    {14, 17, 19, 21, 25, 17, 14}, {4, 12, 4, 4, 4, 4, 14},  {14, 17, 1, 2, 4, 8, 31},
    {31, 2, 4, 2, 1, 17, 14},     {2, 6, 10, 18, 31, 2, 2}, {31, 16, 30, 1, 1, 17, 14},
    {6, 8, 16, 30, 17, 17, 14},   {31, 1, 2, 4, 8, 8, 8},   {14, 17, 17, 14, 17, 17, 14},
    {14, 17, 17, 15, 1, 2, 12},
};

selora_status slr_contact_sheet_new(size_t pictures, slr_contact_sheet *sheet, slr_error *err)
{
    int cells = pictures < CELLS ? (int)pictures : CELLS,
        rows = (cells + SLR_SHEET_SIDE - 1) / SLR_SHEET_SIDE;
    *sheet = (slr_contact_sheet){.cells = cells};
    int columns = cells < SLR_SHEET_SIDE ? cells : SLR_SHEET_SIDE;
    SLR_TRY(slr_image_new((columns ? columns : 1) * SLR_SHEET_CELL,
                          (rows ? rows : 1) * (SLR_SHEET_CELL + SLR_SHEET_STRIP), 3, &sheet->image, err));
    size_t count = 3 * (size_t)sheet->image.width * (size_t)sheet->image.height;
    for (size_t i = 0; i < count; i++)
        sheet->image.pixels[i] = i % 3 == 2 ? 0.25f : 0.1f; /* blue: no picture has it */
    return SELORA_OK;
}

size_t slr_contact_sheet_row(size_t pictures, int cell)
{
    return pictures <= CELLS ? (size_t)cell : (size_t)cell * pictures / CELLS;
}

static void put_pixel(slr_contact_sheet *sheet, int x, int y, const float *pixel, int channels)
{
    float *at = sheet->image.pixels + 3 * ((size_t)y * (size_t)sheet->image.width + (size_t)x);
    for (int c = 0; c < 3; c++)
        at[c] = pixel[channels == 3 ? c : 0];
}

static void put_number(slr_contact_sheet *sheet, int left, int top, size_t number)
{
    static const float white = 1;
    char text[24];
    snprintf(text, sizeof text, "%zu", number);
    for (int k = 0; text[k]; k++)
        for (int y = 0; y < DIGIT_HEIGHT; y++)
            for (int x = 0; x < DIGIT_WIDTH; x++)
                if (digits[text[k] - '0'][y] >> (DIGIT_WIDTH - 1 - x) & 1)
                    put_pixel(sheet, left + k * (DIGIT_WIDTH + 1) + x, top + y, &white, 1);
}

selora_status slr_contact_sheet_put(slr_contact_sheet *sheet, int cell, size_t number,
                                    const slr_image *picture, slr_error *err)
{
    slr_image small;
    int longer = picture->width > picture->height ? picture->width : picture->height;
    int width = (int)((int64_t)picture->width * (SLR_SHEET_CELL - 2) / longer);
    int height = (int)((int64_t)picture->height * (SLR_SHEET_CELL - 2) / longer);
    width = width < 1 ? 1 : width;
    height = height < 1 ? 1 : height;
    SLR_TRY(slr_image_resize(picture, width, height, SLR_RESIZE_BILINEAR, &small, err));
    int left = cell % SLR_SHEET_SIDE * SLR_SHEET_CELL,
        top = cell / SLR_SHEET_SIDE * (SLR_SHEET_CELL + SLR_SHEET_STRIP);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            put_pixel(sheet, left + 1 + x + (SLR_SHEET_CELL - 2 - width) / 2,
                      top + 1 + y + (SLR_SHEET_CELL - 2 - height) / 2,
                      small.pixels + ((size_t)y * (size_t)width + (size_t)x) * (size_t)small.channels,
                      small.channels);
    put_number(sheet, left + 3, top + SLR_SHEET_CELL + 2, number);
    slr_image_free(&small);
    return SELORA_OK;
}

selora_status slr_contact_sheet_write(const slr_contact_sheet *sheet, const char *path, slr_error *err)
{
    void *data;
    size_t size;
    SLR_TRY(slr_png_write_memory(&sheet->image, 8, NULL, 0, &data, &size, err));
    selora_status status = slr_atomic_write(path, 0600, data, size, err);
    free(data);
    return status;
}

void slr_contact_sheet_free(slr_contact_sheet *sheet)
{
    slr_image_free(&sheet->image);
    *sheet = (slr_contact_sheet){0};
}
