/* SPDX-License-Identifier: MIT
 *
 * The 3 x 3 convolutions of the U-Net of Stable Diffusion 1.5 and of its VAE, forward and for the data gradient:
 * milliseconds as they pass, and processor time of all threads over their number, which other programs disturb less;
 * from that GF/s, counted as those of the direct convolution. Weights of different runs lie in different memory, as those
 * of a network do.
 *
 *     build/conv_shapes [THREADS [BATCH [SIDE [VARIANT [DTYPE [LEVEL]]]]]]     (2, 8, 28, the fastest in f32, f16, all)
 *     build/conv_shapes 2 1 vae                                               the VAE's decoder at 512 pixels
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/memory.h"
#include "graph/plan.h"
#include "train/ceiling.h"

enum { RUNS = 5, COPIES = 3 };

/* `times` layers of a network, at side >> level, rounded up. */
typedef struct shape {
    int level;
    int64_t in, out;
    int times;
} shape;

static const shape unet[] = {
    {0, 4, 320, 1},     {0, 320, 320, 7},   {0, 640, 320, 2},    {0, 960, 320, 1},   {0, 640, 640, 1},  {0, 320, 4, 1},
    {1, 320, 640, 1},   {1, 640, 640, 6},   {1, 960, 640, 1},    {1, 1280, 640, 1},  {1, 1920, 640, 1}, {1, 1280, 1280, 1},
    {2, 640, 1280, 1},  {2, 1280, 1280, 7}, {2, 1920, 1280, 1},  {2, 2560, 1280, 2}, {3, 1280, 1280, 11},
    {3, 2560, 1280, 3},
};
static const shape vae[] = {
    {0, 128, 128, 5}, {0, 256, 128, 1}, {0, 256, 256, 1}, {0, 128, 3, 1},    {1, 256, 256, 5}, {1, 512, 256, 1},
    {1, 512, 512, 1}, {2, 512, 512, 7}, {3, 512, 512, 10}, {3, 4, 512, 1},
};

typedef struct setting {
    const slr_backend *backend;
    slr_weight_policy policy;
    int threads, copies, level; /* level: all (-1) or one */
    int64_t batch, side;
} setting;

static void stop(selora_status status, const slr_error *err)
{
    if (status == SELORA_OK)
        return;
    fprintf(stderr, "conv_shapes: %s\n", err->message);
    exit((int)status);
}

static void fill(float *values, int64_t count, double spread)
{
    uint32_t state = 1;
    for (int64_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)(((double)(state >> 8) * 0x1p-24 - 0.5) * spread);
    }
}

static void add_weights(slr_weight_store *store, const slr_graph *graph)
{
    slr_error err = {0};
    for (int i = 0; i < slr_graph_weight_count(graph); i++) {
        int64_t count = slr_weight_elements(slr_graph_weight(graph, i));
        float *values = slr_alloc((size_t)count, sizeof *values);
        if (!values)
            exit(SELORA_NO_RESOURCE);
        fill(values, count, 0.1);
        stop(slr_weight_store_add_values(store, slr_graph_weight(graph, i), values, &err), &err);
        free(values);
    }
}

/* Seconds that pass and processor seconds of a thread, of one layer. */
typedef struct seconds {
    double wall, processor;
} seconds;

static seconds now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (seconds){slr_clock_seconds(), (double)t.tv_sec + 1e-9 * (double)t.tv_nsec};
}

static void keep_best(seconds *best, seconds start, seconds end, int layers, int threads)
{
    double wall = (end.wall - start.wall) / layers, processor = (end.processor - start.processor) / layers / threads;
    best->wall = wall < best->wall ? wall : best->wall;
    best->processor = processor < best->processor ? processor : best->processor;
}

/* Some layers of one shape, the input of each being a graph input; the best of one, [0] forward, [1] backward. */
static void time_layers(const setting *s, const shape *what, int64_t side, seconds best[2])
{
    slr_error err = {0};
    slr_plan *plan;
    slr_weight_store *store = slr_weight_store_new(s->policy);
    slr_graph *graph = slr_graph_new();
    int64_t pixels = s->batch * side * side;
    slr_tid x[COPIES], y[COPIES];
    char name[32];
    for (int i = 0; i < s->copies; i++) {
        snprintf(name, sizeof name, "x%d", i);
        x[i] = slr_graph_input(graph, name, 4, (int64_t[]){s->batch, side, side, what->in});
        slr_graph_want_gradient(graph, x[i]);
        snprintf(name, sizeof name, "conv%d", i);
        y[i] = slr_graph_conv2d(graph, x[i], name, what->out, 3, 1, (slr_pads){1, 1, 1, 1});
        slr_graph_seed(graph, y[i]);
    }
    add_weights(store, graph);
    slr_plan_options options = {.backward = true, .threads = s->threads};
    stop(slr_plan_new(graph, s->backend, &options, &plan, &err), &err);
    stop(slr_plan_allocate(plan, store, &err), &err);
    for (int i = 0; i < s->copies; i++)
        fill(slr_plan_value(plan, x[i]), pixels * what->in, 2);
    best[0] = best[1] = (seconds){1e9, 1e9};
    for (int run = 0; run < RUNS; run++) {
        seconds start = now();
        slr_plan_forward(plan);
        keep_best(&best[0], start, now(), s->copies, s->threads);
        for (int i = 0; run == 0 && i < s->copies; i++)
            fill(slr_plan_gradient(plan, y[i]), pixels * what->out, 2);
        start = now();
        slr_plan_backward(plan);
        keep_best(&best[1], start, now(), s->copies, s->threads);
    }
    slr_plan_free(plan);
    slr_graph_free(graph);
    slr_weight_store_free(store);
}

static double ceiling_now(const setting *s)
{
    slr_ceiling ceiling = {0};
    slr_error err = {0};
    stop(slr_ceiling_measure(s->backend, s->threads, &ceiling, &err), &err);
    return ceiling.own;
}

static void run_list(const setting *s, const shape *list, int count)
{
    seconds total[2] = {{0}};
    double gflop = 0;
    printf("%s, %d threads, batch %lld; ceiling %.0f GF/s\n", s->backend->name, s->threads, (long long)s->batch,
           ceiling_now(s));
    for (int i = 0; i < count; i++) {
        seconds best[2];
        int64_t side = s->side;
        for (int level = 0; level < list[i].level; level++)
            side = (side + 1) / 2;
        if (s->level >= 0 && s->level != list[i].level)
            continue;
        double work = 18e-9 * (double)(s->batch * side * side * list[i].in * list[i].out);
        time_layers(s, &list[i], side, best);
        for (int pass = 0; pass < 2; pass++) {
            total[pass].wall += best[pass].wall * list[i].times;
            total[pass].processor += best[pass].processor * list[i].times;
        }
        gflop += work * list[i].times;
        printf("%3lld x %3lld  %4lld -> %4lld: %7.2f %7.2f ms %5.0f GF/s; gradient %7.2f %7.2f ms %5.0f GF/s; x %d\n",
               (long long)side, (long long)side, (long long)list[i].in, (long long)list[i].out, best[0].wall * 1e3,
               best[0].processor * 1e3, work / best[0].processor, best[1].wall * 1e3, best[1].processor * 1e3,
               work / best[1].processor, list[i].times);
        fflush(stdout);
    }
    printf("all: %.1f %.1f ms %.0f GF/s; gradient %.1f %.1f ms %.0f GF/s; ceiling %.0f GF/s\n", total[0].wall * 1e3,
           total[0].processor * 1e3, gflop / total[0].processor, total[1].wall * 1e3, total[1].processor * 1e3,
           gflop / total[1].processor, ceiling_now(s));
}

int main(int argc, char **argv)
{
    bool decoder = argc > 3 && strcmp(argv[3], "vae") == 0;
    setting s = {.backend = argc > 4 ? slr_backend_cpu_variant(argv[4]) : slr_backend_cpu(),
                 .threads = argc > 1 ? atoi(argv[1]) : 2, .batch = argc > 2 ? atoi(argv[2]) : 8,
                 .side = decoder ? 512 : argc > 3 ? atoi(argv[3]) : 28, .copies = decoder ? 1 : COPIES,
                 .level = argc > 6 ? atoi(argv[6]) : -1};
    if (!s.backend || s.threads < 1 || s.batch < 1 || s.side < 1 ||
        !slr_weight_policy_named(argc > 5 ? argv[5] : "f16", &s.policy)) {
        fprintf(stderr, "usage: conv_shapes [THREADS [BATCH [SIDE or \"vae\" [VARIANT [DTYPE [LEVEL]]]]]]\n");
        return SELORA_USAGE;
    }
    if (decoder)
        run_list(&s, vae, sizeof vae / sizeof *vae);
    else
        run_list(&s, unet, sizeof unet / sizeof *unet);
    return 0;
}
