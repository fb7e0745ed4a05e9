/* SPDX-License-Identifier: MIT
 *
 * What the samplers share: one run's data and its steps. For the files sampler*.c only.
 */
#ifndef SLR_SAMPLER_KINDS_H
#define SLR_SAMPLER_KINDS_H

#include "diffusion/sampler.h"

typedef struct slr_sampler_run {
    const slr_schedule *schedule;
    const slr_sampling *how;
    const slr_denoiser *denoiser;
    const double *timesteps; /* one for each call */
    int calls;
    int stride; /* training timesteps per step, rounded down */
    int64_t count;
} slr_sampler_run;

/* The network's answer for x at the call's timestep. */
selora_status slr_sampler_predict(const slr_sampler_run *run, int call, const slr_real *x,
                                  slr_real *out, slr_error *err);
/* Refuses a state that is not finite, then tells the caller. */
selora_status slr_sampler_after_call(const slr_sampler_run *run, int call, const slr_real *x,
                                     slr_error *err);
/* Room for `states` states in one block; NULL when memory lacks. free() it. */
slr_real *slr_sampler_scratch(const slr_sampler_run *run, int states, slr_error *err);

/* Pseudo linear multistep (Liu et al. 2022), started by one repeated step. */
selora_status slr_sampler_run_pndm(const slr_sampler_run *run, slr_real *x, slr_error *err);
/* Denoising diffusion implicit models (Song et al. 2021), eta 0. */
selora_status slr_sampler_run_ddim(const slr_sampler_run *run, slr_real *x, slr_error *err);
/* DPM-Solver++ (2M) (Lu et al. 2022), midpoint. */
selora_status slr_sampler_run_dpmpp(const slr_sampler_run *run, slr_real *x, slr_error *err);
/* Euler's method on the probability flow (Karras et al. 2022). */
selora_status slr_sampler_run_euler(const slr_sampler_run *run, slr_real *x, slr_error *err);

#endif
