/* SPDX-License-Identifier: MIT */
#include "train/train_batch.h"

#include "core/rng.h"
#include "data/latent_encoder.h"

static void draw_noise(const slr_draw_rules *rules, uint32_t step, uint32_t item, slr_real *noise)
{
    slr_rng rng = slr_rng_at(rules->seed, SLR_STREAM_NOISE, step, item);
    slr_rng_fill_normal(&rng, noise, (size_t)(rules->area * rules->channels));
    if (!(rules->noise_offset > 0))
        return;
    slr_rng offsets = slr_rng_at(rules->seed, SLR_STREAM_NOISE_OFFSET, step, item);
    for (int64_t c = 0; c < rules->channels; c++) {
        double offset = rules->noise_offset * slr_rng_normal(&offsets);
        for (int64_t p = 0; p < rules->area; p++) {
            slr_real *at = &noise[p * rules->channels + c];
            *at = (slr_real)((double)*at + offset);
        }
    }
}

void slr_draw_sample(const slr_draw_rules *rules, int64_t step, int64_t item, const slr_train_sample *sample,
                     slr_train_draw *draw)
{
    uint32_t s = (uint32_t)step, i = (uint32_t)item;
    int64_t count = rules->area * rules->channels;
    slr_rng posterior = slr_rng_at(rules->seed, SLR_STREAM_POSTERIOR, s, i);
    slr_rng timestep = slr_rng_at(rules->seed, SLR_STREAM_TIMESTEP, s, i);
    slr_rng dropout = slr_rng_at(rules->seed, SLR_STREAM_DROPOUT, s, i);
    slr_latent_sample(sample->moments, rules->area, rules->channels, rules->scaling_factor, &posterior, draw->latent);
    draw_noise(rules, s, i, draw->noise);
    draw->timestep = (int)slr_rng_below(&timestep, SLR_TRAIN_TIMESTEPS);
    draw->weight = slr_schedule_loss_weight(rules->schedule, draw->timestep, rules->min_snr_gamma);
    draw->ids = slr_rng_uniform(&dropout) < rules->caption_dropout ? rules->empty_ids : sample->ids;
    slr_schedule_add_noise(rules->schedule, draw->timestep, count, draw->latent, draw->noise, draw->noisy);
    slr_schedule_target(rules->schedule, draw->timestep, count, draw->latent, draw->noise, draw->target);
}
