/* SPDX-License-Identifier: MIT
 * Pictures in a report: read, made no larger than needed, written anew, so that nothing but pixels comes along. */
#include <stdlib.h>

#include "io/image.h"
#include "io/resize.h"
#include "report/report_parts.h"

enum { MOST_GRIDS = 8, GRID_WIDTH = 640 };

/* Shrinks in place where it is wider. */
static selora_status fit(slr_image *image, int most_width, slr_error *err)
{
    slr_image small = {0};
    if (image->width <= most_width)
        return SELORA_OK;
    int height = (int)((int64_t)image->height * most_width / image->width);
    SLR_TRY(slr_image_resize(image, most_width, height > 0 ? height : 1, SLR_RESIZE_BILINEAR, &small, err));
    slr_image_free(image);
    *image = small;
    return SELORA_OK;
}

selora_status slr_report_picture(slr_html *page, const char *path, int most_width, const char *alternative, slr_error *err)
{
    slr_image image = {0};
    void *png = NULL;
    size_t size;
    SLR_TRY(slr_image_read(path, NULL, &image, err));
    selora_status status = fit(&image, most_width, err);
    if (status == SELORA_OK)
        status = slr_png_write_memory(&image, 8, NULL, 0, &png, &size, err);
    if (status == SELORA_OK)
        slr_html_png(page, png, size, alternative);
    free(png);
    slr_image_free(&image);
    return status;
}

static selora_status put_grid(const slr_report *report, size_t r, const slr_run_grid *grid, slr_error *err)
{
    char step[SLR_NUMBER_TEXT], alternative[160];
    slr_count_text(grid->step, step);
    snprintf(alternative, sizeof alternative, "pictures drawn after step %s", step);
    slr_html_figure_begin(report->page);
    SLR_TRY(slr_report_picture(report->page, grid->path, GRID_WIDTH, alternative, err));
    slr_html_figure_end(report->page, "%s%sstep %s%s", report->count > 1 ? report->runs[r].name : "", report->count > 1 ? ", " : "", step,
                        (double)grid->step == report->figures[r].best_step ? ", the best validation loss" : "");
    return SELORA_OK;
}

selora_status slr_report_pictures(const slr_report *report, slr_error *err)
{
    size_t all = 0;
    for (size_t r = 0; r < report->count; r++)
        all += report->runs[r].grid_count;
    if (all == 0)
        return SELORA_OK;
    slr_html_section(report->page, "Pictures");
    slr_html_text(report->page, "%s", report->count == 1
                  ? "The same prompts and the same noise after different steps: what differs is the adapter."
                  : "The last grid of each run.");
    slr_html_figures_begin(report->page, all == 1 ? 2 : report->count == 1 && all < 3 ? 2 : 4);
    for (size_t r = 0; r < report->count; r++) {
        const slr_run_record *run = &report->runs[r];
        size_t shown = report->count > 1 ? run->grid_count > 0 : run->grid_count < MOST_GRIDS ? run->grid_count : MOST_GRIDS;
        for (size_t i = 0; i < shown; i++) /* evenly, the last among them */
            SLR_TRY(put_grid(report, r, &run->grids[(i + 1) * run->grid_count / shown - 1], err));
    }
    slr_html_figures_end(report->page);
    return SELORA_OK;
}
