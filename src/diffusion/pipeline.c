/* SPDX-License-Identifier: MIT */
#include "diffusion/pipeline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "diffusion/guidance.h"

/* One recorded component with its plan. */
typedef struct stage {
    slr_graph *graph;
    slr_plan *plan;
    slr_tid in[3], out;
} stage;

enum { TEXT, UNET, DECODER, STAGES = SLR_PIPELINE_STAGES };

struct slr_pipeline {
    const slr_model *model;
    slr_pipeline_options options;
    stage stages[STAGES];
    void *memory;
    int64_t latent_count, state_count;
    const slr_sample_request *request; /* while sampling */
};

static selora_status finish_stage(slr_pipeline *pipe, stage *s, slr_error *err)
{
    slr_graph_output(s->graph, s->out);
    slr_plan_options options = {.backward = false, .threads = pipe->options.threads};
    return slr_plan_new(s->graph, pipe->options.backend, &options, &s->plan, err);
}

static selora_status begin_stage(stage *s, slr_error *err)
{
    s->graph = slr_graph_new();
    if (!s->graph)
        return slr_fail_memory(err, 0, "a graph");
    slr_graph_images_alone(s->graph); /* a picture is the same whatever the batch */
    return SELORA_OK;
}

static selora_status record_text(slr_pipeline *pipe, slr_adapter_set *adapters, slr_error *err)
{
    stage *s = &pipe->stages[TEXT];
    SLR_TRY(begin_stage(s, err));
    slr_builder b;
    slr_builder_init(&b, s->graph, adapters, "text_encoder");
    s->in[0] = slr_graph_input(s->graph, "input_ids", 2, (int64_t[]){1, pipe->options.tokens});
    s->out = slr_clip_text_build(&b, &pipe->model->text, s->in[0]);
    return finish_stage(pipe, s, err);
}

static selora_status record_unet(slr_pipeline *pipe, slr_adapter_set *adapters, slr_error *err)
{
    stage *s = &pipe->stages[UNET];
    const slr_pipeline_options *o = &pipe->options;
    const slr_unet_config *config = &pipe->model->unet;
    int64_t rows = o->guided ? 2 * o->batch : o->batch;
    SLR_TRY(begin_stage(s, err));
    slr_builder b;
    slr_builder_init(&b, s->graph, adapters, "unet");
    s->in[0] = slr_graph_input(s->graph, "sample", 4, (int64_t[]){rows, o->height, o->width, config->in_channels});
    s->in[1] = slr_graph_input(s->graph, "timestep", 1, &rows);
    s->in[2] = slr_graph_input(s->graph, "encoder_hidden_states", 3,
                               (int64_t[]){rows, o->tokens, config->cross_attention_width});
    s->out = slr_unet_build(&b, config, s->in[0], s->in[1], s->in[2]);
    return finish_stage(pipe, s, err);
}

static selora_status record_decoder(slr_pipeline *pipe, slr_error *err)
{
    stage *s = &pipe->stages[DECODER];
    const slr_pipeline_options *o = &pipe->options;
    SLR_TRY(begin_stage(s, err));
    slr_builder b;
    slr_builder_init(&b, s->graph, NULL, "vae");
    s->in[0] = slr_graph_input(s->graph, "latent", 4, (int64_t[]){1, o->height, o->width, pipe->model->vae.latent_channels});
    s->out = slr_vae_build_decoder(&b, &pipe->model->vae, s->in[0]);
    return finish_stage(pipe, s, err);
}

selora_status slr_pipeline_new(const slr_model *model, slr_adapter_set *adapters,
                               const slr_pipeline_options *options, slr_pipeline **result, slr_error *err)
{
    *result = NULL;
    slr_pipeline *pipe = slr_alloc(1, sizeof *pipe);
    if (!pipe)
        return slr_fail_memory(err, sizeof *pipe, "a pipeline");
    pipe->model = model;
    pipe->options = *options;
    pipe->latent_count = options->batch * options->height * options->width * model->unet.in_channels;
    pipe->state_count = options->tokens * model->text.width;
    selora_status status = options->denoise ? record_text(pipe, adapters, err) : SELORA_OK;
    if (status == SELORA_OK && options->denoise)
        status = record_unet(pipe, adapters, err);
    if (status == SELORA_OK && options->decode)
        status = record_decoder(pipe, err);
    if (status != SELORA_OK) {
        slr_pipeline_free(pipe);
        return status;
    }
    *result = pipe;
    return SELORA_OK;
}

void slr_pipeline_free(slr_pipeline *pipe)
{
    if (!pipe)
        return;
    for (int i = 0; i < STAGES; i++) {
        slr_plan_free(pipe->stages[i].plan);
        slr_graph_free(pipe->stages[i].graph);
    }
    free(pipe->memory);
    free(pipe);
}

size_t slr_pipeline_bytes(const slr_pipeline *pipe)
{
    size_t most = 0;
    for (int i = 0; i < STAGES; i++) {
        size_t bytes = pipe->stages[i].plan ? slr_plan_bytes(pipe->stages[i].plan) : 0;
        if (bytes > most)
            most = bytes;
    }
    return most;
}

selora_status slr_pipeline_allocate(slr_pipeline *pipe, slr_error *err)
{
    size_t bytes = slr_pipeline_bytes(pipe);
    free(pipe->memory);
    pipe->memory = slr_alloc_aligned(bytes, 1);
    if (!pipe->memory)
        return slr_fail_memory(err, bytes, "drawing");
    for (int i = 0; i < STAGES; i++)
        if (pipe->stages[i].plan)
            SLR_TRY(slr_plan_bind(pipe->stages[i].plan, pipe->model->weights, pipe->memory, err));
    return SELORA_OK;
}

int64_t slr_pipeline_latent_count(const slr_pipeline *pipe)
{
    return pipe->latent_count;
}

int64_t slr_pipeline_state_count(const slr_pipeline *pipe)
{
    return pipe->state_count;
}

slr_plan *slr_pipeline_plan(const slr_pipeline *pipe, int which)
{
    return pipe->stages[which].plan;
}

void slr_pipeline_encode_text(slr_pipeline *pipe, const int64_t *ids, slr_real *states)
{
    const stage *s = &pipe->stages[TEXT];
    slr_real *in = slr_plan_value(s->plan, s->in[0]);
    for (int64_t i = 0; i < pipe->options.tokens; i++)
        in[i] = (slr_real)ids[i];
    slr_plan_forward(s->plan);
    memcpy(states, slr_plan_value(s->plan, s->out), (size_t)pipe->state_count * sizeof *states);
}

static bool all_finite(const slr_real *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

static selora_status fail_nonfinite(stage *s, slr_error *err)
{
    const char *layer = slr_plan_find_nonfinite(s->plan);
    return slr_fail(err, SELORA_NUMERIC, "%s: the output is not finite; the model or the adapter is damaged, or its "
                    "strength is too high", layer ? layer : "the network");
}

/* One network call; the whole plan's memory is shared, so every input is written each time. */
static void fill_unet(slr_pipeline *pipe, const slr_real *x, double timestep)
{
    const stage *s = &pipe->stages[UNET];
    size_t states = (size_t)(pipe->options.batch * pipe->state_count);
    int64_t rows = pipe->options.guided ? 2 * pipe->options.batch : pipe->options.batch;
    size_t count = (size_t)pipe->latent_count * (pipe->options.guided ? 2 : 1);
    slr_real *t = slr_plan_value(s->plan, s->in[1]), *text = slr_plan_value(s->plan, s->in[2]);
    memcpy(slr_plan_value(s->plan, s->in[0]), x, count * sizeof *x);
    for (int64_t i = 0; i < rows; i++)
        t[i] = (slr_real)timestep;
    if (pipe->options.guided) {
        memcpy(text, pipe->request->negatives, states * sizeof *text);
        text += states;
    }
    memcpy(text, pipe->request->states, states * sizeof *text);
}

static selora_status run_unet(void *context, const slr_real *x, double timestep, slr_real *out, slr_error *err)
{
    slr_pipeline *pipe = context;
    stage *s = &pipe->stages[UNET];
    int64_t count = pipe->latent_count * (pipe->options.guided ? 2 : 1);
    fill_unet(pipe, x, timestep);
    slr_plan_forward(s->plan);
    memcpy(out, slr_plan_value(s->plan, s->out), (size_t)count * sizeof *out);
    if (all_finite(out, count))
        return SELORA_OK;
    fill_unet(pipe, x, timestep);
    return fail_nonfinite(s, err);
}

selora_status slr_pipeline_sample(slr_pipeline *pipe, const slr_sample_request *request, slr_real *latents,
                                  slr_error *err)
{
    slr_guidance guidance = {0};
    slr_denoiser denoiser = {pipe, run_unet};
    pipe->request = request;
    if (pipe->options.guided) {
        SLR_TRY(slr_guidance_init(&guidance, denoiser, request->guidance, pipe->latent_count, err));
        denoiser = slr_guidance_denoiser(&guidance);
    }
    slr_sampling how = {.sampler = request->sampler, .steps = request->steps, .count = pipe->latent_count,
                        .after_call = request->after_call, .context = request->context};
    selora_status status = slr_sample(request->schedule, &how, &denoiser, latents, err);
    slr_guidance_free(&guidance);
    return status;
}

static void fill_decoder(slr_pipeline *pipe, const slr_real *latent)
{
    const stage *s = &pipe->stages[DECODER];
    slr_real *in = slr_plan_value(s->plan, s->in[0]);
    for (int64_t i = 0; i < slr_tensor_elements(slr_graph_tensor(s->graph, s->in[0])); i++)
        in[i] = (slr_real)((double)latent[i] / pipe->model->vae.scaling_factor);
}

static selora_status decode_one(slr_pipeline *pipe, const slr_real *latent, slr_real *image, int64_t count,
                                slr_error *err)
{
    stage *s = &pipe->stages[DECODER];
    fill_decoder(pipe, latent);
    slr_plan_forward(s->plan);
    memcpy(image, slr_plan_value(s->plan, s->out), (size_t)count * sizeof *image);
    if (all_finite(image, count))
        return SELORA_OK;
    fill_decoder(pipe, latent);
    return fail_nonfinite(s, err);
}

selora_status slr_pipeline_decode(slr_pipeline *pipe, const slr_real *latents, slr_real *images, slr_error *err)
{
    const stage *s = &pipe->stages[DECODER];
    int64_t in = slr_tensor_elements(slr_graph_tensor(s->graph, s->in[0]));
    int64_t out = slr_tensor_elements(slr_graph_tensor(s->graph, s->out));
    for (int64_t n = 0; n < pipe->options.batch; n++)
        SLR_TRY(decode_one(pipe, latents + n * in, images + n * out, out, err));
    return SELORA_OK;
}
