/* SPDX-License-Identifier: MIT
 *
 * What SeLoRA's test costs (T30): forward and backward of one training step with one candidate row beside every
 * adapted layer, against the same graph without. Processor time of one thread, pairs in turn, so that other
 * programs on the machine disturb little.
 *
 *     build/probe_cost [SIZE [ROUNDS]]       Stable Diffusion 1.5's shape, random weights, batch 1 (224, 7)
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "adapters/targets.h"
#include "train/train_graph.h"

enum { MOST = 101, TOKENS = 77 };

static double processor_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

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

static double step_seconds(slr_train_graph *graph, slr_adapter_set *set, int probes)
{
    for (int i = 0; i < slr_adapter_set_count(set); i++)
        slr_adapter_set_at(set, i)->slot.probes = probes;
    double start = processor_seconds();
    slr_train_graph_forward(graph);
    slr_train_graph_backward(graph, 1.0);
    return processor_seconds() - start;
}

static void measure(slr_train_graph *graph, slr_adapter_set *set, int rounds)
{
    double without[MOST], with[MOST], ratio[MOST];
    step_seconds(graph, set, 1); /* warms caches and pages */
    for (int i = 0; i < rounds; i++) {
        without[i] = step_seconds(graph, set, 0);
        with[i] = step_seconds(graph, set, 1);
        ratio[i] = with[i] / without[i];
        printf("%.3f s without, %.3f s with\n", without[i], with[i]);
        fflush(stdout);
    }
    double medians[2] = {median(without, rounds), median(with, rounds)};
    printf("%d layers, median of %d pairs: %.3f s without, %.3f s with; %+.2f %% (of medians), %+.2f %% (median of ratios)\n",
           slr_adapter_set_count(set), rounds, medians[0], medians[1], 100 * (medians[1] / medians[0] - 1),
           100 * (median(ratio, rounds) - 1));
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
    } else {
        fprintf(stderr, "probe_cost: %s\n", err.message);
    }
    slr_train_graph_free(graph);
    slr_adapter_set_free(set);
    slr_model_free(model);
    return (int)status;
}
