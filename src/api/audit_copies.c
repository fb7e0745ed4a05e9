/* SPDX-License-Identifier: MIT
 * The search for copies of `selora audit`: synthetic pictures against training pictures, with held-out ones
 * to compare. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/audit_draw.h"
#include "api/audit_run.h"
#include "core/memory.h"
#include "eval/image_set.h"
#include "eval/picture_space.h"
#include "io/atomic_file.h"
#include "report/picture_grid.h"

/* ---- which pictures ---- */

typedef struct file_list {
    slr_audit_drawing *files; /* paths owned */
    size_t count;
} file_list;

static void free_files(file_list *list)
{
    for (size_t i = 0; list->files && i < list->count; i++)
        free(list->files[i].path);
    free(list->files);
    *list = (file_list){0};
}

static selora_status new_files(size_t count, file_list *list, slr_error *err)
{
    *list = (file_list){.count = count, .files = slr_alloc(count, sizeof *list->files)};
    return list->files ? SELORA_OK
                       : slr_fail_memory(err, count * sizeof *list->files, "the list of pictures");
}

/* An empty folder for drawings: those of an earlier audit go. NULL after a failure. */
static char *fresh_folder(const slr_audit_run *run, const char *name, slr_error *err)
{
    char *path = slr_format("%s/%s", run->folder, name);
    selora_status status = path ? slr_remove_tree(path, err) : slr_fail_memory(err, 0, "a path");
    if (status == SELORA_OK)
        status = slr_make_folders(path, 0755, err);
    if (status == SELORA_OK)
        return path;
    free(path);
    return NULL;
}

/* Validation and test part: pictures that no step has seen. */
static size_t held_out_count(const slr_audit_run *run)
{
    return run->job.split.validation_count + run->job.split.test_count;
}

static uint32_t held_out_item(const slr_audit_run *run, size_t i)
{
    const slr_split *s = &run->job.split;
    return i < s->test_count ? s->test[i] : s->validation[i - s->test_count];
}

static const char *caption(const slr_audit_run *run, uint32_t item)
{
    return slr_dataset_item(run->job.data, item)->caption;
}

/* Prompts of held-out pictures by turns; of training pictures where nothing is held out. */
static selora_status list_drawings(const slr_audit_run *run, file_list *list, slr_error *err)
{
    size_t others = held_out_count(run), train = run->job.split.train_count;
    SLR_TRY(new_files((size_t)run->options->images, list, err));
    for (size_t i = 0; i < list->count; i++) {
        uint32_t item = others ? held_out_item(run, i % others) : run->job.split.train[i % train];
        list->files[i] = (slr_audit_drawing){.prompt = caption(run, item),
                                             .index = (uint32_t)i,
                                             .path = slr_format("%s/synthetic/%06zu.png", run->folder, i)};
        if (!list->files[i].path)
            return slr_fail_memory(err, 0, "a path");
    }
    return SELORA_OK;
}

static selora_status list_folder(const char *folder, const slr_hooks *hooks, int threads, file_list *list,
                                 slr_error *err)
{
    slr_image_set *set;
    slr_image_set_options options = {.threads = threads};
    SLR_TRY(slr_image_set_open(folder, &options, hooks, &set, err));
    selora_status status = new_files(slr_image_set_count(set), list, err);
    for (size_t i = 0; status == SELORA_OK && i < list->count; i++)
        if (!(list->files[i].path = slr_copy_text(slr_image_set_item(set, i)->path)))
            status = slr_fail_memory(err, 0, "a path");
    slr_image_set_free(set);
    return status;
}

static selora_status read_files(const slr_audit_run *run, const file_list *list, slr_audit_pictures *pictures,
                                slr_error *err)
{
    char **paths = slr_alloc(list->count, sizeof *paths);
    if (!paths)
        return slr_fail_memory(err, list->count * sizeof *paths, "paths");
    for (size_t i = 0; i < list->count; i++)
        paths[i] = list->files[i].path;
    selora_status status = slr_audit_pictures_of_files(&run->job, paths, list->count, pictures, err);
    free(paths);
    return status;
}

static selora_status read_held_out(const slr_audit_run *run, slr_audit_pictures *pictures, slr_error *err)
{
    size_t count = held_out_count(run);
    uint32_t *items = slr_alloc(count + 1, sizeof *items);
    if (!items)
        return slr_fail_memory(err, count * sizeof *items, "pictures");
    for (size_t i = 0; i < count; i++)
        items[i] = held_out_item(run, i);
    selora_status status = slr_audit_pictures_of_items(&run->job, run->cache, items, count, pictures, err);
    free(items);
    return status;
}

/* ---- repeats of prompts ---- */

typedef struct prompt_place {
    const char *prompt;
    size_t place;
} prompt_place;

static int by_prompt(const void *a, const void *b)
{
    return strcmp(((const prompt_place *)a)->prompt, ((const prompt_place *)b)->prompt);
}

selora_status slr_audit_count_repeats(const slr_audit_run *run, slr_audit_space *space, slr_error *err)
{
    size_t count = run->job.split.train_count;
    prompt_place *list = slr_alloc(count, sizeof *list);
    if (!list)
        return slr_fail_memory(err, count * sizeof *list, "prompts");
    for (size_t i = 0; i < count; i++)
        list[i] = (prompt_place){caption(run, run->job.split.train[i]), i};
    qsort(list, count, sizeof *list, by_prompt);
    for (size_t begin = 0, end; begin < count; begin = end) {
        for (end = begin; end < count && strcmp(list[end].prompt, list[begin].prompt) == 0;)
            end++;
        size_t repeats = end - begin;
        int bucket = repeats < 2 ? 0 : repeats < 4 ? 1 : repeats < 10 ? 2 : 3;
        space->repeated[bucket] += repeats;
        for (size_t i = begin; i < end; i++)
            space->memorised[bucket] += space->copies.memorised[list[i].place];
    }
    free(list);
    return SELORA_OK;
}

/* ---- distances ---- */

static selora_status judge_space(slr_audit_run *run, const char *name, const slr_picture_space *pictures,
                                 slr_error *err)
{
    slr_audit_space *space = &run->result->spaces[run->result->space_count++];
    snprintf(space->name, sizeof space->name, "%s", name);
    SLR_TRY(
        slr_memorisation_judge(pictures, run->context->threads, &run->context->hooks, &space->copies, err));
    return slr_audit_count_repeats(run, space, err);
}

static selora_status judge_pixels(slr_audit_run *run, const slr_audit_pictures p[3], slr_error *err)
{
    enum { GREYS = SLR_PIXEL_SIDE * SLR_PIXEL_SIDE };
    slr_pixel_space *pixels;
    const size_t counts[3] = {p[0].count, p[1].count, p[2].count};
    SLR_TRY(slr_pixel_space_new(counts, &pixels, err));
    for (int side = 0; side < 3; side++)
        for (size_t i = 0; i < p[side].count; i++)
            slr_pixel_space_put(pixels, (slr_audit_side)side, i, p[side].grey + i * GREYS);
    slr_picture_space space = slr_pixel_picture_space(pixels);
    selora_status status = judge_space(run, "pixel", &space, err);
    slr_pixel_space_free(pixels);
    return status;
}

static selora_status judge_latents(slr_audit_run *run, const slr_audit_pictures p[3], slr_error *err)
{
    slr_feature_space features = {.dim = p[0].numbers, .kind = SLR_DISTANCE_RMS};
    for (int side = 0; side < 3; side++) {
        features.count[side] = p[side].count;
        features.floats[side] = p[side].latents;
    }
    slr_picture_space space = slr_feature_picture_space(&features);
    return judge_space(run, "latent", &space, err);
}

/* ---- the nearest pairs ---- */

/* The synthetic picture that is next after `last` in order of distance. */
static const slr_neighbour *next_nearest(const slr_memorisation *m, const slr_neighbour *last)
{
    const slr_neighbour *best = NULL;
    for (const slr_neighbour *n = m->nearest; n < m->nearest + m->synthetic; n++) {
        bool after = !last || n->distance > last->distance || (n->distance == last->distance && n > last);
        if (after && (!best || n->distance < best->distance))
            best = n;
    }
    return best;
}

static selora_status put_picture(const slr_audit_run *run, const char *path, float *pixels,
                                 slr_picture_grid *grid, int cell, slr_error *err)
{
    SLR_TRY(slr_audit_picture_read(&run->job, path, pixels, err));
    slr_picture_grid_put(grid, cell, pixels);
    return SELORA_OK;
}

/* Synthetic left, training right. It shows patients, and its name says so. */
static selora_status write_pairs(const slr_audit_run *run, const file_list *files, slr_error *err)
{
    enum { PAIRS = 16 };
    const slr_memorisation *m = &run->result->spaces[0].copies;
    int width = run->job.settings.prepare.width, height = run->job.settings.prepare.height;
    int pairs = m->synthetic < PAIRS ? (int)m->synthetic : PAIRS;
    slr_picture_grid grid = {0};
    float *pixels = slr_alloc((size_t)width * (size_t)height * 3, sizeof *pixels);
    char *path = slr_format("%s/nearest-pairs-SHOWS-PATIENTS.png", run->folder);
    void *png = NULL;
    size_t size;
    selora_status status = pixels && path ? slr_picture_grid_new(width, height, 2 * pairs, 8, &grid, err)
                                          : slr_fail_memory(err, 0, "pictures");
    const slr_neighbour *n = NULL;
    for (int i = 0; status == SELORA_OK && i < pairs; i++) {
        n = next_nearest(m, n);
        uint32_t item = run->job.split.train[n->index];
        status = put_picture(run, files->files[n - m->nearest].path, pixels, &grid, 2 * i, err);
        if (status == SELORA_OK)
            status =
                put_picture(run, slr_dataset_item(run->job.data, item)->path, pixels, &grid, 2 * i + 1, err);
    }
    if (status == SELORA_OK)
        status = slr_png_write_memory(&grid.sheet, 8, NULL, 0, &png, &size, err);
    if (status == SELORA_OK)
        status = slr_atomic_write(path, 0600, png, size, err);
    slr_picture_grid_free(&grid);
    free(png);
    free(pixels);
    free(path);
    return status;
}

/* ---- the whole of it ---- */

static selora_status compare(slr_audit_run *run, const file_list *files, slr_audit_pictures p[3],
                             slr_error *err)
{
    const slr_split *split = &run->job.split;
    SLR_TRY(read_files(run, files, &p[SLR_AUDIT_SYNTHETIC], err));
    SLR_TRY(slr_audit_pictures_of_items(&run->job, run->cache, split->train, split->train_count,
                                        &p[SLR_AUDIT_TRAIN], err));
    SLR_TRY(read_held_out(run, &p[SLR_AUDIT_HELD_OUT], err));
    SLR_TRY(judge_pixels(run, p, err));
    SLR_TRY(judge_latents(run, p, err));
    return write_pairs(run, files, err);
}

selora_status slr_audit_run_copies(slr_audit_run *run, slr_error *err)
{
    const char *given = run->options->synthetic;
    file_list files = {0};
    slr_audit_pictures p[3] = {{0}};
    selora_status status;
    if (!given && run->options->images == 0)
        return SELORA_OK;
    char *folder = given ? slr_copy_text(given) : fresh_folder(run, "synthetic", err);
    if (!folder)
        return err->status;
    if (given) {
        status = list_folder(given, &run->context->hooks, run->context->threads, &files, err);
    } else {
        status = list_drawings(run, &files, err);
        if (status == SELORA_OK)
            status = slr_audit_draw(&run->job, run->set, run->options, files.files, files.count, err);
    }
    run->result->synthetic = files.count;
    if (status == SELORA_OK)
        status = compare(run, &files, p, err);
    if (status == SELORA_OK)
        status = slr_audit_run_features(run, folder, err);
    for (int side = 0; side < 3; side++)
        slr_audit_pictures_free(&p[side]);
    free_files(&files);
    free(folder);
    return status;
}

/* ---- own prompts ---- */

/* Distances of the drawings of each prompt to its picture: smallest and mean. */
typedef struct own_distances {
    double *least, *mean; /* (prompts of training pictures, then of held-out ones) */
} own_distances;

static void own_numbers(const slr_audit_pictures *drawn, const slr_audit_pictures *own, size_t seeds,
                        bool pixels, own_distances *d)
{
    enum { GREYS = SLR_PIXEL_SIDE * SLR_PIXEL_SIDE };
    slr_feature_space latents = {.dim = own->numbers,
                                 .kind = SLR_DISTANCE_RMS,
                                 .floats = {own->latents, NULL, drawn->latents}};
    for (size_t i = 0; i < own->count; i++) {
        d->least[i] = INFINITY;
        d->mean[i] = 0;
        for (size_t s = 0; s < seeds; s++) {
            size_t at = i * seeds + s;
            double x = pixels ? slr_pixel_pair(drawn->grey + at * GREYS, own->grey + i * GREYS)
                              : slr_feature_distance(&latents, SLR_AUDIT_SYNTHETIC, at, SLR_AUDIT_TRAIN, i);
            d->least[i] = fmin(d->least[i], x);
            d->mean[i] += x / (double)seeds;
        }
    }
}

static double mean_of(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum / (double)count;
}

static selora_status judge_own(slr_audit_run *run, const slr_audit_pictures *drawn,
                               const slr_audit_pictures *own, size_t each, bool pixels, slr_error *err)
{
    slr_own_prompts *o = &run->result->own[run->result->own_count];
    size_t seeds = (size_t)run->options->own_seeds;
    own_distances d = {slr_alloc(2 * each, sizeof(double)), slr_alloc(2 * each, sizeof(double))};
    selora_status status = d.least && d.mean ? SELORA_OK : slr_fail_memory(err, 0, "distances");
    if (status == SELORA_OK) {
        own_numbers(drawn, own, seeds, pixels, &d);
        *o = (slr_own_prompts){.prompts = each,
                               .others = each,
                               .seeds = seeds,
                               .least = mean_of(d.least, each),
                               .mean = mean_of(d.mean, each),
                               .other_least = mean_of(d.least + each, each),
                               .other_mean = mean_of(d.mean + each, each)};
        snprintf(o->space, sizeof o->space, "%s", pixels ? "pixel" : "latent");
        for (size_t i = 0; i < 2 * each; i++)
            d.least[i] = -d.least[i];
        status = slr_roc_of(d.least, each, d.least + each, each, &o->roc, err);
        run->result->own_count++;
    }
    free(d.least);
    free(d.mean);
    return status;
}

static selora_status list_own(const slr_audit_run *run, const slr_audit_groups *groups, file_list *list,
                              slr_error *err)
{
    size_t seeds = (size_t)run->options->own_seeds;
    SLR_TRY(new_files((groups->members + groups->others) * seeds, list, err));
    for (size_t i = 0; i < list->count; i++) {
        list->files[i] = (slr_audit_drawing){.prompt = caption(run, groups->items[i / seeds]),
                                             .index = (uint32_t)(1000000 + i),
                                             .path = slr_format("%s/own/%06zu.png", run->folder, i)};
        if (!list->files[i].path)
            return slr_fail_memory(err, 0, "a path");
    }
    return SELORA_OK;
}

selora_status slr_audit_run_own_prompts(slr_audit_run *run, slr_error *err)
{
    slr_audit_groups groups = {0};
    slr_audit_pictures drawn = {0}, own = {0};
    file_list files = {0};
    if (run->options->own_prompts == 0)
        return SELORA_OK;
    SLR_TRY(slr_audit_groups_choose(&run->job, (size_t)run->options->own_prompts, true, &groups, err));
    if (groups.members == 0)
        return SELORA_OK;
    char *folder = fresh_folder(run, "own", err);
    selora_status status = folder ? SELORA_OK : err->status;
    if (status == SELORA_OK)
        status = list_own(run, &groups, &files, err);
    if (status == SELORA_OK)
        status = slr_audit_draw(&run->job, run->set, run->options, files.files, files.count, err);
    if (status == SELORA_OK)
        status = read_files(run, &files, &drawn, err);
    if (status == SELORA_OK)
        status = slr_audit_pictures_of_items(&run->job, run->cache, groups.items,
                                             groups.members + groups.others, &own, err);
    for (int pixels = 1; pixels >= 0 && status == SELORA_OK; pixels--)
        status = judge_own(run, &drawn, &own, groups.members, pixels, err);
    slr_audit_pictures_free(&drawn);
    slr_audit_pictures_free(&own);
    free_files(&files);
    slr_audit_groups_free(&groups);
    free(folder);
    return status;
}
