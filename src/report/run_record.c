/* SPDX-License-Identifier: MIT */
#include "report/run_record.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/formats.h"
#include "core/memory.h"
#include "core/quantile.h"
#include "io/json.h"

enum { MAX_JSON = 1 << 20, MAX_METRICS = 1 << 24 };

/* ---- what is asked of it ---- */

const json_t *slr_run_record_fact(const slr_run_record *run, const char *key)
{
    const json_t *value = json_object_get(run->root, key);
    return value ? value : json_null();
}

const json_t *slr_run_record_option(const slr_run_record *run, const char *name)
{
    const json_t *value = json_object_get(slr_run_record_fact(run, "options"), name);
    return value ? value : json_null();
}

double slr_run_record_number(const json_t *value)
{
    return json_is_number(value) ? json_number_value(value) : NAN;
}

double slr_run_quantile(const double *values, size_t count, double share)
{
    double *sorted = slr_alloc(count ? count : 1, sizeof *sorted);
    size_t finite = 0;
    for (size_t i = 0; sorted && i < count; i++)
        if (isfinite(values[i]))
            sorted[finite++] = values[i];
    slr_sort_doubles(sorted, finite);
    double result = slr_quantile(sorted, finite, share);
    free(sorted);
    return result;
}

/* ---- layers ---- */

slr_run_layer *slr_run_record_layer(slr_run_record *run, const char *path, size_t length, size_t guess)
{
    for (size_t n = 0; n < run->layer_count; n++) {
        slr_run_layer *layer = &run->layers[(guess + n) % run->layer_count];
        if (strncmp(layer->path, path, length) == 0 && layer->path[length] == 0)
            return layer;
    }
    char *copy = slr_copy_text_n(path, length);
    if (!copy || !slr_grow((void **)&run->layers, &run->layer_capacity, run->layer_count, sizeof *run->layers)) {
        free(copy);
        return NULL;
    }
    slr_run_layer *layer = &run->layers[run->layer_count++];
    double start = slr_run_record_number(slr_run_record_option(run, "rank"));
    *layer = (slr_run_layer){.path = copy, .rank = start >= 0 && start < 1 << 20 ? (int)start : 0};
    return layer;
}

/* Shapes and ranks of the newest adapter; a run that has not come to its first checkpoint has none. */
static selora_status read_adapter(slr_run_record *run, slr_error *err)
{
    slr_pairs pairs = {0};
    char *path = slr_format("%s/last.safetensors", run->folder);
    if (!path)
        return slr_fail_memory(err, 0, run->folder);
    selora_status status = SELORA_OK;
    if (run->last_bytes >= 0)
        status = slr_pairs_load(path, &pairs, err);
    for (size_t i = 0; status == SELORA_OK && i < pairs.count; i++) {
        const slr_pair *pair = &pairs.items[i];
        slr_run_layer *layer = slr_run_record_layer(run, pair->path, strlen(pair->path), i);
        if (!layer)
            status = slr_fail_memory(err, 0, path);
        else
            layer->in = pair->in, layer->out = pair->out, layer->rank = pair->rank;
    }
    slr_pairs_free(&pairs);
    free(path);
    return status;
}

/* ---- files ---- */

static int64_t size_of(const char *folder, const char *name)
{
    struct stat info;
    char *path = slr_format("%s/%s", folder, name);
    int64_t size = path && stat(path, &info) == 0 && S_ISREG(info.st_mode) ? (int64_t)info.st_size : -1;
    free(path);
    return size;
}

static selora_status read_start(slr_run_record *run, slr_error *err)
{
    char *path = slr_format("%s/run.json", run->folder);
    if (!path)
        return slr_fail_memory(err, 0, run->folder);
    const char *format = "";
    selora_status status = SELORA_OK;
    if (access(path, F_OK) != 0)
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: not the folder of a run: it has no run.json", run->folder);
    if (status == SELORA_OK)
        status = slr_json_load_file(path, MAX_JSON, &run->root, err);
    if (status == SELORA_OK)
        status = slr_json_string_required(run->root, path, "format", &format, err);
    if (status == SELORA_OK && (strcmp(format, "selora-run/1") != 0 ||
                                !json_is_object(json_object_get(run->root, "options"))))
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: not the file of a run: expected the format selora-run/1 and its options",
                          path);
    free(path);
    return status;
}

/* A file that may be missing, under either name. */
static selora_status read_optional(const slr_run_record *run, const char *name, const char *other, json_t **root, slr_error *err)
{
    const char *found = size_of(run->folder, name) >= 0 ? name : size_of(run->folder, other) >= 0 ? other : NULL;
    if (!found)
        return SELORA_OK;
    char *path = slr_format("%s/%s", run->folder, found);
    if (!path)
        return slr_fail_memory(err, 0, run->folder);
    selora_status status = slr_json_load_file(path, MAX_METRICS, root, err);
    free(path);
    return status;
}

static int by_step(const void *a, const void *b)
{
    const slr_run_grid *x = a, *y = b;
    return (x->step > y->step) - (x->step < y->step);
}

/* samples/step-000400.png; other names there are nobody's business. */
static selora_status list_grids(slr_run_record *run, slr_error *err)
{
    selora_status status = SELORA_OK;
    char *folder = slr_format("%s/samples", run->folder);
    DIR *listing = folder ? opendir(folder) : NULL;
    if (!folder)
        return slr_fail_memory(err, 0, run->folder);
    for (struct dirent *entry; listing && status == SELORA_OK && (entry = readdir(listing));) {
        long long step;
        int end = 0;
        if (sscanf(entry->d_name, "step-%18lld.png%n", &step, &end) != 1 || end == 0 || entry->d_name[end] || step < 0)
            continue;
        if (!slr_grow((void **)&run->grids, &run->grid_capacity, run->grid_count, sizeof *run->grids) ||
            !(run->grids[run->grid_count].path = slr_format("%s/%s", folder, entry->d_name)))
            status = slr_fail_memory(err, 0, folder);
        else
            run->grids[run->grid_count++].step = step;
    }
    if (listing)
        closedir(listing);
    if (run->grid_count > 0)
        qsort(run->grids, run->grid_count, sizeof *run->grids, by_step);
    free(folder);
    return status;
}

static void name_run(slr_run_record *run)
{
    char *whole = realpath(run->folder, NULL);
    const char *slash = whole ? strrchr(whole, '/') : NULL;
    snprintf(run->name, sizeof run->name, "%s", slash && slash[1] ? slash + 1 : "run");
    free(whole);
}

selora_status slr_run_record_load(const char *folder, slr_run_record *run, slr_error *err)
{
    struct stat info;
    *run = (slr_run_record){.folder = slr_copy_text(folder)};
    if (!run->folder)
        return slr_fail_memory(err, 0, folder);
    if (stat(folder, &info) != 0)
        return slr_fail_errno(err, folder, "find the run");
    if (!S_ISDIR(info.st_mode))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: expected the folder of a run", folder);
    name_run(run);
    run->adapter_bytes = size_of(folder, "adapter.safetensors");
    run->last_bytes = size_of(folder, "last.safetensors");
    SLR_TRY(read_start(run, err));
    SLR_TRY(slr_run_costs_load(folder, &run->costs, err));
    SLR_TRY(slr_run_record_read_log(run, err));
    SLR_TRY(read_adapter(run, err));
    SLR_TRY(slr_run_record_read_ranks(run, err));
    SLR_TRY(list_grids(run, err));
    SLR_TRY(read_optional(run, "metrics.json", "evaluation/metrics.json", &run->metrics, err));
    return read_optional(run, "audit.json", "audit/audit.json", &run->audit, err);
}

void slr_run_record_free(slr_run_record *run)
{
    for (size_t i = 0; i < run->layer_count; i++)
        free(run->layers[i].path);
    for (size_t i = 0; i < run->grid_count; i++)
        free(run->grids[i].path);
    slr_run_steps *s = &run->steps;
    double *const columns[] = {s->step, s->loss, s->lr, s->gradient_norm, s->rank, s->parameters, s->seconds, s->probe_seconds,
                               run->validations.step, run->validations.loss};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        free(columns[i]);
    free(run->layers);
    free(run->grids);
    free(run->decisions);
    json_decref(run->root);
    json_decref(run->metrics);
    json_decref(run->audit);
    free(run->folder);
    *run = (slr_run_record){0};
}
