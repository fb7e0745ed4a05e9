/* SPDX-License-Identifier: MIT
 * Facts of a run folder: how it was started, how far it is and how well, how its ranks grew, what its adapters hold and what
 * other tools make of them. Tables that a killed run has left with half a line at their end are read up to there. */
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/inspect.h"
#include "core/memory.h"
#include "io/csv.h"
#include "io/json.h"
#include "io/regular_file.h"
#include "report/run_file.h"
#include "report/run_outcome.h"

enum { MAX_JSON = 1 << 20, MAX_LOG = 1 << 30 };

/* Copies the members of `from` that are there. */
static void copy_members(json_t *to, const json_t *from, const char *const *names)
{
    for (; *names; names++)
        if (json_object_get(from, *names))
            json_object_set(to, *names, json_object_get(from, *names));
}

/* The stored options that are not those of `selora train` without options. */
static json_t *chosen_options(const json_t *stored)
{
    size_t count;
    const selora_option *list = selora_train_option_list(&count);
    const selora_train_options defaults = selora_train_defaults();
    json_t *chosen = json_object();
    for (size_t i = 0; i < count; i++) {
        json_t *value = json_object_get(stored, list[i].name), *normal = slr_option_json(&list[i], &defaults);
        if (value && slr_option_may_be_shown(&list[i]) && !slr_option_values_equal(value, normal))
            json_object_set(chosen, list[i].name, value);
        json_decref(normal);
    }
    return chosen;
}

static selora_status start_facts(const char *folder, json_t *facts, slr_error *err)
{
    static const char *const heads[] = {"selora", "backend", "threads", "model_sha256", "init_adapter_sha256",
                                        "rank_pattern_sha256", "data", NULL};
    json_t *root = NULL;
    char *path = slr_format("%s/run.json", folder);
    if (!path)
        return slr_fail_memory(err, 0, folder);
    selora_status status = slr_json_load_file(path, MAX_JSON, &root, err);
    const json_t *options = json_object_get(root, "options"), *method = json_object_get(options, "method");
    if (status == SELORA_OK && !json_is_object(options))
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: not the file of a run: it has no options", path);
    if (status == SELORA_OK) {
        copy_members(facts, root, heads);
        json_object_set_new(facts, "method", json_string(json_is_string(method) ? json_string_value(method) : "selora"));
        json_object_set_new(facts, "options_not_default", chosen_options(options));
        if (json_object_get(root, "steps"))
            json_object_set(facts, "steps_planned", json_object_get(root, "steps"));
    }
    json_decref(root);
    free(path);
    return status;
}

/* Six digits say enough. */
static json_t *short_number(double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.6g", value);
    return isfinite(value) ? json_real(strtod(text, NULL)) : json_null();
}

static selora_status log_facts(const char *folder, json_t *facts, slr_error *err)
{
    slr_run_outcome o;
    SLR_TRY(slr_run_outcome_read(folder, &o, err));
    json_object_set_new(facts, "steps_done", json_integer(o.steps));
    if (o.steps > 0) {
        json_object_set_new(facts, "loss", json_pack("{s:o, s:o}", "first_tenth", short_number(o.first_loss),
                                                     "last_tenth", short_number(o.last_loss)));
        json_object_set_new(facts, "seconds_a_step", json_pack("{s:o, s:o, s:o}", "median",
                            short_number(o.median_seconds), "p95", short_number(o.p95_seconds), "all_steps",
                            short_number(o.total_seconds)));
    }
    if (o.last_validation_step > 0) {
        json_object_set_new(facts, "best_validation", json_pack("{s:I, s:o}", "step", (json_int_t)o.best_step, "loss",
                                                                short_number(o.best_loss)));
        json_object_set_new(facts, "last_validation", json_pack("{s:I, s:o}", "step",
                            (json_int_t)o.last_validation_step, "loss", short_number(o.last_validation_loss)));
        json_object_set_new(facts, "diverged", json_boolean(o.diverged));
    }
    return SELORA_OK;
}

static json_t *histogram(const json_t *ranks)
{
    json_t *rows = json_array();
    const char *layer;
    json_t *value;
    json_int_t largest = 0;
    json_object_foreach((json_t *)(uintptr_t)ranks, layer, value)
        largest = json_integer_value(value) > largest ? json_integer_value(value) : largest;
    for (json_int_t rank = 0; rank <= largest; rank++) {
        json_int_t layers = 0;
        json_object_foreach((json_t *)(uintptr_t)ranks, layer, value)
            layers += json_integer_value(value) == rank;
        if (layers > 0)
            json_array_append_new(rows, json_pack("{s:I, s:I}", "rank", rank, "layers", layers));
    }
    return rows;
}

/* One decision: the rows of ranks.csv of one step. */
typedef struct decision {
    int64_t step;
    json_int_t grown, total_rank;
    double ratio_sum, largest;
    int ratios;
} decision;

typedef struct rank_columns {
    int step, layer, ratio, before, after;
} rank_columns;

static json_int_t rank_cell(const slr_table *table, size_t row, int column)
{
    enum { MAX_RANK = 4096 };
    long rank = strtol(slr_table_cell(table, row, column), NULL, 10);
    return rank < 0 ? 0 : rank > MAX_RANK ? MAX_RANK : rank;
}

static void take_decision(const slr_table *table, size_t row, const rank_columns *c, decision *d)
{
    double ratio = strtod(slr_table_cell(table, row, c->ratio), NULL);
    json_int_t after = rank_cell(table, row, c->after);
    d->grown += after > rank_cell(table, row, c->before);
    d->total_rank += after;
    if (isfinite(ratio)) {
        d->ratio_sum += ratio;
        d->largest = d->ratios++ == 0 || ratio > d->largest ? ratio : d->largest;
    }
}

static void write_decision(json_t *rows, const decision *d)
{
    json_array_append_new(rows, json_pack("{s:I, s:I, s:I, s:o, s:o}", "step", (json_int_t)d->step, "layers_grown",
                                          d->grown, "rank", d->total_rank, "mean_ratio",
                                          d->ratios ? short_number(d->ratio_sum / d->ratios) : json_null(),
                                          "largest_ratio", d->ratios ? short_number(d->largest) : json_null()));
}

/* Some dozen of decisions, evenly, the first and the last among them. */
static json_t *thinned(json_t *rows)
{
    enum { MOST = 12 };
    size_t count = json_array_size(rows);
    if (count <= MOST)
        return rows;
    json_t *kept = json_array();
    for (size_t i = 0; i < MOST; i++)
        json_array_append(kept, json_array_get(rows, i * (count - 1) / (MOST - 1)));
    json_decref(rows);
    return kept;
}

static void rank_rows(const slr_table *table, json_t *facts)
{
    const rank_columns c = {slr_table_column(table, "step"), slr_table_column(table, "layer"),
                            slr_table_column(table, "ratio"), slr_table_column(table, "rank_before"),
                            slr_table_column(table, "rank_after")};
    json_t *ranks = json_object(), *rows = json_array();
    decision d = {0};
    json_int_t growths = 0, decisions = 0;
    size_t count = c.layer >= 0 && c.after >= 0 && c.step >= 0 ? slr_table_rows(table) : 0;
    for (size_t row = 0; row < count; row++) {
        int64_t step = strtoll(slr_table_cell(table, row, c.step), NULL, 10);
        if (row > 0 && step != d.step) {
            write_decision(rows, &d);
            d = (decision){0};
        }
        decisions += row == 0 || d.step != step;
        d.step = step;
        json_int_t before = d.grown;
        take_decision(table, row, &c, &d);
        growths += d.grown - before;
        json_object_set_new(ranks, slr_table_cell(table, row, c.layer), json_integer(rank_cell(table, row, c.after)));
    }
    if (count > 0) {
        write_decision(rows, &d);
        json_object_set_new(facts, "growth", json_pack("{s:I, s:I}", "decisions", decisions, "growths", growths));
        json_object_set_new(facts, "rank_history", thinned(json_incref(rows)));
        json_object_set_new(facts, "ranks", histogram(ranks));
    }
    json_decref(rows);
    json_decref(ranks);
}

/* The file's own half line at the end, if any, is cut off first. */
static void rank_facts(const char *folder, json_t *facts)
{
    char *path = slr_format("%s/ranks.csv", folder), *text = NULL;
    size_t size = 0;
    slr_table *table = NULL;
    if (path && slr_read_file(path, MAX_LOG, &text, &size, NULL) == SELORA_OK) {
        while (size > 0 && text[size - 1] != '\n')
            size--;
        if (slr_table_parse_csv(text, size, "ranks.csv", &table, NULL) == SELORA_OK && slr_table_rows(table) > 0)
            rank_rows(table, facts);
    }
    slr_table_free(table);
    free(text);
    free(path);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static json_t *checkpoints(const char *folder)
{
    json_t *list = json_array();
    char *path = slr_format("%s/checkpoints", folder), **names = NULL;
    size_t count = 0, capacity = 0;
    DIR *listing = path ? opendir(path) : NULL;
    for (struct dirent *entry; listing && (entry = readdir(listing));)
        if (strncmp(entry->d_name, "step-", 5) == 0 && !strstr(entry->d_name, ".tmp") &&
            slr_grow((void **)&names, &capacity, count, sizeof *names) && (names[count] = slr_copy_text(entry->d_name)))
            count++;
    if (listing)
        closedir(listing);
    if (count > 0)
        qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, json_string(names[i]));
        free(names[i]);
    }
    free(names);
    free(path);
    return list;
}

/* A row of the table of adapters; *adapter: its facts, NULL where there is none. */
static selora_status adapter_row(const char *folder, const char *name, json_t *rows, json_t **adapter, slr_error *err)
{
    struct stat info;
    char *path = slr_format("%s/%s", folder, name);
    selora_status status = path ? SELORA_OK : slr_fail_memory(err, 0, folder);
    *adapter = NULL;
    if (status == SELORA_OK && stat(path, &info) == 0) {
        status = slr_inspect_adapter(path, adapter, err);
        if (status == SELORA_OK) {
            json_t *row = json_pack("{s:s, s:O}", "file", name, "format", json_object_get(*adapter, "naming"));
            json_object_update(row, json_object_get(*adapter, "total"));
            json_object_set_new(row, "bytes", S_ISDIR(info.st_mode) ? json_null() : json_integer(info.st_size));
            json_array_append_new(rows, row);
        }
    }
    free(path);
    return status;
}

/* All adapters of the run, and the best one layer by layer. */
static selora_status adapter_facts(const char *folder, json_t *facts, slr_error *err)
{
    static const char *const names[] = {"adapter.safetensors", "last.safetensors", "adapter-kohya.safetensors",
                                        "adapter-diffusers.safetensors", "adapter-diffusers-compact.safetensors",
                                        "adapter-selora.safetensors", "adapter-peft"};
    static const char *const members[] = {"tools", "blocks", "layers", NULL};
    json_t *rows = json_array(), *adapter, *best = NULL;
    selora_status status = SELORA_OK;
    for (size_t i = 0; status == SELORA_OK && i < sizeof names / sizeof *names; i++) {
        status = adapter_row(folder, names[i], rows, &adapter, err);
        if (i == 0)
            best = json_incref(adapter);
        json_decref(adapter);
    }
    if (json_array_size(rows) > 0)
        json_object_set(facts, "adapters", rows);
    copy_members(facts, best, members);
    json_decref(best);
    json_decref(rows);
    return status;
}

selora_status slr_inspect_run(const char *path, json_t **result, slr_error *err)
{
    *result = NULL;
    json_t *facts = json_pack("{s:s}", "kind", "run");
    selora_status status = start_facts(path, facts, err);
    if (status == SELORA_OK)
        status = log_facts(path, facts, err);
    if (status == SELORA_OK) {
        json_object_set_new(facts, "checkpoints", checkpoints(path));
        rank_facts(path, facts);
        status = adapter_facts(path, facts, err);
    }
    if (status == SELORA_OK)
        *result = facts;
    else
        json_decref(facts);
    return status;
}
