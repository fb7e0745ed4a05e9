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
#include "io/json.h"
#include "models/merge_model.h"
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
        int taps = kind == SLR_OP_CONV2D ? op->u.conv.window.height * op->u.conv.window.height : 1;
        assert_int_equal(slr_adapter_set_add_given(set, op->path, spec->shape[1] * taps, spec->shape[0], 1 + rank++ % 3, 8,
                                                   NULL), SELORA_OK);
        slr_adapter_set_at(set, slr_adapter_set_count(set) - 1)->kernel = kind == SLR_OP_CONV2D ? op->u.conv.window.height : 0;
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

static selora_status merge(const slr_model *model, slr_adapter_set *set, const char *out, slr_error *err)
{
    const slr_merge_job job = {.model = model, .sets = &set, .set_count = 1, .threads = 2};
    return slr_merge_model(&job, out, err);
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
    if (merge(model, set, target, &err) != SELORA_OK)
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

/* Some 1x1 beside the weights, the others and larger ones in them, against a folder that has all of them in its weights. */
static void T17_convolutions_act_as_if_merged(void **state)
{
    (void)state;
    slr_model *model, *merged = NULL;
    slr_error err = {0};
    char source[512], target[512];
    int kernels[8] = {0};
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
    if (merge(model, set, target, &err) != SELORA_OK || slr_model_open(target, &(slr_model_options){0}, &merged, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    slr_real *bare = network_output(model, NULL, &count), *folded = network_output(merged, NULL, &count);
    size_t bytes = slr_weight_store_bytes(model->weights);
    bool *chosen = calloc((size_t)slr_adapter_set_count(set), sizeof *chosen);
    for (int i = 0; i < slr_adapter_set_count(set); i++)
        chosen[i] = slr_adapter_set_at(set, i)->kernel > 1 || i % 3 == 0;
    assert_int_equal(slr_model_merge_layers(model, set, chosen, 2, &err), SELORA_OK);
    assert_true(slr_adapter_set_count(set) > 0 && slr_adapter_set_count(set) < kernels[1]);
    free(chosen);
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
    assert_int_equal(merge(model, set, target, NULL), SELORA_OK);
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
    assert_int_not_equal(merge(model, set, target, &err), SELORA_OK); /* never over something */
    slr_adapter_set_free(set);
    slr_model_free(model);
}

/* The value of a stored tensor, and what a double becomes in its type by trying the neighbours. */
static void assert_nearest(const slr_stored_tensor *tensor, int64_t i, double exact)
{
    uint16_t bits[3];
    double found[3];
    memcpy(&bits[1], (const char *)tensor->data + 2 * i, 2);
    bits[0] = (uint16_t)(bits[1] - 1);
    bits[2] = (uint16_t)(bits[1] + 1);
    for (int k = 0; k < 3; k++)
        found[k] = tensor->dtype == SLR_DTYPE_F16 ? (double)slr_f16_to_f32(bits[k]) : (double)slr_bf16_to_f32(bits[k]);
    assert_true((bits[1] & 0x7fff) == 0 || fabs(found[1] - exact) <= fabs(found[0] - exact));
    assert_true(fabs(found[1] - exact) <= fabs(found[2] - exact));
}

/* Two adapters of unlike strengths, to 16 bits: each number is the one nearest to the exact sum. */
static void sums_are_rounded_once(void **state)
{
    (void)state;
    slr_error err = {0};
    slr_model *model;
    char source[512], target[512];
    snprintf(source, sizeof source, "%s", scratch_path("model"));
    tiny_folder_write(source, 1);
    assert_int_equal(slr_model_open(source, &(slr_model_options){.files_only = true}, &model, &err), SELORA_OK);
    slr_adapter_set *sets[] = {random_adapters(model), random_adapters_of(model, SLR_OP_CONV2D), random_adapters(model)};
    slr_adapter_set_strength(sets[1], NULL, 0.3);
    slr_adapter_set_strength(sets[2], NULL, -1.0 / 3);
    for (int type = 0; type < 2; type++) {
        slr_dtype dtype = type ? SLR_DTYPE_BF16 : SLR_DTYPE_F16;
        slr_merge_job job = {.model = model, .sets = sets, .set_count = 3, .convert = true, .dtype = dtype, .threads = 3};
        slr_safetensors *file;
        snprintf(target, sizeof target, "%s", scratch_path(type ? "b.safetensors" : "h.safetensors"));
        if (slr_merge_model(&job, target, &err) != SELORA_OK || slr_safetensors_open(target, &file, &err) != SELORA_OK)
            fail_msg("%s", err.message);
        slr_name_rules rules = slr_model_name_rules(model, true);
        int checked = 0;
        for (int s = 0; s < 2; s++)
            for (int l = 0; l < slr_adapter_set_count(sets[s]); l++) {
                char name[300], names[SLR_MAX_STORED_NAMES][SLR_STORED_NAME];
                const slr_slot *slot = &slr_adapter_set_at(sets[s], l)->slot;
                snprintf(name, sizeof name, "%s.weight", slr_adapter_set_at(sets[s], l)->path);
                assert_true(slr_stored_names(&rules, name, names) > 0);
                const slr_stored_tensor *before = slr_model_stored(model, name);
                const slr_stored_tensor *after = slr_safetensors_find(file, names[0]);
                assert_non_null(after);
                assert_true(after->dtype == dtype && slr_stored_count(after) == slr_stored_count(before));
                for (int64_t i = 0; i < slr_stored_count(before); i++) {
                    double sum;
                    int64_t o = i / slot->in, k = i % slot->in;
                    slr_stored_to_f64(before, i, 1, &sum);
                    for (int t = 0; t < 3; t++) {
                        const slr_slot *x = slr_adapter_set_find(sets[t], slr_adapter_set_at(sets[s], l)->path);
                        for (int r = 0; x && r < x->rank; r++)
                            sum += x->scale * (double)x->bt[r * x->out + o] * (double)x->a[r * x->in + k];
                    }
                    assert_nearest(after, i, sum);
                    checked++;
                }
            }
        assert_true(checked > 10000);
        slr_safetensors_close(file);
    }
    for (int s = 0; s < 3; s++)
        slr_adapter_set_free(sets[s]);
    slr_model_free(model);
}

/* model/unet in two shards with an index, named as a variant is. */
static void split_unet(const char *folder, const char *variant)
{
    char path[600], name[200];
    slr_safetensors *file;
    slr_error err = {0};
    json_t *map = json_object();
    snprintf(path, sizeof path, "%s/unet/diffusion_pytorch_model.safetensors", folder);
    assert_int_equal(slr_safetensors_open(path, &file, &err), SELORA_OK);
    for (int shard = 0; shard < 2; shard++) {
        char part[600];
        slr_safetensors_writer *writer = slr_safetensors_writer_new();
        snprintf(name, sizeof name, "diffusion_pytorch_model.%s-%05d-of-00002.safetensors", variant, shard + 1);
        for (size_t i = (size_t)shard; i < slr_safetensors_count(file); i += 2) {
            const slr_stored_tensor *t = slr_safetensors_at(file, i);
            assert_int_equal(slr_safetensors_writer_tensor(writer, t->name, t->dtype, t->dims, t->shape, t->data, &err), SELORA_OK);
            json_object_set_new(map, t->name, json_string(name));
        }
        snprintf(part, sizeof part, "%s/unet/%s", folder, name);
        assert_int_equal(slr_safetensors_writer_save(writer, part, &err), SELORA_OK);
        slr_safetensors_writer_free(writer);
    }
    slr_safetensors_close(file);
    assert_int_equal(remove(path), 0);
    json_t *root = json_pack("{s:{s:i}, s:o}", "metadata", "total_size", 1, "weight_map", map);
    snprintf(path, sizeof path, "%s/unet/diffusion_pytorch_model.safetensors.index.%s.json", folder, variant);
    assert_int_equal(slr_json_save_file(root, path, &err), SELORA_OK);
    json_decref(root);
}

static void shards_and_their_index_are_kept(void **state)
{
    (void)state;
    slr_error err = {0};
    slr_model *model, *whole, *merged;
    char source[512], target[512];
    int64_t count;
    snprintf(source, sizeof source, "%s", scratch_path("model"));
    tiny_folder_write(source, 1);
    assert_int_equal(slr_model_open(source, &(slr_model_options){0}, &whole, &err), SELORA_OK);
    slr_adapter_set *set = random_adapters(whole);
    slr_real *beside = network_output(whole, set, &count);
    slr_model_free(whole);
    split_unet(source, "half");
    scratch_write("model/whole.ckpt", "not wanted", 10);
    scratch_write("model/unet/flax.msgpack", "not wanted", 10);
    slr_model_options options = {.variant = "half", .files_only = true};
    if (slr_model_open(source, &options, &model, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    for (int convert = 0; convert < 2; convert++) {
        slr_merge_job job = {.model = model, .sets = &set, .set_count = 1, .threads = 2, .convert = convert, .dtype = SLR_DTYPE_F32};
        const char *name = convert ? "plain" : "kept", *variant = convert ? "" : ".half";
        char path[600];
        json_t *root;
        snprintf(target, sizeof target, "%s", scratch_path(name));
        if (slr_merge_model(&job, target, &err) != SELORA_OK)
            fail_msg("%s", err.message);
        slr_model_options open = {.variant = convert ? NULL : "half"};
        if (slr_model_open(target, &open, &merged, &err) != SELORA_OK)
            fail_msg("%s", err.message);
        slr_real *folded = network_output(merged, NULL, &count);
        assert_true(largest(beside, folded, count) <= 1e-4 * largest(beside, NULL, count));
        free(folded);
        slr_model_free(merged);
        snprintf(path, sizeof path, "%s/unet", name);
        assert_int_equal(scratch_count(path), 4); /* config, index, two shards */
        snprintf(path, sizeof path, "%s/whole.ckpt", name);
        assert_false(scratch_exists(path));
        snprintf(path, sizeof path, "%s/unet/diffusion_pytorch_model.safetensors.index%s.json", target, variant);
        assert_int_equal(slr_json_load_file(path, 1 << 20, &root, &err), SELORA_OK);
        json_int_t bytes = json_integer_value(json_object_get(json_object_get(root, "metadata"), "total_size"));
        assert_true(bytes == 4 * slr_model_parameters(model, "unet"));
        json_decref(root);
    }
    free(beside);
    slr_adapter_set_free(set);
    slr_model_free(model);
}

/* Averaged copies go, buffers stay; a single file alone says nothing of configs. */
static void single_files_are_merged_too(void **state)
{
    (void)state;
    slr_error err = {0};
    slr_model *model, *single;
    slr_safetensors *file;
    char source[512], plain[512], more[512], target[512];
    int64_t one = 1;
    float number = 3;
    snprintf(source, sizeof source, "%s", scratch_path("model"));
    snprintf(plain, sizeof plain, "%s", scratch_path("plain.safetensors"));
    snprintf(more, sizeof more, "%s", scratch_path("more.safetensors"));
    snprintf(target, sizeof target, "%s", scratch_path("merged.safetensors"));
    tiny_folder_write(source, 1);
    assert_int_equal(slr_model_open(source, &(slr_model_options){0}, &model, &err), SELORA_OK);
    slr_adapter_set *set = random_adapters(model);
    const slr_merge_job none = {.model = model, .threads = 1};
    if (slr_merge_model(&none, plain, &err) != SELORA_OK || slr_safetensors_open(plain, &file, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    for (size_t i = 0; i < slr_safetensors_count(file); i++) {
        const slr_stored_tensor *t = slr_safetensors_at(file, i);
        assert_int_equal(slr_safetensors_writer_tensor(writer, t->name, t->dtype, t->dims, t->shape, t->data, &err), SELORA_OK);
    }
    assert_int_equal(slr_safetensors_writer_tensor(writer, "model_ema.conv_in", SLR_DTYPE_F32, 1, &one, &number, &err), SELORA_OK);
    assert_int_equal(slr_safetensors_writer_tensor(writer, "betas", SLR_DTYPE_F32, 1, &one, &number, &err), SELORA_OK);
    assert_int_equal(slr_safetensors_writer_save(writer, more, &err), SELORA_OK);
    slr_safetensors_writer_free(writer);
    slr_safetensors_close(file);
    slr_model_options open = {.config = source, .files_only = true};
    assert_int_equal(slr_model_open(more, &open, &single, &err), SELORA_OK);
    slr_merge_job job = {.model = single, .sets = &set, .set_count = 1, .threads = 2};
    assert_int_equal(slr_merge_model(&job, target, &err), SELORA_OK);
    assert_int_equal(slr_safetensors_open(target, &file, &err), SELORA_OK);
    assert_null(slr_safetensors_find(file, "model_ema.conv_in"));
    assert_non_null(slr_safetensors_find(file, "betas"));
    slr_safetensors_close(file);
    assert_int_equal(slr_merge_model(&job, scratch_path("folder"), &err), SELORA_USAGE);
    assert_false(scratch_exists("folder"));
    job.config = source;
    err = (slr_error){0};
    if (slr_merge_model(&job, scratch_path("folder"), &err) != SELORA_OK)
        fail_msg("%s", err.message);
    slr_model *a, *b;
    int64_t count;
    open.files_only = false;
    assert_int_equal(slr_model_open(target, &open, &a, &err), SELORA_OK);
    assert_int_equal(slr_model_open(scratch_path("folder"), &(slr_model_options){0}, &b, &err), SELORA_OK);
    slr_real *x = network_output(a, NULL, &count), *y = network_output(b, NULL, &count), *z = network_output(model, set, &count);
    assert_memory_equal(x, y, (size_t)count * sizeof *x);
    assert_true(largest(x, z, count) <= 1e-4 * largest(z, NULL, count));
    free(x);
    free(y);
    free(z);
    slr_model_free(a);
    slr_model_free(b);
    slr_model_free(single);
    slr_adapter_set_free(set);
    slr_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(T17_merged_equals_unmerged, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(T17_convolutions_act_as_if_merged, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(sums_are_rounded_once, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(shards_and_their_index_are_kept, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(single_files_are_merged_too, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(other_files_are_copied, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
