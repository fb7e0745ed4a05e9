/* SPDX-License-Identifier: MIT
 *
 * What SeLoRA's test costs (T30): forward and backward of one training step with one candidate row beside every
 * adapted layer, against the same graph without, one thread, pairs in turn. The candidate changes nothing but the
 * low-rank ops, so their seconds are compared and told as a share of the step: whole steps differ by more from run to
 * run. At the end, what growing all layers by one row takes.
 *
 *     build/probe_cost [SIZE [ROUNDS]]       Stable Diffusion 1.5's shape, random weights, batch 1 (224, 7)
 */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/targets.h"
#include "core/clock.h"
#include "train/train_graph.h"

enum { MOST = 101, TOKENS = 77 };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

static selora_status make_set(const slr_model *model, slr_adapter_set **set, slr_error *err)
{
    static const char *const components[] = {"text_encoder", "unet"};
    slr_adapter_options options = {.seed = 1, .scale = 8, .rank = 1, .probes = 1};
    slr_graph *graph = slr_model_record(model, false);
    slr_targets *targets = NULL;
    selora_status status = slr_targets_new("selora", &targets, err);
    if (status == SELORA_OK)
        status = slr_adapter_set_new(&options, set, err);
    if (status == SELORA_OK)
        status = slr_targets_add(targets, graph, components, 2, *set, err);
    if (status == SELORA_OK)
        status = slr_adapter_set_finish(*set, err);
    for (int i = 0; status == SELORA_OK && i < slr_adapter_set_count(*set); i++)
        slr_adapter_draw_row(*set, slr_adapter_set_at(*set, i), 1, 0, 0);
    slr_targets_free(targets);
    slr_graph_free(graph);
    return status;
}

typedef struct cost {
    double step, low_rank; /* seconds */
} cost;

static cost step_cost(slr_train_graph *graph, slr_adapter_set *set, int probes)
{
    slr_plan *plan = slr_train_graph_plan(graph);
    for (int i = 0; i < slr_adapter_set_count(set); i++)
        slr_adapter_set_at(set, i)->slot.probes = probes;
    slr_plan_profile_reset(plan);
    double start = slr_clock_seconds();
    slr_train_graph_forward(graph);
    slr_train_graph_backward(graph, 1.0);
    cost c = {.step = slr_clock_seconds() - start};
    const slr_graph *ops = slr_plan_graph(plan);
    for (int i = 0; i < slr_graph_op_count(ops); i++)
        for (int pass = 0; slr_graph_op(ops, i)->kind == SLR_OP_LOW_RANK && pass < SLR_PASS_COUNT; pass++)
            c.low_rank += slr_plan_profile_of(plan, i)->seconds[pass];
    return c;
}

static void measure(slr_train_graph *graph, slr_adapter_set *set, int rounds)
{
    double share[MOST];
    step_cost(graph, set, 1); /* warms caches and pages */
    for (int i = 0; i < rounds; i++) {
        cost without = step_cost(graph, set, 0), with = step_cost(graph, set, 1);
        share[i] = (with.low_rank - without.low_rank) / without.step;
        printf("step %.3f s; low-rank ops %.4f s without, %.4f s with: %+.2f %%\n", without.step, without.low_rank,
               with.low_rank, 100 * share[i]);
        fflush(stdout);
    }
    printf("%d layers, median of %d pairs: a candidate row costs %+.2f %% of a step\n", slr_adapter_set_count(set), rounds,
           100 * median(share, rounds));
}

/* The candidates join, and new ones are drawn: what a decision does to the layers that it lets grow. */
static selora_status measure_growth(slr_adapter_set *set, slr_error *err)
{
    int count = slr_adapter_set_count(set), *ranks = calloc((size_t)count, sizeof *ranks);
    bool moved = false;
    double start = slr_clock_seconds();
    for (int i = 0; ranks && i < count; i++)
        ranks[i] = slr_adapter_set_at(set, i)->slot.rank + 1;
    selora_status status = ranks ? slr_adapter_set_reserve(set, ranks, &moved, err) : SELORA_NO_RESOURCE;
    for (int i = 0; status == SELORA_OK && i < count; i++) {
        slr_adapter *adapter = slr_adapter_set_at(set, i);
        slr_adapter_activate(adapter);
        slr_adapter_draw_row(set, adapter, adapter->slot.rank, 1, 0);
    }
    if (status == SELORA_OK)
        printf("all %d layers grow by a row: %.2f ms%s\n", count, 1e3 * (slr_clock_seconds() - start),
               moved ? ", memory had to grow" : ", nothing was allocated for them");
    free(ranks);
    return status;
}

int main(int argc, char **argv)
{
    int64_t size = argc > 1 ? strtoll(argv[1], NULL, 10) : 224;
    int rounds = argc > 2 ? atoi(argv[2]) : 7;
    slr_unet_config unet;
    slr_vae_config vae;
    slr_clip_text_config text;
    slr_model *model = NULL;
    slr_adapter_set *set = NULL;
    slr_train_graph *graph = NULL;
    slr_error err = {0};
    if (size < 8 || size > 1024 || rounds < 1 || rounds > MOST) {
        fprintf(stderr, "usage: probe_cost [SIZE (8 to 1024) [ROUNDS (1 to %d)]]\n", MOST);
        return 2;
    }
    slr_unet_config_sd15(&unet);
    slr_vae_config_sd15(&vae);
    slr_clip_text_config_sd15(&text);
    slr_train_shape shape = {.batch = 1, .height = size / 8, .width = size / 8, .tokens = TOKENS};
    selora_status status = slr_model_random(&unet, &vae, &text, 1, SLR_MODEL_TEXT | SLR_MODEL_UNET, SLR_WEIGHTS_AUTO, &model, &err);
    if (status == SELORA_OK)
        status = make_set(model, &set, &err);
    if (status == SELORA_OK)
        status = slr_train_graph_new(model, set, &shape, slr_backend_cpu(), 1, &graph, &err);
    if (status == SELORA_OK)
        status = slr_train_graph_allocate(graph, &err);
    if (status == SELORA_OK) {
        slr_train_inputs in = slr_train_graph_inputs(graph);
        int64_t latents = 4 * shape.height * shape.width;
        for (int64_t i = 0; i < latents; i++) {
            in.sample[i] = (slr_real)((double)(i * 7919 % 1000) / 500 - 1);
            in.target[i] = (slr_real)((double)(i * 104729 % 1000) / 500 - 1);
        }
        for (int i = 0; i < TOKENS; i++)
            in.ids[i] = (slr_real)(1000 + i);
        in.timestep[0] = 500;
        in.weight[0] = 1;
        measure(graph, set, rounds);
        status = measure_growth(set, &err);
    } else {
        fprintf(stderr, "probe_cost: %s\n", err.message);
    }
    slr_train_graph_free(graph);
    slr_adapter_set_free(set);
    slr_model_free(model);
    return (int)status;
}
