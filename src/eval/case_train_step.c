/* SPDX-License-Identifier: MIT
 * Cases of one training step: loss, prediction, gradients, probe gradients and expansion ratios. */
#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "eval/case_adapters.h"
#include "eval/case_run.h"
#include "train/train_graph.h"

/* Noisy latents and targets from latents, noise and timesteps, all of them (N,H,W,L). */
static selora_status fill_inputs(const slr_case_run *run, const slr_train_inputs *in,
                                 slr_error *err)
{
    const slr_reference_case *c = run->c;
    int64_t batch = slr_case_size(c, 'N');
    int64_t each = slr_case_size(c, 'H') * slr_case_size(c, 'W') * slr_case_size(c, 'L');
    slr_schedule schedule;
    SLR_TRY(slr_case_schedule(run, &schedule, err));
    slr_real *latents = slr_alloc((size_t)(2 * batch * each), sizeof *latents);
    if (!latents)
        return slr_fail_memory(err, (size_t)(2 * batch * each) * sizeof *latents,
                               "latents and noise");
    slr_real *noise = latents + batch * each;
    slr_case_read(c, "in.latents", SLR_CASE_MAP, latents);
    slr_case_read(c, "in.noise", SLR_CASE_MAP, noise);
    slr_case_read(c, "in.timestep", SLR_CASE_PLAIN, in->timestep);
    slr_case_read(c, "in.input_ids", SLR_CASE_PLAIN, in->ids);
    for (int64_t n = 0; n < batch; n++) {
        int timestep = (int)in->timestep[n];
        slr_schedule_add_noise(&schedule, timestep, each, latents + n * each, noise + n * each,
                               in->sample + n * each);
        slr_schedule_target(&schedule, timestep, each, latents + n * each, noise + n * each,
                            in->target + n * each);
        in->weight[n] = 1;
    }
    free(latents);
    return SELORA_OK;
}

/* Compares prefix + layer + suffix. */
static selora_status compare_named(const slr_case_run *run, const char *prefix, const char *layer,
                                   const char *suffix, slr_case_layout layout,
                                   const slr_real *values, slr_error *err)
{
    char *name = slr_format("%s%s%s", prefix, layer, suffix);
    if (!name)
        return slr_fail_memory(err, 0, "the name of a tensor");
    slr_case_compare(run->report, name, layout, values);
    free(name);
    return SELORA_OK;
}

static double energy(const slr_real *values, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)values[i] * (double)values[i];
    return sum;
}

/* R of one probe row: 1 + ||g||^2 / (||gA||^2 + ||gB||^2); without any gradient it is 1. */
static double ratio(double probe, double acting)
{
    return probe == 0 ? 1 : 1 + probe / acting;
}

static selora_status compare_ratios(const slr_case_run *run, const slr_adapter *adapter,
                                    slr_error *err)
{
    const slr_slot *slot = &adapter->slot;
    double *ratios = slr_alloc((size_t)slot->probes, sizeof *ratios);
    char *name = slr_format("expect.ratio.%s", adapter->path);
    if (ratios && name) {
        double acting = slr_adapter_gradient_energy(adapter);
        for (int q = 0; q < slot->probes; q++)
            ratios[q] = ratio(energy(slot->gbt + (slot->rank + q) * slot->out, slot->out), acting);
        slr_case_compare_doubles(run->report, name, ratios);
    }
    selora_status status = ratios && name ? SELORA_OK : slr_fail_memory(err, 0, "expansion ratios");
    free(ratios);
    free(name);
    return status;
}

static selora_status compare_layer(const slr_case_run *run, const slr_adapter *adapter,
                                   slr_error *err)
{
    const slr_slot *slot = &adapter->slot;
    SLR_TRY(compare_named(run, "expect.grad.", adapter->path, ".lora_A", SLR_CASE_PLAIN, slot->ga,
                          err));
    SLR_TRY(compare_named(run, "expect.grad.", adapter->path, ".lora_B", SLR_CASE_TRANSPOSED,
                          slot->gbt, err));
    if (slot->probes == 0)
        return SELORA_OK;
    SLR_TRY(compare_named(run, "expect.probe_grad.", adapter->path, "", SLR_CASE_TRANSPOSED,
                          slot->gbt + slot->rank * slot->out, err));
    return compare_ratios(run, adapter, err);
}

static selora_status run_step(const slr_case_run *run, slr_adapter_set *adapters,
                              slr_train_graph *graph, slr_error *err)
{
    slr_train_inputs in = slr_train_graph_inputs(graph);
    SLR_TRY(fill_inputs(run, &in, err));
    slr_train_graph_forward(graph);
    double loss = slr_train_graph_loss(graph);
    slr_case_compare_doubles(run->report, "expect.loss", &loss);
    slr_case_compare(run->report, "expect.prediction", SLR_CASE_MAP,
                     slr_train_graph_prediction(graph));
    if (!adapters)
        return SELORA_OK;
    slr_adapter_set_zero_gradients(adapters);
    slr_train_graph_backward(graph, 1);
    slr_case_report_gradients(run->report);
    for (int i = 0; i < slr_adapter_set_count(adapters); i++)
        SLR_TRY(compare_layer(run, slr_adapter_set_at(adapters, i), err));
    return SELORA_OK;
}

selora_status slr_case_run_train_step(const slr_case_run *run, slr_error *err)
{
    const slr_reference_case *c = run->c;
    slr_adapter_set *adapters;
    slr_train_graph *graph;
    SLR_TRY(slr_case_adapters(c, &adapters, err));
    slr_train_shape shape = {.batch = slr_case_size(c, 'N'),
                             .height = slr_case_size(c, 'H'),
                             .width = slr_case_size(c, 'W'),
                             .tokens = slr_case_size(c, 'P'),
                             .forward_only = !adapters};
    selora_status status =
        slr_train_graph_new(run->model, adapters, &shape, run->backend, run->threads, &graph, err);
    if (status == SELORA_OK)
        status = slr_case_check_memory(run, slr_train_graph_bytes(graph), err);
    if (status == SELORA_OK)
        status = slr_train_graph_allocate(graph, err);
    if (status == SELORA_OK)
        status = run_step(run, adapters, graph, err);
    slr_train_graph_free(graph);
    slr_adapter_set_free(adapters);
    return status;
}
