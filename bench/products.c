/* SPDX-License-Identifier: MIT
 *
 * Matrix products of the U-Net of Stable Diffusion 1.5, by instruction set: linear layers M x N x K with stored 16-bit
 * weights, forward and backward, in GF/s; and what it costs to bring their operands into bf16. Weights of different runs
 * lie in different memory, as those of a network do.
 *
 *     build/products [THREADS [DTYPE [VARIANT]]]        (1, f16, all); DTYPE: f16, bf16 or f32
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/memory.h"
#include "graph/plan.h"
#define SLR_ISA avx512
#include "kernels/cpu/bf16_pack.h"

enum { RUNS = 6, COPIES = 4, MAX_DEPTH = 512, CHUNK = 512 };

static const struct {
    int64_t rows, out, in;
    const char *use;
} shapes[] = {
    {6272, 320, 320, "L0 b8"},   {6272, 2560, 320, "L0 b8 ff"}, {6272, 320, 1280, "L0 b8 ff2"}, {1568, 640, 640, "L1 b8"},
    {392, 1280, 1280, "L2 b8"},  {98, 1280, 1280, "L2 b2"},     {16, 1280, 1280, "L3 b1"},      {128, 1280, 1280, "L3 b8"},
    {616, 320, 768, "K/V b8"},
};
static const char *variants[] = {"avx2", "avx512", "avx512bf16", "amx"};
enum { SHAPES = sizeof shapes / sizeof *shapes, VARIANTS = sizeof variants / sizeof *variants };

static void stop(selora_status status, const slr_error *err)
{
    if (status == SELORA_OK)
        return;
    fprintf(stderr, "products: %s\n", err->message);
    exit((int)status);
}

static float *numbers(int64_t count)
{
    float *values = slr_alloc_aligned((size_t)count, sizeof *values);
    if (!values)
        exit(SELORA_NO_RESOURCE);
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)(i % 251 - 125) / 125;
    return values;
}

/* COPIES layers of one shape, the input of each being a graph input; best seconds of one, [0] forward, [1] backward. */
static void time_layers(int shape, const slr_backend *backend, slr_weight_policy policy, int threads, double best[2])
{
    slr_error err = {0};
    slr_plan *plan;
    slr_weight_store *store = slr_weight_store_new(policy);
    slr_graph *graph = slr_graph_new();
    int64_t rows = shapes[shape].rows, in = shapes[shape].in, out = shapes[shape].out;
    slr_tid x[COPIES], y[COPIES];
    char name[32];
    for (int i = 0; i < COPIES; i++) {
        snprintf(name, sizeof name, "x%d", i);
        x[i] = slr_graph_input(graph, name, 2, (int64_t[]){rows, in});
        slr_graph_want_gradient(graph, x[i]);
        snprintf(name, sizeof name, "linear%d", i);
        y[i] = slr_graph_linear(graph, x[i], name, out, false);
        slr_graph_seed(graph, y[i]);
    }
    float *values = numbers(in * out);
    for (int i = 0; i < COPIES; i++)
        stop(slr_weight_store_add_values(store, slr_graph_weight(graph, i), values, &err), &err);
    free(values);
    stop(slr_plan_new(graph, backend, &(slr_plan_options){.backward = true, .threads = threads}, &plan, &err), &err);
    stop(slr_plan_allocate(plan, store, &err), &err);
    for (int i = 0; i < COPIES; i++)
        for (int64_t k = 0; k < rows * in; k++)
            slr_plan_value(plan, x[i])[k] = (float)(k % 127 - 63) / 63;
    best[0] = best[1] = 1e9;
    for (int run = 0; run < RUNS; run++) {
        double start = slr_clock_seconds();
        slr_plan_forward(plan);
        double middle = slr_clock_seconds();
        for (int i = 0; i < COPIES; i++)
            for (int64_t k = 0; run == 0 && k < rows * out; k++)
                slr_plan_gradient(plan, y[i])[k] = (float)(k % 63 - 31) / 31;
        double again = slr_clock_seconds();
        slr_plan_backward(plan);
        double end = slr_clock_seconds();
        best[0] = (middle - start) / COPIES < best[0] ? (middle - start) / COPIES : best[0];
        best[1] = (end - again) / COPIES < best[1] ? (end - again) / COPIES : best[1];
    }
    slr_plan_free(plan);
    slr_graph_free(graph);
    slr_weight_store_free(store);
}

/* Seconds that one thread spends on bringing a shape's operands into bf16, warm: the weight for every chunk of rows,
 * forward and transposed, and A once. */
static void time_operands(int shape, slr_dtype dtype, double best[3])
{
    int64_t rows = shapes[shape].rows, in = shapes[shape].in, out = shapes[shape].out;
    int64_t chunks = (rows + CHUNK - 1) / CHUNK, a_row = slr_bf16_row(MAX_DEPTH);
    size_t width = dtype == SLR_DTYPE_F32 ? sizeof(float) : sizeof(uint16_t);
    float *a = numbers(rows * in);
    char *weight = slr_alloc_aligned((size_t)(in * out), width);
    uint16_t *rounded = slr_alloc_aligned((size_t)(rows * a_row), sizeof *rounded);
    uint16_t *panel = slr_alloc_aligned(MAX_DEPTH * SLR_PANEL, sizeof *panel);
    if (!weight || !rounded || !panel)
        exit(SELORA_NO_RESOURCE);
    memset(weight, 1, (size_t)(in * out) * width);
    best[0] = best[1] = best[2] = 1e9;
    for (int run = 0; run < RUNS; run++) {
        double times[4] = {slr_clock_seconds()};
        for (int64_t o = 0; o < out; o += SLR_PANEL)
            for (int64_t k = 0; k < in; k += MAX_DEPTH)
                SLR_CPU(bf16_pack_rows)(weight + (size_t)(o * in + k * SLR_PANEL) * width, dtype, SLR_PANEL,
                                        in - k < MAX_DEPTH ? in - k : MAX_DEPTH, SLR_PANEL, panel);
        times[1] = slr_clock_seconds();
        for (int64_t k = 0; k < in; k += SLR_PANEL)
            for (int64_t o = 0; o < out; o += MAX_DEPTH)
                SLR_CPU(bf16_pack_columns)(weight + (size_t)(o * in + k * SLR_PANEL) * width, dtype, SLR_PANEL,
                                           in * SLR_PANEL, out - o < MAX_DEPTH ? out - o : MAX_DEPTH, SLR_PANEL, panel);
        times[2] = slr_clock_seconds();
        for (int64_t k = 0; k < in; k += MAX_DEPTH)
            SLR_CPU(bf16_round_rows)(a + k, in, 1, rows, in - k < MAX_DEPTH ? in - k : MAX_DEPTH, rounded, a_row);
        times[3] = slr_clock_seconds();
        for (int i = 0; i < 3; i++) {
            double spent = (times[i + 1] - times[i]) * (i < 2 ? (double)chunks : 1);
            best[i] = spent < best[i] ? spent : best[i];
        }
    }
    free(a);
    free(weight);
    free(rounded);
    free(panel);
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    const char *type = argc > 2 ? argv[2] : "f16";
    slr_dtype dtype = strcmp(type, "f32") == 0 ? SLR_DTYPE_F32 : strcmp(type, "bf16") == 0 ? SLR_DTYPE_BF16 : SLR_DTYPE_F16;
    slr_weight_policy policy;
    if (threads < 1 || !slr_weight_policy_named(type, &policy)) {
        fprintf(stderr, "usage: products [THREADS [f16|bf16|f32 [VARIANT]]]\n");
        return SELORA_USAGE;
    }
    if (argc > 3)
        for (int v = 0; v < VARIANTS; v++)
            variants[v] = strcmp(variants[v], argv[3]) == 0 ? variants[v] : "none";
    printf("%d threads, weights in %s; GF/s forward / backward; share of packing forward, transposed, of rounding A in the "
           "last\n%-22s", threads, type, "");
    for (int v = 0; v < VARIANTS; v++)
        if (slr_backend_cpu_variant(variants[v]))
            printf(" %15s", variants[v]);
    printf("\n");
    for (int i = 0; i < SHAPES; i++) {
        double gflop = 2e-9 * (double)(shapes[i].rows * shapes[i].out * shapes[i].in), best[2] = {0}, operands[3];
        printf("%4lld x%4lld x%4lld %-10s", (long long)shapes[i].rows, (long long)shapes[i].out, (long long)shapes[i].in,
               shapes[i].use);
        const slr_backend *last = NULL;
        for (int v = 0; v < VARIANTS; v++) {
            const slr_backend *backend = slr_backend_cpu_variant(variants[v]);
            if (!backend)
                continue;
            time_layers(i, backend, policy, threads, best);
            printf(" %7.0f/%7.0f", gflop / best[0], gflop / best[1]);
            last = backend;
        }
        if (last && slr_backend_is_bf16(last)) {
            time_operands(i, dtype, operands);
            printf("  %4.1f%% %4.1f%% %4.1f%%", 100 * operands[0] / best[0] / threads, 100 * operands[1] / best[1] / threads,
                   100 * operands[2] / best[0] / threads);
        }
        printf("\n");
        fflush(stdout);
    }
    return 0;
}
