/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/targets.h"
#include "core/rng.h"
#include "graph/plan.h"
#include "support/scratch.h"
#include "support/tiny_folder.h"
#include "support/weight_values.h"
#include "train/train_graph.h"

enum { BATCH = 2, SIDE_H = 7, SIDE_W = 5 };

static slr_adapter_set *adapters_at(const slr_model *model, const char *layers, const char *components, int probes)
{
    slr_adapter_set *set;
    slr_adapter_options options = {.seed = 3, .scale = 8, .rank = 1, .probes = probes};
    assert_int_equal(slr_adapter_set_new(&options, &set, NULL), SELORA_OK);
    slr_graph *graph = slr_model_record(model, false);
    const char *const both[] = {"text_encoder", "unet"};
    bool text = strstr(components, "text") != NULL;
    slr_targets *targets;
    assert_int_equal(slr_targets_new(layers, &targets, NULL), SELORA_OK);
    assert_int_equal(slr_targets_add(targets, graph, text ? both : both + 1, text ? 2 : 1, set, NULL), SELORA_OK);
    slr_targets_free(targets);
    slr_graph_free(graph);
    assert_int_equal(slr_adapter_set_finish(set, NULL), SELORA_OK);
    for (int i = 0; i < slr_adapter_set_count(set); i++) {
        slr_adapter *a = slr_adapter_set_at(set, i);
        slr_rng rng = slr_rng_at(5, SLR_STREAM_TEST, 0, (uint32_t)i);
        for (int64_t e = 0; e < a->slot.out; e++)
            a->bt[e] = (slr_real)(0.05 * slr_rng_normal(&rng));
    }
    return set;
}

static slr_adapter_set *adapters_on(const slr_model *model, const char *components, int probes)
{
    return adapters_at(model, "selora", components, probes);
}

static slr_train_shape shape_of(int64_t batch)
{
    return (slr_train_shape){.batch = batch, .height = SIDE_H, .width = SIDE_W, .tokens = TINY_TOKENS};
}

static slr_train_graph *graph_of(const slr_model *model, slr_adapter_set *set, slr_train_shape shape)
{
    slr_train_graph *graph;
    slr_error err = {0};
    if (slr_train_graph_new(model, set, &shape, slr_backend_cpu(), 1, &graph, &err) != SELORA_OK ||
        slr_train_graph_allocate(graph, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return graph;
}

static void fill(const slr_train_graph *graph, int64_t batch, const slr_real *states)
{
    slr_train_inputs in = slr_train_graph_inputs(graph);
    slr_rng rng = slr_rng_at(9, SLR_STREAM_TEST, 1, 0);
    slr_rng_fill_normal(&rng, in.sample, (size_t)(batch * SIDE_H * SIDE_W * 4));
    slr_rng_fill_normal(&rng, in.target, (size_t)(batch * SIDE_H * SIDE_W * 4));
    for (int64_t n = 0; n < batch; n++) {
        in.timestep[n] = (slr_real)(100 + 300 * n);
        in.weight[n] = 1;
        for (int64_t t = 0; in.ids && t < TINY_TOKENS; t++)
            in.ids[n * TINY_TOKENS + t] = (slr_real)(t == 0 ? 513 : 40 + 3 * n + t);
    }
    if (in.states && states)
        memcpy(in.states, states, (size_t)(batch * TINY_TOKENS * 16) * sizeof *states);
}

/* The backend's loss is the weighted mean over all elements, and weights act per sample. */
static void loss_is_weighted_mean(void **state)
{
    (void)state;
    slr_model *model = tiny_model(1);
    slr_train_shape shape = shape_of(BATCH);
    shape.forward_only = true;
    slr_train_graph *graph = graph_of(model, NULL, shape);
    fill(graph, BATCH, NULL);
    slr_train_inputs in = slr_train_graph_inputs(graph);
    in.weight[0] = (slr_real)0.25;
    in.weight[1] = 3;
    slr_train_graph_forward(graph);
    const slr_real *prediction = slr_train_graph_prediction(graph);
    double sum = 0;
    int64_t per = SIDE_H * SIDE_W * 4;
    for (int64_t e = 0; e < BATCH * per; e++) {
        double d = (double)prediction[e] - (double)in.target[e];
        sum += (e < per ? 0.25 : 3.0) * d * d;
    }
    sum /= (double)(BATCH * per);
    assert_true(sum > 0.1);
    assert_true(fabs(slr_train_graph_loss(graph) - sum) <= 1e-6 * sum);
    slr_train_graph_free(graph);
    slr_model_free(model);
}

/* With the states given instead of the ids, loss and gradients of the U-Net are the same. */
static void given_states_equal_own_text_encoder(void **state)
{
    (void)state;
    slr_model *model = tiny_model(1);
    slr_adapter_set *set = adapters_on(model, "unet", 1);
    slr_graph *text = slr_graph_new();
    slr_builder b;
    slr_builder_init(&b, text, NULL, "text_encoder");
    slr_tid ids = slr_graph_input(text, "ids", 2, (int64_t[]){BATCH, TINY_TOKENS});
    slr_tid states = slr_clip_text_build(&b, &model->text, ids);
    slr_graph_output(text, states);
    slr_plan *plan;
    assert_int_equal(slr_plan_new(text, slr_backend_cpu(), &(slr_plan_options){.threads = 1}, &plan, NULL), SELORA_OK);
    assert_int_equal(slr_plan_allocate(plan, model->weights, NULL), SELORA_OK);

    double losses[2], norms[2];
    for (int given = 0; given < 2; given++) {
        slr_train_shape shape = shape_of(BATCH);
        shape.states_given = given == 1;
        slr_train_graph *graph = graph_of(model, set, shape);
        if (given)
            slr_plan_forward(plan);
        fill(graph, BATCH, slr_plan_value(plan, states));
        if (!given)
            memcpy(slr_plan_value(plan, ids), slr_train_graph_inputs(graph).ids,
                   BATCH * TINY_TOKENS * sizeof(slr_real));
        slr_adapter_set_zero_gradients(set);
        slr_train_graph_forward(graph);
        slr_train_graph_backward(graph, 1);
        losses[given] = slr_train_graph_loss(graph);
        norms[given] = slr_adapter_set_gradient_norm(set);
        slr_train_graph_free(graph);
    }
    assert_true(norms[0] > 0);
    assert_true(fabs(losses[1] - losses[0]) <= 1e-6 * losses[0]);
    assert_true(fabs(norms[1] - norms[0]) <= 1e-5 * norms[0]);
    slr_plan_free(plan);
    slr_graph_free(text);
    slr_adapter_set_free(set);
    slr_model_free(model);
}

/* Gradients of two half batches at scale 1/2 add up to those of the whole batch. */
static void backward_accumulates(void **state)
{
    (void)state;
    slr_model *model = tiny_model(2);
    slr_adapter_set *set = adapters_on(model, "unet,text", 2);
    slr_train_graph *whole = graph_of(model, set, shape_of(2));
    slr_train_graph *half = graph_of(model, set, shape_of(1));
    assert_true(slr_train_graph_bytes(half) < slr_train_graph_bytes(whole));
    fill(whole, 2, NULL);
    slr_adapter_set_zero_gradients(set);
    slr_train_graph_forward(whole);
    slr_train_graph_backward(whole, 1);
    int count = slr_adapter_set_count(set);
    slr_slot *first = &slr_adapter_set_at(set, 0)->slot, *last = &slr_adapter_set_at(set, count - 1)->slot;
    size_t first_bytes = (size_t)(3 * first->out) * sizeof(slr_real), last_bytes = (size_t)(3 * last->out) * sizeof(slr_real);
    slr_real *first_gbt = malloc(first_bytes), *last_gbt = malloc(last_bytes);
    memcpy(first_gbt, first->gbt, first_bytes);
    memcpy(last_gbt, last->gbt, last_bytes);
    double norm = slr_adapter_set_gradient_norm(set);

    slr_adapter_set_zero_gradients(set);
    slr_train_inputs from = slr_train_graph_inputs(whole), to = slr_train_graph_inputs(half);
    size_t per = SIDE_H * SIDE_W * 4;
    for (size_t n = 0; n < 2; n++) {
        memcpy(to.sample, from.sample + n * per, per * sizeof(slr_real));
        memcpy(to.target, from.target + n * per, per * sizeof(slr_real));
        memcpy(to.ids, from.ids + n * TINY_TOKENS, TINY_TOKENS * sizeof(slr_real));
        to.timestep[0] = from.timestep[n];
        to.weight[0] = 1;
        slr_train_graph_forward(half);
        slr_train_graph_backward(half, 0.5);
    }
    assert_true(norm > 0);
    assert_true(fabs(slr_adapter_set_gradient_norm(set) - norm) <= 1e-5 * norm);
    for (int64_t e = 0; e < 3 * first->out; e++) /* two of the three rows are probes */
        assert_true(fabs((double)(first->gbt[e] - first_gbt[e])) <= 1e-5 * norm);
    for (int64_t e = 0; e < 3 * last->out; e++)
        assert_true(fabs((double)(last->gbt[e] - last_gbt[e])) <= 1e-5 * norm);
    free(first_gbt);
    free(last_gbt);
    slr_train_graph_free(whole);
    slr_train_graph_free(half);
    slr_adapter_set_free(set);
    slr_model_free(model);
}

/* Gradients of A and B against central differences, through the text encoder and the U-Net. */
static void gradients_equal_differences(void **state)
{
    (void)state;
    slr_model *model = tiny_model(4);
    slr_adapter_set *set = adapters_on(model, "unet,text", 0);
    slr_train_graph *graph = graph_of(model, set, shape_of(1));
    fill(graph, 1, NULL);
    slr_adapter_set_zero_gradients(set);
    slr_train_graph_forward(graph);
    slr_train_graph_backward(graph, 1);
    /* Along the gradient itself, in the first (text) and the last (U-Net) layer: dL = step ||g||^2. */
    for (int layer = 0; layer < 2; layer++) {
        slr_adapter *a = slr_adapter_set_at(set, layer ? slr_adapter_set_count(set) - 1 : 0);
        double energy = 0, step, sides[2];
        for (int64_t e = 0; e < a->slot.out; e++)
            energy += (double)a->slot.gbt[e] * (double)a->slot.gbt[e];
        assert_true(energy > 0);
        step = 1e-2 / sqrt(energy);
        slr_real before[64];
        memcpy(before, a->bt, (size_t)a->slot.out * sizeof *before);
        for (int side = 0; side < 2; side++) {
            for (int64_t e = 0; e < a->slot.out; e++)
                a->bt[e] = (slr_real)((double)before[e] + (side ? step : -step) * (double)a->slot.gbt[e]);
            slr_train_graph_forward(graph);
            sides[side] = slr_train_graph_loss(graph);
        }
        memcpy(a->bt, before, (size_t)a->slot.out * sizeof *before);
        double measured = (sides[1] - sides[0]) / (2 * step);
        assert_true(fabs(measured - energy) <= 0.03 * energy);
    }
    slr_train_graph_free(graph);
    slr_adapter_set_free(set);
    slr_model_free(model);
}

/* Everything a step gives: prediction, loss, gradients. */
static size_t step_bits(slr_train_graph *graph, slr_adapter_set *set, int64_t batch, slr_real *bits)
{
    size_t at = (size_t)(batch * SIDE_H * SIDE_W * 4);
    slr_adapter_set_zero_gradients(set);
    slr_train_graph_forward(graph);
    slr_train_graph_backward(graph, 1);
    memcpy(bits, slr_train_graph_prediction(graph), at * sizeof *bits);
    bits[at++] = (slr_real)slr_train_graph_loss(graph);
    for (int i = 0; i < slr_adapter_set_count(set); i++) {
        const slr_slot *slot = &slr_adapter_set_at(set, i)->slot;
        size_t a = (size_t)(slot->rank * slot->in), b = (size_t)((slot->rank + slot->probes) * slot->out);
        memcpy(bits + at, slot->ga, a * sizeof *bits);
        memcpy(bits + at + a, slot->gbt, b * sizeof *bits);
        at += a + b;
    }
    return at;
}

/* Where backward goes: runs of ops whose path holds `part`, of one step. */
static int64_t backward_runs(const slr_plan *plan, const char *part)
{
    int64_t runs = 0;
    for (int i = 0; i < slr_graph_op_count(slr_plan_graph(plan)); i++) {
        const slr_op_profile *profile = slr_plan_profile_of(plan, i);
        if (strstr(slr_graph_op(slr_plan_graph(plan), i)->path, part))
            runs += profile->runs[SLR_PASS_REPLAY] + profile->runs[SLR_PASS_BACKWARD];
    }
    return runs;
}

static slr_train_graph *one_step(const slr_model *model, slr_adapter_set *set, bool states_given)
{
    slr_train_shape shape = shape_of(BATCH);
    shape.states_given = states_given;
    shape.recompute = SLR_RECOMPUTE_A;
    slr_train_graph *graph = graph_of(model, set, shape);
    fill(graph, BATCH, NULL);
    slr_train_graph_forward(graph);
    slr_train_graph_backward(graph, 1);
    return graph;
}

/* Nothing is computed below the first adapted layer, nor anything for a text encoder that is not trained. */
static void backward_ends_at_the_first_adapted_layer(void **state)
{
    (void)state;
    slr_model *model = tiny_model(3);
    slr_adapter_set *whole = adapters_on(model, "unet,text", 0), *unet = adapters_on(model, "unet", 0);
    slr_adapter_set *late = adapters_at(model, "up_blocks.*to_q", "unet", 0);
    slr_train_graph *graph = one_step(model, whole, false);
    const slr_plan *plan = slr_train_graph_plan(graph);
    assert_true(backward_runs(plan, "text_encoder") > 0);
    assert_true(backward_runs(plan, "down_blocks") > 0);
    int64_t keys = backward_runs(plan, "attn2.to_k"), all = backward_runs(plan, "");
    slr_train_graph_free(graph);

    graph = one_step(model, unet, true);
    plan = slr_train_graph_plan(graph);
    int64_t without_text = backward_runs(plan, "");
    assert_int_equal(backward_runs(plan, "text_encoder"), 0);
    assert_int_equal(backward_runs(plan, "attn2.to_k"), keys / 2); /* that of the adapter, not that of the layer */
    assert_true(without_text < all);
    slr_train_graph_free(graph);

    graph = one_step(model, late, true);
    plan = slr_train_graph_plan(graph);
    bool reached = false;
    for (int i = 0; i < slr_graph_op_count(slr_plan_graph(plan)); i++) {
        reached |= slr_graph_op(slr_plan_graph(plan), i)->kind == SLR_OP_LOW_RANK;
        const slr_op_profile *profile = slr_plan_profile_of(plan, i);
        assert_true(reached || profile->runs[SLR_PASS_REPLAY] + profile->runs[SLR_PASS_BACKWARD] == 0);
    }
    assert_int_equal(backward_runs(plan, "down_blocks") + backward_runs(plan, "mid_block"), 0);
    assert_true(backward_runs(plan, "up_blocks") > 0);
    assert_true(backward_runs(plan, "") < without_text / 2);
    slr_train_graph_free(graph);
    slr_adapter_set_free(whole);
    slr_adapter_set_free(unet);
    slr_adapter_set_free(late);
    slr_model_free(model);
}

/* What is not kept but computed again has the same bits, and needs less memory the more of it there is. */
static void check_recomputation(const slr_backend *backend)
{
    enum { MOST = 1 << 20 };
    slr_model *model = tiny_model(5);
    slr_adapter_set *set = adapters_on(model, "unet,text", 2);
    slr_real *kept = malloc(MOST * sizeof *kept), *again = malloc(MOST * sizeof *again);
    size_t bytes[SLR_RECOMPUTE_C + 1], count = 0;
    for (int run = 0; run < 2 * (SLR_RECOMPUTE_C + 1); run++) {
        slr_train_shape shape = shape_of(BATCH);
        shape.recompute = (slr_recompute)(run / 2);
        slr_train_graph *graph;
        assert_int_equal(slr_train_graph_new(model, set, &shape, backend, 1 + run % 2, &graph, NULL), SELORA_OK);
        assert_int_equal(slr_train_graph_allocate(graph, NULL), SELORA_OK);
        fill(graph, BATCH, NULL);
        bytes[run / 2] = slr_train_graph_bytes(graph);
        if (run == 0)
            count = step_bits(graph, set, BATCH, kept);
        for (int twice = 0; twice < 2; twice++) {
            assert_int_equal(step_bits(graph, set, BATCH, again), count);
            assert_memory_equal(again, kept, count * sizeof *kept);
        }
        assert_null(slr_train_graph_find_nonfinite(graph));
        slr_train_graph_free(graph);
    }
    assert_true(count > 1000 && count < MOST);
    assert_true(bytes[SLR_RECOMPUTE_A] < bytes[SLR_RECOMPUTE_NONE]);
    assert_true(bytes[SLR_RECOMPUTE_A_PLUS] < bytes[SLR_RECOMPUTE_A]);
    for (int class = SLR_RECOMPUTE_B; class <= SLR_RECOMPUTE_C; class++) /* so small a model has little left for them */
        assert_true(bytes[class] <= bytes[class - 1]);
    free(kept);
    free(again);
    slr_adapter_set_free(set);
    slr_model_free(model);
}

static void recomputation_changes_no_bit(void **state)
{
    (void)state;
    check_recomputation(slr_backend_cpu());
    if (slr_backend_cpu_compute(SLR_COMPUTE_BF16))
        check_recomputation(slr_backend_cpu_compute(SLR_COMPUTE_BF16));
}

/* A step of eight pictures of 224 pixels, text encoder trained: how much each class may ask for. */
static void memory_of_stable_diffusion_is_bounded(void **state)
{
    (void)state;
    static const double most[] = {2.3e9, 1.9e9, 1.4e9, 1.1e9, 0.8e9, 0.6e9};
    slr_model model = {0};
    slr_unet_config_sd15(&model.unet);
    slr_vae_config_sd15(&model.vae);
    slr_clip_text_config_sd15(&model.text);
    slr_adapter_set *set = adapters_on(&model, "unet,text", 1);
    for (int class = 0; class <= SLR_RECOMPUTE_C; class++) {
        slr_train_shape shape = {.batch = 8, .height = 28, .width = 28, .tokens = 77, .recompute = (slr_recompute)class};
        slr_train_graph *graph;
        assert_int_equal(slr_train_graph_new(&model, set, &shape, slr_backend_cpu(), 2, &graph, NULL), SELORA_OK);
        double bytes = (double)slr_train_graph_bytes(graph);
        if (bytes > most[class] || bytes < 0.6 * most[class])
            fail_msg("class %d needs %.3f GB", class, 1e-9 * bytes);
        slr_train_graph_free(graph);
    }
    slr_adapter_set_free(set);
}

static void impossible_graphs_are_refused(void **state)
{
    (void)state;
    slr_model *model = tiny_model(1);
    slr_adapter_set *set = adapters_on(model, "unet,text", 0);
    slr_train_graph *graph;
    slr_error err = {0};
    slr_train_shape shape = shape_of(1);
    shape.states_given = true;
    assert_int_equal(slr_train_graph_new(model, set, &shape, slr_backend_cpu(), 1, &graph, &err), SELORA_USAGE);
    assert_null(graph);
    shape.states_given = false;
    shape.tokens = TINY_TOKENS + 1;
    assert_int_equal(slr_train_graph_new(model, set, &shape, slr_backend_cpu(), 1, &graph, &err), SELORA_USAGE);
    shape.tokens = TINY_TOKENS;
    slr_adapter_set_trainable(set, NULL, false);
    assert_int_equal(slr_train_graph_new(model, set, &shape, slr_backend_cpu(), 1, &graph, &err), SELORA_USAGE);
    assert_non_null(strstr(err.message, "nothing to train"));
    slr_adapter_set_free(set);
    slr_model_free(model);
}

static void nonfinite_values_are_located(void **state)
{
    (void)state;
    slr_model *model = tiny_model(1);
    slr_adapter_set *set = adapters_on(model, "unet", 0);
    slr_train_graph *graph = graph_of(model, set, shape_of(1));
    fill(graph, 1, NULL);
    slr_train_graph_forward(graph);
    assert_null(slr_train_graph_find_nonfinite(graph));
    slr_adapter *bad = slr_adapter_set_at(set, slr_adapter_set_count(set) / 2);
    bad->bt[0] = (slr_real)INFINITY;
    slr_train_graph_forward(graph);
    assert_false(isfinite(slr_train_graph_loss(graph)));
    assert_string_equal(slr_train_graph_find_nonfinite(graph), bad->path);
    slr_train_graph_free(graph);
    slr_adapter_set_free(set);
    slr_model_free(model);
}

static void folder_holds_the_same_model(void **state)
{
    (void)state;
    tiny_folder_write(scratch_path("model"), 7);
    slr_model *read, *made = tiny_model(7);
    slr_error err = {0};
    if (slr_model_open(scratch_path("model"), &(slr_model_options){0}, &read, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    slr_graph *graph = slr_model_record(made, true);
    for (int i = 0; i < slr_graph_weight_count(graph); i++) {
        const slr_weight_spec *spec = slr_graph_weight(graph, i);
        slr_real *a = weight_values(slr_weight_store_find(read->weights, spec->name));
        slr_real *b = weight_values(slr_weight_store_find(made->weights, spec->name));
        assert_memory_equal(a, b, (size_t)slr_weight_elements(spec) * sizeof(slr_real));
        free(a);
        free(b);
    }
    slr_graph_free(graph);
    slr_model_free(read);
    slr_model_free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_is_weighted_mean),
        cmocka_unit_test(given_states_equal_own_text_encoder),
        cmocka_unit_test(backward_accumulates),
        cmocka_unit_test(gradients_equal_differences),
        cmocka_unit_test(backward_ends_at_the_first_adapted_layer),
        cmocka_unit_test(recomputation_changes_no_bit),
        cmocka_unit_test(memory_of_stable_diffusion_is_bounded),
        cmocka_unit_test(impossible_graphs_are_refused),
        cmocka_unit_test(nonfinite_values_are_located),
        cmocka_unit_test_setup_teardown(folder_holds_the_same_model, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
