/* SPDX-License-Identifier: MIT
 *
 * The noise schedule: how much of an image is left at timestep t (DDPM, Ho et al. 2020; offset
 * steps and scaled-linear betas as Stable Diffusion has them), and what the network is trained to
 * predict.
 *
 *     slr_scheduler_config config;
 *     SLR_TRY(slr_scheduler_config_read("model/scheduler/scheduler_config.json", &config, err));
 *     slr_schedule schedule;
 *     slr_schedule_init(&schedule, &config);
 *     slr_schedule_add_noise(&schedule, t, count, latents, noise, noisy);
 *     slr_schedule_target(&schedule, t, count, latents, noise, target);
 */
#ifndef SLR_SCHEDULE_H
#define SLR_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/real.h"
#include "core/status.h"

enum { SLR_TRAIN_TIMESTEPS = 1000 };

typedef enum slr_beta_schedule { SLR_BETA_SCALED_LINEAR, SLR_BETA_LINEAR } slr_beta_schedule;
typedef enum slr_prediction { SLR_PREDICT_EPSILON, SLR_PREDICT_V } slr_prediction;
typedef enum slr_spacing {
    SLR_SPACING_UNSET, /* the key is absent: each sampler has its own default */
    SLR_SPACING_LEADING,
    SLR_SPACING_LINSPACE,
    SLR_SPACING_TRAILING
} slr_spacing;

typedef enum slr_sampler_kind {
    SLR_SAMPLER_PNDM,
    SLR_SAMPLER_DDIM,
    SLR_SAMPLER_DPMPP_2M,
    SLR_SAMPLER_EULER,
    SLR_SAMPLER_KINDS
} slr_sampler_kind;

typedef struct slr_scheduler_config {
    double beta_start, beta_end;
    slr_beta_schedule beta_schedule;
    slr_prediction prediction;
    slr_spacing spacing;
    int64_t steps_offset;     /* added to the timesteps of leading spacing */
    bool set_alpha_to_one;    /* the last step of pndm and ddim ends at alpha 1, not at that of
                                 timestep 0 */
    double clip_range;        /* ddim clips its x_0 to +-clip_range; 0: it does not */
    const char *unsupported_key[SLR_SAMPLER_KINDS]; /* a key that keeps this sampler from being
                                                       used, or NULL */
} slr_scheduler_config;

/* Stable Diffusion 1.x. */
void slr_scheduler_config_sd15(slr_scheduler_config *config);
/* scheduler_config.json over these defaults; NULL: the defaults. Which scheduler class the file
 * names does not matter: keys that only choose among samplers (skip_prk_steps, algorithm_type,
 * solver_order, solver_type, lower_order_final) are ignored. A key that changes the schedule itself
 * and has a value selora does not support is refused by its name, all of them in one go; one that
 * changes only some samplers is refused when such a sampler is asked for. */
selora_status slr_scheduler_config_read(const char *path, slr_scheduler_config *config,
                                        slr_error *err);

typedef struct slr_schedule {
    slr_scheduler_config config;
    /* a_t: the share of the image's variance at t, with the rounding of diffusers */
    double alphas_cumprod[SLR_TRAIN_TIMESTEPS];
} slr_schedule;

void slr_schedule_init(slr_schedule *schedule, const slr_scheduler_config *config);

/* a_t; for t < 0 what lies behind the last step (set_alpha_to_one). */
double slr_schedule_alpha(const slr_schedule *schedule, int timestep);
/* sqrt((1 - a_t) / a_t), between whole timesteps (0 <= t <= 999) interpolated linearly. */
double slr_schedule_sigma(const slr_schedule *schedule, double timestep);

/* x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) noise for one sample of `count` numbers; t in 0..999. */
void slr_schedule_add_noise(const slr_schedule *schedule, int timestep, int64_t count,
                            const slr_real *x0, const slr_real *noise, slr_real *out);
/* What the network should answer: the noise, or v = sqrt(a_t) noise - sqrt(1 - a_t) x_0. */
void slr_schedule_target(const slr_schedule *schedule, int timestep, int64_t count,
                         const slr_real *x0, const slr_real *noise, slr_real *out);

double slr_schedule_snr(const slr_schedule *schedule, int timestep); /* a_t / (1 - a_t) */
/* Min-SNR weight of a sample's loss (Hang et al. 2023): min(snr, gamma) / snr for epsilon,
 * min(snr, gamma) / (snr + 1) for v; 1 where gamma <= 0. */
double slr_schedule_loss_weight(const slr_schedule *schedule, int timestep, double gamma);

#endif
