/* SPDX-License-Identifier: MIT */
#include "diffusion/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "diffusion/sampler_kinds.h"

/* All that is known about a sampler. The default spacing is that of diffusers' class. */
typedef struct sampler_row {
    const char *name;
    slr_spacing default_spacing;
    selora_status (*run)(const slr_sampler_run *run, slr_real *x, slr_error *err);
} sampler_row;

static const sampler_row samplers[SLR_SAMPLER_KINDS] = {
    [SLR_SAMPLER_PNDM] = {"pndm", SLR_SPACING_LEADING, slr_sampler_run_pndm},
    [SLR_SAMPLER_DDIM] = {"ddim", SLR_SPACING_LEADING, slr_sampler_run_ddim},
    [SLR_SAMPLER_DPMPP_2M] = {"dpmpp_2m", SLR_SPACING_LINSPACE, slr_sampler_run_dpmpp},
    [SLR_SAMPLER_EULER] = {"euler", SLR_SPACING_LINSPACE, slr_sampler_run_euler},
};

const char *slr_sampler_name(slr_sampler_kind kind)
{
    return samplers[kind].name;
}

selora_status slr_sampler_by_name(const char *name, slr_sampler_kind *kind, slr_error *err)
{
    for (int i = 0; i < SLR_SAMPLER_KINDS; i++)
        if (strcmp(name, samplers[i].name) == 0) {
            *kind = (slr_sampler_kind)i;
            return SELORA_OK;
        }
    return slr_fail(err, SELORA_USAGE,
                    "sampler \"%.40s\" is unknown; there are pndm, ddim, dpmpp_2m and euler", name);
}

static slr_spacing spacing_of(const slr_schedule *schedule, slr_sampler_kind kind)
{
    return schedule->config.spacing ? schedule->config.spacing : samplers[kind].default_spacing;
}

/* The i-th timestep of n, the noisiest first, by the arithmetic of numpy that diffusers uses (Lin
 * et al. 2024, table 2). */
static double spaced_timestep(const slr_schedule *schedule, slr_sampler_kind kind, int n, int i)
{
    const double last = SLR_TRAIN_TIMESTEPS - 1;
    bool one_more = kind == SLR_SAMPLER_DPMPP_2M; /* counts n + 1 points and drops the lowest */
    switch (spacing_of(schedule, kind)) {
    case SLR_SPACING_LINSPACE: {
        int points = one_more ? n + 1 : n, place = points - 1 - i;
        double t = points == 1 ? 0 : i == 0 ? last : place * (last / (points - 1));
        return kind == SLR_SAMPLER_EULER ? (double)(float)t : rint(t);
    }
    case SLR_SPACING_TRAILING: {
        double ratio =
            (SLR_TRAIN_TIMESTEPS - (double)SLR_TRAIN_TIMESTEPS / n) - SLR_TRAIN_TIMESTEPS;
        return rint(SLR_TRAIN_TIMESTEPS + i * ratio) - 1;
    }
    default: {
        int points = one_more ? n + 1 : n;
        return (double)(SLR_TRAIN_TIMESTEPS / points) * (points - 1 - i) +
               (double)schedule->config.steps_offset;
    }
    }
}

selora_status slr_sampler_timesteps(const slr_schedule *schedule, slr_sampler_kind kind, int steps,
                                    double **timesteps, int *calls, slr_error *err)
{
    const char *name = samplers[kind].name, *key = schedule->config.unsupported_key[kind];
    *timesteps = NULL;
    if (key)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "scheduler_config.json: %s has a value that sampler %s does not "
                        "support; choose another sampler",
                        key, name);
    if (steps < 1 || steps > SLR_TRAIN_TIMESTEPS)
        return slr_fail(err, SELORA_USAGE, "%d sampling steps are not possible; 1 to %d are", steps,
                        SLR_TRAIN_TIMESTEPS);
    double *table = slr_alloc((size_t)steps + 1, sizeof *table);
    if (!table)
        return slr_fail_memory(err, ((size_t)steps + 1) * sizeof *table, "the timesteps");
    int count = 0;
    for (int i = 0; i < steps; i++) {
        double t = spaced_timestep(schedule, kind, steps, i);
        if (t < 0 || t >= SLR_TRAIN_TIMESTEPS || (i > 0 && t >= table[count - 1])) {
            free(table);
            return slr_fail(err, SELORA_USAGE,
                            "%d sampling steps do not fit into the schedule with sampler %s and "
                            "steps_offset %d; take fewer",
                            steps, name, (int)schedule->config.steps_offset);
        }
        table[count++] = t;
        if (kind == SLR_SAMPLER_PNDM && i == 1)
            table[count++] = t; /* the second timestep is visited twice */
    }
    *timesteps = table;
    *calls = count;
    return SELORA_OK;
}

double slr_sampler_init_noise_sigma(const slr_schedule *schedule, slr_sampler_kind kind, int steps)
{
    if (kind != SLR_SAMPLER_EULER)
        return 1;
    double sigma = slr_schedule_sigma(schedule, spaced_timestep(schedule, kind, steps, 0));
    return spacing_of(schedule, kind) == SLR_SPACING_LEADING ? sqrt(sigma * sigma + 1) : sigma;
}

selora_status slr_sampler_predict(const slr_sampler_run *run, int call, const slr_real *x,
                                  slr_real *out, slr_error *err)
{
    return run->denoiser->predict(run->denoiser->context, x, run->timesteps[call], out, err);
}

selora_status slr_sampler_after_call(const slr_sampler_run *run, int call, const slr_real *x,
                                     slr_error *err)
{
    for (int64_t i = 0; i < run->count; i++)
        if (!isfinite(x[i]))
            return slr_fail(err, SELORA_NUMERIC,
                            "the latents are not finite after network call %d of %d (timestep %g)",
                            call + 1, run->calls, run->timesteps[call]);
    if (!run->how->after_call)
        return SELORA_OK;
    return run->how->after_call(run->how->context, call, run->calls, x, err);
}

slr_real *slr_sampler_scratch(const slr_sampler_run *run, int states, slr_error *err)
{
    slr_real *scratch = slr_alloc((size_t)run->count, (size_t)states * sizeof *scratch);
    if (!scratch)
        slr_fail_memory(err, (size_t)run->count * (size_t)states * sizeof *scratch, "the sampler");
    return scratch;
}

selora_status slr_sample(const slr_schedule *schedule, const slr_sampling *how,
                         const slr_denoiser *denoiser, slr_real *x, slr_error *err)
{
    double *timesteps;
    int calls;
    SLR_TRY(slr_sampler_timesteps(schedule, how->sampler, how->steps, &timesteps, &calls, err));
    slr_sampler_run run = {.schedule = schedule,
                           .how = how,
                           .denoiser = denoiser,
                           .timesteps = timesteps,
                           .calls = calls,
                           .stride = SLR_TRAIN_TIMESTEPS / how->steps,
                           .count = how->count};
    selora_status status = samplers[how->sampler].run(&run, x, err);
    free(timesteps);
    return status;
}
