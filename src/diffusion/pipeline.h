/* SPDX-License-Identifier: MIT
 *
 * A model made ready to draw: plans for the text encoder, the denoiser and the decoder at one size and batch, in one
 * piece of memory, since one runs at a time. Prompts to states once, noise to latents, latents to pictures. Texts are
 * encoded and pictures decoded one by one: a batch of decoders would gain no speed and cost its memory N times.
 *
 *     slr_pipeline *pipe;
 *     SLR_TRY(slr_pipeline_new(model, adapters, &(slr_pipeline_options){.backend = backend, .threads = 2,
 *             .batch = 1, .height = 64, .width = 64, .tokens = 77, .denoise = true, .guided = true, .decode = true}, &pipe, err));
 *     printf("%zu bytes\n", slr_pipeline_bytes(pipe));
 *     SLR_TRY(slr_pipeline_allocate(pipe, err));
 *     slr_pipeline_encode_text(pipe, ids, states);                             (T) to (T,D), for each prompt
 *     SLR_TRY(slr_pipeline_sample(pipe, &request, latents, err));
 *     SLR_TRY(slr_pipeline_decode(pipe, latents, images, err));
 *     slr_pipeline_free(pipe);
 */
#ifndef SLR_PIPELINE_H
#define SLR_PIPELINE_H

#include "adapters/adapter_set.h"
#include "diffusion/sampler.h"
#include "graph/plan.h"
#include "models/model.h"

typedef struct slr_pipeline_options {
    const slr_backend *backend;
    int threads;
    int64_t batch;         /* N: pictures drawn together */
    int64_t height, width; /* H, W of the latents */
    int64_t tokens;        /* T */
    bool denoise;          /* text encoder and denoiser are planned */
    bool guided;           /* the denoiser runs over 2 N rows */
    bool decode;           /* the VAE decoder is planned */
} slr_pipeline_options;

typedef struct slr_pipeline slr_pipeline;

/* `adapters` may be NULL; model and adapters must outlive the pipeline, which goes stale when a capacity of the set
 * grows. Nothing large is allocated. */
selora_status slr_pipeline_new(const slr_model *model, slr_adapter_set *adapters,
                               const slr_pipeline_options *options, slr_pipeline **pipe, slr_error *err);
void slr_pipeline_free(slr_pipeline *pipe);
/* Working memory: that of the largest plan. */
size_t slr_pipeline_bytes(const slr_pipeline *pipe);
selora_status slr_pipeline_allocate(slr_pipeline *pipe, slr_error *err);

int64_t slr_pipeline_latent_count(const slr_pipeline *pipe); /* numbers in the latents of a batch */
int64_t slr_pipeline_state_count(const slr_pipeline *pipe);  /* numbers in the states of one text */

/* What runs, for measurements: the text encoder, the denoiser and the decoder (each NULL when not planned). */
enum { SLR_PIPELINE_STAGES = 3 };
slr_plan *slr_pipeline_plan(const slr_pipeline *pipe, int stage);

/* ids (T) -> states (T, D). */
void slr_pipeline_encode_text(slr_pipeline *pipe, const int64_t *ids, slr_real *states);

typedef struct slr_sample_request {
    const slr_schedule *schedule;
    slr_sampler_kind sampler;
    int steps;
    double guidance;           /* e_neg + guidance (e_pos - e_neg); read by guided pipelines only */
    const slr_real *states;    /* (N, T, D) */
    const slr_real *negatives; /* (N, T, D), guided pipelines only */
    /* As in slr_sampling; may be NULL. */
    selora_status (*after_call)(void *context, int call, int calls, const slr_real *x, slr_error *err);
    void *context;
} slr_sample_request;

/* latents (N,H,W,L): noise times the sampler's initial sigma in, the last step's latents out. SELORA_NUMERIC names the
 * first layer whose output is not finite. */
selora_status slr_pipeline_sample(slr_pipeline *pipe, const slr_sample_request *request, slr_real *latents,
                                  slr_error *err);
/* latents as slr_pipeline_sample leaves them -> images (N, H f, W f, 3), about -1..1, not clamped. */
selora_status slr_pipeline_decode(slr_pipeline *pipe, const slr_real *latents, slr_real *images,
                                  slr_error *err);

#endif
