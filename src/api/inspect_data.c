/* SPDX-License-Identifier: MIT
 * Facts of a folder of pictures with captions: counts, sizes, columns and the split a training run would make. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/inspect.h"
#include "api/inspect_traps.h"
#include "core/memory.h"
#include "data/dataset.h"
#include "data/split.h"
#include "io/csv.h"
#include "io/json.h"

enum { DEFAULT_SEED = 42 }; /* of `selora train` */

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts `texts` and counts the different ones; *filled: those that are not empty. */
static json_int_t count_different(const char **texts, size_t count, json_int_t *filled)
{
    json_int_t different = 0;
    *filled = 0;
    qsort(texts, count, sizeof *texts, compare_text);
    for (size_t i = 0; i < count; i++) {
        *filled += *texts[i] != 0;
        different += *texts[i] && (i == 0 || strcmp(texts[i], texts[i - 1]) != 0);
    }
    return different;
}

/* The metadata table of the folder itself; NULL where captions lie beside the pictures or in folders of the split. */
static slr_table *open_table(const char *folder, const char **layout)
{
    slr_table *table = NULL;
    char *csv = slr_format("%s/metadata.csv", folder), *lines = slr_format("%s/metadata.jsonl", folder);
    *layout = "caption files, or folders for the parts";
    if (csv && slr_table_read_csv(csv, &table, NULL) == SELORA_OK)
        *layout = "metadata.csv";
    else if (lines && slr_table_read_jsonl(lines, &table, NULL) == SELORA_OK)
        *layout = "metadata.jsonl";
    free(csv);
    free(lines);
    return table;
}

static json_t *column_facts(const slr_table *table, const char **texts)
{
    json_t *rows = json_array();
    size_t count = slr_table_rows(table);
    for (int c = 0; c < slr_table_columns(table); c++) {
        json_int_t filled, different;
        for (size_t r = 0; r < count; r++)
            texts[r] = slr_table_cell(table, r, c);
        different = count_different(texts, count, &filled);
        json_array_append_new(rows, json_pack("{s:s, s:I, s:I}", "column", slr_table_column_name(table, c), "filled",
                                              filled, "different", different));
    }
    return rows;
}

static int64_t characters(const char *text)
{
    int64_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static json_t *caption_facts(const slr_dataset *data, const char **texts)
{
    size_t count = slr_dataset_count(data);
    int64_t shortest = INT64_MAX, longest = 0;
    json_int_t filled, different;
    for (size_t i = 0; i < count; i++) {
        texts[i] = slr_dataset_item(data, i)->caption;
        int64_t length = characters(texts[i]);
        shortest = length < shortest ? length : shortest;
        longest = length > longest ? length : longest;
    }
    different = count_different(texts, count, &filled);
    return json_pack("{s:I, s:I, s:I, s:I}", "empty", (json_int_t)slr_dataset_get_counts(data).empty_captions, "different",
                     different, "shortest", (json_int_t)shortest, "longest", (json_int_t)longest);
}

static json_t *size_facts(const slr_dataset *data)
{
    const slr_data_item *first = slr_dataset_item(data, 0);
    int low[2] = {first->width, first->height}, high[2] = {first->width, first->height};
    for (size_t i = 1; i < slr_dataset_count(data); i++) {
        const int size[2] = {slr_dataset_item(data, i)->width, slr_dataset_item(data, i)->height};
        for (int k = 0; k < 2; k++) {
            low[k] = size[k] < low[k] ? size[k] : low[k];
            high[k] = size[k] > high[k] ? size[k] : high[k];
        }
    }
    return json_pack("{s:[i,i], s:[i,i]}", "width", low[0], high[0], "height", low[1], high[1]);
}

/* One row for each form of picture; the form's text is the key while counting. */
static json_t *picture_facts(const slr_dataset *data)
{
    json_t *counts = json_object(), *rows = json_array();
    for (size_t i = 0; i < slr_dataset_count(data); i++) {
        const slr_data_item *item = slr_dataset_item(data, i);
        char key[64];
        snprintf(key, sizeof key, "%d bit, %s", item->bits, item->channels == 1 ? "grey" : "colour");
        json_object_set_new(counts, key, json_integer(json_integer_value(json_object_get(counts, key)) + 1));
    }
    const char *key;
    json_t *value;
    json_object_foreach(counts, key, value)
        json_array_append_new(rows, json_pack("{s:s, s:O}", "form", key, "pictures", value));
    json_decref(counts);
    return rows;
}

/* A split that makes no sense is told, not a failure: the traps name its rows. */
static selora_status split_facts(const slr_dataset *data, slr_split *split, json_t *facts, slr_error *err)
{
    slr_error failure = {0};
    selora_status status = slr_split_dataset(data, DEFAULT_SEED, split, &failure);
    if (status != SELORA_OK && status != SELORA_BAD_INPUT)
        return slr_fail(err, status, "%s", failure.message);
    static const char *const by[] = {"seed 42, no groups", "folders", "split.csv, patients", "split.csv, pictures"};
    json_object_set_new(facts, "split",
                        json_pack("{s:s, s:I, s:I, s:I}", "by", by[slr_dataset_side_source(data)], "train",
                                  (json_int_t)split->train_count, "validation", (json_int_t)split->validation_count, "test",
                                  (json_int_t)split->test_count));
    if (status != SELORA_OK)
        json_object_set_new(facts, "split_refused", json_string(failure.message));
    return SELORA_OK;
}

static selora_status trap_facts(const slr_dataset *data, const slr_table *table, const slr_hooks *hooks, json_t *facts,
                                slr_error *err)
{
    slr_split split = {0};
    json_t *traps = NULL;
    selora_status status = split_facts(data, &split, facts, err);
    if (status == SELORA_OK)
        status = slr_inspect_traps(data, table, &split, hooks, &traps, err);
    if (traps)
        json_object_set_new(facts, "traps", traps);
    slr_split_free(&split);
    return status;
}

static selora_status gather(const char *path, const slr_dataset *data, const slr_hooks *hooks, json_t *facts,
                            slr_error *err)
{
    const char *layout;
    char hash[SLR_SHA256_HEX];
    slr_table *table = open_table(path, &layout);
    size_t rows = table ? slr_table_rows(table) : 0, count = slr_dataset_count(data);
    const char **texts = slr_alloc(rows > count ? rows : count, sizeof *texts);
    selora_status status = texts ? slr_dataset_hash(data, hash, err) : slr_fail_memory(err, count, "the captions");
    if (status == SELORA_OK) {
        slr_dataset_counts counts = slr_dataset_get_counts(data);
        json_object_set_new(facts, "layout", json_string(layout));
        slr_json_put_count(facts, "pictures", count);
        slr_json_put_count(facts, "duplicates", counts.duplicates);
        slr_json_put_count(facts, "not_listed", counts.unlisted);
        json_object_set_new(facts, "sha256", json_string(hash));
        json_object_set_new(facts, "smallest_and_largest", size_facts(data));
        json_object_set_new(facts, "forms", picture_facts(data));
        json_object_set_new(facts, "captions", caption_facts(data, texts));
        if (table)
            json_object_set_new(facts, "columns", column_facts(table, texts));
        status = trap_facts(data, table, hooks, facts, err);
    }
    free(texts);
    slr_table_free(table);
    return status;
}

selora_status slr_inspect_data(const char *path, const slr_hooks *hooks, json_t **facts, slr_error *err)
{
    *facts = NULL;
    slr_dataset *data = NULL;
    SLR_TRY(slr_dataset_open(path, NULL, &data, err));
    json_t *gathered = json_pack("{s:s}", "kind", "data");
    selora_status status = slr_dataset_check_pictures(data, hooks, err);
    if (status == SELORA_OK)
        status = gather(path, data, hooks, gathered, err);
    slr_dataset_free(data);
    if (status == SELORA_OK)
        *facts = gathered;
    else
        json_decref(gathered);
    return status;
}
