/* SPDX-License-Identifier: MIT */
#include "api/sweep_outcome.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/rank_pattern.h"
#include "core/memory.h"
#include "io/json.h"
#include "report/run_file.h"
#include "report/run_outcome.h"

enum { MAX_JSON = 8 << 20 };
static const char format_name[] = "selora-outcome/1";

static json_t *bytes(size_t value)
{
    return value ? json_integer((json_int_t)value) : json_null();
}

selora_status slr_sweep_outcome_load(const slr_sweep_run *run, json_t **outcome, slr_error *err)
{
    size_t count;
    const selora_option *list = selora_train_option_list(&count);
    char *path = slr_format("%s/outcome.json", run->folder);
    *outcome = NULL;
    if (!path)
        return slr_fail_memory(err, 0, "a path");
    selora_status status = SELORA_OK;
    if (access(path, F_OK) == 0)
        status = slr_json_load_file(path, MAX_JSON, outcome, err);
    const char *format = json_string_value(json_object_get(*outcome, "format"));
    if (status == SELORA_OK && *outcome && (!format || strcmp(format, format_name) != 0))
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: not the outcome of a run; remove the run's folder to repeat it", path);
    if (status == SELORA_OK && *outcome)
        status = slr_run_file_compare(run->folder, list, count, &run->options, err);
    bool same_length = json_integer_value(json_object_get(*outcome, "steps_wanted")) == run->options.steps &&
                       json_integer_value(json_object_get(*outcome, "epochs_wanted")) == run->options.epochs;
    if (status != SELORA_OK || !same_length) {
        json_decref(*outcome);
        *outcome = NULL;
    }
    free(path);
    return status;
}

/* Hashes of what the run was trained on, from its run.json. */
static void add_hashes(const slr_sweep_run *run, json_t *o)
{
    json_t *root = NULL;
    char *path = slr_format("%s/run.json", run->folder);
    if (path && slr_json_load_file(path, MAX_JSON, &root, NULL) == SELORA_OK) {
        json_object_set(o, "model_sha256", json_object_get(root, "model_sha256"));
        json_object_set(o, "data_sha256", json_object_get(json_object_get(root, "data"), "sha256"));
    }
    json_decref(root);
    free(path);
}

/* Ranks of the last adapter, which is there unless the run failed before its first checkpoint. */
static void add_ranks(const slr_sweep_run *run, json_t *o)
{
    slr_rank_pattern last = {0};
    json_t *ranks = json_object();
    json_int_t total = 0, largest = 0;
    char *path = slr_format("%s/last.safetensors", run->folder);
    bool there = path && slr_rank_pattern_read(path, &last, NULL) == SELORA_OK;
    for (size_t i = 0; i < last.count; i++) {
        json_object_set_new(ranks, last.layers[i].path, json_integer(last.layers[i].rank));
        total += last.layers[i].rank;
        largest = last.layers[i].rank > largest ? last.layers[i].rank : largest;
    }
    json_object_set_new(o, "layers", there ? json_integer((json_int_t)last.count) : json_null());
    json_object_set_new(o, "final_rank", there ? json_integer(total) : json_null());
    json_object_set_new(o, "largest_rank", there ? json_integer(largest) : json_null());
    json_object_set_new(o, "parameters", there ? json_integer(slr_rank_pattern_parameters(&last)) : json_null());
    json_object_set_new(o, "ranks", ranks);
    slr_rank_pattern_free(&last);
    free(path);
}

static void add_file_size(const slr_sweep_run *run, json_t *o)
{
    struct stat info;
    char *path = slr_format("%s/adapter.safetensors", run->folder);
    bool there = path && stat(path, &info) == 0;
    json_object_set_new(o, "adapter_bytes", there ? json_integer((json_int_t)info.st_size) : json_null());
    free(path);
}

static void add_course(const slr_run_outcome *r, const slr_sweep_end *end, json_t *o)
{
    bool diverged = end->failure || r->diverged;
    json_object_set_new(o, "state", json_string(end->failure ? "failed" : diverged ? "diverged" : "done"));
    json_object_set_new(o, "diverged", json_boolean(diverged));
    if (end->failure)
        json_object_set_new(o, "failure", json_string(end->failure));
    json_object_set_new(o, "steps_done", json_integer(r->steps));
    slr_json_put_number(o, "best_validation_loss", r->best_loss);
    json_object_set_new(o, "best_step", r->best_step ? json_integer(r->best_step) : json_null());
    slr_json_put_number(o, "last_validation_loss", r->last_validation_loss);
    slr_json_put_number(o, "last_training_loss", r->last_loss);
    slr_json_put_number(o, "step_seconds_median", r->median_seconds);
    slr_json_put_number(o, "step_seconds_p95", r->p95_seconds);
    slr_json_put_number(o, "training_seconds", r->total_seconds);
    json_object_set_new(o, "planned_peak_bytes", bytes(end->planned_bytes));
    json_object_set_new(o, "peak_bytes", bytes(end->peak_bytes));
    json_object_set_new(o, "parameters_at_start", json_integer(end->parameters_at_start));
}

selora_status slr_sweep_outcome_save(const slr_sweep_run *run, const slr_sweep_end *end, json_t **outcome, slr_error *err)
{
    slr_run_outcome course;
    *outcome = NULL;
    SLR_TRY(slr_run_outcome_read(run->folder, &course, err));
    json_t *o = json_pack("{s:s, s:I, s:I}", "format", format_name, "steps_wanted", (json_int_t)run->options.steps,
                          "epochs_wanted", (json_int_t)run->options.epochs);
    char *path = slr_format("%s/outcome.json", run->folder);
    selora_status status = o && path ? SELORA_OK : slr_fail_memory(err, 0, "the outcome");
    if (status == SELORA_OK) {
        add_course(&course, end, o);
        add_file_size(run, o);
        add_hashes(run, o);
        add_ranks(run, o);
        status = slr_json_save_file(o, path, err);
    }
    free(path);
    if (status == SELORA_OK)
        *outcome = o;
    else
        json_decref(o);
    return status;
}
