/* SPDX-License-Identifier: MIT */
#include "api/inspect_traps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/image.h"
#include "prepare/duplicates.h"
#include "prepare/manifest.h"
#include "prepare/traps.h"

enum { MAX_COLUMNS = 256, TYPE = 48 };

/* Columns that say what a picture is, or nothing at all about where it comes from. */
static const char *const not_compared[] = {"file_name", "text",       "caption", "label",
                                           "class",     "diagnosis",  "finding", "target",
                                           "patient",   "patient_id", "report",  "prompt", "picture"};

typedef struct inspection {
    const slr_dataset *data;
    const slr_table *table;
    slr_trap_picture *pictures;
    char (*types)[TYPE];
    char (*pixels)[SLR_SHA256_HEX];
    int columns[MAX_COLUMNS], column_count; /* compared with the label */
    const char *label;                      /* column; NULL: none */
} inspection;

static const char *cell(const void *context, size_t picture, int column)
{
    const inspection *in = context;
    return slr_dataset_cell(in->data, picture, slr_table_column_name(in->table, in->columns[column]));
}

static const char *column_name(const void *context, int column)
{
    const inspection *in = context;
    return slr_table_column_name(in->table, in->columns[column]);
}

static bool is_listed(const char *name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, list[i]) == 0)
            return true;
    return false;
}

/* What a picture shows: the first column of a usual name that has anything in it. */
static void choose_label(inspection *in)
{
    static const char *const names[] = {"label", "class", "diagnosis", "finding", "target"};
    size_t count = slr_dataset_count(in->data);
    for (size_t i = 0; i < sizeof names / sizeof *names && !in->label; i++)
        for (size_t r = 0; r < count && !in->label && slr_dataset_has_column(in->data, names[i]); r++)
            in->label = *slr_dataset_cell(in->data, r, names[i]) ? names[i] : NULL;
}

static void choose_columns(inspection *in)
{
    for (int c = 0; in->table && c < slr_table_columns(in->table) && in->column_count < MAX_COLUMNS; c++)
        if (!is_listed(slr_table_column_name(in->table, c), not_compared,
                       sizeof not_compared / sizeof *not_compared))
            in->columns[in->column_count++] = c;
}

static const char *filled(const char *text)
{
    return *text ? text : NULL;
}

static int side_number(const char *text, int fallback)
{
    int value = atoi(text);
    return value > 0 ? value : fallback;
}

/* Sizes of a prepared set are those of its sources. */
static void describe(inspection *in, size_t r)
{
    const slr_dataset *data = in->data;
    const slr_data_item *item = slr_dataset_item(data, r);
    slr_trap_picture *t = &in->pictures[r];
    const char *frames = slr_dataset_cell(data, r, "frames"), *patient = slr_dataset_cell(data, r, "patient");
    bool several = *frames && strcmp(frames, "1") != 0;
    snprintf(in->types[r], TYPE, "%d bit, %s", item->bits, item->channels == 1 ? "grey" : "colour");
    t->text = item->caption;
    t->label = in->label ? slr_dataset_cell(data, r, in->label) : NULL;
    t->patient = *item->group ? item->group : *patient ? patient : slr_dataset_cell(data, r, "patient_id");
    t->report = slr_dataset_cell(data, r, "report");
    t->view = slr_dataset_cell(data, r, "view");
    t->modality = filled(slr_dataset_cell(data, r, "modality"));
    t->body_part = slr_dataset_cell(data, r, "body_part");
    t->burned_in = slr_dataset_cell(data, r, "burned_in");
    t->source = slr_dataset_cell(data, r, "source");
    t->type = in->types[r];
    t->file = several ? NULL : item->sha256;
    t->pixels = in->pixels[r];
    t->side = item->side;
    t->width = side_number(slr_dataset_cell(data, r, "width"), item->width);
    t->height = side_number(slr_dataset_cell(data, r, "height"), item->height);
}

static selora_status measure(inspection *in, size_t r, slr_error *err)
{
    slr_image image;
    slr_trap_picture *t = &in->pictures[r];
    SLR_TRY(slr_image_read(slr_dataset_item(in->data, r)->path, NULL, &image, err));
    size_t values = (size_t)image.width * (size_t)image.height * (size_t)image.channels;
    selora_status status = slr_picture_measure(&image, &t->measures, err);
    t->measured = status == SELORA_OK;
    t->near = slr_difference_hash(&image);
    t->constant = true;
    for (size_t i = 1; i < values && t->constant; i++)
        t->constant = image.pixels[i] == image.pixels[0];
    if (status == SELORA_OK)
        status = slr_sha256_memory(image.pixels, values * sizeof *image.pixels, in->pixels[r], err);
    slr_image_free(&image);
    return status;
}

static selora_status measure_all(inspection *in, const slr_hooks *hooks, slr_error *err)
{
    size_t count = slr_dataset_count(in->data);
    slr_task task = slr_task_begin(hooks, "look for traps", (int64_t)count);
    for (size_t r = 0; r < count; r++) {
        if (slr_interrupted(hooks))
            return slr_fail(err, SELORA_INTERRUPTED, "stopped while looking for traps");
        describe(in, r);
        SLR_TRY(measure(in, r, err));
        slr_task_report(&task, (int64_t)r + 1, NULL);
    }
    return SELORA_OK;
}

static void take_sides(inspection *in, const slr_split *split)
{
    for (size_t i = 0; i < split->train_count; i++)
        in->pictures[split->train[i]].side = SLR_SIDE_TRAIN;
    for (size_t i = 0; i < split->validation_count; i++)
        in->pictures[split->validation[i]].side = SLR_SIDE_VALIDATION;
    for (size_t i = 0; i < split->test_count; i++)
        in->pictures[split->test[i]].side = SLR_SIDE_TEST;
}

static selora_status find(inspection *in, const slr_split *split, const slr_hooks *hooks, json_t **traps,
                          slr_error *err)
{
    slr_traps found;
    choose_label(in);
    choose_columns(in);
    SLR_TRY(measure_all(in, hooks, err));
    take_sides(in, split);
    slr_trap_set set = {.pictures = in->pictures,
                        .count = slr_dataset_count(in->data),
                        .columns = in->column_count,
                        .cell = cell,
                        .column_name = column_name,
                        .context = in};
    SLR_TRY(slr_traps_find(&set, &found, err));
    *traps = slr_traps_json(&found, true);
    return SELORA_OK;
}

selora_status slr_inspect_traps(const slr_dataset *data, const slr_table *table, const slr_split *split,
                                const slr_hooks *hooks, json_t **traps, slr_error *err)
{
    size_t count = slr_dataset_count(data);
    inspection in = {.data = data,
                     .table = table,
                     .pictures = slr_alloc(count, sizeof *in.pictures),
                     .types = slr_alloc(count, sizeof *in.types),
                     .pixels = slr_alloc(count, sizeof *in.pixels)};
    *traps = NULL;
    selora_status status = in.pictures && in.types && in.pixels
                               ? find(&in, split, hooks, traps, err)
                               : slr_fail_memory(err, count * sizeof *in.pictures, "the traps");
    free(in.pictures);
    free(in.types);
    free(in.pixels);
    return status;
}
