/* SPDX-License-Identifier: MIT */
#include "api/sweep_estimate.h"

#include <stdlib.h>
#include <string.h>

#include "api/train_job.h"
#include "core/clock.h"
#include "core/memory.h"
#include "train/validation.h"

/* What a step costs, and how many pictures are looked at beside it. */
typedef struct slr_step_kind {
    const slr_sweep_run *run;
    double step_seconds;
    int64_t places, validation, pictures, validate_every;
} slr_step_kind;

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Controls stand for the run that they compare with: as many parameters. */
static bool same_kind(const selora_train_options *a, const selora_train_options *b)
{
    return same_text(a->model, b->model) && same_text(a->data, b->data) && same_text(a->size, b->size) &&
           same_text(a->method, b->method) && same_text(a->targets, b->targets) && same_text(a->train, b->train) &&
           same_text(a->compute, b->compute) && same_text(a->weights, b->weights) && same_text(a->memory, b->memory) &&
           same_text(a->max_memory, b->max_memory) && same_text(a->rank_pattern, b->rank_pattern) &&
           same_text(a->init_adapter, b->init_adapter) && same_text(a->probe_pass, b->probe_pass) && a->rank == b->rank &&
           a->batch_size == b->batch_size && a->accumulate == b->accumulate && a->probe_rows == b->probe_rows;
}

/* Two steps over latents of zeros; the second one counts, the first warms up. */
static selora_status time_step(slr_train_job *job, double *seconds, slr_error *err)
{
    slr_train_result result;
    const int64_t *ids = slr_train_job_ids(job, job->split.train[0]);
    float *moments = slr_alloc((size_t)slr_latent_encoder_count(job->encoder), sizeof *moments);
    slr_train_sample *samples = slr_alloc((size_t)job->places, sizeof *samples);
    selora_status status = moments && samples ? slr_trainer_allocate(job->trainer, err) : slr_fail_memory(err, 0, "a step");
    for (int64_t i = 0; samples && i < job->places; i++)
        samples[i] = (slr_train_sample){moments, ids, job->split.train[0]};
    slr_text_states *texts = slr_trainer_text_states(job->trainer);
    if (status == SELORA_OK && texts) {
        status = slr_text_states_keep(texts, ids, (size_t)SLR_TEXT_BUDGET_MB << 20, err);
        if (status == SELORA_OK)
            status = slr_text_states_keep(texts, job->settings.empty_ids, (size_t)SLR_TEXT_BUDGET_MB << 20, err);
    }
    for (int i = 0; status == SELORA_OK && i < 2; i++) {
        double start = slr_clock_seconds();
        status = slr_trainer_step(job->trainer, samples, &result, err);
        *seconds = slr_clock_seconds() - start;
    }
    free(moments);
    free(samples);
    return status;
}

static selora_status measure(selora_context *context, const slr_sweep_run *run, slr_step_kind *kind, slr_error *err)
{
    slr_train_job job;
    selora_train_options options = run->options;
    options.dry_run = 1;
    selora_status status = slr_train_job_open(&job, context, &options, err);
    if (status == SELORA_OK)
        status = time_step(&job, &kind->step_seconds, err);
    kind->run = run;
    kind->places = job.places;
    kind->validation = job.facts.validation;
    kind->pictures = job.facts.train;
    kind->validate_every = job.validate_every;
    slr_train_job_close(&job);
    return status;
}

static selora_status kind_of(slr_sweep_estimate *e, selora_context *context, const slr_sweep_run *run,
                             const slr_step_kind **kind, slr_error *err)
{
    for (size_t i = 0; i < e->count; i++)
        if (same_kind(&e->kinds[i].run->options, &run->options)) {
            *kind = &e->kinds[i];
            return SELORA_OK;
        }
    if (!slr_grow((void **)&e->kinds, &e->capacity, e->count, sizeof *e->kinds))
        return slr_fail_memory(err, 0, "the estimate");
    SLR_TRY(measure(context, run, &e->kinds[e->count], err));
    *kind = &e->kinds[e->count++];
    return SELORA_OK;
}

/* A look without a backward pass is a third of a picture's step. */
selora_status slr_sweep_estimate_run(slr_sweep_estimate *e, selora_context *context, const slr_sweep_run *run, slr_error *err)
{
    const slr_step_kind *kind = NULL;
    const selora_train_options *o = &run->options;
    SLR_TRY(kind_of(e, context, run, &kind, err));
    double look = kind->step_seconds / (double)kind->places / 3;
    int64_t every = o->validate_every ? o->validate_every : kind->validate_every;
    e->steps = o->steps ? o->steps : (o->epochs * kind->pictures + kind->places - 1) / kind->places;
    double validations = (double)((e->steps + every - 1) / every), pictures = (double)kind->validation;
    double looks = pictures > 0 ? pictures * (double)((int64_t)((SLR_VALIDATION_DRAWS + pictures - 1) / pictures)) : 0;
    double drawing = (double)(o->validation_images * o->validation_steps) * (o->validation_guidance > 1 ? 2 : 1);
    e->step_seconds = kind->step_seconds;
    e->seconds = (double)e->steps * kind->step_seconds + validations * (looks + drawing) * look;
    return SELORA_OK;
}

void slr_sweep_estimate_free(slr_sweep_estimate *e)
{
    free(e->kinds);
    *e = (slr_sweep_estimate){0};
}
