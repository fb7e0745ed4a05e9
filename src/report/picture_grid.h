/* SPDX-License-Identifier: MIT
 *
 * Pictures of one size side by side in one PNG.
 *
 *     slr_picture_grid grid;
 *     SLR_TRY(slr_picture_grid_new(64, 64, 12, 8, &grid, err));          (12 pictures, at most 8 in a row)
 *     slr_picture_grid_put(&grid, i, pixels);
 *     SLR_TRY(slr_picture_grid_write(&grid, "run/samples/step-000400.png", err));
 *     slr_picture_grid_free(&grid);
 */
#ifndef SLR_PICTURE_GRID_H
#define SLR_PICTURE_GRID_H

#include "io/image.h"

typedef struct slr_picture_grid {
    int width, height; /* of one picture */
    int columns, rows, cells;
    slr_image sheet; /* RGB */
} slr_picture_grid;

/* columns 0: as square as it gets. */
selora_status slr_picture_grid_new(int width, int height, int cells, int columns, slr_picture_grid *grid,
                                   slr_error *err);
/* pixels (height, width, 3), 0..1; a cell past the last one is ignored. */
void slr_picture_grid_put(slr_picture_grid *grid, int cell, const float *pixels);
void slr_picture_grid_get(const slr_picture_grid *grid, int cell, float *pixels);
selora_status slr_picture_grid_write(const slr_picture_grid *grid, const char *path, slr_error *err);
void slr_picture_grid_free(slr_picture_grid *grid);

#endif
