/* SPDX-License-Identifier: MIT
 * selora_sweep(): many training runs, one after another, and their comparison. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/rank_pattern.h"
#include "api/sweep_estimate.h"
#include "api/sweep_outcome.h"
#include "api/train_run.h"
#include "core/memory.h"
#include "core/peak_memory.h"
#include "io/atomic_file.h"
#include "io/json.h"
#include "report/run_file.h"
#include "report/run_report.h"
#include "report/sweep_table.h"

typedef struct sweep {
    selora_context *context;
    const slr_hooks *hooks;
    slr_sweep_plan plan;
    json_t **outcomes; /* (runs); NULL: not over */
    bool described;    /* notes on the data have been given */
} sweep;

/* ---- controls ---- */

static selora_status make_pattern(const slr_sweep_run *run, const slr_rank_pattern *found, slr_rank_pattern *pattern,
                                  slr_error *err)
{
    if (run->control == SLR_CONTROL_RANDOM)
        return slr_rank_pattern_random(found, (int)run->options.rank, run->options.seed, pattern, err);
    return slr_rank_pattern_uniform(found, pattern, err);
}

/* The ranks that a control starts with, from those that its run has ended with. */
static selora_status write_pattern(const sweep *s, const slr_sweep_run *run, slr_error *err)
{
    slr_rank_pattern found, made = {0};
    bool own = run->control != SLR_CONTROL_STATIC;
    char *folder = slr_format("%s/patterns", s->plan.axes.out);
    SLR_TRY(slr_rank_pattern_read(s->plan.runs[run->parent].folder, &found, err));
    selora_status status = folder ? slr_make_folders(folder, 0755, err) : slr_fail_memory(err, 0, "a path");
    if (status == SELORA_OK && own)
        status = make_pattern(run, &found, &made, err);
    if (status == SELORA_OK)
        status = slr_rank_pattern_write(own ? &made : &found, run->pattern, err);
    if (status == SELORA_OK)
        slr_note(s->hooks, "%s: %" PRId64 " parameters beside %" PRId64 " of %s", run->name,
                 slr_rank_pattern_parameters(own ? &made : &found), slr_rank_pattern_parameters(&found),
                 s->plan.runs[run->parent].name);
    slr_rank_pattern_free(&found);
    slr_rank_pattern_free(&made);
    free(folder);
    return status;
}

/* ---- one run ---- */

static selora_status train(sweep *s, const slr_sweep_run *run, slr_sweep_end *end, slr_error *err)
{
    slr_train_job job;
    selora_train_options options = run->options;
    options.resume = 1;
    bool forgotten = slr_peak_memory_forget();
    SLR_TRY(slr_train_run_check_folder(&options, err));
    selora_status status = slr_train_job_open(&job, s->context, &options, err);
    if (status == SELORA_OK) {
        if (!s->described)
            slr_train_job_describe(&job);
        s->described = true;
        end->planned_bytes = job.peak;
        end->parameters_at_start = job.facts.parameters;
        status = slr_train_run(&job, err);
    }
    slr_train_job_close(&job);
    end->peak_bytes = forgotten ? slr_peak_memory() : 0;
    return status;
}

/* A loss that is no number ends the run, not the sweep: that is a result, too. */
static selora_status run_one(sweep *s, size_t at, slr_error *err)
{
    const slr_sweep_run *run = &s->plan.runs[at];
    slr_sweep_end end = {0};
    char failure[SLR_ERROR_CAPACITY];
    const json_t *parent = run->control ? s->outcomes[run->parent] : NULL;
    if (parent && !json_is_integer(json_object_get(parent, "final_rank"))) {
        slr_warn(s->hooks, "%s is left out: %s has left no ranks", run->name, s->plan.runs[run->parent].name);
        return SELORA_OK;
    }
    slr_note(s->hooks, "run %zu of %zu: %s", at + 1, s->plan.count, run->name);
    if (run->control)
        SLR_TRY(write_pattern(s, run, err));
    selora_status status = train(s, run, &end, err);
    if (status == SELORA_NUMERIC) {
        snprintf(failure, sizeof failure, "%s", err->message);
        slr_warn(s->hooks, "%s has diverged: %s", run->name, failure);
        *err = (slr_error){0};
        end.failure = failure;
    } else if (status == SELORA_INTERRUPTED) {
        return slr_fail(err, status, "interrupted in run %zu of %zu, %s; the same command goes on from there", at + 1,
                        s->plan.count, run->name);
    } else if (status != SELORA_OK) {
        return slr_fail_within(err, "%s", run->name);
    }
    return slr_sweep_outcome_save(run, &end, &s->outcomes[at], err);
}

/* ---- the comparison ---- */

/* With what an arm is compared: a control with its run, others with the first arm. */
static const char *compared_with(const slr_sweep_plan *plan, const slr_sweep_run *run)
{
    const char *other = run->control ? plan->runs[run->parent].arm : plan->runs[0].arm;
    return strcmp(other, run->arm) == 0 ? "" : other;
}

static json_t *row_of(const slr_sweep_plan *plan, const slr_sweep_run *run, json_t *outcome)
{
    size_t count;
    const selora_option *list = selora_train_option_list(&count);
    json_t *row = json_pack("{s:s, s:s, s:s, s:s}", "run", run->name, "arm", run->arm, "control",
                            slr_sweep_control_name(run->control), "compared_with", compared_with(plan, run));
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].name, "seed") == 0 || strcmp(list[i].name, "method") == 0)
            json_object_set_new(row, list[i].name, slr_option_json(&list[i], &run->options));
    json_object_update_missing(row, run->varied);
    json_object_update_missing(row, outcome);
    json_object_del(row, "format");
    return row;
}

static json_t *rows_of(const sweep *s)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < s->plan.count; i++)
        if (s->outcomes[i])
            json_array_append_new(rows, row_of(&s->plan, &s->plan.runs[i], s->outcomes[i]));
    return rows;
}

/* After every run, so that a sweep can be read while it goes on. */
static selora_status write_comparison(const sweep *s, slr_error *err)
{
    json_t *rows = rows_of(s), *comparison = slr_sweep_comparison(rows);
    json_t *root = json_pack("{s:s, s:s, s:I, s:I, s:O}", "format", "selora-sweep/1", "selora", SELORA_VERSION, "runs_planned",
                             (json_int_t)s->plan.count, "runs_over", (json_int_t)json_array_size(rows), "runs", rows);
    char *json = slr_format("%s/sweep.json", s->plan.axes.out), *csv = slr_format("%s/sweep.csv", s->plan.axes.out);
    selora_status status = root && comparison && json && csv ? SELORA_OK : slr_fail_memory(err, 0, "the comparison");
    if (status == SELORA_OK)
        status = json_object_update(root, comparison) == 0 ? slr_json_save_file(root, json, err)
                                                           : slr_fail_memory(err, 0, "the comparison");
    if (status == SELORA_OK)
        status = slr_sweep_table_write(rows, csv, err);
    json_decref(root);
    json_decref(rows);
    json_decref(comparison);
    free(json);
    free(csv);
    return status;
}

static bool differ(const json_t *rows, const char *key)
{
    for (size_t i = 1; i < json_array_size(rows); i++)
        if (!json_equal(json_object_get(json_array_get(rows, i), key), json_object_get(json_array_get(rows, 0), key)))
            return true;
    return false;
}

static bool is_varied(const slr_sweep_plan *plan, const char *option)
{
    for (size_t i = 0; i < plan->axes.count; i++)
        if (strcmp(plan->axes.axes[i].option->name, option) == 0)
            return plan->axes.axes[i].count > 1;
    return false;
}

static double real_of(const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);
    return json_is_number(value) ? json_number_value(value) : 0;
}

static void tell_pairs(const sweep *s, const json_t *pairs)
{
    for (size_t i = 0; i < json_array_size(pairs); i++) {
        const json_t *pair = json_array_get(pairs, i);
        const char *arm = json_string_value(json_object_get(pair, "arm"));
        const char *other = json_string_value(json_object_get(pair, "compared_with"));
        const char *note = json_string_value(json_object_get(pair, "note"));
        if (json_is_number(json_object_get(pair, "low")))
            slr_note(s->hooks, "%s less %s: %+.5f, 95 %% from %+.5f to %+.5f (%d seeds)", arm, other,
                     real_of(pair, "mean_difference"), real_of(pair, "low"), real_of(pair, "high"), (int)real_of(pair, "seeds"));
        else if (json_is_number(json_object_get(pair, "mean_difference")))
            slr_note(s->hooks, "%s less %s: %+.5f (%s)", arm, other, real_of(pair, "mean_difference"), note);
        else
            slr_note(s->hooks, "%s less %s: %s", arm, other, note);
    }
}

/* A line a run, a line a difference. */
static void tell(const sweep *s)
{
    json_t *rows = rows_of(s), *comparison = slr_sweep_comparison(rows);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        slr_note(s->hooks, "%s: rank %.0f, %.0f parameters, best validation loss %.5f, %.3f s a step%s",
                 json_string_value(json_object_get(row, "run")), real_of(row, "final_rank"), real_of(row, "parameters"),
                 real_of(row, "best_validation_loss"), real_of(row, "step_seconds_median"),
                 json_is_true(json_object_get(row, "diverged")) ? ", diverged" : "");
    }
    if ((differ(rows, "data_sha256") && !is_varied(&s->plan, "data")) ||
        (differ(rows, "model_sha256") && !is_varied(&s->plan, "model")))
        slr_warn(s->hooks, "data or model have changed while the sweep went on: its runs cannot be compared");
    tell_pairs(s, json_object_get(comparison, "pairs"));
    slr_note(s->hooks, "the comparison is %s/sweep.json, sweep.csv", s->plan.axes.out);
    json_decref(rows);
    json_decref(comparison);
}

/* ---- the whole ---- */

static selora_status list_runs(sweep *s, slr_error *err)
{
    slr_sweep_estimate estimate = {0};
    double total = 0;
    selora_status status = SELORA_OK;
    for (size_t i = 0; status == SELORA_OK && i < s->plan.count; i++) {
        const slr_sweep_run *run = &s->plan.runs[i];
        /* The ranks of a control are not known before: its run stands for it. */
        const slr_sweep_run *timed = run->control ? &s->plan.runs[run->parent] : run;
        if (s->outcomes[i]) {
            slr_note(s->hooks, "%s: done already", run->name);
            continue;
        }
        status = slr_sweep_estimate_run(&estimate, s->context, timed, err);
        if (status == SELORA_OK)
            slr_note(s->hooks, "%s: %" PRId64 " steps of %.3f s, %.2f h", run->name, estimate.steps, estimate.step_seconds,
                     estimate.seconds / 3600);
        total += status == SELORA_OK ? estimate.seconds : 0;
    }
    if (status == SELORA_OK)
        slr_note(s->hooks, "%zu runs, about %.2f h without the encoding of pictures", s->plan.count, total / 3600);
    slr_sweep_estimate_free(&estimate);
    return status;
}

/* OUT/report.html over the runs, as many as a page takes; all arms stand at its beginning. Their comparison is written by
 * now, so a failure is a warning. */
static void write_report(const sweep *s)
{
    slr_error failure = {0};
    size_t count = 0;
    slr_report_settings settings = {.title = "Sweep"};
    settings.list = selora_train_option_list(&settings.list_count);
    const char **runs = slr_alloc(s->plan.count + 1, sizeof *runs);
    char *path = slr_format("%s/report.html", s->plan.axes.out);
    for (size_t i = 0; runs && i < s->plan.count && count < SLR_REPORT_RUNS; i++)
        if (s->outcomes[i])
            runs[count++] = s->plan.runs[i].folder;
    selora_status status = runs && path ? slr_run_report_write(runs, count, &settings, path, &failure)
                                        : slr_fail_memory(&failure, 0, "the report");
    if (status == SELORA_OK)
        slr_note(s->hooks, "%zu of %zu runs on one page: %s", count, s->plan.count, path);
    else
        slr_warn(s->hooks, "no report: %s", failure.message);
    free(runs);
    free(path);
}

static selora_status run_all(sweep *s, slr_error *err)
{
    for (size_t i = 0; i < s->plan.count; i++) {
        if (s->outcomes[i])
            continue;
        SLR_TRY(run_one(s, i, err));
        SLR_TRY(write_comparison(s, err));
    }
    SLR_TRY(write_comparison(s, err));
    tell(s);
    write_report(s);
    return SELORA_OK;
}

static selora_status begin(sweep *s, const selora_sweep_options *options, slr_error *err)
{
    SLR_TRY(slr_sweep_plan_make(&s->plan, s->context, options, err));
    s->outcomes = slr_alloc(s->plan.count + 1, sizeof *s->outcomes);
    if (!s->outcomes)
        return slr_fail_memory(err, s->plan.count, "the sweep");
    if (slr_run_file_exists(s->plan.axes.out))
        return slr_fail(err, SELORA_USAGE, "--out: %s is the folder of a run; choose another", s->plan.axes.out);
    size_t over = 0;
    for (size_t i = 0; i < s->plan.count; i++) {
        SLR_TRY(slr_sweep_outcome_load(&s->plan.runs[i], &s->outcomes[i], err));
        over += s->outcomes[i] != NULL;
    }
    slr_note(s->hooks, "%zu runs, %zu of them over", s->plan.count, over);
    return options->dry_run ? SELORA_OK : slr_make_folders(s->plan.axes.out, 0755, err);
}

selora_status selora_sweep(selora_context *context, const selora_sweep_options *options)
{
    slr_error *err = slr_context_begin(context);
    sweep s = {.context = context, .hooks = &context->hooks};
    selora_status status = begin(&s, options, err);
    if (status == SELORA_OK)
        status = options->dry_run ? list_runs(&s, err) : run_all(&s, err);
    for (size_t i = 0; s.outcomes && i < s.plan.count; i++)
        json_decref(s.outcomes[i]);
    free(s.outcomes);
    slr_sweep_plan_free(&s.plan);
    return status;
}
