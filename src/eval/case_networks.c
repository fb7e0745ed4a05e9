/* SPDX-License-Identifier: MIT
 * Cases of one network run: text encoder, U-Net, VAE encoder and decoder. */
#include <stdlib.h>

#include "core/memory.h"
#include "eval/case_run.h"
#include "graph/plan.h"

/* A recorded graph on its way through a plan. */
typedef struct network {
    slr_graph *graph;
    slr_builder builder;
    slr_plan *plan;
} network;

static selora_status begin(network *n, const char *component, slr_error *err)
{
    *n = (network){.graph = slr_graph_new()};
    if (!n->graph)
        return slr_fail_memory(err, 0, "a graph");
    slr_builder_init(&n->builder, n->graph, NULL, component);
    return SELORA_OK;
}

static void finish(network *n)
{
    slr_plan_free(n->plan);
    slr_graph_free(n->graph);
}

/* Plans and allocates; the inputs can be filled then. */
static selora_status prepare(network *n, const slr_case_run *run, slr_tid output, slr_error *err)
{
    if (output >= 0)
        slr_graph_output(n->graph, output);
    slr_plan_options options = {.threads = run->threads};
    SLR_TRY(slr_plan_new(n->graph, run->backend, &options, &n->plan, err));
    SLR_TRY(slr_case_check_memory(run, slr_plan_bytes(n->plan), err));
    return slr_plan_allocate(n->plan, run->model->weights, err);
}

static void fill(const network *n, const slr_case_run *run, slr_tid input, const char *name,
                 slr_case_layout layout)
{
    slr_case_read(run->c, name, layout, slr_plan_value(n->plan, input));
}

selora_status slr_case_run_text_encoder(const slr_case_run *run, slr_error *err)
{
    network n;
    SLR_TRY(begin(&n, "text_encoder", err));
    slr_tid ids =
        slr_graph_input(n.graph, "input_ids", 2,
                        (int64_t[]){slr_case_size(run->c, 'N'), slr_case_size(run->c, 'P')});
    slr_tid states = slr_clip_text_build(&n.builder, &run->model->text, ids);
    selora_status status = prepare(&n, run, states, err);
    if (status == SELORA_OK) {
        fill(&n, run, ids, "in.input_ids", SLR_CASE_PLAIN);
        slr_plan_forward(n.plan);
        slr_case_compare(run->report, "expect.last_hidden_state", SLR_CASE_PLAIN,
                         slr_plan_value(n.plan, states));
    }
    finish(&n);
    return status;
}

selora_status slr_case_run_unet(const slr_case_run *run, slr_error *err)
{
    network n;
    const slr_reference_case *c = run->c;
    int64_t batch = slr_case_size(c, 'N');
    SLR_TRY(begin(&n, "unet", err));
    slr_tid sample = slr_graph_input(
        n.graph, "sample", 4,
        (int64_t[]){batch, slr_case_size(c, 'H'), slr_case_size(c, 'W'), slr_case_size(c, 'L')});
    slr_tid timestep = slr_graph_input(n.graph, "timestep", 1, &batch);
    slr_tid states =
        slr_graph_input(n.graph, "encoder_hidden_states", 3,
                        (int64_t[]){batch, slr_case_size(c, 'T'), slr_case_size(c, 'D')});
    slr_tid output = slr_unet_build(&n.builder, &run->model->unet, sample, timestep, states);
    selora_status status = prepare(&n, run, output, err);
    if (status == SELORA_OK) {
        fill(&n, run, sample, "in.sample", SLR_CASE_MAP);
        fill(&n, run, timestep, "in.timestep", SLR_CASE_PLAIN);
        fill(&n, run, states, "in.encoder_hidden_states", SLR_CASE_PLAIN);
        slr_plan_forward(n.plan);
        slr_case_compare(run->report, "expect.output", SLR_CASE_MAP,
                         slr_plan_value(n.plan, output));
    }
    finish(&n);
    return status;
}

static const double logvar_low = -30, logvar_high = 20; /* DiagonalGaussianDistribution */

/* Moments (pixels, 2 L) into mean and clamped logvar, (pixels, L) each. */
static void split_moments(const slr_real *moments, int64_t pixels, int64_t channels, slr_real *mean,
                          slr_real *logvar)
{
    for (int64_t i = 0; i < pixels * channels; i++) {
        const slr_real *at = moments + i / channels * 2 * channels + i % channels;
        double value = (double)at[channels];
        mean[i] = at[0];
        logvar[i] = (slr_real)(value < logvar_low    ? logvar_low
                               : value > logvar_high ? logvar_high
                                                     : value);
    }
}

static selora_status compare_moments(const slr_case_run *run, const slr_real *moments,
                                     slr_error *err)
{
    const slr_reference_case *c = run->c;
    int64_t pixels = slr_case_size(c, 'N') * slr_case_size(c, 'h') * slr_case_size(c, 'w');
    int64_t channels = slr_case_size(c, 'L');
    slr_real *mean = slr_alloc((size_t)(2 * pixels * channels), sizeof *mean);
    if (!mean)
        return slr_fail_memory(err, (size_t)(2 * pixels * channels) * sizeof *mean,
                               "the latent moments");
    slr_real *logvar = mean + pixels * channels;
    split_moments(moments, pixels, channels, mean, logvar);
    slr_case_compare(run->report, "expect.mean", SLR_CASE_MAP, mean);
    slr_case_compare(run->report, "expect.logvar", SLR_CASE_MAP, logvar);
    free(mean);
    return SELORA_OK;
}

selora_status slr_case_run_vae_encode(const slr_case_run *run, slr_error *err)
{
    network n;
    const slr_reference_case *c = run->c;
    SLR_TRY(begin(&n, "vae", err));
    slr_tid image = slr_graph_input(
        n.graph, "image", 4,
        (int64_t[]){slr_case_size(c, 'N'), slr_case_size(c, 'H'), slr_case_size(c, 'W'), 3});
    slr_tid moments = slr_vae_build_encoder(&n.builder, &run->model->vae, image);
    selora_status status = prepare(&n, run, moments, err);
    if (status == SELORA_OK) {
        fill(&n, run, image, "in.image", SLR_CASE_MAP);
        slr_plan_forward(n.plan);
        status = compare_moments(run, slr_plan_value(n.plan, moments), err);
    }
    finish(&n);
    return status;
}

selora_status slr_case_run_vae_decode(const slr_case_run *run, slr_error *err)
{
    network n;
    const slr_reference_case *c = run->c;
    SLR_TRY(begin(&n, "vae", err));
    slr_tid latent = slr_graph_input(n.graph, "latent", 4,
                                     (int64_t[]){slr_case_size(c, 'N'), slr_case_size(c, 'H'),
                                                 slr_case_size(c, 'W'), slr_case_size(c, 'L')});
    slr_tid image = slr_vae_build_decoder(&n.builder, &run->model->vae, latent);
    selora_status status = prepare(&n, run, image, err);
    if (status == SELORA_OK) {
        fill(&n, run, latent, "in.latent", SLR_CASE_MAP);
        slr_plan_forward(n.plan);
        slr_case_compare(run->report, "expect.image", SLR_CASE_MAP, slr_plan_value(n.plan, image));
    }
    finish(&n);
    return status;
}
