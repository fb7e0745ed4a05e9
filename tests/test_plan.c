/* SPDX-License-Identifier: MIT
 * Plans: memory that is shared without harm, known beforehand, and not asked for while running; failures by name. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/memory.h"
#include "core/rng.h"
#include "graph/plan_store.h"

static slr_rng noise(uint32_t item)
{
    return slr_rng_at(3, SLR_STREAM_TEST, 0, item);
}

/* ---- placement ---- */

static void check_placement(const slr_lifetime *buffers, size_t count, size_t arena, int end)
{
    size_t busiest = 0;
    for (size_t i = 0; i < count; i++) {
        const slr_lifetime *a = &buffers[i];
        assert_int_equal(a->offset % 64, 0);
        assert_true(a->offset + a->bytes <= arena);
        for (size_t k = 0; k < i; k++) {
            const slr_lifetime *b = &buffers[k];
            bool together = a->bytes && b->bytes && a->first <= b->last && b->first <= a->last;
            assert_true(!together || a->offset + a->bytes <= b->offset || b->offset + b->bytes <= a->offset);
        }
    }
    for (int t = 0; t <= end; t++) {
        size_t alive = 0;
        for (size_t i = 0; i < count; i++)
            if (buffers[i].first <= t && t <= buffers[i].last)
                alive += (buffers[i].bytes + 63) / 64 * 64;
        busiest = alive > busiest ? alive : busiest;
    }
    assert_true(arena >= busiest);
    assert_true(arena <= busiest + busiest / 2 + 4096); /* largest first is never far from the least possible */
}

static void test_placement_of_random_lifetimes(void **state)
{
    (void)state;
    enum { MOST = 60, END = 40 };
    for (uint32_t trial = 0; trial < 500; trial++) {
        slr_lifetime buffers[MOST];
        slr_rng rng = noise(trial);
        size_t count = 1 + slr_rng_below(&rng, MOST), arena;
        for (size_t i = 0; i < count; i++) {
            int first = (int)slr_rng_below(&rng, END);
            buffers[i] = (slr_lifetime){.bytes = slr_rng_below(&rng, 5) ? slr_rng_below(&rng, 5000) : 0,
                                        .first = first, .last = first + (int)slr_rng_below(&rng, (uint32_t)(END - first))};
        }
        assert_true(slr_place_buffers(buffers, count, &arena));
        check_placement(buffers, count, arena, END);
    }
}

/* ---- random graphs, with shared memory and without, values kept or computed again ---- */

enum { ROWS = 3, WIDTH = 8, OPS = 24 };

typedef struct random_graph {
    slr_graph *graph;
    slr_weight_store *store;
    slr_slot slot;
    slr_real a[8 * WIDTH], bt[8 * WIDTH], ga[8 * WIDTH], gbt[8 * WIDTH];
    slr_tid inputs[2], outputs[OPS];
    int output_count;
} random_graph;

static slr_tid linear(random_graph *r, slr_tid x, const char *path, int number, int64_t width)
{
    char own[24];
    snprintf(own, sizeof own, "%s.%d", path, number);
    return slr_graph_linear(r->graph, x, own, width, true);
}

static slr_tid feed_forward(random_graph *r, slr_tid x, const char *path)
{
    slr_tid h = slr_graph_layer_norm(r->graph, x, path, 1e-5); /* GEGLU squares what it is given */
    h = slr_graph_geglu(r->graph, linear(r, h, path, 0, 4 * WIDTH), path);
    return linear(r, h, path, 1, WIDTH);
}

static slr_tid attention(random_graph *r, slr_tid x, const char *path)
{
    slr_tid qkv[3];
    for (int k = 0; k < 3; k++)
        qkv[k] = slr_graph_reshape(r->graph, linear(r, x, path, k, WIDTH), 3, (int64_t[]){1, ROWS, WIDTH});
    return slr_graph_reshape(r->graph, slr_graph_attention(r->graph, qkv[0], qkv[1], qkv[2], 2, false, path), 2,
                             (int64_t[]){ROWS, WIDTH});
}

static slr_tid random_op(random_graph *r, slr_rng *rng, slr_tid x, slr_tid y, int i)
{
    char path[16];
    snprintf(path, sizeof path, "op%d", i);
    switch (slr_rng_below(rng, 9)) {
    case 0: return slr_graph_add(r->graph, x, y, path);
    case 1: return slr_graph_layer_norm(r->graph, x, path, 1e-5);
    case 2: return slr_graph_linear(r->graph, x, path, WIDTH, true);
    case 3: return slr_graph_base(r->graph, x) == slr_graph_base(r->graph, y)
                       ? slr_graph_add(r->graph, x, y, path)
                       : slr_graph_low_rank(r->graph, x, y, &r->slot, path);
    case 4: return slr_graph_reshape(r->graph, slr_graph_reshape(r->graph, x, 3, (int64_t[]){ROWS, 2, WIDTH / 2}), 2,
                                     (int64_t[]){ROWS, WIDTH});
    case 5: return feed_forward(r, x, path);
    case 6: return attention(r, x, path);
    default: return slr_graph_activation(r->graph, x, (slr_activation)slr_rng_below(rng, 3), path);
    }
}

static void fill_weights(random_graph *r, slr_rng *rng)
{
    slr_real values[4 * WIDTH * WIDTH];
    for (int i = 0; i < slr_graph_weight_count(r->graph); i++) {
        slr_rng_fill_normal(rng, values, 4 * WIDTH * WIDTH);
        assert_int_equal(slr_weight_store_add_values(r->store, slr_graph_weight(r->graph, i), values, NULL), SELORA_OK);
    }
    slr_rng_fill_normal(rng, r->a, 8 * WIDTH);
    slr_rng_fill_normal(rng, r->bt, 8 * WIDTH);
    memset(r->bt + WIDTH, 0, 7 * WIDTH * sizeof(slr_real));
}

static void random_graph_new(random_graph *r, uint32_t trial)
{
    slr_rng rng = noise(1000 + trial);
    slr_tid values[OPS + 2];
    memset(r, 0, sizeof *r);
    r->graph = slr_graph_new();
    r->store = slr_weight_store_new(SLR_WEIGHTS_KEEP);
    r->slot = (slr_slot){.in = WIDTH, .out = WIDTH, .rank = 1, .probes = 1, .capacity = 8, .scale = 0.5,
                         .trainable = true, .a = r->a, .bt = r->bt, .ga = r->ga, .gbt = r->gbt};
    for (int k = 0; k < 2; k++) {
        r->inputs[k] = values[k] = slr_graph_input(r->graph, k ? "second" : "first", 2, (int64_t[]){ROWS, WIDTH});
        if (slr_rng_below(&rng, 3))
            slr_graph_want_gradient(r->graph, values[k]);
    }
    for (int i = 0; i < OPS; i++) {
        int count = i + 2, near = count < 5 ? count : 5; /* mostly recent values, so that chains form */
        slr_tid x = values[count - 1 - (int)slr_rng_below(&rng, (uint32_t)near)];
        values[count] = random_op(r, &rng, x, values[slr_rng_below(&rng, (uint32_t)count)], i);
        if (slr_rng_below(&rng, 4) == 0)
            slr_graph_keep(r->graph, values[count]);
        bool last = i == OPS - 1;
        if (last || slr_rng_below(&rng, 6) == 0) {
            (last || slr_rng_below(&rng, 2) ? slr_graph_seed : slr_graph_output)(r->graph, values[count]);
            r->outputs[r->output_count++] = values[count];
        }
    }
    fill_weights(r, &rng);
}

static void random_graph_free(random_graph *r)
{
    slr_graph_free(r->graph);
    slr_weight_store_free(r->store);
}

/* Runs twice (nothing may be left over from the first time) and gathers every result into `bits`. */
static size_t run_graph(random_graph *r, const slr_backend *backend, slr_plan_options options, slr_real *bits)
{
    slr_plan *plan;
    slr_error err = {0};
    options.backward = true;
    if (slr_plan_new(r->graph, backend, &options, &plan, &err) != SELORA_OK ||
        slr_plan_allocate(plan, r->store, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    size_t at = 0, cells = ROWS * WIDTH * sizeof(slr_real);
    for (int run = 0; run < 2; run++) {
        slr_rng rng = noise(77);
        at = 0;
        memset(r->ga, 0, sizeof r->ga);
        memset(r->gbt, 0, sizeof r->gbt);
        for (int k = 0; k < 2; k++)
            slr_rng_fill_normal(&rng, slr_plan_value(plan, r->inputs[k]), ROWS * WIDTH);
        slr_plan_forward(plan);
        for (int i = 0; i < r->output_count; i++)
            if (slr_graph_tensor(r->graph, slr_graph_base(r->graph, r->outputs[i]))->is_seed)
                slr_rng_fill_normal(&rng, slr_plan_gradient(plan, r->outputs[i]), ROWS * WIDTH);
        slr_plan_backward(plan);
        for (int i = 0; i < r->output_count; i++, at += ROWS * WIDTH)
            memcpy(bits + at, slr_plan_value(plan, r->outputs[i]), cells);
        for (int k = 0; k < 2; k++)
            if (slr_plan_gradient(plan, r->inputs[k])) {
                memcpy(bits + at, slr_plan_gradient(plan, r->inputs[k]), cells);
                at += ROWS * WIDTH;
            }
    }
    memcpy(bits + at, r->ga, WIDTH * sizeof(slr_real));
    memcpy(bits + at + WIDTH, r->gbt, 2 * WIDTH * sizeof(slr_real));
    slr_plan_free(plan);
    return at + 3 * WIDTH;
}

static void test_shared_memory_changes_nothing(void **state)
{
    (void)state;
    static slr_real shared[(OPS + 4) * ROWS * WIDTH], apart[(OPS + 4) * ROWS * WIDTH];
    for (uint32_t trial = 0; trial < 120; trial++) {
        random_graph r;
        random_graph_new(&r, trial);
        const slr_backend *backend = trial % 2 ? slr_backend_cpu() : slr_backend_ref();
        size_t count = run_graph(&r, backend, (slr_plan_options){.apart = true}, apart);
        for (size_t i = 0; i < count; i++)
            assert_true(isfinite(apart[i]));
        for (int k = 0; k < 2 * (SLR_RECOMPUTE_C + 1); k++) {
            slr_plan_options options = {.recompute = (slr_recompute)(k / 2), .apart = k % 2, .threads = 1 + (int)trial / 2 % 2};
            assert_int_equal(run_graph(&r, backend, options, shared), count);
            assert_memory_equal(shared, apart, count * sizeof(slr_real));
        }
        random_graph_free(&r);
    }
}

/* Nothing is computed more often than needed: once again at most, but for what comes from values that are there anyway. */
static void test_replays_are_few(void **state)
{
    (void)state;
    int replays[SLR_RECOMPUTE_C + 1] = {0};
    for (uint32_t trial = 0; trial < 100; trial++)
        for (int class = 0; class <= SLR_RECOMPUTE_C; class++) {
            random_graph r;
            slr_plan *plan;
            int times[4 * OPS] = {0};
            random_graph_new(&r, trial);
            slr_plan_options options = {.backward = true, .recompute = (slr_recompute)class};
            assert_int_equal(slr_plan_new(r.graph, slr_backend_ref(), &options, &plan, NULL), SELORA_OK);
            for (size_t s = 0; s < plan->step_count; s++) {
                const slr_op *op = slr_graph_op(r.graph, plan->steps[s].op);
                if (plan->steps[s].pass != SLR_PASS_REPLAY)
                    continue;
                assert_true(plan->uses[op->out].dropped);
                assert_true(class != SLR_RECOMPUTE_A || slr_op_macs(r.graph, op) == 0);
                assert_true(++times[plan->steps[s].op] == 1 || plan->uses[op->out].light);
                replays[class]++;
            }
            slr_plan_free(plan);
            random_graph_free(&r);
        }
    assert_int_equal(replays[SLR_RECOMPUTE_NONE], 0);
    assert_true(replays[SLR_RECOMPUTE_A] > 100 && replays[SLR_RECOMPUTE_B] > 2 * replays[SLR_RECOMPUTE_A]);
    assert_true(replays[SLR_RECOMPUTE_C] >= replays[SLR_RECOMPUTE_B]);
}

/* ---- memory: known beforehand, not asked for while running ---- */

static void test_predicted_bytes_are_allocated(void **state)
{
    (void)state;
    random_graph r;
    slr_plan *plan, *apart;
    random_graph_new(&r, 5);
    slr_plan_options options = {.backward = true, .threads = 2};
    assert_int_equal(slr_plan_new(r.graph, slr_backend_cpu(), &options, &plan, NULL), SELORA_OK);
    options.apart = true;
    assert_int_equal(slr_plan_new(r.graph, slr_backend_cpu(), &options, &apart, NULL), SELORA_OK);
    assert_true(slr_plan_bytes(plan) < slr_plan_bytes(apart));
    slr_plan_free(apart);

    /* Exactly as many bytes as predicted, and a guard behind them that stays as it was. */
    size_t bytes = slr_plan_bytes(plan);
    unsigned char *memory = slr_alloc_aligned(bytes + 4096, 1);
    assert_non_null(memory);
    memset(memory, 0xA5, bytes + 4096);
    assert_int_equal(slr_plan_bind(plan, r.store, memory, NULL), SELORA_OK);
    slr_plan_forward(plan);
    slr_plan_backward(plan);
    for (size_t i = bytes; i < bytes + 4096; i++)
        assert_int_equal(memory[i], 0xA5);
    slr_plan_forward(plan);
    for (int i = 0; i < slr_graph_op_count(r.graph); i++) {
        assert_int_equal(slr_plan_profile_of(plan, i)->runs[SLR_PASS_FORWARD], 2);
        assert_in_range(slr_plan_profile_of(plan, i)->runs[SLR_PASS_BACKWARD], 0, 1);
    }
    slr_plan_free(plan);
    free(memory);
    random_graph_free(&r);
}

/* ---- failures ---- */

static void check_message(const slr_error *err, const char *part)
{
    if (!strstr(err->message, part))
        fail_msg("'%s' does not mention '%s'", err->message, part);
}

static void test_missing_kernel_is_named(void **state)
{
    (void)state;
    slr_error err = {0};
    slr_plan *plan;
    slr_graph *graph = slr_graph_new();
    slr_tid x = slr_graph_input(graph, "x", 4, (int64_t[]){1, 3, 3, 2});
    slr_graph_want_gradient(graph, x);
    slr_graph_seed(graph, slr_graph_upsample(graph, x, 5, 5, "unet.up"));
    slr_backend partial = *slr_backend_ref();
    partial.name = "partial";
    partial.backward[SLR_OP_UPSAMPLE] = NULL;
    assert_int_equal(slr_plan_new(graph, &partial, &(slr_plan_options){.backward = true}, &plan, &err), SELORA_USAGE);
    assert_null(plan);
    check_message(&err, "unet.up");
    check_message(&err, "upsample");
    check_message(&err, "partial");
    assert_int_equal(slr_plan_new(graph, &partial, &(slr_plan_options){0}, &plan, NULL), SELORA_OK);
    slr_plan_free(plan);
    partial.forward[SLR_OP_UPSAMPLE] = NULL;
    assert_int_equal(slr_plan_new(graph, &partial, &(slr_plan_options){0}, &plan, NULL), SELORA_USAGE);
    slr_graph_free(graph);
}

static void test_weights_are_checked_by_name(void **state)
{
    (void)state;
    slr_error err = {0};
    slr_plan *plan;
    slr_graph *graph = slr_graph_new();
    slr_weight_store *store = slr_weight_store_new(SLR_WEIGHTS_KEEP);
    slr_tid x = slr_graph_input(graph, "x", 2, (int64_t[]){1, 3});
    slr_graph_output(graph, slr_graph_linear(graph, x, "unet.proj", 2, true));
    assert_int_equal(slr_plan_new(graph, slr_backend_cpu(), &(slr_plan_options){0}, &plan, NULL), SELORA_OK);
    assert_int_equal(slr_plan_allocate(plan, store, &err), SELORA_BAD_INPUT);
    check_message(&err, "unet.proj.weight");
    assert_int_equal(slr_plan_allocate(plan, NULL, NULL), SELORA_BAD_INPUT);

    const slr_real values[6] = {1, 2, 3, 4, 5, 6};
    slr_weight_spec transposed = *slr_graph_weight(graph, 0);
    transposed.shape[0] = 3;
    transposed.shape[1] = 2;
    assert_int_equal(slr_weight_store_add_values(store, &transposed, values, NULL), SELORA_OK);
    assert_int_equal(slr_weight_store_add_values(store, slr_graph_weight(graph, 1), values, NULL), SELORA_OK);
    err = (slr_error){0};
    assert_int_equal(slr_plan_allocate(plan, store, &err), SELORA_BAD_INPUT);
    check_message(&err, "unet.proj.weight");
    check_message(&err, "shape");
    slr_plan_free(plan);
    slr_graph_free(graph);
    slr_weight_store_free(store);
}

/* Panels are filled up to 32 rows; halves stay halves unless the policy says otherwise. */
static void test_memory_of_weights_is_predicted(void **state)
{
    (void)state;
    static const double file[32];
    const size_t element = sizeof(slr_real) == sizeof(double) ? 8 : 0;
    slr_weight_spec matrix = {.name = (char[]){"matrix"}, .kind = SLR_WEIGHT_MATRIX, .dims = 2, .shape = {2, 9}};
    slr_weight_spec conv = {.name = (char[]){"conv"}, .kind = SLR_WEIGHT_CONV, .dims = 4, .shape = {33, 1, 3, 3}};
    slr_weight_spec table = {.name = (char[]){"table"}, .kind = SLR_WEIGHT_TABLE, .dims = 2, .shape = {2, 9}};
    slr_weight_spec vector = {.name = (char[]){"vector"}, .kind = SLR_WEIGHT_VECTOR, .dims = 1, .shape = {18}};
    const struct { slr_weight_policy policy; slr_dtype stored; size_t bytes; } cases[] = {
        {SLR_WEIGHTS_KEEP, SLR_DTYPE_F32, 4}, {SLR_WEIGHTS_KEEP, SLR_DTYPE_F16, 2}, {SLR_WEIGHTS_KEEP, SLR_DTYPE_F64, 4},
        {SLR_WEIGHTS_AUTO, SLR_DTYPE_F32, 2}, {SLR_WEIGHTS_AUTO, SLR_DTYPE_BF16, 2}, {SLR_WEIGHTS_F16, SLR_DTYPE_BF16, 2},
        {SLR_WEIGHTS_F32, SLR_DTYPE_F16, 4}, {SLR_WEIGHTS_AUTO_BF16, SLR_DTYPE_F32, 2}, {SLR_WEIGHTS_AUTO_BF16, SLR_DTYPE_F16, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slr_weight_store *store = slr_weight_store_new(cases[i].policy);
        size_t bytes = element ? element : cases[i].bytes;
        assert_int_equal(slr_weight_store_needs(store, &matrix, cases[i].stored), 32 * 9 * bytes);
        assert_int_equal(slr_weight_store_needs(store, &conv, cases[i].stored), 64 * 9 * bytes);
        assert_int_equal(slr_weight_store_needs(store, &table, cases[i].stored), 18 * bytes);
        assert_int_equal(slr_weight_store_needs(store, &vector, cases[i].stored), 18 * sizeof(slr_real));
        if (!element && cases[i].policy == SLR_WEIGHTS_AUTO_BF16) {
            slr_weight_spec other[] = {matrix, table};
            slr_dtype expected[] = {SLR_DTYPE_BF16, SLR_DTYPE_F16}; /* products round a matrix anyway, nothing rounds a table */
            for (int k = 0; k < 2 && cases[i].stored == SLR_DTYPE_F32; k++) {
                slr_stored_tensor f32 = {.dtype = SLR_DTYPE_F32, .dims = 2, .shape = {2, 9}, .data = file};
                slr_weight_store *mixed = slr_weight_store_new(cases[i].policy);
                assert_int_equal(slr_weight_store_add(mixed, &other[k], &f32, NULL), SELORA_OK);
                assert_int_equal(slr_weight_store_find(mixed, other[k].name)->dtype, expected[k]);
                slr_weight_store_free(mixed);
            }
        }
        slr_stored_tensor tensor = {.dtype = cases[i].stored, .dims = 2, .shape = {2, 9}, .data = file};
        assert_int_equal(slr_weight_store_add(store, &matrix, &tensor, NULL), SELORA_OK);
        assert_int_equal(slr_weight_store_bytes(store), slr_weight_store_needs(store, &matrix, cases[i].stored));
        slr_weight_store_free(store);
    }
}

/* Every element is where slr_weight_at() looks for it, in every type; what does not fit keeps F32. */
static void test_weights_are_laid_out(void **state)
{
    (void)state;
    enum { OUT = 35, IN = 150, TAPS = 9, COUNT = OUT * IN * TAPS };
    static const slr_weight_policy policies[] = {SLR_WEIGHTS_KEEP, SLR_WEIGHTS_F16, SLR_WEIGHTS_BF16};
    slr_weight_spec conv = {.name = (char[]){"conv"}, .kind = SLR_WEIGHT_CONV, .dims = 4, .shape = {OUT, IN, 3, 3}};
    slr_weight_spec large = {.name = (char[]){"large"}, .kind = SLR_WEIGHT_MATRIX, .dims = 2, .shape = {OUT, IN * TAPS}};
    slr_real *values = calloc(COUNT, sizeof *values);
    for (int i = 0; i < COUNT; i++)
        values[i] = (slr_real)(i % 241 - 120) / 64; /* exact in 8 bits */
    for (size_t p = 0; p < sizeof policies / sizeof *policies; p++) {
        slr_weight_store *store = slr_weight_store_new(policies[p]);
        assert_int_equal(slr_weight_store_add_values(store, &conv, values, NULL), SELORA_OK);
        const slr_weight *w = slr_weight_store_find(store, "conv");
        for (int o = 0; o < OUT; o++)
            for (int c = 0; c < IN; c++)
                for (int t = 0; t < TAPS; t++)
                    assert_true(slr_weight_at(w, o, t * IN + c) == values[(o * IN + c) * TAPS + t]);
        assert_true(slr_weight_at(w, 63, 5) == 0); /* the last panel is filled up */
        values[7] = 100000; /* beyond F16 */
        assert_int_equal(slr_weight_store_add_values(store, &large, values, NULL), SELORA_OK);
        w = slr_weight_store_find(store, "large");
        assert_true(policies[p] == SLR_WEIGHTS_BF16 || slr_weight_at(w, 0, 7) == 100000);
        assert_true(slr_weight_at(w, 34, 1349) == values[COUNT - 1]);
        values[7] = -113 / (slr_real)64;
        slr_weight_store_free(store);
    }
    free(values);
}

static void test_memory_that_cannot_be_had(void **state)
{
    (void)state;
    slr_error err = {0};
    slr_plan *plan;
    slr_graph *graph = slr_graph_new();
    slr_tid x = slr_graph_input(graph, "x", 2, (int64_t[]){1 << 20, 1 << 20}); /* 4 TiB */
    slr_graph_output(graph, slr_graph_activation(graph, x, SLR_ACT_SILU, "act"));
    assert_int_equal(slr_plan_new(graph, slr_backend_cpu(), &(slr_plan_options){0}, &plan, NULL), SELORA_OK);
    assert_int_equal(slr_plan_bytes(plan), (size_t)8 << 40);
    assert_int_equal(slr_plan_allocate(plan, NULL, &err), SELORA_NO_RESOURCE);
    check_message(&err, "8388608.0 MiB");
    slr_plan_free(plan);
    assert_int_equal(slr_graph_input(graph, "y", 2, (int64_t[]){1 << 21, 1 << 20}), -1);
    assert_true(slr_graph_failed(graph, &err));
    slr_graph_free(graph);
}

/* Graphs without meaning are refused when they are recorded, and stay refused. */
static void test_recording_errors(void **state)
{
    (void)state;
    slr_error err = {0};
    slr_plan *plan;
    slr_graph *graph = slr_graph_new();
    slr_tid x = slr_graph_input(graph, "x", 3, (int64_t[]){1, 4, 6});
    assert_int_equal(slr_graph_attention(graph, x, x, x, 2, false, "unet.attn"), -1);
    assert_true(slr_graph_failed(graph, &err));
    check_message(&err, "unet.attn");
    assert_int_equal(slr_graph_activation(graph, x, SLR_ACT_SILU, "later"), -1);
    assert_int_equal(slr_plan_new(graph, slr_backend_cpu(), &(slr_plan_options){0}, &plan, &err), SELORA_USAGE);
    assert_null(plan);
    slr_graph_free(graph);

    graph = slr_graph_new();
    slr_tid p = slr_graph_input(graph, "p", 2, (int64_t[]){2, 3}), t = slr_graph_input(graph, "t", 2, (int64_t[]){2, 3});
    slr_graph_want_gradient(graph, t);
    assert_int_equal(slr_graph_mse(graph, p, t, slr_graph_input(graph, "w", 1, (int64_t[]){2}), "loss"), -1);
    slr_graph_free(graph);

    graph = slr_graph_new();
    x = slr_graph_input(graph, "x", 4, (int64_t[]){1, 2, 2, 3});
    assert_int_equal(slr_graph_conv2d(graph, x, "unet.conv_in", 4, 3, 1, (slr_pads){0, 0, 0, 0}), -1);
    assert_true(slr_graph_failed(graph, &err));
    check_message(&err, "2x2");
    slr_graph_free(graph);
}

static void test_outgrown_plan(void **state)
{
    (void)state;
    random_graph r;
    slr_plan *plan;
    random_graph_new(&r, 8);
    assert_int_equal(slr_plan_new(r.graph, slr_backend_ref(), &(slr_plan_options){.backward = true}, &plan, NULL), SELORA_OK);
    assert_false(slr_plan_is_outgrown(plan));
    r.slot.capacity = 16;
    assert_true(slr_plan_is_outgrown(plan));
    slr_plan_free(plan);
    random_graph_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_placement_of_random_lifetimes),
        cmocka_unit_test(test_shared_memory_changes_nothing),
        cmocka_unit_test(test_replays_are_few),
        cmocka_unit_test(test_predicted_bytes_are_allocated),
        cmocka_unit_test(test_missing_kernel_is_named),
        cmocka_unit_test(test_weights_are_checked_by_name),
        cmocka_unit_test(test_memory_of_weights_is_predicted),
        cmocka_unit_test(test_weights_are_laid_out),
        cmocka_unit_test(test_memory_that_cannot_be_had),
        cmocka_unit_test(test_recording_errors),
        cmocka_unit_test(test_outgrown_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
