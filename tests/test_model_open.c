/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "io/json.h"
#include "io/safetensors.h"
#include "models/weight_names.h"
#include "support/scratch.h"
#include "support/tiny_folder.h"
#include "support/weight_values.h"

#define UNET_FILE "model/unet/diffusion_pytorch_model.safetensors"
#define VAE_FILE "model/vae/diffusion_pytorch_model.safetensors"
#define TEXT_FILE "model/text_encoder/model.safetensors"
static const char *const files[] = {UNET_FILE, VAE_FILE, TEXT_FILE};

/* A tensor on its way from one file to another; an edit changes it or returns false to leave it
 * out. */
typedef struct moved {
    char name[SLR_STORED_NAME];
    slr_dtype dtype;
    int dims;
    int64_t shape[SLR_STORED_MAX_DIMS];
    double *values;
} moved;
typedef bool (*edit)(moved *tensor);

/* Data that a writer borrows until it has saved. */
enum { MAX_LENT = 1024 };
static void *lent[MAX_LENT];
static int lent_count;

static void put(slr_safetensors_writer *writer, const moved *tensor)
{
    int64_t count = 1;
    for (int i = 0; i < tensor->dims; i++)
        count *= tensor->shape[i];
    char *data = malloc((size_t)count * 8 + 8);
    for (int64_t i = 0; i < count; i++) {
        float single = (float)tensor->values[i];
        uint16_t half =
            tensor->dtype == SLR_DTYPE_F16 ? slr_f32_to_f16(single) : slr_f32_to_bf16(single);
        int64_t whole = i;
        if (tensor->dtype == SLR_DTYPE_F32)
            memcpy(data + 4 * i, &single, 4);
        else if (tensor->dtype == SLR_DTYPE_F64)
            memcpy(data + 8 * i, &tensor->values[i], 8);
        else if (tensor->dtype == SLR_DTYPE_I64)
            memcpy(data + 8 * i, &whole, 8);
        else
            memcpy(data + 2 * i, &half, 2);
    }
    assert_int_equal(slr_safetensors_writer_tensor(writer, tensor->name, tensor->dtype,
                                                   tensor->dims, tensor->shape, data, NULL),
                     SELORA_OK);
    assert_true(lent_count < MAX_LENT);
    lent[lent_count++] = data;
}

static void save(slr_safetensors_writer *writer, const char *path)
{
    slr_error err = {0};
    if (slr_safetensors_writer_save(writer, scratch_path(path), &err) != SELORA_OK)
        fail_msg("%s", err.message);
    slr_safetensors_writer_free(writer);
    while (lent_count > 0)
        free(lent[--lent_count]);
}

static void take(moved *tensor, const slr_stored_tensor *stored)
{
    snprintf(tensor->name, sizeof tensor->name, "%s", stored->name);
    tensor->dtype = stored->dtype;
    tensor->dims = stored->dims;
    memcpy(tensor->shape, stored->shape, sizeof tensor->shape);
    size_t count = (size_t)slr_stored_count(stored);
    tensor->values = calloc(count + 1, sizeof(double));
    assert_true(slr_stored_to_f64(stored, 0, (int64_t)count, tensor->values));
}

/* Writes `from` as `to` with each tensor edited, and one more when `extra` is not NULL. */
static void rewrite(const char *from, const char *to, edit change, const moved *extra)
{
    slr_safetensors *file;
    slr_error err = {0};
    assert_int_equal(slr_safetensors_open(scratch_path(from), &file, &err), SELORA_OK);
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    for (size_t i = 0; i < slr_safetensors_count(file); i++) {
        moved tensor;
        take(&tensor, slr_safetensors_at(file, i));
        if (!change || change(&tensor))
            put(writer, &tensor);
        free(tensor.values);
    }
    if (extra)
        put(writer, extra);
    save(writer, to);
    slr_safetensors_close(file);
}

static slr_model *open_model(const char *name, const slr_model_options *options)
{
    slr_model *model;
    slr_error err = {0};
    if (slr_model_open(scratch_path(name), options, &model, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return model;
}

/* Opens and compares every weight with those of the model that was written; `tolerance` is
 * relative. */
static void assert_opens(const char *name, const slr_model_options *options, double tolerance)
{
    slr_model *model = open_model(name, options), *truth = tiny_model(1);
    slr_graph *graph = slr_model_record(truth, true);
    assert_int_equal(slr_weight_store_count(model->weights), slr_graph_weight_count(graph));
    for (int i = 0; i < slr_graph_weight_count(graph); i++) {
        const slr_weight_spec *spec = slr_graph_weight(graph, i);
        const slr_weight *a = slr_weight_store_find(truth->weights, spec->name),
                         *b = slr_weight_store_find(model->weights, spec->name);
        assert_non_null(b);
        slr_real *expected = weight_values(a), *found = weight_values(b);
        for (int64_t j = 0; j < slr_weight_elements(spec); j++)
            if (!(fabs(expected[j] - found[j]) <= tolerance * (fabs(expected[j]) + 0x1p-14))) /* subnormal halves */
                fail_msg("%s element %lld: %g, expected %g", spec->name, (long long)j, (double)found[j],
                         (double)expected[j]);
        free(expected);
        free(found);
    }
    slr_graph_free(graph);
    slr_model_free(truth);
    slr_model_free(model);
}

/* Refused with a message that holds all texts up to NULL. */
static void assert_refused(const char *name, const slr_model_options *options,
                           const char *const *texts)
{
    slr_model *model = (slr_model *)(uintptr_t)1;
    slr_error err = {0};
    assert_int_equal(slr_model_open(scratch_path(name), options, &model, &err), SELORA_BAD_INPUT);
    assert_null(model);
    for (; *texts; texts++)
        if (!strstr(err.message, *texts))
            fail_msg("'%s' lacks '%s'", err.message, *texts);
}
#define REFUSED(name, options, ...)                                                                \
    assert_refused(name, options, (const char *const[]){__VA_ARGS__, NULL})
static const slr_model_options plain = {0};

static int setup(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    tiny_folder_write(scratch_path("model"), 1);
    return 0;
}

static void test_as_written(void **state)
{
    (void)state;
    assert_opens("model", &plain, 0);
    slr_model *model = open_model("model", &plain);
    assert_false(model->single_file);
    assert_non_null(strstr(model->tokenizer_path, "/model/tokenizer"));
    assert_non_null(strstr(model->scheduler_path, "/model/scheduler/scheduler_config.json"));
    char hex[65], again[65];
    assert_int_equal(slr_model_hash(model, hex, NULL), SELORA_OK);
    slr_model_free(model);
    model = open_model("model", &(slr_model_options){.tokenizer = "elsewhere"});
    assert_string_equal(model->tokenizer_path, "elsewhere");
    assert_int_equal(slr_model_hash(model, again, NULL), SELORA_OK);
    assert_string_equal(hex, again);
    slr_model_free(model);
}

/* Names and shapes of diffusers before 0.17 in the VAE; `old_dims` is 2, 3 or 4. */
static int old_dims;

static bool to_old_vae(moved *tensor)
{
    static const char *const names[][2] = {
        {"to_q.", "query."}, {"to_k.", "key."}, {"to_v.", "value."}, {"to_out.0.", "proj_attn."}};
    for (int i = 0; i < 4; i++) {
        char *at = strstr(tensor->name, names[i][0]), rest[32];
        if (!at)
            continue;
        snprintf(rest, sizeof rest, "%s", at + strlen(names[i][0]));
        snprintf(at, 64, "%s%s", names[i][1], rest);
        while (tensor->dims > 1 && tensor->dims < old_dims)
            tensor->shape[tensor->dims++] = 1;
    }
    return true;
}

static bool without_text_model(moved *tensor)
{
    memmove(tensor->name, tensor->name + strlen("text_model."),
            strlen(tensor->name) - strlen("text_model.") + 1);
    return true;
}

static void test_generations(void **state)
{
    (void)state;
    double unused[TINY_TOKENS] = {0};
    moved ids = {.name = "text_model.embeddings.position_ids",
                 .dtype = SLR_DTYPE_I64,
                 .dims = 2,
                 .shape = {1, TINY_TOKENS},
                 .values = unused};
    rewrite(TEXT_FILE, TEXT_FILE, NULL, &ids);
    assert_opens("model", &plain, 0);
    for (old_dims = 2; old_dims <= 4; old_dims++) {
        rewrite(VAE_FILE, "old.safetensors", to_old_vae, NULL);
        rewrite("old.safetensors", VAE_FILE, NULL, NULL);
        assert_opens("model", &plain, 0);
    }
    tiny_folder_write(scratch_path("new"), 1);
    rewrite("new/text_encoder/model.safetensors", TEXT_FILE, without_text_model, NULL);
    assert_opens("model", &plain, 0);
}

static slr_dtype wanted_dtype;

static bool to_dtype(moved *tensor)
{
    tensor->dtype = wanted_dtype;
    return true;
}

static void test_dtypes(void **state)
{
    (void)state;
    static const struct {
        slr_dtype dtype;
        double tolerance;
    } rows[] = {{SLR_DTYPE_F64, 0}, {SLR_DTYPE_F16, 0x1p-10}, {SLR_DTYPE_BF16, 0x1p-7}};
    for (int i = 0; i < 3; i++) {
        wanted_dtype = rows[i].dtype;
        for (int f = 0; f < 3; f++) {
            char copy[64];
            snprintf(copy, sizeof copy, "original%d", f);
            if (i == 0)
                rewrite(files[f], copy, NULL, NULL);
            rewrite(copy, files[f], to_dtype, NULL);
        }
        assert_opens("model", &plain, rows[i].tolerance);
    }
    wanted_dtype = SLR_DTYPE_I64;
    rewrite("original0", UNET_FILE, to_dtype, NULL);
    REFUSED("model", &plain, "unet.conv_in.weight: stored as I64", "and ");
}

static void move(const char *from, const char *to)
{
    assert_int_equal(rename(scratch_path(from), scratch_path(to)), 0);
}

static void test_variants(void **state)
{
    (void)state;
    const slr_model_options fp16 = {.variant = "fp16"}, ema = {.variant = "non_ema"},
                            absent = {.variant = "absent"};
    move(UNET_FILE, "model/unet/diffusion_pytorch_model.fp16.safetensors");
    move(VAE_FILE, "model/vae/diffusion_pytorch_model.fp16.safetensors");
    move(TEXT_FILE, "model/text_encoder/model.fp16.safetensors");
    assert_opens("model", &fp16, 0);
    assert_opens("model", &plain, 0); /* the last that is tried */
    move("model/vae/diffusion_pytorch_model.fp16.safetensors", VAE_FILE);
    move("model/text_encoder/model.fp16.safetensors", TEXT_FILE);
    move("model/unet/diffusion_pytorch_model.fp16.safetensors",
         "model/unet/diffusion_pytorch_model.non_ema.safetensors");
    assert_opens("model", &ema, 0); /* the others have none of it */
    REFUSED("model", &plain, "/model/unet: no diffusion_pytorch_model.safetensors here");
    move("model/unet/diffusion_pytorch_model.non_ema.safetensors", UNET_FILE);
    REFUSED("model", &absent, "no component has weights of the variant \"absent\"");
    /* the variant before the plain file */
    scratch_write("model/unet/diffusion_pytorch_model.fp16.safetensors", "damaged", 7);
    assert_opens("model", &plain, 0);
    REFUSED("model", &fp16, "diffusion_pytorch_model.fp16.safetensors");
}

static bool in_first_shard(moved *tensor)
{
    return strncmp(tensor->name, "up_blocks", 9) != 0;
}

static bool in_second_shard(moved *tensor)
{
    return !in_first_shard(tensor);
}

static bool no_attention(moved *tensor)
{
    return in_first_shard(tensor) && !strstr(tensor->name, "attn1.to_q");
}

/* The index of both shards. */
static json_t *index_of(const char *first, const char *second)
{
    slr_safetensors *file;
    json_t *map = json_object();
    assert_int_equal(slr_safetensors_open(scratch_path("whole"), &file, NULL), SELORA_OK);
    for (size_t i = 0; i < slr_safetensors_count(file); i++) {
        const char *name = slr_safetensors_at(file, i)->name;
        json_object_set_new(map, name,
                            json_string(strncmp(name, "up_blocks", 9) == 0 ? second : first));
    }
    slr_safetensors_close(file);
    return json_pack("{s:{s:i}, s:o}", "metadata", "total_size", 1, "weight_map", map);
}

static void write_index(json_t *index, const char *path)
{
    assert_int_equal(slr_json_save_file(index, scratch_path(path), NULL), SELORA_OK);
    json_decref(index);
}

static void test_shards(void **state)
{
    (void)state;
    static const char first[] = "diffusion_pytorch_model-00001-of-00002.safetensors";
    static const char second[] = "diffusion_pytorch_model-00002-of-00002.safetensors";
    static const char index[] = "model/unet/diffusion_pytorch_model.safetensors.index.json";
    char first_path[128], second_path[128];
    snprintf(first_path, sizeof first_path, "model/unet/%s", first);
    snprintf(second_path, sizeof second_path, "model/unet/%s", second);
    move(UNET_FILE, "whole");
    rewrite("whole", first_path, in_first_shard, NULL);
    rewrite("whole", second_path, in_second_shard, NULL);
    write_index(index_of(first, second), index);
    assert_opens("model", &plain, 0);
    move(index, "model/unet/diffusion_pytorch_model.safetensors.index.fp16.json");
    assert_opens("model", &(slr_model_options){.variant = "fp16"}, 0);

    write_index(index_of(first, "absent.safetensors"), index);
    REFUSED("model", &plain, "absent.safetensors");
    write_index(index_of(second, first), index);
    REFUSED("model", &plain, "should be in");
    write_index(index_of(first, "../../../etc/passwd"), index);
    REFUSED("model", &plain, "not the name of a file in the same folder");
    write_index(json_pack("{s:{s:i}}", "weight_map", "conv_in.weight", 5), index);
    REFUSED("model", &plain, "not the name of a file in the same folder");
    write_index(json_pack("{s:{}}", "weight_map"), index);
    REFUSED("model", &plain, "weight_map is empty or missing");
    write_index(json_pack("[]"), index);
    REFUSED("model", &plain, "weight_map is empty or missing");
    /* an index that lacks tensors of its shards, and shards that lack tensors of the model */
    write_index(index_of(first, second), index);
    rewrite("whole", first_path, no_attention, NULL);
    REFUSED("model", &plain, "attn1.to_q");
    rewrite("whole", first_path, NULL,
            NULL); /* now each tensor of the second shard is there twice */
    REFUSED("model", &plain, "unexpected tensor up_blocks.");
}

static bool spoil_unet(moved *tensor)
{
    if (strcmp(tensor->name, "conv_in.weight") == 0)
        return false;
    if (strcmp(tensor->name, "time_embedding.linear_1.bias") == 0)
        tensor->values[3] = NAN;
    if (strcmp(tensor->name, "conv_out.bias") == 0)
        tensor->values[0] = INFINITY;
    return true;
}

static bool spoil_vae(moved *tensor)
{
    if (strcmp(tensor->name, "quant_conv.weight") == 0) { /* 8x8x1x1 */
        tensor->shape[0] = 4;
        tensor->shape[1] = 16;
    }
    return true;
}

static void test_all_problems_at_once(void **state)
{
    (void)state;
    double zero[2] = {0};
    moved extra = {.name = "text_model.extra.weight",
                   .dtype = SLR_DTYPE_F32,
                   .dims = 1,
                   .shape = {2},
                   .values = zero};
    rewrite(UNET_FILE, UNET_FILE, spoil_unet, NULL);
    rewrite(VAE_FILE, VAE_FILE, spoil_vae, NULL);
    rewrite(TEXT_FILE, TEXT_FILE, NULL, &extra);
    REFUSED("model", &plain, "5 problems", "unet.conv_in.weight: missing (8x4x3x3 expected)",
            "unet.time_embedding.linear_1.bias: the weight is not finite (element 3",
            "unet.conv_out.bias: the weight is not finite",
            "vae.quant_conv.weight: shape is 4x16x1x1, the config asks for 8x8x1x1",
            "text_encoder: unexpected tensor text_model.extra.weight");
}

static void write_text(const char *name, const char *text)
{
    scratch_write(name, text, strlen(text));
}

static void test_configs(void **state)
{
    (void)state;
    write_text(
        "model/unet/config.json",
        "{\"block_out_channels\": [8, 16], \"class_embed_type\": \"timestep\", \"dropout\": 0.5}");
    write_text("model/vae/config.json", "[1]");
    unlink(scratch_path("model/text_encoder/config.json"));
    REFUSED("model", &plain, "unet/config.json: class_embed_type", "unet/config.json: dropout",
            "vae/config.json: not a JSON object", "text_encoder/config.json");
    tiny_folder_write(scratch_path("other"), 1);
    write_text("other/text_encoder/config.json",
               "{\"vocab_size\": 515, \"max_position_embeddings\": 12, \"hidden_size\": 32, "
               "\"intermediate_size\": 32, "
               "\"num_hidden_layers\": 2, \"num_attention_heads\": 2}");
    REFUSED("other", &plain, "cross_attention_dim 16 differs from text_encoder hidden_size 32");
    REFUSED("other", &(slr_model_options){.configs_only = true}, "cross_attention_dim 16");
}

static void test_damaged_and_absent(void **state)
{
    (void)state;
    slr_error err = {0};
    slr_model *model;
    REFUSED("nowhere", &plain, "no such model folder or file");
    assert_int_equal(mkdir(scratch_path("empty"), 0700), 0);
    REFUSED("empty", &plain, "3 problems", "unet/config.json", "vae/config.json",
            "text_encoder/config.json");
    size_t size;
    char *data = scratch_read(VAE_FILE, &size);
    scratch_write(VAE_FILE, data, size - 5);
    free(data);
    move(UNET_FILE, "model/unet/diffusion_pytorch_model.bin");
    move(TEXT_FILE, "model/text_encoder/pytorch_model.bin");
    REFUSED("model", &plain, "3 problems", "diffusion_pytorch_model.bin: pickled weights",
            "text_encoder/pytorch_model.bin: pickled", "it was cut short or is damaged");
    assert_int_equal(slr_model_open(scratch_path("model"),
                                    &(slr_model_options){.configs_only = true}, &model, &err),
                     SELORA_OK);
    slr_model_free(model);
    scratch_write("v1-5.ckpt", "PK", 2);
    REFUSED("v1-5.ckpt", &plain, "v1-5.ckpt: pickled weights");
}

/* All weights of the tiny model under LDM names, as `text_form` and `vae_form` (places in the list
 * of stored names). */
static void write_single_file(const char *path, int text_form, int vae_form, const moved *extra)
{
    slr_model *model = tiny_model(1);
    slr_name_rules rules = {.single_file = true,
                            .unet_layers_per_block = model->unet.layers_per_block,
                            .vae_levels = model->vae.levels};
    memcpy(rules.unet_up_attention, model->unet.up_attention, sizeof rules.unet_up_attention);
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    for (int f = 0; f < 3; f++) {
        static const char *const components[] = {"unet", "vae", "text_encoder"};
        slr_safetensors *file;
        assert_int_equal(slr_safetensors_open(scratch_path(files[f]), &file, NULL), SELORA_OK);
        for (size_t i = 0; i < slr_safetensors_count(file); i++) {
            moved tensor;
            char canonical[300], names[SLR_MAX_STORED_NAMES][SLR_STORED_NAME];
            take(&tensor, slr_safetensors_at(file, i));
            snprintf(canonical, sizeof canonical, "%s.%s", components[f], tensor.name);
            assert_true(slr_stored_names(&rules, canonical, names) > 0);
            snprintf(tensor.name, sizeof tensor.name, "%s",
                     names[f == 0   ? 0
                           : f == 1 ? vae_form
                                    : text_form]);
            while (strstr(tensor.name, "attn_1.") && tensor.dims == 2 &&
                   tensor.dims < 4) { /* 1x1 convolutions there */
                tensor.shape[2] = tensor.shape[3] = 1;
                tensor.dims = 4;
            }
            put(writer, &tensor);
            free(tensor.values);
        }
        slr_safetensors_close(file);
    }
    if (extra)
        put(writer, extra);
    save(writer, path);
    slr_model_free(model);
}

static void test_single_file(void **state)
{
    (void)state;
    double zero[4] = {0};
    char folder[512];
    snprintf(folder, sizeof folder, "%s", scratch_path("model"));
    const slr_model_options with_config = {.config = folder};
    moved average = {.name = "model_ema.diffusion_modelconv_inweight",
                     .dtype = SLR_DTYPE_F32,
                     .dims = 1,
                     .shape = {4},
                     .values = zero};
    write_single_file("one.safetensors", 0, 0, &average);
    assert_opens("one.safetensors", &with_config, 0);
    write_single_file("one.safetensors", 1, 1, NULL);
    assert_opens("one.safetensors", &with_config, 0);
    write_single_file("one.safetensors", 0, 2, NULL);
    assert_opens("one.safetensors", &with_config, 0);
    slr_model *model = open_model("one.safetensors", &with_config);
    assert_true(model->single_file);
    slr_model_free(model);
    REFUSED("one.safetensors", &plain, "not of the sizes of Stable Diffusion 1.x");
    strcpy(average.name, "model.diffusion_model.label_emb.0.weight");
    write_single_file("one.safetensors", 0, 0, &average);
    REFUSED("one.safetensors", &with_config,
            "unexpected tensor model.diffusion_model.label_emb.0.weight");
}

/* One tensor is enough to tell what a file is. */
static void test_kinds_of_single_files(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t shape[4];
        const char *expected;
    } rows[] = {
        {"lora_unet_mid_block_attentions_0_proj_in.lora_down.weight",
         {1, 2, 1, 1},
         "this is an adapter, not a model"},
        {"unet.mid_block.attentions.0.proj_in.lora_A.weight",
         {1, 2, 1, 1},
         "this is an adapter, not a model"},
        {"conditioner.embedders.0.transformer.x", {1, 1, 1, 1}, "Stable Diffusion XL"},
        {"conv_in.weight", {1, 1, 1, 1}, "not a whole Stable Diffusion checkpoint"},
        {"model.diffusion_model.input_blocks.0.0.weight", {1, 9, 1, 1}, "inpainting"},
        {"model.diffusion_model.input_blocks.0.0.weight", {1, 8, 1, 1}, "editing"},
        {"model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight",
         {1, 1024, 1, 1},
         "Stable Diffusion 2.x"},
        {"model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight",
         {1, 640, 1, 1},
         "not of the sizes"},
        {"model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight",
         {1, 768, 1, 1},
         "not of the sizes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        slr_safetensors_writer *writer = slr_safetensors_writer_new();
        moved tensor = {.dtype = SLR_DTYPE_F32, .dims = 4, .values = calloc(2048, sizeof(double))};
        snprintf(tensor.name, sizeof tensor.name, "%s", rows[i].name);
        memcpy(tensor.shape, rows[i].shape, sizeof rows[i].shape);
        put(writer, &tensor);
        save(writer, "kind.safetensors");
        free(tensor.values);
        REFUSED("kind.safetensors", &plain, rows[i].expected);
    }
}

#define WITH_MODEL(test) cmocka_unit_test_setup_teardown(test, setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_MODEL(test_as_written),
        WITH_MODEL(test_generations),
        WITH_MODEL(test_dtypes),
        WITH_MODEL(test_variants),
        WITH_MODEL(test_shards),
        WITH_MODEL(test_all_problems_at_once),
        WITH_MODEL(test_configs),
        WITH_MODEL(test_damaged_and_absent),
        WITH_MODEL(test_single_file),
        WITH_MODEL(test_kinds_of_single_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
