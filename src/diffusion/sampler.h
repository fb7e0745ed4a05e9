/* SPDX-License-Identifier: MIT
 *
 * Samplers: from noise to latents in a few network calls, each a pure function over (schedule,
 * denoiser, state).
 *
 *     slr_denoiser network = {pipeline, run_unet};     (what the network says: epsilon or v)
 *     slr_sampling how = {.sampler = SLR_SAMPLER_PNDM, .steps = 50, .count = n};
 *     double sigma = slr_sampler_init_noise_sigma(&schedule, how.sampler, how.steps);
 *     for (i = 0; i < n; i++) x[i] = sigma * noise[i];
 *     SLR_TRY(slr_sample(&schedule, &how, &network, x, err));
 *
 * With guidance, wrap the denoiser (diffusion/guidance.h).
 */
#ifndef SLR_SAMPLER_H
#define SLR_SAMPLER_H

#include "diffusion/schedule.h"

const char *slr_sampler_name(slr_sampler_kind kind); /* "pndm", "ddim", "dpmpp_2m", "euler" */
selora_status slr_sampler_by_name(const char *name, slr_sampler_kind *kind, slr_error *err);

/* The timestep of every network call, in order: *timesteps (caller frees) and *calls. pndm has
 * steps + 1 calls (1 for a single step); those of euler with linspace spacing are fractional.
 * SELORA_USAGE where steps < 1 or more than the schedule has room for (1000 at most). */
selora_status slr_sampler_timesteps(const slr_schedule *schedule, slr_sampler_kind kind, int steps,
                                    double **timesteps, int *calls, slr_error *err);
/* What N(0, 1) noise is multiplied by before the first step; 1 but for euler. `steps` as
 * slr_sampler_timesteps allows. */
double slr_sampler_init_noise_sigma(const slr_schedule *schedule, slr_sampler_kind kind, int steps);

/* The network: writes its answer for the state x at `timestep`, `count` numbers each (all images of
 * the batch). */
typedef struct slr_denoiser {
    void *context;
    selora_status (*predict)(void *context, const slr_real *x, double timestep, slr_real *out,
                             slr_error *err);
} slr_denoiser;

typedef struct slr_sampling {
    slr_sampler_kind sampler;
    int steps;
    int64_t count; /* numbers in the state */
    /* After every network call, 0 <= call < calls, with the state reached (NULL: nothing to tell).
     * A status other than SELORA_OK, such as SELORA_INTERRUPTED, ends sampling and is returned. */
    selora_status (*after_call)(void *context, int call, int calls, const slr_real *x,
                                slr_error *err);
    void *context;
} slr_sampling;

/* Takes x from initial noise (already times init_noise_sigma) to the latents. */
selora_status slr_sample(const slr_schedule *schedule, const slr_sampling *how,
                         const slr_denoiser *denoiser, slr_real *x, slr_error *err);

#endif
