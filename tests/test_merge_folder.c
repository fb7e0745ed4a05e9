/* SPDX-License-Identifier: MIT
 * T17: an adapter folded into a copy of the model gives the outputs of the adapter beside it; the model stays as
 * it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/targets.h"
#include "core/rng.h"
#include "graph/plan.h"
#include "io/checksum.h"
#include "models/merge_folder.h"
#include "models/merge_weights.h"
#include "support/scratch.h"
#include "support/tiny_folder.h"

enum { SIZE = 6, TOKENS = 4 };

/* Adapters of rank 1..3 with random A and B on all layers of that kind. */
static slr_adapter_set *random_adapters_of(const slr_model *model, slr_op_kind kind)
{
    slr_adapter_set *set;
    slr_adapter_options options = {.seed = 5, .scale = 8, .rank = 1};
    slr_graph *graph = slr_model_record(model, false);
    assert_int_equal(slr_adapter_set_new(&options, &set, NULL), SELORA_OK);
    int rank = 0;
    for (int i = 0; i < slr_graph_op_count(graph); i++) {
        const slr_op *op = slr_graph_op(graph, i);
        if (op->kind != kind)
            continue;
        const slr_weight_spec *spec = slr_graph_weight(graph, op->weight);
        int taps = kind == SLR_OP_CONV2D ? op->u.conv.kernel * op->u.conv.kernel : 1;
        assert_int_equal(slr_adapter_set_add_given(set, op->path, spec->shape[1] * taps, spec->shape[0], 1 + rank++ % 3, 8,
                                                   NULL), SELORA_OK);
        slr_adapter_set_at(set, slr_adapter_set_count(set) - 1)->kernel = kind == SLR_OP_CONV2D ? op->u.conv.kernel : 0;
    }
    slr_graph_free(graph);
    assert_int_equal(slr_adapter_set_finish(set, NULL), SELORA_OK);
    for (int i = 0; i < slr_adapter_set_count(set); i++) {
        slr_adapter *adapter = slr_adapter_set_at(set, i);
        slr_rng rng = slr_rng_at(5, SLR_STREAM_TEST, 0, (uint32_t)i);
        for (int64_t j = 0; j < adapter->slot.rank * adapter->slot.in; j++)
            adapter->a[j] = (slr_real)(0.1 * slr_rng_normal(&rng));
        for (int64_t j = 0; j < adapter->slot.rank * adapter->slot.out; j++)
            adapter->bt[j] = (slr_real)(0.02 * slr_rng_normal(&rng));
    }
    return set;
}

static slr_adapter_set *random_adapters(const slr_model *model)
{
    return random_adapters_of(model, SLR_OP_LINEAR);
}

/* The text encoder's states through the U-Net, flattened; free() it. */
static slr_real *network_output(const slr_model *model, slr_adapter_set *set, int64_t *count)
{
    slr_graph *graph = slr_graph_new();
    slr_builder b;
    slr_tid ids = slr_graph_input(graph, "ids", 2, (int64_t[]){1, TOKENS});
    slr_tid x = slr_graph_input(graph, "x", 4, (int64_t[]){1, SIZE, SIZE, model->unet.in_channels});
    slr_tid t = slr_graph_input(graph, "t", 1, (int64_t[]){1});
    slr_builder_init(&b, graph, set, "text_encoder");
    slr_tid states = slr_clip_text_build(&b, &model->text, ids);
    slr_builder_init(&b, graph, set, "unet");
    slr_tid y = slr_unet_build(&b, &model->unet, x, t, states);
    slr_graph_output(graph, y);
    slr_plan *plan;
    slr_plan_options options = {.threads = 1};
    assert_int_equal(slr_plan_new(graph, slr_backend_cpu(), &options, &plan, NULL), SELORA_OK);
    assert_int_equal(slr_plan_allocate(plan, model->weights, NULL), SELORA_OK);
    slr_rng rng = slr_rng_at(6, SLR_STREAM_TEST, 0, 0);
    for (int i = 0; i < TOKENS; i++)
        slr_plan_value(plan, ids)[i] = (slr_real)(3 * i + 1);
    slr_rng_fill_normal(&rng, slr_plan_value(plan, x), (size_t)(SIZE * SIZE * model->unet.in_channels));
    slr_plan_value(plan, t)[0] = 321;
    slr_plan_forward(plan);
    *count = slr_tensor_elements(slr_graph_tensor(graph, y));
    slr_real *out = malloc((size_t)*count * sizeof *out);
    memcpy(out, slr_plan_value(plan, y), (size_t)*count * sizeof *out);
    slr_plan_free(plan);
    slr_graph_free(graph);
    return out;
}

static double largest(const slr_real *a, const slr_real *b, int64_t count)
{
    double most = 0;
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)a[i] - (b ? (double)b[i] : 0)));
    return most;
}

static void T17_merged_equals_unmerged(void **state)
{
    (void)state;
    slr_model_options options = {0};
    slr_model *model, *merged;
    slr_error err = {0};
    char hash_before[65], hash_after[65];
    char source[512], target[512];
    snprintf(source, sizeof source, "%s", scratch_path("model"));
    snprintf(target, sizeof target, "%s", scratch_path("merged"));
    tiny_folder_write(source, 1);
    assert_int_equal(slr_model_open(source, &options, &model, &err), SELORA_OK);
    assert_int_equal(slr_model_hash(model, hash_before, &err), SELORA_OK);
    slr_adapter_set *set = random_adapters(model);
    if (slr_merge_folder(model, set, target, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    if (slr_model_open(target, &options, &merged, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    int64_t count, same;
    slr_real *beside = network_output(model, set, &count), *folded = network_output(merged, NULL, &same);
    slr_real *bare = network_output(model, NULL, &same);
    assert_int_equal(count, same);
    double scale = largest(beside, NULL, count);
    assert_true(largest(beside, bare, count) > 0.01 * scale); /* the adapter does something */
    assert_true(largest(beside, folded, count) <= 1e-4 * scale);
    assert_int_equal(slr_model_hash(model, hash_after, &err), SELORA_OK);
    assert_string_equal(hash_before, hash_after);

    /* one layer alone */
    const slr_adapter *adapter = slr_adapter_set_at(set, 0);
    char name[300];
    snprintf(name, sizeof name, "%s.weight", adapter->path);
    const slr_weight *w0 = slr_weight_store_find(model->weights, name), *w1 = slr_weight_store_find(merged->weights, name);
    for (int64_t o = 0; o < adapter->slot.out; o++)
        for (int64_t i = 0; i < adapter->slot.in; i++) {
            double expected = (double)slr_weight_at(w0, o, i);
            for (int r = 0; r < adapter->slot.rank; r++)
                expected += 8.0 * (double)adapter->bt[r * adapter->slot.out + o] * (double)adapter->a[r * adapter->slot.in + i];
            assert_true(fabs(expected - (double)slr_weight_at(w1, o, i)) < 1e-6);
        }
    free(beside);
    free(folded);
    free(bare);
    slr_adapter_set_free(set);
    slr_model_free(model);
    slr_model_free(merged);
}

/* 1x1 beside the weights, larger ones in them, against a folder that has all of them in its weights. */
static void T17_convolutions_act_as_if_merged(void **state)
{
    (void)state;
    slr_model *model, *merged = NULL;
    slr_error err = {0};
    char source[512], target[512];
    int layers, kernels[8] = {0};
    int64_t count;
    snprintf(source, sizeof source, "%s", scratch_path("model"));
    snprintf(target, sizeof target, "%s", scratch_path("merged"));
    tiny_folder_write(source, 1);
    assert_int_equal(slr_model_open(source, &(slr_model_options){0}, &model, &err), SELORA_OK);
    slr_adapter_set *set = random_adapters_of(model, SLR_OP_CONV2D);
    for (int i = 0; i < slr_adapter_set_count(set); i++)
        kernels[slr_adapter_set_at(set, i)->kernel]++;
    assert_true(kernels[1] > 0 && kernels[3] > 0);
    slr_adapter_set_strength(set, NULL, 0.25);
    if (slr_merge_folder(model, set, target, &err) != SELORA_OK || slr_model_open(target, &(slr_model_options){0}, &merged, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    slr_real *bare = network_output(model, NULL, &count), *folded = network_output(merged, NULL, &count);
    size_t bytes = slr_weight_store_bytes(model->weights);
    assert_int_equal(slr_model_merge_convolutions(model, set, &layers, &err), SELORA_OK);
    assert_int_equal(layers, kernels[3]);
    assert_int_equal(slr_weight_store_bytes(model->weights), bytes);
    slr_real *mixed = network_output(model, set, &count);
    double scale = largest(folded, NULL, count);
    assert_true(largest(mixed, bare, count) > 0.01 * scale);
    assert_true(largest(mixed, folded, count) <= 1e-4 * scale);
    free(bare);
    free(folded);
    free(mixed);
    slr_adapter_set_free(set);
    slr_model_free(model);
    slr_model_free(merged);
}

static void other_files_are_copied(void **state)
{
    (void)state;
    char source[512], target[512], a[65], b[65];
    slr_model *model;
    slr_model_options options = {0};
    snprintf(source, sizeof source, "%s", scratch_path("model"));
    snprintf(target, sizeof target, "%s", scratch_path("merged"));
    tiny_folder_write(source, 1);
    assert_int_equal(slr_model_open(source, &options, &model, NULL), SELORA_OK);
    slr_adapter_set *set = random_adapters(model);
    assert_int_equal(slr_merge_folder(model, set, target, NULL), SELORA_OK);
    static const char *const same[] = {"vae/diffusion_pytorch_model.safetensors", "unet/config.json",
                                       "scheduler/scheduler_config.json"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", source, same[i]);
        assert_int_equal(slr_sha256_file(path, a, NULL), SELORA_OK);
        snprintf(path, sizeof path, "%s/%s", target, same[i]);
        assert_int_equal(slr_sha256_file(path, b, NULL), SELORA_OK);
        assert_string_equal(a, b);
    }
    slr_error err = {0};
    assert_int_not_equal(slr_merge_folder(model, set, target, &err), SELORA_OK); /* never over something */
    slr_adapter_set_free(set);
    slr_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(T17_merged_equals_unmerged, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(T17_convolutions_act_as_if_merged, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(other_files_are_copied, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
