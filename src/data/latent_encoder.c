/* SPDX-License-Identifier: MIT */
#include "data/latent_encoder.h"

#include <math.h>
#include <stdlib.h>

#include "core/memory.h"

/* diffusers DiagonalGaussianDistribution */
static const double logvar_low = -30, logvar_high = 20;

struct slr_latent_encoder {
    const slr_model *model;
    slr_graph *graph;
    slr_plan *plan;
    void *memory;
    slr_tid image, moments;
    int width, height;
};

selora_status slr_latent_encoder_new(const slr_model *model, int width, int height, const slr_backend *backend,
                                     int threads, slr_latent_encoder **result, slr_error *err)
{
    *result = NULL;
    slr_latent_encoder *e = slr_alloc(1, sizeof *e);
    if (!e)
        return slr_fail_memory(err, sizeof *e, "the VAE encoder");
    e->model = model;
    e->width = width;
    e->height = height;
    e->graph = slr_graph_new();
    selora_status status = e->graph ? SELORA_OK : slr_fail_memory(err, 0, "the VAE encoder");
    if (status == SELORA_OK) {
        slr_builder b;
        slr_builder_init(&b, e->graph, NULL, "vae");
        e->image = slr_graph_input(e->graph, "image", 4, (int64_t[]){1, height, width, 3});
        e->moments = slr_vae_build_encoder(&b, &model->vae, e->image);
        slr_graph_output(e->graph, e->moments);
        slr_plan_options options = {.backward = false, .threads = threads};
        status = slr_plan_new(e->graph, backend, &options, &e->plan, err);
    }
    if (status != SELORA_OK) {
        slr_latent_encoder_free(e);
        return status;
    }
    *result = e;
    return SELORA_OK;
}

void slr_latent_encoder_free(slr_latent_encoder *e)
{
    if (!e)
        return;
    slr_plan_free(e->plan);
    slr_graph_free(e->graph);
    free(e->memory);
    free(e);
}

size_t slr_latent_encoder_bytes(const slr_latent_encoder *e)
{
    return slr_plan_bytes(e->plan);
}

selora_status slr_latent_encoder_allocate(slr_latent_encoder *e, slr_error *err)
{
    size_t bytes = slr_plan_bytes(e->plan);
    if (e->memory)
        return SELORA_OK;
    e->memory = slr_alloc_aligned(bytes, 1);
    if (!e->memory)
        return slr_fail_memory(err, bytes, "the VAE encoder");
    selora_status status = slr_plan_bind(e->plan, e->model->weights, e->memory, err);
    if (status != SELORA_OK)
        slr_latent_encoder_release(e);
    return status;
}

void slr_latent_encoder_release(slr_latent_encoder *e)
{
    free(e->memory);
    e->memory = NULL;
}

int64_t slr_latent_encoder_count(const slr_latent_encoder *e)
{
    return slr_tensor_elements(slr_graph_tensor(e->graph, e->moments));
}

slr_plan *slr_latent_encoder_plan(const slr_latent_encoder *e)
{
    return e->plan;
}

static void fill_image(slr_latent_encoder *e, const float *pixels)
{
    slr_real *in = slr_plan_value(e->plan, e->image);
    for (int64_t i = 0; i < (int64_t)e->width * e->height * 3; i++)
        in[i] = (slr_real)pixels[i];
}

selora_status slr_latent_encoder_run(slr_latent_encoder *e, const float *pixels, float *moments, slr_error *err)
{
    fill_image(e, pixels);
    slr_plan_forward(e->plan);
    const slr_real *out = slr_plan_value(e->plan, e->moments);
    int64_t count = slr_latent_encoder_count(e), channels = 2 * e->model->vae.latent_channels;
    for (int64_t i = 0; i < count; i++) {
        double value = (double)out[i];
        if (!isfinite(value)) {
            fill_image(e, pixels);
            const char *layer = slr_plan_find_nonfinite(e->plan);
            return slr_fail(err, SELORA_NUMERIC, "%s: the output is not finite; the VAE does not fit these pictures",
                            layer ? layer : "vae");
        }
        if (i % channels >= channels / 2)
            value = value < logvar_low ? logvar_low : value > logvar_high ? logvar_high : value;
        moments[i] = (float)value;
    }
    return SELORA_OK;
}

void slr_latent_sample(const float *moments, int64_t area, int64_t channels, double scaling_factor, slr_rng *rng,
                       slr_real *latent)
{
    for (int64_t p = 0; p < area; p++)
        for (int64_t c = 0; c < channels; c++) {
            const float *at = moments + p * 2 * channels + c;
            double value = (double)at[0];
            if (rng)
                value += exp(0.5 * (double)at[channels]) * slr_rng_normal(rng);
            latent[p * channels + c] = (slr_real)(scaling_factor * value);
        }
}
