/* SPDX-License-Identifier: MIT */
#include "report/picture_grid.h"

#include <math.h>
#include <string.h>

enum { GAP = 2 }; /* pixels between pictures */

selora_status slr_picture_grid_new(int width, int height, int cells, int columns, slr_picture_grid *grid,
                                   slr_error *err)
{
    if (columns < 1)
        columns = (int)ceil(sqrt((double)cells));
    if (columns > cells)
        columns = cells;
    *grid = (slr_picture_grid){.width = width, .height = height, .columns = columns,
                               .rows = (cells + columns - 1) / columns, .cells = cells};
    SLR_TRY(slr_image_new(grid->columns * (width + GAP) - GAP, grid->rows * (height + GAP) - GAP, 3, &grid->sheet,
                          err));
    size_t values = (size_t)grid->sheet.width * (size_t)grid->sheet.height * 3;
    for (size_t i = 0; i < values; i++)
        grid->sheet.pixels[i] = 1;
    return SELORA_OK;
}

static float *row_of(const slr_picture_grid *grid, int cell, size_t y)
{
    size_t stride = (size_t)grid->sheet.width * 3;
    size_t top = (size_t)(cell / grid->columns) * (size_t)(grid->height + GAP);
    size_t left = (size_t)(cell % grid->columns) * (size_t)(grid->width + GAP);
    return grid->sheet.pixels + (top + y) * stride + left * 3;
}

void slr_picture_grid_put(slr_picture_grid *grid, int cell, const float *pixels)
{
    if (cell < 0 || cell >= grid->cells)
        return;
    size_t row = (size_t)grid->width * 3;
    for (size_t y = 0; y < (size_t)grid->height; y++)
        memcpy(row_of(grid, cell, y), pixels + y * row, row * sizeof *pixels);
}

void slr_picture_grid_get(const slr_picture_grid *grid, int cell, float *pixels)
{
    size_t row = (size_t)grid->width * 3;
    for (size_t y = 0; y < (size_t)grid->height; y++)
        memcpy(pixels + y * row, row_of(grid, cell, y), row * sizeof *pixels);
}

selora_status slr_picture_grid_write(const slr_picture_grid *grid, const char *path, slr_error *err)
{
    return slr_png_write(path, &grid->sheet, 8, NULL, 0, err);
}

void slr_picture_grid_free(slr_picture_grid *grid)
{
    slr_image_free(&grid->sheet);
}
