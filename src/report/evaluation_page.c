/* SPDX-License-Identifier: MIT */
#include "report/evaluation_page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "report/html.h"
#include "report/picture_grid.h"
#include "report/plot.h"

enum { GRID_SIDE = 8, GRID_CELLS = GRID_SIDE * GRID_SIDE, CELL_PIXELS = 96, NEAREST = 16 };

/* ---- the table ---- */

static void value_cell(slr_html *page, double value)
{
    char text[32];
    slr_html_cell(page, "%s", slr_metric_value_text(value, text));
}

static void write_table(slr_html *page, const slr_evaluation *e)
{
    slr_html_section(page, "Metrics");
    slr_html_table_begin(page, "lrrrrl", (const char *[]){"metric", "value", "± se", "floor", "base", "note"});
    for (size_t i = 0; i < e->metrics.count; i++) {
        const slr_metric *m = &e->metrics.items[i];
        slr_html_cell(page, "%s/%s%s%.16s", m->name, m->extractor, m->weights_sha256[0] ? " " : "", m->weights_sha256);
        value_cell(page, m->value);
        value_cell(page, m->se);
        value_cell(page, m->floor);
        value_cell(page, m->base);
        slr_html_cell(page, "%s", m->note);
    }
    slr_html_table_end(page);
    slr_html_note(page, "se: jackknife over groups of patients and prompts for distances and neighbours, bootstrap for means. "
                        "floor: the same number between real training and real test pictures (for likeness, colours and text "
                        "scores: of the real pictures). base: of pictures of the base model. A dash: not measured.");
    slr_html_fold_begin(page, false, "How to read them");
    slr_html_text(page, "Distances (frd, fid, kid): 0 is no difference; compare with the floor, never with 0, and only at the same "
                        "number of pictures. Differences below two standard errors are not distinguishable.");
    slr_html_text(page, "Precision: the share of synthetic pictures that lie among real ones. Recall and coverage: the share of "
                        "real pictures that the synthetic ones reach. Density: how crowded they are.");
    slr_html_text(page, "ms-ssim: how alike two pictures of one side are; above the real value, pictures repeat themselves. "
                        "colour-residual: how far from grey. copies: the share of synthetic pictures nearer to training pictures "
                        "than 95 %% of held-out real ones.");
    slr_html_fold_end(page);
}

/* ---- pictures ---- */

static selora_status put_picture(const slr_image_set *set, size_t index, slr_picture_grid *grid, int cell, slr_error *err)
{
    float pixels[CELL_PIXELS * CELL_PIXELS * 3];
    SLR_TRY(slr_image_set_rgb(set, index, CELL_PIXELS, pixels, err));
    slr_picture_grid_put(grid, cell, pixels);
    return SELORA_OK;
}

static selora_status write_sheet(slr_html *page, const slr_image_set *set, const size_t *chosen, int count,
                                 const char *caption, slr_error *err)
{
    slr_picture_grid grid;
    void *png = NULL;
    size_t size = 0;
    char *rows = NULL;
    size_t length = 0;
    SLR_TRY(slr_picture_grid_new(CELL_PIXELS, CELL_PIXELS, count, count < GRID_SIDE ? count : GRID_SIDE, &grid, err));
    selora_status status = SELORA_OK;
    FILE *stream = open_memstream(&rows, &length);
    for (int i = 0; status == SELORA_OK && i < count; i++) {
        status = put_picture(set, chosen[i], &grid, i, err);
        if (stream)
            fprintf(stream, "%s%lld", i ? (i % GRID_SIDE ? ", " : "; ") : "", (long long)slr_image_set_item(set, chosen[i])->row);
    }
    if (stream)
        fclose(stream);
    if (status == SELORA_OK)
        status = slr_png_write_memory(&grid.sheet, 8, NULL, 0, &png, &size, err);
    if (status == SELORA_OK) {
        slr_html_figure_begin(page);
        slr_html_png(page, png, size, caption);
        slr_html_figure_end(page, "%s. Rows: %s.", caption, rows ? rows : "");
    }
    slr_picture_grid_free(&grid);
    free(png);
    free(rows);
    return status;
}

/* The first pairs of a real and a synthetic picture with the same prompt; without prompts, the first of each. */
static int choose_pairs(const slr_image_set *real, const slr_image_set *synthetic, size_t *reals, size_t *synthetics)
{
    size_t n = slr_image_set_count(real), m = slr_image_set_count(synthetic);
    int count = 0;
    bool *used = slr_alloc(m, sizeof *used);
    for (size_t i = 0; used && i < n && count < GRID_CELLS; i++) {
        const char *prompt = slr_image_set_item(real, i)->prompt;
        for (size_t j = 0; *prompt && j < m; j++)
            if (!used[j] && strcmp(slr_image_set_item(synthetic, j)->prompt, prompt) == 0) {
                used[j] = true;
                reals[count] = i;
                synthetics[count++] = j;
                break;
            }
    }
    free(used);
    return count;
}

static selora_status write_grids(slr_html *page, const slr_image_set *real, const slr_image_set *synthetic, slr_error *err)
{
    size_t reals[GRID_CELLS], synthetics[GRID_CELLS];
    int count = choose_pairs(real, synthetic, reals, synthetics), real_count = count, synthetic_count = count;
    const char *how = ", in the order of their prompts, which are the same on both sides";
    if (count == 0) {
        how = "";
        real_count = slr_image_set_count(real) < GRID_CELLS ? (int)slr_image_set_count(real) : GRID_CELLS;
        synthetic_count = slr_image_set_count(synthetic) < GRID_CELLS ? (int)slr_image_set_count(synthetic) : GRID_CELLS;
        for (int i = 0; i < GRID_CELLS; i++)
            reals[i] = synthetics[i] = (size_t)i;
    }
    char caption[128];
    slr_html_section(page, "Pictures");
    slr_html_figures_begin(page, 2);
    snprintf(caption, sizeof caption, "Real pictures%s", how);
    SLR_TRY(write_sheet(page, real, reals, real_count, caption, err));
    snprintf(caption, sizeof caption, "Synthetic pictures%s", how);
    SLR_TRY(write_sheet(page, synthetic, synthetics, synthetic_count, caption, err));
    slr_html_figures_end(page);
    return SELORA_OK;
}

/* ---- nearness to training pictures ---- */

typedef struct nearness {
    size_t index;
    double distance;
} nearness;

static int by_distance(const void *a, const void *b)
{
    const nearness *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static selora_status write_nearest(slr_html *page, const slr_evaluation_pictures *p, const nearness *order, slr_error *err)
{
    size_t synthetic[NEAREST], train[NEAREST];
    int count = p->copies->synthetic < NEAREST ? (int)p->copies->synthetic : NEAREST;
    for (int i = 0; i < count; i++) {
        synthetic[i] = order[i].index;
        train[i] = p->copies->nearest[order[i].index].index;
    }
    slr_html_heading(page, "The nearest pairs");
    slr_html_warning(page, "These are pictures of patients who were in the training set. Do not pass this page on.");
    slr_html_figures_begin(page, 2);
    SLR_TRY(write_sheet(page, p->sides[SLR_ROLE_SYNTHETIC], synthetic, count, "Synthetic pictures", err));
    SLR_TRY(write_sheet(page, p->sides[SLR_ROLE_TRAIN], train, count, "The training picture nearest to each", err));
    slr_html_figures_end(page);
    return SELORA_OK;
}

static selora_status write_copies(slr_html *page, const slr_evaluation_pictures *p, slr_error *err)
{
    const slr_memorisation *c = p->copies;
    nearness *order = slr_alloc(c->synthetic, sizeof *order);
    double *distances = slr_alloc(c->synthetic, sizeof *distances);
    selora_status status = order && distances ? SELORA_OK : slr_fail_memory(err, c->synthetic, "distances");
    for (size_t i = 0; status == SELORA_OK && i < c->synthetic; i++) {
        order[i] = (nearness){i, c->nearest[i].distance};
        distances[i] = c->nearest[i].distance;
    }
    if (status == SELORA_OK) {
        const char *marks[] = {"5 % of real ones"};
        qsort(order, c->synthetic, sizeof *order, by_distance);
        slr_html_section(page, "Distance to the nearest training picture");
        slr_html_figures_begin(page, 1);
        slr_html_figure_begin(page);
        slr_plot_histograms(slr_html_stream(page), &(slr_histogram_plot){
            .title = "1 - correlation of pixels, whatever the shift", .x_label = "distance", .names = {"synthetic", "real, held out"},
            .values = {distances, c->calibration}, .counts = {c->synthetic, c->held_out}, .marks = &c->tau,
            .mark_names = marks, .mark_count = isfinite(c->tau)});
        slr_html_figure_end(page, "Synthetic pictures left of the real ones are nearer to training pictures than chance: %s.",
                            slr_copying_text(c->verdict));
        slr_html_figures_end(page);
        if (p->show_patients)
            status = write_nearest(page, p, order, err);
    }
    free(order);
    free(distances);
    return status;
}

/* ---- the page ---- */

selora_status slr_evaluation_page(const slr_evaluation *e, const slr_evaluation_pictures *p, const char *path, slr_error *err)
{
    slr_html *page;
    char side[192];
    SLR_TRY(slr_html_new("selora evaluate", "Synthetic and real pictures", &page, err));
    slr_html_lead(page, "Seed %llu%s. selora %s.", (unsigned long long)e->seed,
                  e->forced ? "; some comparisons were forced" : "", SELORA_VERSION);
    for (int role = 0; role < SLR_ROLES; role++) {
        slr_judged_side_text(e, (slr_role)role, side);
        if (side[0])
            slr_html_text(page, "%s%s%s", side, e->sides[role].windows[0] ? "; window: " : "", e->sides[role].windows);
    }
    write_table(page, e);
    selora_status status = SELORA_OK;
    if (p->copies && p->copies->synthetic > 0)
        status = write_copies(page, p, err);
    if (status == SELORA_OK && p->sides[SLR_ROLE_REAL] && p->sides[SLR_ROLE_SYNTHETIC])
        status = write_grids(page, p->sides[SLR_ROLE_REAL], p->sides[SLR_ROLE_SYNTHETIC], err);
    if (status != SELORA_OK) {
        slr_html_free(page);
        return status;
    }
    SLR_TRY(slr_html_save(page, path, err));
    if (p->sides[SLR_ROLE_REAL] && chmod(path, 0600) != 0) /* pictures of patients */
        return slr_fail_errno(err, path, "keep for its owner");
    return SELORA_OK;
}
