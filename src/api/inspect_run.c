/* SPDX-License-Identifier: MIT
 * Facts of a run folder: how it was started, how far it is, what ranks its layers have. Tables that a killed run has left
 * with half a line at their end are read up to there. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/inspect.h"
#include "core/memory.h"
#include "io/csv.h"
#include "io/json.h"
#include "io/regular_file.h"

enum { MAX_JSON = 1 << 20, MAX_LOG = 1 << 30 };

/* Copies the members of `from` that are there. */
static void copy_members(json_t *to, const json_t *from, const char *const *names)
{
    for (; *names; names++)
        if (json_object_get(from, *names))
            json_object_set(to, *names, json_object_get(from, *names));
}

static selora_status start_facts(const char *folder, json_t *facts, slr_error *err)
{
    static const char *const heads[] = {"selora", "backend", "threads", "model_sha256", "data", NULL};
    static const char *const options[] = {"method", "targets", "train", "rank", "rank-max", "scale", "lambda", "probe-every",
                                          "size", "batch-size", "lr", "seed", "group-column", NULL};
    json_t *root = NULL;
    char *path = slr_format("%s/run.json", folder);
    if (!path)
        return slr_fail_memory(err, 0, folder);
    selora_status status = slr_json_load_file(path, MAX_JSON, &root, err);
    if (status == SELORA_OK && !json_is_object(json_object_get(root, "options")))
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: not the file of a run: it has no options", path);
    if (status == SELORA_OK) {
        json_t *chosen = json_object();
        copy_members(facts, root, heads);
        copy_members(chosen, json_object_get(root, "options"), options);
        json_object_set_new(facts, "options", chosen);
        if (json_object_get(root, "steps"))
            json_object_set(facts, "steps_planned", json_object_get(root, "steps"));
    }
    json_decref(root);
    free(path);
    return status;
}

static void read_line(const char *line, size_t length, json_t **last, json_t **best)
{
    json_t *entry;
    if (slr_json_load_memory(line, length, "log.jsonl", &entry, NULL) != SELORA_OK)
        return;
    if (json_object_get(entry, "loss"))
        json_object_update(*last, entry);
    const json_t *found = json_object_get(entry, "validation_loss"), *known = json_object_get(*best, "loss");
    if (json_is_number(found) && (!known || json_number_value(found) < json_number_value(known))) {
        json_object_set(*best, "step", json_object_get(entry, "step"));
        json_object_set(*best, "loss", json_object_get(entry, "validation_loss"));
    }
    json_decref(entry);
}

static void log_facts(const char *folder, json_t *facts)
{
    char *path = slr_format("%s/log.jsonl", folder), *text = NULL;
    size_t size = 0;
    json_t *last = json_object(), *best = json_object();
    if (path && slr_read_file(path, MAX_LOG, &text, &size, NULL) == SELORA_OK)
        for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1)
            read_line(line, (size_t)(end - line), &last, &best);
    if (json_object_size(last))
        json_object_set(facts, "last_step", last);
    if (json_object_size(best))
        json_object_set(facts, "best_validation", best);
    json_decref(last);
    json_decref(best);
    free(text);
    free(path);
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

/* The last row of every layer; the file's own half line at the end, if any, is cut off first. */
static void rank_facts(const char *folder, json_t *facts)
{
    enum { MAX_RANK = 4096 };
    char *path = slr_format("%s/ranks.csv", folder), *text = NULL;
    size_t size = 0;
    slr_table *table = NULL;
    if (path && slr_read_file(path, MAX_LOG, &text, &size, NULL) == SELORA_OK) {
        while (size > 0 && text[size - 1] != '\n')
            size--;
        if (slr_table_parse_csv(text, size, "ranks.csv", &table, NULL) == SELORA_OK && slr_table_rows(table) > 0) {
            json_t *ranks = json_object();
            int layer = slr_table_column(table, "layer"), after = slr_table_column(table, "rank_after");
            for (size_t row = 0; layer >= 0 && after >= 0 && row < slr_table_rows(table); row++) {
                long rank = strtol(slr_table_cell(table, row, after), NULL, 10);
                json_object_set_new(ranks, slr_table_cell(table, row, layer),
                                    json_integer(rank < 0 ? 0 : rank > MAX_RANK ? MAX_RANK : rank));
            }
            json_object_set_new(facts, "ranks", histogram(ranks));
            json_decref(ranks);
        }
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

static selora_status adapter_facts(const char *folder, json_t *facts, slr_error *err)
{
    char *path = slr_format("%s/adapter.safetensors", folder);
    json_t *adapter = NULL;
    selora_status status = SELORA_OK;
    if (path && access(path, F_OK) == 0)
        status = slr_inspect_adapter(path, &adapter, err);
    if (adapter)
        json_object_set(facts, "best_adapter", json_object_get(adapter, "total"));
    json_decref(adapter);
    free(path);
    return status;
}

selora_status slr_inspect_run(const char *path, json_t **result, slr_error *err)
{
    *result = NULL;
    json_t *facts = json_pack("{s:s}", "kind", "run");
    selora_status status = start_facts(path, facts, err);
    if (status == SELORA_OK) {
        log_facts(path, facts);
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
