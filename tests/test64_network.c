/* SPDX-License-Identifier: MIT
 * T2 through text encoder, U-Net and loss in one graph; T26, sizes that do not halve evenly. In double. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "adapters/targets.h"
#include "core/rng.h"
#include "graph/plan.h"
#include "models/model.h"

enum { BATCH = 2, HEIGHT = 7, WIDTH = 5, TOKENS = 6 };

/* Three levels (7x5, 4x3, 2x2), a text encoder of two layers, adapters of rank 2 beside one candidate on every linear
 * layer. */
typedef struct network {
    slr_model *model;
    slr_adapter_set *set;
    slr_graph *graph;
    slr_plan *plan;
    slr_tid sample, loss;
} network;

static slr_model *small_model(bool linear_projection, slr_activation activation)
{
    slr_unet_config unet = {.in_channels = 4, .out_channels = 4, .levels = 3, .channels = {8, 12, 16},
                            .down_attention = {true, true, false}, .up_attention = {false, true, true},
                            .heads = {2, 3, 4}, .layers_per_block = 1, .cross_attention_width = 10, .groups = 2,
                            .norm_eps = 1e-5, .linear_projection = linear_projection, .flip_sin_to_cos = true};
    slr_vae_config vae = {.in_channels = 3, .out_channels = 3, .latent_channels = 4, .levels = 1, .channels = {4},
                          .layers_per_block = 1, .groups = 2, .scaling_factor = 1};
    slr_clip_text_config text = {.vocabulary = 20, .positions = 8, .width = 10, .mlp_width = 14, .layers = 2,
                                 .heads = 2, .activation = activation, .norm_eps = 1e-5};
    slr_model *model;
    slr_error err = {0};
    if (slr_model_random(&unet, &vae, &text, 9, SLR_MODEL_TEXT | SLR_MODEL_UNET, SLR_WEIGHTS_KEEP, &model, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return model;
}

static slr_adapter_set *all_adapted(const slr_model *model)
{
    const char *const components[] = {"text_encoder", "unet"};
    slr_adapter_options options = {.seed = 4, .scale = 1.3, .rank = 2, .probes = 1};
    slr_adapter_set *set;
    slr_targets *targets;
    slr_graph *graph = slr_model_record(model, false);
    assert_int_equal(slr_adapter_set_new(&options, &set, NULL), SELORA_OK);
    assert_int_equal(slr_targets_new("all-linear", &targets, NULL), SELORA_OK);
    assert_int_equal(slr_targets_add(targets, graph, components, 2, set, NULL), SELORA_OK);
    assert_int_equal(slr_adapter_set_finish(set, NULL), SELORA_OK);
    slr_targets_free(targets);
    slr_graph_free(graph);
    for (int i = 0; i < slr_adapter_set_count(set); i++) { /* B = 0 would hide the gradients of A */
        slr_adapter *adapter = slr_adapter_set_at(set, i);
        slr_rng rng = slr_rng_at(4, SLR_STREAM_TEST, 1, (uint32_t)i);
        for (int64_t e = 0; e < adapter->slot.rank * adapter->slot.out; e++)
            adapter->bt[e] = 0.1 * slr_rng_normal(&rng);
    }
    return set;
}

static void network_open(network *n, bool linear_projection, slr_activation activation)
{
    slr_error err = {0};
    slr_builder b;
    const int64_t batch = BATCH, latent[] = {BATCH, HEIGHT, WIDTH, 4};
    n->model = small_model(linear_projection, activation);
    n->set = all_adapted(n->model);
    n->graph = slr_graph_new();
    slr_tid ids = slr_graph_input(n->graph, "input_ids", 2, (int64_t[]){BATCH, TOKENS});
    slr_builder_init(&b, n->graph, n->set, "text_encoder");
    slr_tid states = slr_clip_text_build(&b, &n->model->text, ids);
    n->sample = slr_graph_input(n->graph, "sample", 4, latent);
    slr_graph_want_gradient(n->graph, n->sample);
    slr_tid timestep = slr_graph_input(n->graph, "timestep", 1, &batch);
    slr_tid target = slr_graph_input(n->graph, "target", 4, latent);
    slr_tid weight = slr_graph_input(n->graph, "weight", 1, &batch);
    slr_builder_init(&b, n->graph, n->set, "unet");
    slr_tid prediction = slr_unet_build(&b, &n->model->unet, n->sample, timestep, states);
    n->loss = slr_graph_mse(n->graph, prediction, target, weight, "loss");
    slr_graph_seed(n->graph, n->loss);
    if (slr_plan_new(n->graph, slr_backend_ref(), &(slr_plan_options){.backward = true}, &n->plan, &err) != SELORA_OK ||
        slr_plan_allocate(n->plan, n->model->weights, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    slr_rng rng = slr_rng_at(4, SLR_STREAM_TEST, 2, 0);
    slr_rng_fill_normal(&rng, slr_plan_value(n->plan, n->sample), BATCH * HEIGHT * WIDTH * 4);
    slr_rng_fill_normal(&rng, slr_plan_value(n->plan, target), BATCH * HEIGHT * WIDTH * 4);
    for (int i = 0; i < BATCH * TOKENS; i++)
        slr_plan_value(n->plan, ids)[i] = slr_rng_below(&rng, 20);
    for (int i = 0; i < BATCH; i++) {
        slr_plan_value(n->plan, timestep)[i] = 37 + 500 * i;
        slr_plan_value(n->plan, weight)[i] = 1 + 0.5 * i;
    }
}

static void network_close(network *n)
{
    slr_plan_free(n->plan);
    slr_graph_free(n->graph);
    slr_adapter_set_free(n->set);
    slr_model_free(n->model);
}

static double loss_of(network *n)
{
    slr_plan_forward(n->plan);
    return slr_plan_value(n->plan, n->loss)[0];
}

static void gradients_of(network *n)
{
    slr_adapter_set_zero_gradients(n->set);
    slr_plan_forward(n->plan);
    slr_plan_gradient(n->plan, n->loss)[0] = 1;
    slr_plan_backward(n->plan);
}

static double loss_along(network *n, slr_real *place, const slr_real *start, const slr_real *direction,
                         int64_t count, double t)
{
    for (int64_t i = 0; i < count; i++)
        place[i] = start[i] + t * direction[i];
    return loss_of(n);
}

/* The derivative of the loss along `direction` at `place`, from five points. */
static double slope(network *n, slr_real *place, const slr_real *direction, int64_t count)
{
    slr_real start[1024];
    double h = 1e-3;
    assert_in_range(count, 1, 1024);
    memcpy(start, place, (size_t)count * sizeof *start);
    double d1 = loss_along(n, place, start, direction, count, h) - loss_along(n, place, start, direction, count, -h);
    double d2 = loss_along(n, place, start, direction, count, 2 * h) -
                loss_along(n, place, start, direction, count, -2 * h);
    memcpy(place, start, (size_t)count * sizeof *start);
    return (8 * d1 - d2) / (12 * h);
}

static double dot(const slr_real *a, const slr_real *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Along the gradient itself the slope is its norm; along a random direction it is their product. */
static void check_gradient(network *n, slr_real *place, const slr_real *gradient, int64_t count, const char *what,
                           const char *path)
{
    slr_real direction[1024];
    slr_rng rng = slr_rng_at(4, SLR_STREAM_TEST, 3, (uint32_t)count);
    double norm = sqrt(dot(gradient, gradient, count));
    assert_true(norm > 0 && isfinite(norm));
    for (int pass = 0; pass < 2; pass++) {
        double length = 0;
        for (int64_t i = 0; i < count; i++) {
            direction[i] = pass ? slr_rng_normal(&rng) : gradient[i];
            length += direction[i] * direction[i];
        }
        for (int64_t i = 0; i < count; i++)
            direction[i] /= sqrt(length);
        double numeric = slope(n, place, direction, count), found = dot(gradient, direction, count);
        if (!(fabs(numeric - found) <= 1e-5 * norm))
            fail_msg("%s, %s, pass %d: gradient gives %.10g, differences %.10g (norm %.3g)", path, what, pass, found,
                     numeric, norm);
    }
}

/* Every `step`-th adapter. */
static void check_network(bool linear_projection, slr_activation activation, int step)
{
    network n;
    network_open(&n, linear_projection, activation);
    int64_t pixels = BATCH * HEIGHT * WIDTH * 4;
    slr_real gradient[BATCH * HEIGHT * WIDTH * 4];
    gradients_of(&n);
    memcpy(gradient, slr_plan_gradient(n.plan, n.sample), sizeof gradient);
    check_gradient(&n, slr_plan_value(n.plan, n.sample), gradient, pixels, "x", "sample");
    assert_true(slr_adapter_set_count(n.set) > 60);
    for (int i = 0; i < slr_adapter_set_count(n.set); i += step) {
        slr_adapter *adapter = slr_adapter_set_at(n.set, i);
        check_gradient(&n, adapter->a, adapter->slot.ga, adapter->slot.rank * adapter->slot.in, "A", adapter->path);
        check_gradient(&n, adapter->bt, adapter->slot.gbt, adapter->slot.rank * adapter->slot.out, "B", adapter->path);
    }
    network_close(&n);
}

static void test_T2_gradients_through_the_network(void **state)
{
    (void)state;
    check_network(false, SLR_ACT_QUICK_GELU, 1);
    check_network(true, SLR_ACT_GELU, 5);
}

/* The candidate's gradient is that of a new column of B, through the whole network. */
static void test_T4_candidates_through_the_network(void **state)
{
    (void)state;
    network n;
    network_open(&n, false, SLR_ACT_QUICK_GELU);
    for (int i = 0; i < slr_adapter_set_count(n.set); i += 7) {
        slr_adapter *adapter = slr_adapter_set_at(n.set, i);
        slr_slot *slot = &adapter->slot;
        slr_adapter_draw_row(n.set, adapter, slot->rank, 0, 0);
        gradients_of(&n);
        slr_real candidate[512];
        memcpy(candidate, slot->gbt + slot->rank * slot->out, (size_t)slot->out * sizeof *candidate);
        slot->rank++;
        slot->probes = 0;
        check_gradient(&n, adapter->bt + (slot->rank - 1) * slot->out, candidate, slot->out, "candidate", adapter->path);
        slot->rank--;
        slot->probes = 1;
    }
    network_close(&n);
}

static void test_T26_sizes_of_sd15(void **state)
{
    (void)state;
    slr_unet_config config;
    slr_unet_config_sd15(&config);
    slr_graph *graph = slr_graph_new();
    slr_builder b;
    const int64_t one = 1;
    slr_builder_init(&b, graph, NULL, "unet");
    slr_tid x = slr_graph_input(graph, "sample", 4, (int64_t[]){1, 28, 28, 4});
    slr_tid t = slr_graph_input(graph, "timestep", 1, &one);
    slr_tid states = slr_graph_input(graph, "states", 3, (int64_t[]){1, 77, 768});
    slr_tid y = slr_unet_build(&b, &config, x, t, states);
    assert_false(slr_graph_failed(graph, NULL));
    assert_int_equal(slr_shape(&b, y)[1], 28);
    const int64_t down[] = {14, 7, 4}, from[] = {4, 7, 14}, to[] = {7, 14, 28};
    int downs = 0, ups = 0;
    for (int i = 0; i < slr_graph_op_count(graph); i++) {
        const slr_op *op = slr_graph_op(graph, i);
        const int64_t *in = slr_graph_tensor(graph, op->in[0])->shape, *out = slr_graph_tensor(graph, op->out)->shape;
        if (op->kind == SLR_OP_CONV2D && op->u.conv.window.stride == 2) {
            assert_in_range(downs, 0, 2);
            assert_int_equal(out[1], down[downs]);
            assert_int_equal(out[2], down[downs++]);
        }
        if (op->kind == SLR_OP_UPSAMPLE) {
            assert_in_range(ups, 0, 2);
            assert_int_equal(in[1], from[ups]);
            assert_int_equal(out[1], to[ups]);
            assert_int_equal(out[2], to[ups++]);
        }
    }
    assert_int_equal(downs, 3);
    assert_int_equal(ups, 3);
    slr_graph_free(graph);
}

/* A plan that enlarges a map of one channel. */
static slr_plan *upsampler(slr_graph *graph, const int64_t from[2], const int64_t to[2], slr_tid *x, slr_tid *y)
{
    slr_plan *plan;
    *x = slr_graph_input(graph, "x", 4, (int64_t[]){1, from[0], from[1], 1});
    slr_graph_want_gradient(graph, *x);
    *y = slr_graph_upsample(graph, *x, to[0], to[1], "up");
    slr_graph_seed(graph, *y);
    assert_int_equal(slr_plan_new(graph, slr_backend_ref(), &(slr_plan_options){.backward = true}, &plan, NULL), SELORA_OK);
    assert_int_equal(slr_plan_allocate(plan, NULL, NULL), SELORA_OK);
    return plan;
}

static void test_T26_nearest_sources(void **state)
{
    (void)state;
    const int64_t sources[] = {0, 0, 1, 1, 2, 2, 3}, counts[] = {2, 2, 2, 1};
    slr_graph *graph = slr_graph_new();
    slr_tid x, y;
    slr_plan *plan = upsampler(graph, (int64_t[]){4, 4}, (int64_t[]){7, 7}, &x, &y);
    for (int i = 0; i < 16; i++)
        slr_plan_value(plan, x)[i] = i;
    for (int i = 0; i < 49; i++)
        slr_plan_gradient(plan, y)[i] = 1;
    slr_plan_forward(plan);
    for (int i = 0; i < 49; i++)
        assert_true(slr_plan_value(plan, y)[i] == sources[i / 7] * 4 + sources[i % 7]);
    slr_plan_backward(plan);
    for (int i = 0; i < 16; i++)
        assert_true(slr_plan_gradient(plan, x)[i] == counts[i / 4] * counts[i % 4]);
    slr_plan_free(plan);
    slr_graph_free(graph);
}

/* <U x, y> == <x, U^T y>. */
static void test_T26_adjoint(void **state)
{
    (void)state;
    const int64_t sizes[][4] = {{4, 4, 7, 7}, {7, 7, 14, 14}, {14, 14, 28, 28}, {3, 4, 8, 5}, {5, 2, 5, 9}, {9, 9, 17, 18}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        slr_graph *graph = slr_graph_new();
        slr_tid x, y;
        slr_plan *plan = upsampler(graph, sizes[i], sizes[i] + 2, &x, &y);
        int64_t small = sizes[i][0] * sizes[i][1], large = sizes[i][2] * sizes[i][3];
        slr_rng rng = slr_rng_at(4, SLR_STREAM_TEST, 5, (uint32_t)i);
        slr_rng_fill_normal(&rng, slr_plan_value(plan, x), (size_t)small);
        slr_rng_fill_normal(&rng, slr_plan_gradient(plan, y), (size_t)large);
        slr_plan_forward(plan);
        slr_plan_backward(plan);
        double left = dot(slr_plan_value(plan, y), slr_plan_gradient(plan, y), large);
        double right = dot(slr_plan_value(plan, x), slr_plan_gradient(plan, x), small);
        assert_true(fabs(left - right) <= 1e-13 * (double)large);
        slr_plan_free(plan);
        slr_graph_free(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_T2_gradients_through_the_network),
        cmocka_unit_test(test_T4_candidates_through_the_network),
        cmocka_unit_test(test_T26_sizes_of_sd15),
        cmocka_unit_test(test_T26_nearest_sources),
        cmocka_unit_test(test_T26_adjoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
