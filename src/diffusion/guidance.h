/* SPDX-License-Identifier: MIT
 *
 * Classifier-free guidance (Ho and Salimans 2022) as a denoiser that wraps one of twice the batch:
 * e = e_negative + scale (e_positive - e_negative), one network call (2 count numbers in and out) a step.
 *
 *     slr_guidance guidance;
 *     SLR_TRY(slr_guidance_init(&guidance, network, 7.5, count, err));
 *     slr_denoiser denoiser = slr_guidance_denoiser(&guidance);
 *     ... slr_sample(&schedule, &how, &denoiser, x, err) ...
 *     slr_guidance_free(&guidance);
 *
 * The network sees the same state twice: the first half of the batch belongs to the negative text
 * states, the second to the prompt's. A scale of 1 or less means no guidance: give the network of
 * the plain batch to the sampler instead.
 */
#ifndef SLR_GUIDANCE_H
#define SLR_GUIDANCE_H

#include "diffusion/sampler.h"

typedef struct slr_guidance {
    slr_denoiser network;
    double scale;
    int64_t count;     /* numbers of the plain batch */
    slr_real *inputs;  /* 2 count */
    slr_real *outputs; /* 2 count: negative, then positive */
} slr_guidance;

selora_status slr_guidance_init(slr_guidance *guidance, slr_denoiser network, double scale,
                                int64_t count, slr_error *err);
slr_denoiser slr_guidance_denoiser(slr_guidance *guidance); /* valid as long as `guidance` */
void slr_guidance_free(slr_guidance *guidance);

#endif
