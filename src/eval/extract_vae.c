/* SPDX-License-Identifier: MIT
 * What the base model's VAE makes of a picture: the mean of its latent times the scaling factor, averaged to
 * 8 x 8 a channel. The averages are those of torch's adaptive_avg_pool2d; a feature's place is (channel, y,
 * x). */
#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"
#include "data/latent_encoder.h"
#include "eval/extractor_list.h"

enum { SIDE = 224, CELLS = 8, AREA = CELLS * CELLS };

typedef struct vae_state {
    int side, latent_side, channels;
    double scaling_factor;
    slr_latent_encoder *encoder;
    float *grey, *pixels,
        *moments; /* (side, side), (side, side, 3), (latent_side, latent_side, 2 channels) */
} vae_state;

static void free_state(void *state)
{
    vae_state *s = state;
    slr_latent_encoder_free(s->encoder);
    free(s->grey);
    free(s->pixels);
    free(s->moments);
    free(s);
}

/* Mean of one channel over the latents that the cell covers. */
static double cell_mean(const vae_state *s, int channel, int y, int x)
{
    int side = s->latent_side, top = y * side / CELLS, bottom = ((y + 1) * side + CELLS - 1) / CELLS;
    int left = x * side / CELLS, right = ((x + 1) * side + CELLS - 1) / CELLS;
    double sum = 0;
    for (int v = top; v < bottom; v++)
        for (int u = left; u < right; u++)
            sum += (double)s->moments[((size_t)v * (size_t)side + (size_t)u) * 2 * (size_t)s->channels +
                                      (size_t)channel];
    return sum / ((bottom - top) * (right - left));
}

static selora_status run_one(vae_state *s, const slr_image_set *set, size_t index, double *features,
                             slr_error *err)
{
    SLR_TRY(slr_image_set_grey(set, index, s->side, s->grey, err));
    for (size_t i = 0; i < (size_t)s->side * (size_t)s->side; i++)
        for (size_t c = 0; c < 3; c++)
            s->pixels[3 * i + c] = 2 * s->grey[i] - 1;
    SLR_TRY(slr_latent_encoder_run(s->encoder, s->pixels, s->moments, err));
    for (int c = 0; c < s->channels; c++)
        for (int i = 0; i < AREA; i++)
            features[c * AREA + i] = s->scaling_factor * cell_mean(s, c, i / CELLS, i % CELLS);
    return SELORA_OK;
}

static selora_status run(void *state, const slr_image_set *set, size_t first, size_t n, double *features,
                         slr_error *err)
{
    vae_state *s = state;
    for (size_t i = 0; i < n; i++)
        SLR_TRY(run_one(s, set, first + i, features + i * (size_t)s->channels * AREA, err));
    return SELORA_OK;
}

static selora_status build(vae_state *s, const slr_extractor_context *context, slr_error *err)
{
    const slr_vae_config *config = &context->model->vae;
    int factor = slr_vae_factor(config);
    s->side = context->size > 0 ? context->size : SIDE;
    s->channels = (int)config->latent_channels;
    s->scaling_factor = config->scaling_factor;
    s->latent_side = s->side / factor;
    if (s->side % factor || s->side > 4096)
        return slr_fail(err, SELORA_USAGE,
                        "extractor vae: pictures of %d pixels a side; a multiple of %d to 4096 is needed",
                        s->side, factor);
    SLR_TRY(slr_latent_encoder_new(context->model, s->side, s->side, context->backend,
                                   context->threads > 1 ? context->threads : 1, &s->encoder, err));
    SLR_TRY(slr_latent_encoder_allocate(s->encoder, err));
    size_t pixels = (size_t)s->side * (size_t)s->side, moments = (size_t)slr_latent_encoder_count(s->encoder);
    s->grey = slr_alloc(pixels, sizeof *s->grey);
    s->pixels = slr_alloc(3 * pixels, sizeof *s->pixels);
    s->moments = slr_alloc(moments, sizeof *s->moments);
    return s->grey && s->pixels && s->moments
               ? SELORA_OK
               : slr_fail_memory(err, 4 * pixels * sizeof *s->grey, "a picture");
}

selora_status slr_extractor_vae(const char *file, const slr_extractor_context *context, slr_extractor *x,
                                slr_error *err)
{
    (void)file;
    if (!context->model || !context->backend)
        return slr_fail(err, SELORA_USAGE, "extractor vae: needs the base model; give it with --model");
    vae_state *s = slr_alloc(1, sizeof *s);
    if (!s)
        return slr_fail_memory(err, sizeof *s, "the VAE encoder");
    selora_status status = build(s, context, err);
    if (status == SELORA_OK)
        status = slr_model_hash(context->model, x->weights_sha256, err);
    if (status != SELORA_OK) {
        free_state(s);
        return status;
    }
    snprintf(x->name, sizeof x->name, "vae");
    snprintf(x->preproc, sizeof x->preproc, "grey %d, cover, centre, bicubic, 2 y - 1, mean to %d x %d",
             s->side, CELLS, CELLS);
    x->dim = (size_t)s->channels * AREA;
    x->max_batch = 4;
    x->state = s;
    x->run = run;
    x->free = free_state;
    return SELORA_OK;
}
