/* SPDX-License-Identifier: MIT
 *
 * The VAE encoder at one size: a prepared picture to the moments of its latent posterior, and samples of it.
 *
 *     slr_latent_encoder *encoder;
 *     SLR_TRY(slr_latent_encoder_new(model, 224, 224, backend, threads, &encoder, err));
 *     SLR_TRY(slr_latent_encoder_allocate(encoder, err));
 *     SLR_TRY(slr_latent_encoder_run(encoder, pixels, moments, err));
 *     slr_rng rng = slr_rng_at(seed, SLR_STREAM_POSTERIOR, step, item);
 *     slr_latent_sample(moments, h * w, L, scaling_factor, &rng, latent);
 *     slr_latent_encoder_free(encoder);
 *
 * One picture at a time: its moments are the same bits whatever else is encoded.
 */
#ifndef SLR_LATENT_ENCODER_H
#define SLR_LATENT_ENCODER_H

#include "core/rng.h"
#include "graph/plan.h"
#include "models/model.h"

typedef struct slr_latent_encoder slr_latent_encoder;

/* width and height in pixels, multiples of the VAE's factor. */
selora_status slr_latent_encoder_new(const slr_model *model, int width, int height, const slr_backend *backend,
                                     int threads, slr_latent_encoder **encoder, slr_error *err);
void slr_latent_encoder_free(slr_latent_encoder *encoder);
size_t slr_latent_encoder_bytes(const slr_latent_encoder *encoder);
/* Working memory, until released; once is enough. */
selora_status slr_latent_encoder_allocate(slr_latent_encoder *encoder, slr_error *err);
void slr_latent_encoder_release(slr_latent_encoder *encoder);

int64_t slr_latent_encoder_count(const slr_latent_encoder *encoder); /* h w 2L numbers; h, w: of the latents */
slr_plan *slr_latent_encoder_plan(const slr_latent_encoder *encoder); /* what runs, for measurements */

/* pixels (H,W,3) in -1..1 -> moments (h,w,2L): mean, then log variance clamped to [-30, 20]. SELORA_NUMERIC names the
 * module whose output is not finite. */
selora_status slr_latent_encoder_run(slr_latent_encoder *encoder, const float *pixels, float *moments,
                                     slr_error *err);

/* latent (area, L) = scaling_factor (mean + exp(logvar / 2) N(0, 1)); `rng` NULL: the mean. */
void slr_latent_sample(const float *moments, int64_t area, int64_t channels, double scaling_factor, slr_rng *rng,
                       slr_real *latent);

#endif
