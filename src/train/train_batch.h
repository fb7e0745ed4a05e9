/* SPDX-License-Identifier: MIT
 *
 * What chance adds to a picture before the network sees it: a latent of the posterior, a timestep, noise, perhaps
 * an empty caption. Every number comes from a stream of its own at (seed, step, place in the step), so the draws
 * depend on no method, batch size or accumulation.
 *
 *     slr_train_draw draw;
 *     slr_draw_sample(&rules, step, item, &sample, &draw);
 */
#ifndef SLR_TRAIN_BATCH_H
#define SLR_TRAIN_BATCH_H

#include "diffusion/schedule.h"

/* One picture with its caption; everything is borrowed. */
typedef struct slr_train_sample {
    const float *moments; /* (h,w,2L) of the VAE */
    const int64_t *ids;   /* (T) of the caption */
    uint32_t index;       /* which picture it is, for the caller */
} slr_train_sample;

typedef struct slr_draw_rules {
    uint64_t seed;
    const slr_schedule *schedule;
    int64_t area, channels; /* h w, L */
    double scaling_factor;
    const int64_t *empty_ids; /* (T) of the empty caption */
    double caption_dropout;   /* probability of the empty caption */
    double noise_offset;      /* noise += offset times one N(0, 1) a channel */
    double min_snr_gamma;     /* 0: every sample weighs 1 */
} slr_draw_rules;

/* The caller gives the memory: area * L numbers each. */
typedef struct slr_train_draw {
    slr_real *latent, *noise; /* scaled latent, what was added */
    slr_real *noisy, *target; /* what the network gets and should answer */
    int timestep;
    double weight;
    const int64_t *ids;
} slr_train_draw;

/* `step` counts from 1, `item` is the sample's place in the step over all its batches, from 0. */
void slr_draw_sample(const slr_draw_rules *rules, int64_t step, int64_t item, const slr_train_sample *sample,
                     slr_train_draw *draw);

#endif
