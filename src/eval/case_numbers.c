/* SPDX-License-Identifier: MIT
 * Cases without a network: noise schedule, optimiser. */
#include <stdlib.h>

#include "core/memory.h"
#include "diffusion/sampler.h"
#include "eval/case_run.h"
#include "train/optimizer.h"

selora_status slr_case_schedule(const slr_case_run *run, slr_schedule *schedule, slr_error *err)
{
    slr_scheduler_config config;
    SLR_TRY(slr_scheduler_config_read(run->model->scheduler_path, &config, err));
    slr_schedule_init(schedule, &config);
    return SELORA_OK;
}

selora_status slr_case_run_schedule(const slr_case_run *run, slr_error *err)
{
    const slr_reference_case *c = run->c;
    slr_schedule schedule;
    double *timesteps;
    int calls;
    SLR_TRY(slr_case_schedule(run, &schedule, err));
    SLR_TRY(slr_sampler_timesteps(&schedule, c->sampler, c->steps, &timesteps, &calls, err));
    selora_status status = SELORA_OK;
    if (calls != slr_case_size(c, 'M'))
        status = slr_fail(
            err, SELORA_BAD_INPUT,
            "%s: expect.timesteps has %lld elements, %s makes %d network calls in %d steps",
            slr_safetensors_path(c->file), (long long)slr_case_size(c, 'M'),
            slr_sampler_name(c->sampler), calls, c->steps);
    if (status == SELORA_OK) {
        slr_case_compare_doubles(run->report, "expect.timesteps", timesteps);
        slr_case_compare_doubles(run->report, "expect.alphas_cumprod", schedule.alphas_cumprod);
    }
    free(timesteps);
    return status;
}

selora_status slr_case_run_adam(const slr_case_run *run, slr_error *err)
{
    const slr_reference_case *c = run->c;
    int64_t count = slr_case_size(c, 'K'), steps = slr_case_size(c, 'M');
    slr_real *w = slr_alloc((size_t)(4 * count), sizeof *w);
    if (!w)
        return slr_fail_memory(err, (size_t)(4 * count) * sizeof *w, "the optimiser's vectors");
    slr_real *gradient = w + count, *m = gradient + count, *v = m + count;
    slr_adam adam = {
        .beta1 = c->beta1, .beta2 = c->beta2, .eps = c->eps, .weight_decay = c->weight_decay};
    slr_case_read(c, "in.w0", SLR_CASE_PLAIN, w);
    for (int64_t step = 0; step < steps; step++) {
        char name[40];
        snprintf(name, sizeof name, "in.grad.%lld", (long long)step);
        slr_case_read(c, name, SLR_CASE_PLAIN, gradient);
        slr_adam_vector(&adam, c->lr, step + 1, w, gradient, m, v, count);
    }
    slr_case_compare(run->report, "expect.w", SLR_CASE_PLAIN, w);
    slr_case_compare(run->report, "expect.m", SLR_CASE_PLAIN, m);
    slr_case_compare(run->report, "expect.v", SLR_CASE_PLAIN, v);
    free(w);
    return SELORA_OK;
}
