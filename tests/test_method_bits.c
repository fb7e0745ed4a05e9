/* SPDX-License-Identifier: MIT
 * What must not change a bit: growing a rank, showing candidates. On a whole small network, both
 * backends. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "adapters/method.h"
#include "adapters/score.h"
#include "adapters/targets.h"
#include "core/rng.h"
#include "support/tiny_folder.h"
#include "support/toy.h"
#include "train/optimizer.h"
#include "train/train_graph.h"

enum { BATCH = 2, HEIGHT = 7, WIDTH = 5, LATENTS = BATCH * HEIGHT * WIDTH * 4 };

typedef struct network {
    slr_model *model;
    slr_adapter_set *set;
    slr_train_graph *graph;
    const slr_backend *backend;
    int threads;
} network;

static void plan_again(network *net)
{
    slr_error err = {0};
    slr_train_shape shape = {
        .batch = BATCH, .height = HEIGHT, .width = WIDTH, .tokens = TINY_TOKENS};
    slr_train_graph_free(net->graph);
    if (slr_train_graph_new(net->model, net->set, &shape, net->backend, net->threads, &net->graph,
                            &err) != SELORA_OK ||
        slr_train_graph_allocate(net->graph, &err) != SELORA_OK)
        fail_msg("%s", err.message);
}

static network network_of(const slr_backend *backend, int threads, int rank, int probes)
{
    slr_error err = {0};
    network net = {.model = tiny_model(1), .backend = backend, .threads = threads};
    slr_adapter_options options = {.seed = 3, .scale = 8, .rank = rank, .probes = probes};
    const char *const components[] = {"text_encoder", "unet"};
    slr_targets *targets;
    slr_graph *record = slr_model_record(net.model, false);
    assert_int_equal(slr_adapter_set_new(&options, &net.set, &err), SELORA_OK);
    assert_int_equal(slr_targets_new("selora", &targets, &err), SELORA_OK);
    assert_int_equal(slr_targets_add(targets, record, components, 2, net.set, &err), SELORA_OK);
    assert_int_equal(slr_adapter_set_finish(net.set, &err), SELORA_OK);
    slr_targets_free(targets);
    slr_graph_free(record);
    plan_again(&net);
    return net;
}

static void network_free(network *net)
{
    slr_train_graph_free(net->graph);
    slr_adapter_set_free(net->set);
    slr_model_free(net->model);
}

static void fill_b(network *net)
{
    for (int i = 0; i < slr_adapter_set_count(net->set); i++) {
        slr_adapter *adapter = slr_adapter_set_at(net->set, i);
        int64_t count = adapter->slot.rank * adapter->slot.out;
        toy_fill(adapter->bt, count, 21, (uint32_t)i);
        for (int64_t k = 0; k < count; k++)
            adapter->bt[k] *= (slr_real)0.05;
    }
}

static void pass(network *net, uint32_t step, bool backward)
{
    slr_train_inputs in = slr_train_graph_inputs(net->graph);
    toy_fill(in.sample, LATENTS, 31, step);
    toy_fill(in.target, LATENTS, 32, step);
    slr_rng rng = slr_rng_at(33, SLR_STREAM_TEST, step, 0);
    for (int n = 0; n < BATCH; n++) {
        in.timestep[n] = (slr_real)slr_rng_below(&rng, 1000);
        in.weight[n] = 1;
        for (int t = 0; t < TINY_TOKENS; t++)
            in.ids[n * TINY_TOKENS + t] = (slr_real)slr_rng_below(&rng, 512);
    }
    slr_train_graph_forward(net->graph);
    if (backward) {
        slr_adapter_set_zero_gradients(net->set);
        slr_train_graph_backward(net->graph, 1);
    }
}

static const struct {
    const slr_backend *(*of)(void);
    int threads;
} backends[] = {{slr_backend_ref, 1}, {slr_backend_cpu, 1}, {slr_backend_cpu, 2}};
enum { BACKENDS = sizeof backends / sizeof *backends };

static void test_T7_growing_changes_no_bit_of_the_output(void **state)
{
    (void)state;
    for (int b = 0; b < BACKENDS; b++) {
        network net = network_of(backends[b].of(), backends[b].threads, 1, 1);
        int layers = slr_adapter_set_count(net.set);
        fill_b(&net);
        pass(&net, 1, false);
        slr_real *before =
            toy_copy(slr_train_graph_prediction(net.graph), LATENTS * sizeof *before);
        for (int grown = 2; grown <= 12; grown++) {
            int *ranks = calloc((size_t)layers, sizeof *ranks);
            bool moved;
            for (int i = 0; i < layers; i++)
                ranks[i] = grown;
            assert_int_equal(slr_adapter_set_reserve(net.set, ranks, &moved, NULL), SELORA_OK);
            assert_int_equal(moved, grown == 8); /* 8 components and a candidate: capacity 16 */
            for (int i = 0; i < layers; i++) {
                slr_adapter *adapter = slr_adapter_set_at(net.set, i);
                slr_adapter_draw_row(net.set, adapter, adapter->slot.rank, (uint32_t)grown, 0);
                slr_adapter_activate(adapter);
                assert_int_equal(adapter->slot.rank, grown);
            }
            free(ranks);
            if (moved)
                plan_again(&net);
            if (grown != 2 && grown != 7 && grown != 8 && grown != 12)
                continue;
            pass(&net, 1, false);
            assert_memory_equal(slr_train_graph_prediction(net.graph), before,
                                LATENTS * sizeof *before);
        }
        slr_adapter_set_at(net.set, 0)->bt[0] += (slr_real)0.5; /* the comparison can fail */
        pass(&net, 1, false);
        assert_memory_not_equal(slr_train_graph_prediction(net.graph), before,
                                LATENTS * sizeof *before);
        free(before);
        network_free(&net);
    }
}

/* Gradients of old components: the same bits whatever stands beside them. */
static void test_T7_growing_changes_no_bit_of_old_gradients(void **state)
{
    (void)state;
    for (int b = 0; b < BACKENDS; b++) {
        network net = network_of(backends[b].of(), backends[b].threads, 1, 0);
        network grown = network_of(backends[b].of(), backends[b].threads, 1, 1);
        fill_b(&net);
        fill_b(&grown);
        int layers = slr_adapter_set_count(net.set);
        for (int i = 0; i < layers; i++)
            for (int extra = 0; extra < i % 6; extra++) {
                slr_adapter *adapter = slr_adapter_set_at(grown.set, i);
                slr_adapter_draw_row(grown.set, adapter, adapter->slot.rank, (uint32_t)extra, 0);
                slr_adapter_activate(adapter);
            }
        pass(&net, 1, true);
        pass(&grown, 1, true);
        for (int i = 0; i < layers; i++) {
            const slr_slot *x = &slr_adapter_set_at(net.set, i)->slot,
                           *y = &slr_adapter_set_at(grown.set, i)->slot;
            assert_memory_equal(x->ga, y->ga, (size_t)x->in * sizeof(slr_real));
            assert_memory_equal(x->gbt, y->gbt, (size_t)x->out * sizeof(slr_real));
        }
        network_free(&net);
        network_free(&grown);
    }
}

/* The candidate's gradient against that of the enlarged network, in single precision. */
static void test_T4_fused_gradient_in_single_precision(void **state)
{
    (void)state;
    for (int b = 0; b < BACKENDS; b++) {
        network fused = network_of(backends[b].of(), backends[b].threads, 2, 1);
        network enlarged = network_of(backends[b].of(), backends[b].threads, 2, 1);
        fill_b(&fused);
        fill_b(&enlarged);
        for (int i = 0; i < slr_adapter_set_count(fused.set); i++) {
            slr_adapter_draw_row(fused.set, slr_adapter_set_at(fused.set, i), 2, 1, 0);
            slr_adapter_draw_row(enlarged.set, slr_adapter_set_at(enlarged.set, i), 2, 1, 0);
            slr_adapter_activate(slr_adapter_set_at(enlarged.set, i));
            slr_adapter_set_at(enlarged.set, i)->slot.probes = 0;
        }
        pass(&fused, 1, true);
        pass(&enlarged, 1, true);
        for (int i = 0; i < slr_adapter_set_count(fused.set); i++) {
            const slr_slot *f = &slr_adapter_set_at(fused.set, i)->slot;
            const slr_slot *e = &slr_adapter_set_at(enlarged.set, i)->slot;
            double distance = 0, size = 0;
            for (int64_t o = 2 * f->out; o < 3 * f->out; o++) {
                distance += pow((double)f->gbt[o] - (double)e->gbt[o], 2);
                size += pow((double)e->gbt[o], 2);
            }
            assert_true(size > 0 && sqrt(distance) <= 1e-5 * sqrt(size));
        }
        network_free(&fused);
        network_free(&enlarged);
    }
}

static void train(network *net, const slr_method_options *options, int64_t steps)
{
    slr_error err = {0};
    slr_method *method;
    const slr_adam adam = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    assert_int_equal(slr_method_new(options, net->set, steps, &method, &err), SELORA_OK);
    for (int64_t step = 1; step <= steps; step++) {
        bool moved;
        slr_method_before_step(method, step, BATCH);
        pass(net, (uint32_t)step, true);
        slr_method_after_backward(method, step);
        slr_clip_gradients(net->set, 1);
        slr_adam_step(&adam, net->set, &(slr_learning_rates){1e-3, 1e-3});
        assert_int_equal(slr_method_after_step(method, step, NULL, &moved, &err), SELORA_OK);
        assert_false(moved);
    }
    slr_method_free(method);
}

static void test_T9_selora_that_never_grows_is_plain_lora(void **state)
{
    (void)state;
    enum { STEPS = 6 };
    for (int b = 0; b < BACKENDS; b++) {
        network lora = network_of(backends[b].of(), backends[b].threads, 1, 0);
        slr_method_options options = slr_method_options_of(SLR_METHOD_LORA);
        train(&lora, &options, STEPS);
        for (int every = 1; every <= 3;
             every += 2) { /* candidates on every step, and on every third */
            network selora = network_of(backends[b].of(), backends[b].threads, 1, 1);
            options = slr_method_options_of(SLR_METHOD_SELORA);
            options.lambda = INFINITY;
            options.every = every;
            train(&selora, &options, STEPS);
            for (int i = 0; i < slr_adapter_set_count(lora.set); i++) {
                const slr_adapter *x = slr_adapter_set_at(lora.set, i),
                                  *y = slr_adapter_set_at(selora.set, i);
                size_t in = (size_t)x->slot.in * sizeof(slr_real),
                       out = (size_t)x->slot.out * sizeof(slr_real);
                assert_int_equal(y->slot.rank, 1);
                assert_true(x->slot.scale == 8 && y->slot.scale == 8);
                assert_memory_equal(x->a, y->a, in);
                assert_memory_equal(x->bt, y->bt, out);
                assert_memory_equal(x->m_a, y->m_a, in);
                assert_memory_equal(x->v_bt, y->v_bt, out);
                assert_true(x->bt[0] != 0);
            }
            network_free(&selora);
        }
        network_free(&lora);
    }
}

/* Independent numbers of mean zero, faster than normal ones. */
static void fill_noise(slr_real *values, int count, uint32_t draw)
{
    const uint32_t key[2] = {7, 0};
    for (int i = 0; i < count; i += 4) {
        uint32_t counter[4] = {(uint32_t)i, draw, 0, SLR_STREAM_TEST}, block[4];
        slr_philox4x32(key, counter, block);
        for (int j = 0; j < 4; j++)
            values[i + j] = (slr_real)block[j] * (slr_real)0x1p-31 - 1;
    }
}

/* dL/dW iid (x the identity, so that dL/dW = (dL/dy)^T), A Kaiming, B zero: R is 1 + 1/r on
 * average. A set of rank 8 has all the smaller ones in its first rows. */
static void test_T8_null_ratio_is_one_plus_one_over_r(void **state)
{
    (void)state;
    enum { IN = 768, OUT = 320, DRAWS = 200, RANKS = 8 };
    slr_error err = {0};
    slr_adapter_options options = {.seed = 5, .scale = 8, .rank = RANKS, .probes = 1};
    slr_adapter_set *set;
    assert_int_equal(slr_adapter_set_new(&options, &set, &err), SELORA_OK);
    assert_int_equal(slr_adapter_set_add(set, "unet.a", IN, OUT, &err), SELORA_OK);
    assert_int_equal(slr_adapter_set_finish(set, &err), SELORA_OK);
    slr_adapter *adapter = slr_adapter_set_at(set, 0);
    slr_graph *graph = slr_graph_new();
    slr_tid base = slr_graph_input(graph, "base", 2, (int64_t[]){IN, OUT});
    slr_tid x = slr_graph_input(graph, "x", 2, (int64_t[]){IN, IN});
    slr_tid y = slr_graph_low_rank(graph, base, x, &adapter->slot, "unet.a");
    slr_graph_output(graph, y);
    slr_graph_seed(graph, y);
    slr_plan *plan;
    assert_int_equal(
        slr_plan_new(graph, slr_backend_cpu(), &(slr_plan_options){.backward = true}, &plan, &err),
        SELORA_OK);
    assert_int_equal(slr_plan_allocate(plan, NULL, &err), SELORA_OK);
    for (int i = 0; i < IN; i++)
        for (int k = 0; k < IN; k++)
            slr_plan_value(plan, x)[i * IN + k] = i == k;
    memset(slr_plan_value(plan, base), 0, IN * OUT * sizeof(slr_real));
    double sum[RANKS + 1] = {0}, squares[RANKS + 1] = {0};
    for (uint32_t draw = 1; draw <= DRAWS; draw++) {
        for (int row = 0; row <= RANKS; row++)
            slr_adapter_draw_row(set, adapter, row, draw, (uint32_t)row);
        slr_adapter_set_zero_gradients(set);
        slr_plan_forward(plan);
        fill_noise(slr_plan_gradient(plan, y), IN * OUT, draw);
        slr_plan_backward(plan);
        double present = 0, candidate = slr_adapter_probe_energy(adapter, 0);
        for (int r = 1; r <= RANKS; r++) {
            for (int o = (r - 1) * OUT; o < r * OUT; o++)
                present += pow((double)adapter->slot.gbt[o], 2);
            double ratio = 1 + candidate / present;
            sum[r] += ratio;
            squares[r] += ratio * ratio;
        }
        assert_true(fabs(slr_adapter_gradient_energy(adapter) - present) <=
                    1e-9 * present); /* gA = 0 at B = 0 */
    }
    for (int r = 1; r <= RANKS; r++) {
        double mean = sum[r] / DRAWS,
               error = sqrt((squares[r] / DRAWS - mean * mean) / (DRAWS - 1));
        if (fabs(mean - (1 + 1.0 / r)) > 3 * error)
            fail_msg("rank %d: mean ratio %g, expected %g within %g", r, mean, 1 + 1.0 / r,
                     3 * error);
    }
    slr_plan_free(plan);
    slr_graph_free(graph);
    slr_adapter_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_T7_growing_changes_no_bit_of_the_output),
        cmocka_unit_test(test_T7_growing_changes_no_bit_of_old_gradients),
        cmocka_unit_test(test_T4_fused_gradient_in_single_precision),
        cmocka_unit_test(test_T9_selora_that_never_grows_is_plain_lora),
        cmocka_unit_test(test_T8_null_ratio_is_one_plus_one_over_r),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
