/* SPDX-License-Identifier: MIT */
#include "report/run_outcome.h"

#include <math.h>

#include "core/memory.h"
#include "core/quantile.h"
#include "report/run_record.h"

static double mean(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return count ? sum / (double)count : NAN;
}

static void take_validations(const slr_run_validations *v, slr_run_outcome *outcome)
{
    for (size_t i = 0; i < v->count; i++) {
        outcome->last_validation_step = (int64_t)v->step[i];
        outcome->last_validation_loss = v->loss[i];
        if (isnan(outcome->best_loss) || v->loss[i] < outcome->best_loss) {
            outcome->best_loss = v->loss[i];
            outcome->best_step = outcome->last_validation_step;
        }
    }
    outcome->diverged = outcome->last_validation_step > 0 && !(outcome->last_validation_loss <= 2 * outcome->best_loss);
}

/* Sorts the seconds. */
static void take_steps(slr_run_steps *s, slr_run_outcome *outcome)
{
    size_t count = s->count, tenth = (count + 9) / 10;
    for (size_t i = 0; i < count; i++)
        if (!isfinite(s->seconds[i]))
            s->seconds[i] = 0;
    outcome->steps = count ? (int64_t)s->step[count - 1] : 0;
    outcome->first_loss = mean(s->loss, tenth);
    outcome->last_loss = count ? mean(s->loss + count - tenth, tenth) : NAN;
    outcome->total_seconds = mean(s->seconds, count) * (double)count;
    slr_sort_doubles(s->seconds, count);
    outcome->median_seconds = slr_quantile(s->seconds, count, 0.5);
    outcome->p95_seconds = slr_quantile(s->seconds, count, 0.95);
}

selora_status slr_run_outcome_read(const char *folder, slr_run_outcome *outcome, slr_error *err)
{
    *outcome = (slr_run_outcome){.best_loss = NAN, .last_validation_loss = NAN};
    slr_run_record run = {.folder = slr_copy_text(folder)};
    if (!run.folder)
        return slr_fail_memory(err, 0, folder);
    selora_status status = slr_run_record_read_good_log(&run, err);
    if (status == SELORA_OK) {
        take_steps(&run.steps, outcome);
        take_validations(&run.validations, outcome);
    }
    slr_run_record_free(&run);
    return status;
}
