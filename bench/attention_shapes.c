/* SPDX-License-Identifier: MIT
 *
 * How fast attention runs at the shapes of Stable Diffusion 1.5, in milliseconds and as a share of a linear layer's
 * speed (784 x 1280 x 640) that is measured in turn with it, so that a machine that slows down spoils no ratio.
 * FLOPs count the two products of forward and the five of backward, unpadded and, where causal, unmasked.
 *
 *     build/attention_shapes [THREADS [ROUNDS [BACKEND]]]       (2, 9; generic, avx2, avx512, ...)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "graph/plan.h"

enum { MOST_ROUNDS = 99, ROWS = 784, OUT = 1280, IN = 640 };

typedef struct shape {
    const char *name;
    int64_t batch, queries, keys, heads, dim;
    bool causal, backward;
} shape;

static const shape shapes[] = {
    {"28x28", 1, 784, 784, 8, 40, false, true},          {"28x28, batch 8", 8, 784, 784, 8, 40, false, true},
    {"28x28 on text", 1, 784, 77, 8, 40, false, true},   {"14x14", 1, 196, 196, 8, 80, false, true},
    {"14x14 on text", 1, 196, 77, 8, 80, false, true},   {"7x7", 1, 49, 49, 8, 160, false, true},
    {"4x4", 1, 16, 16, 8, 160, false, true},             {"text encoder", 1, 77, 77, 12, 64, true, true},
    {"64x64, batch 2", 2, 4096, 4096, 8, 40, false, false}, {"64x64", 1, 4096, 4096, 8, 40, false, true},
    {"64x64 on text", 2, 4096, 77, 8, 40, false, true},  {"32x32, batch 2", 2, 1024, 1024, 8, 80, false, true},
    {"16x16, batch 2", 2, 256, 256, 8, 160, false, true}, {"8x8, batch 2", 2, 64, 64, 8, 160, false, true},
    {"VAE 64x64", 1, 4096, 4096, 1, 512, false, false},
};

typedef struct work {
    slr_graph *graph;
    slr_weight_store *store;
    slr_plan *plan;
    slr_tid out;
} work;

static void close_work(work *w)
{
    slr_plan_free(w->plan);
    slr_graph_free(w->graph);
    slr_weight_store_free(w->store);
}

static void fill(slr_real *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        values[i] = (slr_real)(i * 7919 % 1000) / 500 - 1;
}

static selora_status finish_work(work *w, const slr_backend *backend, bool backward, int threads, slr_error *err)
{
    slr_plan_options options = {.backward = backward, .threads = threads};
    slr_graph_output(w->graph, w->out);
    if (backward)
        slr_graph_seed(w->graph, w->out);
    SLR_TRY(slr_plan_new(w->graph, backend, &options, &w->plan, err));
    SLR_TRY(slr_plan_allocate(w->plan, w->store, err));
    for (int t = 0; t < slr_graph_tensor_count(w->graph); t++)
        if (slr_graph_tensor(w->graph, t)->is_input)
            fill(slr_plan_value(w->plan, t), slr_tensor_elements(slr_graph_tensor(w->graph, t)));
    return SELORA_OK;
}

static selora_status open_linear(work *w, const slr_backend *backend, int threads, slr_error *err)
{
    w->graph = slr_graph_new();
    w->store = slr_weight_store_new(SLR_WEIGHTS_KEEP);
    slr_tid x = slr_graph_input(w->graph, "x", 2, (int64_t[]){ROWS, IN});
    w->out = slr_graph_linear(w->graph, x, "linear", OUT, false);
    slr_real *values = calloc((size_t)OUT * IN, sizeof *values);
    fill(values, OUT * IN);
    selora_status status = slr_weight_store_add_values(w->store, slr_graph_weight(w->graph, 0), values, err);
    free(values);
    return status == SELORA_OK ? finish_work(w, backend, false, threads, err) : status;
}

static selora_status open_attention(work *w, const shape *s, const slr_backend *backend, int threads, slr_error *err)
{
    int64_t width = s->heads * s->dim;
    slr_tid in[3];
    w->graph = slr_graph_new();
    for (int k = 0; k < 3; k++) {
        in[k] = slr_graph_input(w->graph, "x", 3, (int64_t[]){s->batch, k ? s->keys : s->queries, width});
        if (s->backward)
            slr_graph_want_gradient(w->graph, in[k]);
    }
    w->out = slr_graph_attention(w->graph, in[0], in[1], in[2], (int)s->heads, s->causal, "attention");
    return finish_work(w, backend, s->backward, threads, err);
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

/* GFLOP/s of as many runs as take a few milliseconds. */
static double speed(void (*run)(slr_plan *plan), slr_plan *plan, double gflop)
{
    double start = slr_clock_seconds(), seconds;
    int runs = 0;
    do {
        run(plan);
        runs++;
        seconds = slr_clock_seconds() - start;
    } while (seconds < 0.01);
    return runs * gflop / seconds;
}

static void measure(const shape *s, const work *linear, const work *attention, int rounds)
{
    double found[2][MOST_ROUNDS], share[2][MOST_ROUNDS], gflop = 4e-9 * (double)(s->batch * s->heads * s->dim);
    gflop *= (double)(s->queries * s->keys);
    slr_plan_forward(attention->plan);
    for (int r = 0; r < rounds; r++) {
        double ceiling = speed(slr_plan_forward, linear->plan, 2e-9 * ROWS * OUT * IN);
        for (int pass = 0; pass <= s->backward; pass++) {
            if (pass)
                fill(slr_plan_gradient(attention->plan, attention->out), s->batch * s->queries * s->heads * s->dim);
            found[pass][r] = speed(pass ? slr_plan_backward : slr_plan_forward, attention->plan,
                                   (pass ? 2.5 : 1) * gflop);
            share[pass][r] = found[pass][r] / ceiling;
        }
    }
    printf("%-16s %4lld x %-4lld x %-3lld", s->name, (long long)s->queries, (long long)s->keys, (long long)s->dim);
    for (int pass = 0; pass <= s->backward; pass++) {
        double own = median(found[pass], rounds);
        printf("  %s %8.3f ms %4.0f GF/s %4.2f", pass ? "bwd" : "fwd", 1e3 * (pass ? 2.5 : 1) * gflop / own, own,
               median(share[pass], rounds));
    }
    printf("\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 2, rounds = argc > 2 ? atoi(argv[2]) : 9;
    const slr_backend *backend = argc > 3 ? slr_backend_cpu_variant(argv[3]) : slr_backend_cpu();
    const char *only = argc > 4 ? argv[4] : "";
    slr_error err = {0};
    work linear = {0};
    if (threads < 1 || rounds < 1 || rounds > MOST_ROUNDS || !backend) {
        fprintf(stderr, "usage: attention_shapes [THREADS [ROUNDS (1 to %d) [BACKEND [NAME]]]]\n", MOST_ROUNDS);
        return 2;
    }
    selora_status status = open_linear(&linear, backend, threads, &err);
    for (size_t i = 0; status == SELORA_OK && i < sizeof shapes / sizeof *shapes; i++) {
        work attention = {0};
        if (!strstr(shapes[i].name, only))
            continue;
        status = open_attention(&attention, &shapes[i], backend, threads, &err);
        if (status == SELORA_OK)
            measure(&shapes[i], &linear, &attention, rounds);
        close_work(&attention);
    }
    if (status != SELORA_OK)
        fprintf(stderr, "attention_shapes: %s\n", err.message);
    close_work(&linear);
    return (int)status;
}
