/* SPDX-License-Identifier: MIT */
#include "report/run_outcome.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/quantile.h"
#include "io/json.h"
#include "io/regular_file.h"

enum { MAX_LOG = 1 << 30 };

typedef struct step_series {
    double *losses, *seconds;
    size_t count, loss_capacity, second_capacity;
} step_series;

/* A loss that was no number is written as JSON has none, such as null. */
static double number_of(const json_t *entry, const char *key)
{
    const json_t *value = json_object_get(entry, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static bool take_step(const json_t *entry, step_series *series, slr_run_outcome *outcome)
{
    if (!slr_grow((void **)&series->losses, &series->loss_capacity, series->count, sizeof *series->losses) ||
        !slr_grow((void **)&series->seconds, &series->second_capacity, series->count, sizeof *series->seconds))
        return false;
    double seconds = number_of(entry, "seconds");
    series->losses[series->count] = number_of(entry, "loss");
    series->seconds[series->count++] = isfinite(seconds) ? seconds : 0;
    outcome->steps = json_integer_value(json_object_get(entry, "step"));
    return true;
}

static void take_validation(const json_t *entry, slr_run_outcome *outcome)
{
    double loss = number_of(entry, "validation_loss");
    outcome->last_validation_step = json_integer_value(json_object_get(entry, "step"));
    outcome->last_validation_loss = loss;
    if (isnan(outcome->best_loss) || loss < outcome->best_loss) {
        outcome->best_loss = loss;
        outcome->best_step = outcome->last_validation_step;
    }
}

static selora_status read_lines(const char *text, const char *path, step_series *series, slr_run_outcome *outcome,
                                slr_error *err)
{
    const char *end;
    for (const char *line = text; (end = strchr(line, '\n')); line = end + 1) {
        json_t *entry;
        if (slr_json_load_memory(line, (size_t)(end - line), path, &entry, NULL) != SELORA_OK)
            continue;
        bool ok = true;
        if (json_object_get(entry, "loss"))
            ok = take_step(entry, series, outcome);
        else if (json_object_get(entry, "validation_loss"))
            take_validation(entry, outcome);
        json_decref(entry);
        if (!ok)
            return slr_fail_memory(err, series->count * sizeof(double), path);
    }
    return SELORA_OK;
}

static double mean(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return count ? sum / (double)count : NAN;
}

static void summarise(step_series *series, slr_run_outcome *outcome)
{
    size_t count = series->count, tenth = (count + 9) / 10;
    outcome->first_loss = mean(series->losses, tenth);
    outcome->last_loss = count ? mean(series->losses + count - tenth, tenth) : NAN;
    outcome->total_seconds = count ? mean(series->seconds, count) * (double)count : NAN;
    slr_sort_doubles(series->seconds, count);
    outcome->median_seconds = slr_quantile(series->seconds, count, 0.5);
    outcome->p95_seconds = slr_quantile(series->seconds, count, 0.95);
    outcome->diverged = outcome->last_validation_step > 0 && !(outcome->last_validation_loss <= 2 * outcome->best_loss);
}

selora_status slr_run_outcome_read(const char *folder, slr_run_outcome *outcome, slr_error *err)
{
    *outcome = (slr_run_outcome){.best_loss = NAN, .last_validation_loss = NAN};
    step_series series = {0};
    char *path = slr_format("%s/log.jsonl", folder), *text = NULL;
    size_t size = 0;
    if (!path)
        return slr_fail_memory(err, 0, folder);
    selora_status status = SELORA_OK;
    if (access(path, F_OK) == 0)
        status = slr_read_file(path, MAX_LOG, &text, &size, err);
    if (status == SELORA_OK && text)
        status = read_lines(text, path, &series, outcome, err);
    if (status == SELORA_OK)
        summarise(&series, outcome);
    free(series.losses);
    free(series.seconds);
    free(text);
    free(path);
    return status;
}
