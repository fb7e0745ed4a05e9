/* SPDX-License-Identifier: MIT */
#include "eval/image_set.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "core/problems.h"
#include "data/captions.h"
#include "data/image_prepare.h"
#include "data/split_file.h"
#include "eval/image_set_build.h"

enum { MOST_SIDE = 1 << 14 }; /* of a metric picture */

/* ---- which pictures ---- */

static bool exists(const char *folder, const char *name)
{
    struct stat info;
    char *path = slr_format("%s/%s", folder, name);
    bool found = path && stat(path, &info) == 0;
    free(path);
    return found;
}

static bool has_layout(const char *folder)
{
    static const char *const names[] = {
        "metadata.csv", "metadata.jsonl", "metadata.parquet", "train", "validation", "val", "valid", "test"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (exists(folder, names[i]))
            return true;
    return false;
}

/* Lists plain pictures; *captioned: some have texts beside them, so it is a data set. */
static selora_status list_plain(slr_image_set *set, bool *captioned, slr_error *err)
{
    *captioned = false;
    SLR_TRY(slr_picture_files_list(set->folder, &set->files, err));
    if (set->files.count == 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: no pictures (.png, .jpg) in it", set->folder);
    set->paths = slr_alloc(set->files.count, sizeof *set->paths);
    if (!set->paths)
        return slr_fail_memory(err, set->files.count * sizeof *set->paths, "the list of pictures");
    for (size_t i = 0; i < set->files.count && !*captioned; i++) {
        char *caption = NULL;
        set->paths[i] = slr_format("%s/%s", set->folder, set->files.names[i]);
        if (!set->paths[i])
            return slr_fail_memory(err, 0, "a path");
        *captioned = slr_caption_beside(set->paths[i], &caption, NULL) != SELORA_OK || caption;
        free(caption);
    }
    return SELORA_OK;
}

static selora_status take_plain(slr_image_set *set, slr_error *err)
{
    slr_problems problems = {0};
    set->count = set->files.count;
    for (size_t i = 0; i < set->count; i++) {
        set->items[i] = (slr_image_item){.path = set->paths[i], .prompt = "", .row = (int64_t)i + 1};
        if (!slr_is_readable_name(set->files.names[i]))
            slr_problems_add(&problems, "picture %zu: PNG and JPEG are read; convert it", i + 1);
    }
    return slr_problems_report(&problems, set->folder, err);
}

static selora_status take_dataset(slr_image_set *set, slr_side side, slr_error *err)
{
    for (size_t i = 0; i < slr_dataset_count(set->data); i++) {
        const slr_data_item *item = slr_dataset_item(set->data, i);
        if (side != SLR_SIDE_NONE && item->side != side)
            continue;
        set->sources[set->count] = i;
        set->items[set->count++] = (slr_image_item){
            .path = item->path, .prompt = item->caption, .row = (int64_t)item->row, .side = item->side};
    }
    set->synthetic = slr_dataset_has_column(set->data, "seed") &&
                     slr_dataset_has_column(set->data, "index") &&
                     slr_dataset_side_source(set->data) == SLR_SIDES_NONE;
    return set->count > 0 ? SELORA_OK
                          : slr_fail(err, SELORA_BAD_INPUT, "%s: no picture is on the side %s", set->folder,
                                     slr_side_name(side));
}

static selora_status take_pictures(slr_image_set *set, const slr_image_set_options *o, slr_error *err)
{
    bool captioned = true;
    if (!has_layout(set->folder))
        SLR_TRY(list_plain(set, &captioned, err));
    if (captioned)
        SLR_TRY(slr_dataset_open(set->folder, NULL, &set->data, err));
    if (o->side != SLR_SIDE_NONE && (!set->data || slr_dataset_side_source(set->data) == SLR_SIDES_NONE))
        return slr_fail(
            err, SELORA_BAD_INPUT,
            "%s: the pictures of the side %s are asked for, but the folder says no sides (split.csv, or "
            "folders train, validation, test); prepare it, or take all of it",
            set->folder, slr_side_name(o->side));
    if (o->group_column && (!set->data || !slr_dataset_has_column(set->data, o->group_column)))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: no column %s in its metadata", set->folder,
                        o->group_column);
    size_t most = set->data ? slr_dataset_count(set->data) : set->files.count;
    set->items = slr_alloc(most, sizeof *set->items);
    set->sources = slr_alloc(most, sizeof *set->sources);
    if (!set->items || !set->sources)
        return slr_fail_memory(err, most * sizeof *set->items, "the list of pictures");
    return set->data ? take_dataset(set, o->side, err) : take_plain(set, err);
}

static void name_source(slr_image_set *set, slr_side side)
{
    const char *name = set->synthetic           ? "synthetic"
                       : side == SLR_SIDE_TRAIN ? "real-train"
                       : side != SLR_SIDE_NONE  ? "real-test"
                                                : "";
    snprintf(set->source, sizeof set->source, "%s", name);
}

static selora_status open_set(slr_image_set *set, const slr_image_set_options *o, const slr_hooks *hooks,
                              slr_error *err)
{
    SLR_TRY(take_pictures(set, o, err));
    name_source(set, o->side);
    SLR_TRY(slr_image_set_group(set, o->group_column, err));
    SLR_TRY(slr_image_set_read_windows(set, err));
    return slr_image_set_scan(set, o->threads > 1 ? o->threads : 1, hooks, err);
}

selora_status slr_image_set_open(const char *folder, const slr_image_set_options *options,
                                 const slr_hooks *hooks, slr_image_set **result, slr_error *err)
{
    static const slr_image_set_options defaults = {.threads = 1};
    struct stat info;
    *result = NULL;
    if (stat(folder, &info) != 0)
        return slr_fail_errno(err, folder, "open the folder of pictures");
    if (!S_ISDIR(info.st_mode))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: is a file, a folder of pictures was expected", folder);
    slr_image_set *set = slr_alloc(1, sizeof *set);
    if (!set || !(set->folder = slr_copy_text(folder))) {
        slr_image_set_free(set);
        return slr_fail_memory(err, sizeof *set, "the list of pictures");
    }
    selora_status status = open_set(set, options ? options : &defaults, hooks, err);
    if (status == SELORA_OK)
        *result = set;
    else
        slr_image_set_free(set);
    return status;
}

void slr_image_set_free(slr_image_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; set->paths && i < set->files.count; i++)
        free(set->paths[i]);
    free(set->paths);
    slr_picture_files_free(&set->files);
    slr_dataset_free(set->data);
    free(set->items);
    free(set->sources);
    free(set->patient_column);
    free(set->kept);
    free(set->window_rule);
    free(set->window_counts);
    free(set->folder);
    free(set);
}

/* ---- what is known ---- */

size_t slr_image_set_count(const slr_image_set *set)
{
    return set->count;
}

const slr_image_item *slr_image_set_item(const slr_image_set *set, size_t index)
{
    return &set->items[index];
}

const char *slr_image_set_cell(const slr_image_set *set, size_t index, const char *column)
{
    return set->data ? slr_dataset_cell(set->data, set->sources[index], column) : "";
}

const char *slr_image_set_folder(const slr_image_set *set)
{
    return set->folder;
}

size_t slr_image_set_groups(const slr_image_set *set)
{
    return set->groups;
}

size_t slr_image_set_prompts(const slr_image_set *set)
{
    return set->prompts;
}

bool slr_image_set_has_patients(const slr_image_set *set)
{
    return set->patients;
}

bool slr_image_set_is_synthetic(const slr_image_set *set)
{
    return set->synthetic;
}

const char *slr_image_set_source(const slr_image_set *set)
{
    return set->source;
}

const char *slr_image_set_sha256(const slr_image_set *set)
{
    return set->sha256;
}

const char *slr_image_set_window_rule(const slr_image_set *set)
{
    return set->window_rule;
}

const char *slr_image_set_window_counts(const slr_image_set *set)
{
    return set->window_counts;
}

void slr_image_set_round_to_8(slr_image_set *set)
{
    set->rounded = true;
    free(set->kept);
    set->kept = NULL;
}

bool slr_image_set_is_8_bit(const slr_image_set *set)
{
    bool wide = false;
    for (size_t i = 0; i < set->count; i++)
        wide = wide || set->items[i].bits > 8;
    return set->rounded || !wide;
}

/* ---- metric pictures ---- */

/* BT.601; what is grey in three channels keeps its bits. */
static void make_grey(slr_image *image)
{
    size_t pixels = (size_t)image->width * (size_t)image->height;
    for (size_t i = 0; image->channels == 3 && i < pixels; i++) {
        const float *p = image->pixels + 3 * i;
        double grey = 0.299 * (double)p[0] + 0.587 * (double)p[1] + 0.114 * (double)p[2];
        image->pixels[i] = p[0] == p[1] && p[1] == p[2] ? p[0] : (float)grey;
    }
    image->channels = 1;
}

static void round_to_8(slr_image *image)
{
    size_t values = (size_t)image->width * (size_t)image->height * (size_t)image->channels;
    for (size_t i = 0; i < values; i++)
        image->pixels[i] = (float)(rint(255.0 * (double)image->pixels[i]) / 255.0);
}

static selora_status resize_to_square(const slr_image *image, int size, slr_image *square, slr_error *err)
{
    int width, height;
    slr_prepare_cover(image->width, image->height, size, size, &width, &height);
    slr_resize_window window = {slr_prepare_centre(width - size), slr_prepare_centre(height - size), size,
                                size};
    return slr_image_resize_window(image, width, height, window, SLR_RESIZE_BICUBIC, square, err);
}

static selora_status make_square(const slr_image_set *set, size_t index, int size, bool grey,
                                 slr_image *square, slr_error *err)
{
    slr_image image = {0};
    *square = (slr_image){0};
    if (size < 1 || size > MOST_SIDE)
        return slr_fail(err, SELORA_USAGE, "a metric picture of %d pixels a side cannot be made", size);
    SLR_TRY(slr_image_read(set->items[index].path, NULL, &image, err));
    if (set->rounded && image.bits > 8)
        round_to_8(&image);
    if (grey)
        make_grey(&image);
    selora_status status = resize_to_square(&image, size, square, err);
    slr_image_free(&image);
    return status;
}

static float clamp(float value)
{
    return value <= 0.0f ? 0.0f : value >= 1.0f ? 1.0f : value;
}

static selora_status make_grey_square(const slr_image_set *set, size_t index, int size, float *grey,
                                      slr_error *err)
{
    slr_image square;
    SLR_TRY(make_square(set, index, size, true, &square, err));
    for (size_t i = 0; i < (size_t)size * (size_t)size; i++)
        grey[i] = clamp(square.pixels[i]);
    slr_image_free(&square);
    return SELORA_OK;
}

selora_status slr_image_set_grey(const slr_image_set *set, size_t index, int size, float *grey,
                                 slr_error *err)
{
    size_t values = (size_t)size * (size_t)size;
    if (!set->kept || set->kept_size != size)
        return make_grey_square(set, index, size, grey, err);
    memcpy(grey, set->kept + index * values, values * sizeof *grey);
    return SELORA_OK;
}

selora_status slr_image_set_rgb(const slr_image_set *set, size_t index, int size, float *rgb, slr_error *err)
{
    slr_image square;
    SLR_TRY(make_square(set, index, size, false, &square, err));
    size_t channels = (size_t)square.channels;
    for (size_t i = 0; i < (size_t)size * (size_t)size; i++)
        for (size_t c = 0; c < 3; c++)
            rgb[3 * i + c] = clamp(square.pixels[channels * i + (channels == 3 ? c : 0)]);
    slr_image_free(&square);
    return SELORA_OK;
}

/* Pictures first .. first + count - 1; the error of the first one that fails. */
static selora_status keep_some(const slr_image_set *set, size_t first, size_t count, int size, int threads,
                               float *kept, slr_error *err)
{
    size_t values = (size_t)size * (size_t)size, failed = SIZE_MAX;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (size_t i = first; i < first + count; i++)
        if (make_grey_square(set, i, size, kept + i * values, NULL) != SELORA_OK) {
#pragma omp critical(slr_image_set_failed)
            failed = i < failed ? i : failed;
        }
    return failed == SIZE_MAX ? SELORA_OK : make_grey_square(set, failed, size, kept + failed * values, err);
}

selora_status slr_image_set_keep(slr_image_set *set, int size, int threads, const slr_hooks *hooks,
                                 slr_error *err)
{
    enum { MOST_BYTES = 1 << 28, TOGETHER = 16 };
    size_t values;
    slr_task task = slr_task_begin(hooks, "metric pictures", (int64_t)set->count);
    if (size < 1 || size > MOST_SIDE || !slr_mul_size(set->count, (size_t)size * (size_t)size, &values) ||
        values > MOST_BYTES / sizeof *set->kept)
        return SELORA_OK;
    float *kept = slr_alloc(values, sizeof *kept);
    if (!kept)
        return slr_fail_memory(err, values * sizeof *kept, "metric pictures");
    selora_status status = SELORA_OK;
    for (size_t first = 0; first < set->count && status == SELORA_OK; first += TOGETHER) {
        size_t count = set->count - first < TOGETHER ? set->count - first : TOGETHER;
        status = slr_interrupted(hooks)
                     ? slr_fail(err, SELORA_INTERRUPTED, "interrupted while reading pictures")
                     : keep_some(set, first, count, size, threads > 1 ? threads : 1, kept, err);
        slr_task_report(&task, (int64_t)(first + count), NULL);
    }
    if (status != SELORA_OK) {
        free(kept);
        return status;
    }
    free(set->kept);
    set->kept = kept;
    set->kept_size = size;
    return SELORA_OK;
}
