/* SPDX-License-Identifier: MIT
 * Every format of adapters out and in: the same s B A, whatever names, ranks and alphas it is stored with. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "adapters/adapter_names.h"
#include "adapters/formats.h"
#include "io/json.h"
#include "support/pair_files.h"
#include "support/scratch.h"
#include "support/toy.h"

/* The largest relative difference of dW. */
static double difference(const slr_pairs *x, const slr_pairs *y)
{
    double most = 0;
    assert_int_equal(x->count, y->count);
    for (size_t i = 0; i < x->count; i++) {
        const slr_pair *p = &x->items[i], *q = slr_pairs_find(y, p->path);
        if (!q)
            fail_msg("%s was lost", p->path);
        assert_true(p->in == q->in && p->out == q->out && p->kernel == q->kernel);
        double sum = 0, norm = 0;
        for (int64_t o = 0; o < p->out; o++)
            for (int64_t k = 0; k < p->in; k++) {
                double own = 0, other = 0;
                for (int r = 0; r < p->rank; r++)
                    own += (double)p->b[o * p->rank + r] * (double)p->a[r * p->in + k];
                for (int r = 0; r < q->rank; r++)
                    other += (double)q->b[o * q->rank + r] * (double)q->a[r * q->in + k];
                own *= p->scale;
                other *= q->scale;
                norm += own * own;
                sum += (own - other) * (own - other);
            }
        most = fmax(most, sqrt(sum / norm));
        assert_true(fabs(slr_pair_norm(p) - sqrt(norm)) < 1e-9 * sqrt(norm));
    }
    return most;
}

/* The file again without what selora alone understands: how any other tool sees it. */
static void strip(const char *from, const char *to)
{
    slr_safetensors *file;
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    assert_int_equal(slr_safetensors_open(scratch_path(from), &file, NULL), SELORA_OK);
    for (size_t i = 0; i < slr_safetensors_count(file); i++) {
        const slr_stored_tensor *t = slr_safetensors_at(file, i);
        slr_safetensors_writer_tensor(writer, t->name, t->dtype, t->dims, t->shape, t->data, NULL);
    }
    const char *peft = slr_safetensors_metadata(file, "lora_adapter_metadata");
    if (peft)
        slr_safetensors_writer_metadata(writer, "lora_adapter_metadata", peft, NULL);
    assert_int_equal(slr_safetensors_writer_save(writer, scratch_path(to), NULL), SELORA_OK);
    slr_safetensors_writer_free(writer);
    slr_safetensors_close(file);
}

static void test_every_format_gives_the_same_product(void **state)
{
    (void)state;
    static const char *const names[] = {"kohya", "diffusers", "diffusers-compact", "selora", "peft"};
    const double scales[] = {8, 3.7};
    for (int own = 0; own < 2; own++)
        for (int s = 0; s < 2; s++)
            for (int f = 0; f < 5; f++)
                for (int pad = 0; pad < 2; pad++) {
                    slr_export_report report;
                    char name[64];
                    slr_pairs pairs = pair_files_make(scales[s], own);
                    snprintf(name, sizeof name, "%s-%d%d%d%s", names[f], own, s, pad, f == 4 ? "" : ".safetensors");
                    pair_files_write(names[f], &pairs,
                                     (slr_export_options){.dtype = SLR_DTYPE_F32, .pad_most = pad}, name,
                             &report);
                    slr_pairs back = pair_files_load(name);
                    assert_true(difference(&pairs, &back) < 1e-6);
                    assert_true(report.worst < 1e-6 && report.layers == PAIR_FILE_LAYERS);
                    for (size_t i = 0; i < pairs.count; i++) {
                        assert_int_equal(back.items[i].rank, pairs.items[i].rank);
                        assert_true(back.items[i].scale == pairs.items[i].scale);
                    }
                    assert_string_equal(json_string_value(json_object_get(back.facts, "selora.lambda")), "1.3");
                    slr_pairs_free(&back);
                    if (f < 4) {
                        strip(name, "stripped");
                        back = pair_files_load("stripped");
                        assert_true(difference(&pairs, &back) < 1e-6);
                        slr_pairs_free(&back);
                    }
                    slr_pairs_free(&pairs);
                }
}

static void test_kohya_file_has_one_alpha_and_ranks_from_two(void **state)
{
    (void)state;
    slr_export_report report;
    slr_pairs pairs = pair_files_make(8, false);
    slr_safetensors *file;
    pair_files_write("kohya", &pairs, (slr_export_options){.dtype = SLR_DTYPE_F32}, "k.safetensors", &report);
    assert_int_equal(slr_safetensors_open(scratch_path("k.safetensors"), &file, NULL), SELORA_OK);
    assert_int_equal(slr_safetensors_count(file), 3 * PAIR_FILE_LAYERS);
    for (size_t i = 0; i < slr_safetensors_count(file); i++) {
        const slr_stored_tensor *t = slr_safetensors_at(file, i);
        bool down = strstr(t->name, ".lora_down.weight"), up = strstr(t->name, ".lora_up.weight");
        double value = 0;
        assert_true(strncmp(t->name, "lora_unet_", 10) == 0 || strncmp(t->name, "lora_te_text_model_", 19) == 0);
        if (down || up)
            assert_true(t->shape[up] >= 2);
        else
            assert_true(t->dims == 0 && slr_stored_to_f64(t, 0, 1, &value) && value == 8);
        if (strstr(t->name, "conv1"))
            assert_int_equal(t->dims, strstr(t->name, ".alpha") ? 0 : 4);
    }
    assert_non_null(slr_safetensors_find(file, "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_ff_net_0_proj.alpha"));
    assert_null(slr_safetensors_metadata(file, "lora_adapter_metadata")); /* diffusers refuses both */
    assert_string_equal(slr_safetensors_metadata(file, "ss_base_model_version"), "sd_v1");
    assert_string_equal(slr_safetensors_metadata(file, "ss_network_dim"), "9");
    assert_string_equal(slr_safetensors_metadata(file, "ss_network_alpha"), "8");
    slr_safetensors_close(file);
    pair_files_write("kohya", &pairs, (slr_export_options){.dtype = SLR_DTYPE_F32, .text_both = true}, "b.safetensors", &report);
    assert_int_equal(slr_safetensors_open(scratch_path("b.safetensors"), &file, NULL), SELORA_OK);
    assert_int_equal(slr_safetensors_count(file), 3 * PAIR_FILE_LAYERS + 9);
    assert_non_null(slr_safetensors_find(file, "lora_te_encoder_layers_11_mlp_fc1.lora_up.weight"));
    slr_safetensors_close(file);
    slr_pairs back = pair_files_load("b.safetensors");
    assert_true(difference(&pairs, &back) < 1e-6);
    slr_pairs_free(&back);
    slr_pairs_free(&pairs);
}

static void test_compact_file_lists_the_ranks_that_differ(void **state)
{
    (void)state;
    slr_export_report report;
    slr_pairs pairs = pair_files_make(8, false);
    slr_safetensors *file;
    json_t *peft;
    pair_files_write("diffusers-compact", &pairs, (slr_export_options){.dtype = SLR_DTYPE_F32}, "c.safetensors", &report);
    assert_int_equal(slr_safetensors_open(scratch_path("c.safetensors"), &file, NULL), SELORA_OK);
    const char *text = slr_safetensors_metadata(file, "lora_adapter_metadata");
    assert_int_equal(slr_json_load_memory(text, strlen(text), "header", &peft, NULL), SELORA_OK);
    assert_int_equal(json_integer_value(json_object_get(peft, "unet.r")), 2); /* 1, 1, 1 and 2 are stored as 2 */
    const json_t *ranks = json_object_get(peft, "unet.rank_pattern");
    assert_int_equal(json_object_size(ranks), 5);
    assert_int_equal(json_integer_value(json_object_get(ranks, "down_blocks.1." BLOCK "attn2.to_k")), 9);
    assert_true(json_equal(ranks, json_object_get(peft, "unet.alpha_pattern")));
    assert_non_null(json_object_get(json_object_get(peft, "text_encoder.rank_pattern"), "encoder.layers.11.mlp.fc1"));
    json_decref(peft);
    slr_safetensors_close(file);
    slr_pairs_free(&pairs);
}

static void test_peft_folders_keep_every_bit(void **state)
{
    (void)state;
    slr_export_report report;
    slr_pairs pairs = pair_files_make(8, false);
    json_t *config;
    slr_safetensors *file;
    pair_files_write("peft", &pairs, (slr_export_options){.dtype = SLR_DTYPE_F32}, "p", &report);
    assert_true(report.worst == 0);
    slr_pairs back = pair_files_load("p");
    for (size_t i = 0; i < pairs.count; i++) {
        const slr_pair *p = &pairs.items[i], *q = &back.items[i];
        assert_memory_equal(p->a, q->a, (size_t)(p->rank * p->in) * sizeof *p->a);
        assert_memory_equal(p->b, q->b, (size_t)(p->rank * p->out) * sizeof *p->b);
    }
    slr_pairs_free(&back);
    assert_int_equal(slr_json_load_file(scratch_path("p/unet/adapter_config.json"), 1 << 20, &config, NULL), SELORA_OK);
    assert_int_equal(json_integer_value(json_object_get(config, "r")), 1);
    assert_int_equal(json_integer_value(json_object_get(config, "lora_alpha")), 8);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(config, "alpha_pattern"),
                                                        "down_blocks.1." BLOCK "attn2.to_k")), 72);
    json_decref(config);
    assert_int_equal(slr_safetensors_open(scratch_path("p/text_encoder/adapter_model.safetensors"), &file, NULL), SELORA_OK);
    assert_int_equal(slr_safetensors_count(file), 2 * 2 * 3);
    assert_non_null(slr_safetensors_find(file, "base_model.model.encoder.layers.11.mlp.fc1.lora_A.weight"));
    assert_non_null(slr_safetensors_find(file, "base_model.model.text_model.encoder.layers.11.mlp.fc1.lora_A.weight"));
    slr_safetensors_close(file);
    slr_pairs_free(&pairs);
}

static void test_rounding_is_reported_as_it_is(void **state)
{
    (void)state;
    const struct {
        slr_dtype dtype;
        double least, most;
    } types[] = {{SLR_DTYPE_F16, 1e-4, 1e-3}, {SLR_DTYPE_BF16, 1e-3, 8e-3}};
    for (int i = 0; i < 2; i++) {
        slr_export_report report;
        slr_pairs pairs = pair_files_make(3.7, true);
        pair_files_write("kohya", &pairs, (slr_export_options){.dtype = types[i].dtype}, i ? "h" : "b", &report);
        slr_pairs back = pair_files_load(i ? "h" : "b");
        assert_true(report.total > types[i].least && report.worst < types[i].most && report.worst >= report.total);
        assert_true(fabs(difference(&pairs, &back) - report.worst) < 1e-3 * report.worst);
        slr_pairs_free(&back);
        pairs.items[0].b[0] = (slr_real)1e6;
        slr_error err = {0};
        selora_status status = slr_format_kohya.write(&pairs, &(slr_export_options){.dtype = types[i].dtype},
                                                      scratch_path("large"), &report, &err);
        assert_int_equal(status, i ? SELORA_OK : SELORA_NUMERIC); /* beyond F16, not beyond BF16 */
        slr_pairs_free(&pairs);
    }
}

static void test_headers_carry_facts_and_nothing_else(void **state)
{
    (void)state;
    slr_pairs pairs = pair_files_make(8, false);
    slr_export_report report;
    slr_pairs_note(&pairs, "selora.data_sha256", "/data/patient 7.png");
    slr_pairs_note(&pairs, "selora.model_sha256", "a caption");
    pair_files_write("kohya", &pairs, (slr_export_options){.dtype = SLR_DTYPE_F32}, "k", &report);
    slr_pairs back = pair_files_load("k");
    assert_null(json_object_get(back.facts, "selora.data_sha256"));
    assert_null(json_object_get(back.facts, "selora.model_sha256"));
    assert_string_equal(json_string_value(json_object_get(back.facts, "selora.method")), "selora");
    slr_pairs_free(&back);
    slr_pairs_free(&pairs);
}

/* ---- names of others ---- */

static void test_names_of_all_generations(void **state)
{
    (void)state;
    static const struct {
        slr_names names;
        const char *name, *path;
        slr_key_role role;
    } table[] = {
        {SLR_NAMES_KOHYA, "lora_te1_text_model_encoder_layers_3_self_attn_k_proj.lora_up.weight",
         "text_encoder.text_model.encoder.layers.3.self_attn.k_proj", SLR_KEY_UP},
        {SLR_NAMES_KOHYA, "lora_te_encoder_layers_3_mlp_fc2.alpha",
         "text_encoder.text_model.encoder.layers.3.mlp.fc2", SLR_KEY_ALPHA},
        {SLR_NAMES_KOHYA, "lora_unet_time_embedding_linear_1.lora_down.weight", "unet.time_embedding.linear_1",
         SLR_KEY_DOWN},
        {SLR_NAMES_KOHYA, "lora_unet_conv_in.lora_down.weight", "unet.conv_in", SLR_KEY_DOWN},
        {SLR_NAMES_KOHYA, "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_out_0.lora_down.weight",
         "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0", SLR_KEY_DOWN},
        {SLR_NAMES_KOHYA, "lora_unet_input_blocks_2_0_emb_layers_1.lora_down.weight",
         "unet.down_blocks.0.resnets.1.time_emb_proj", SLR_KEY_DOWN},
        {SLR_NAMES_KOHYA, "lora_unet_input_blocks_3_0_op.lora_down.weight", "unet.down_blocks.0.downsamplers.0.conv",
         SLR_KEY_DOWN},
        {SLR_NAMES_KOHYA, "lora_unet_middle_block_1_proj_in.lora_down.weight", "unet.mid_block.attentions.0.proj_in",
         SLR_KEY_DOWN},
        {SLR_NAMES_KOHYA, "lora_unet_middle_block_2_in_layers_2.lora_down.weight", "unet.mid_block.resnets.1.conv1",
         SLR_KEY_DOWN},
        {SLR_NAMES_KOHYA, "lora_unet_output_blocks_11_0_skip_connection.lora_down.weight",
         "unet.up_blocks.3.resnets.2.conv_shortcut", SLR_KEY_DOWN},
        {SLR_NAMES_KOHYA, "lora_unet_output_blocks_5_2_conv.lora_down.weight", "unet.up_blocks.1.upsamplers.0.conv",
         SLR_KEY_DOWN},
        {SLR_NAMES_KOHYA, "lora_unet_output_blocks_2_1_conv.lora_down.weight", "unet.up_blocks.0.upsamplers.0.conv",
         SLR_KEY_DOWN},
        {SLR_NAMES_KOHYA, "lora_unet_somewhere_else.lora_down.weight", "", SLR_KEY_UNKNOWN},
        {SLR_NAMES_DIFFUSERS, "mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_out_lora.up.weight",
         "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0", SLR_KEY_UP},
        {SLR_NAMES_DIFFUSERS, "text_encoder.text_model.encoder.layers.0.self_attn.to_out_lora.down.weight",
         "text_encoder.text_model.encoder.layers.0.self_attn.out_proj", SLR_KEY_DOWN},
        {SLR_NAMES_DIFFUSERS, "text_encoder.encoder.layers.0.self_attn.q_proj.lora_linear_layer.down.weight",
         "text_encoder.text_model.encoder.layers.0.self_attn.q_proj", SLR_KEY_DOWN},
        {SLR_NAMES_PEFT, "base_model.model.down_blocks.0.resnets.0.time_emb_proj.lora_B.weight",
         "unet.down_blocks.0.resnets.0.time_emb_proj", SLR_KEY_UP},
        {SLR_NAMES_PEFT, "base_model.model.encoder.layers.0.mlp.fc1.lora_A.weight",
         "text_encoder.text_model.encoder.layers.0.mlp.fc1", SLR_KEY_DOWN},
        {SLR_NAMES_PUBLISHED, "mid_block.resnets.0.time_emb_proj.lora_A", "unet.mid_block.resnets.0.time_emb_proj",
         SLR_KEY_DOWN},
        {SLR_NAMES_PUBLISHED, "mid_block.resnets.0.time_emb_proj.lora_A_temp", "", SLR_KEY_BESIDE},
        {SLR_NAMES_PUBLISHED, "mid_block.resnets.0.time_emb_proj.bias", "", SLR_KEY_BESIDE},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        slr_key key;
        slr_key_read(table[i].names, table[i].name, &key);
        if (key.role != table[i].role || strcmp(key.path, table[i].path) != 0)
            fail_msg("%s: role %d, path %s", table[i].name, (int)key.role, key.path);
    }
}

static void test_networks_of_the_published_code(void **state)
{
    (void)state;
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    pair_files_add(writer, "conv_in.weight", 4, (int64_t[]){8, 4, 3, 3}, 1);
    pair_files_add(writer, "conv_in.bias", 1, (int64_t[]){8}, 1);
    pair_files_add(writer, "mid_block.resnets.0.time_emb_proj.weight", 2, (int64_t[]){6, 5}, 2);
    pair_files_add(writer, "mid_block.resnets.0.time_emb_proj.lora_A", 2, (int64_t[]){3, 5}, 3);
    pair_files_add(writer, "mid_block.resnets.0.time_emb_proj.lora_B", 2, (int64_t[]){6, 3}, 4);
    pair_files_add(writer, "mid_block.resnets.0.time_emb_proj.lora_A_temp", 2, (int64_t[]){4, 5}, 5);
    pair_files_add(writer, "mid_block.resnets.0.time_emb_proj.lora_B_temp", 2, (int64_t[]){6, 4}, 6);
    pair_files_finish(writer, "published");
    slr_pairs pairs = pair_files_load("published");
    assert_int_equal(pairs.count, 1);
    assert_string_equal(pairs.items[0].path, "unet.mid_block.resnets.0.time_emb_proj");
    assert_true(pairs.items[0].scale == 8 && pairs.items[0].rank == 3 && pairs.left_over.count == 0);
    slr_pairs_free(&pairs);
}

/* unet:N:down, the widths of a small network in either order of its layers. */
static void write_list(bool late, const char *name)
{
    static const int widths[] = {8, 8, 12, 12, 16, 16, 16, 16, 16, 12, 12, 12, 8, 8, 8, 16};
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    char key[64];
    for (int i = 0; i < 16 * 9; i++) {
        int at = i % 9, c = widths[i / 9], feed = late ? 8 : 4, second = late ? 4 : 5;
        int in = at == second + 1 || at == second + 2 ? 10 : c, out = at == feed ? 8 * c : c;
        snprintf(key, sizeof key, "unet:%d:down", i);
        pair_files_add(writer, key, 2, (int64_t[]){2, in}, (uint32_t)i);
        snprintf(key, sizeof key, "unet:%d:up", i);
        pair_files_add(writer, key, 2, (int64_t[]){out, 2}, (uint32_t)i);
    }
    for (int i = 0; i < 8; i++) {
        snprintf(key, sizeof key, "text_encoder:%d:down", i);
        pair_files_add(writer, key, 2, (int64_t[]){2, 10}, (uint32_t)i);
        snprintf(key, sizeof key, "text_encoder:%d:up", i);
        pair_files_add(writer, key, 2, (int64_t[]){10, 2}, (uint32_t)i);
    }
    pair_files_finish(writer, name);
}

static void test_numbered_lists_of_both_orders(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        write_list(late, "list");
        slr_pairs pairs = pair_files_load("list");
        assert_int_equal(pairs.count, 16 * 9 + 8);
        assert_string_equal(pairs.format, "numbered list");
        const slr_pair *pair = slr_pairs_find(&pairs, "unet.mid_block." BLOCK "attn2.to_k");
        slr_real down[20];
        assert_non_null(pair);
        toy_fill(down, 20, 6, (uint32_t)(15 * 9 + (late ? 5 : 6)));
        assert_memory_equal(pair->a, down, sizeof down);
        assert_non_null(slr_pairs_find(&pairs, "unet.up_blocks.3.attentions.2.transformer_blocks.0.ff.net.0.proj"));
        pair = slr_pairs_find(&pairs, "text_encoder.text_model.encoder.layers.1.self_attn.q_proj");
        toy_fill(down, 20, 6, 6);
        assert_memory_equal(pair->a, down, sizeof down);
        slr_pairs_free(&pairs);
    }
}

/* ---- what is refused ---- */

typedef struct stored {
    const char *name;
    int dims;
    int64_t shape[4];
} stored;

#define TO_Q "unet.mid_block." BLOCK "attn1.to_q"

static void test_hostile_files_are_refused_by_name(void **state)
{
    (void)state;
    const struct {
        const char *says;
        stored tensors[3];
    } table[] = {
        {"A and B disagree about the rank (A is 2x8, B is 8x3)",
         {{TO_Q ".lora_A.weight", 2, {2, 8}}, {TO_Q ".lora_B.weight", 2, {8, 3}}}},
        {"rank 0 (A is 0x8, B is 8x0)", {{TO_Q ".lora_A.weight", 2, {0, 8}}, {TO_Q ".lora_B.weight", 2, {8, 0}}}},
        {"the rank is above both dimensions",
         {{TO_Q ".lora_A.weight", 2, {9, 8}}, {TO_Q ".lora_B.weight", 2, {8, 9}}}},
        {"neither the shapes of a matrix pair", {{TO_Q ".lora_A.weight", 1, {8}}, {TO_Q ".lora_B.weight", 2, {8, 1}}}},
        {"neither the shapes of a matrix pair",
         {{TO_Q ".lora_A.weight", 2, {2, 8}}, {TO_Q ".lora_B.weight", 4, {8, 2, 3, 3}}}},
        {"only one half of the pair", {{TO_Q ".lora_A.weight", 2, {2, 8}}}},
        {"DoRA is not supported",
         {{TO_Q ".lora_A.weight", 2, {2, 8}}, {TO_Q ".lora_B.weight", 2, {8, 2}}, {TO_Q ".dora_scale", 1, {8}}}},
        {"biases are not supported",
         {{TO_Q ".lora_A.weight", 2, {2, 8}}, {TO_Q ".lora_B.weight", 2, {8, 2}}, {TO_Q ".lora_B.bias", 1, {8}}}},
        {"LyCORIS", {{"lora_unet_mid_block_attentions_0_proj_in.hada_w1_a", 2, {2, 8}}}},
        {"SDXL", {{"lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", 2, {2, 8}}}},
        {"SDXL", {{"lora_unet_input_blocks_4_1_transformer_blocks_1_attn1_to_q.lora_down.weight", 2, {2, 8}}}},
        {"SDXL", {{"lora_unet_add_embedding_linear_1.lora_down.weight", 2, {2, 8}}}},
        {"SDXL", {{"lora_unet_label_emb_0_0.lora_down.weight", 2, {2, 8}}}},
        {"Stable Diffusion 3", {{"lora_te3_encoder_block_0_layer_0_SelfAttention_q.lora_down.weight", 2, {2, 8}}}},
        {"a transformer", {{"transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight", 2, {2, 8}},
                           {"unet.conv_in.lora_A.weight", 2, {2, 8}}}},
        {"expected one finite number",
         {{TO_Q ".lora_A.weight", 2, {2, 8}}, {TO_Q ".lora_B.weight", 2, {8, 2}}, {TO_Q ".alpha", 1, {2}}}},
        {"its pair of matrices is not complete", {{"unet:0:down", 2, {2, 8}}}},
        {"not the layers of Stable Diffusion 1.x", {{"unet:0:down", 2, {2, 8}}, {"unet:0:up", 2, {8, 2}}}},
        {"holds no layer", {{"lora_unet_nowhere.lora_down.weight", 2, {2, 8}}}},
        {"no adapter", {{"conv_in.weight", 2, {2, 8}}}},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        slr_error err = {0};
        slr_pairs pairs = {0};
        slr_safetensors_writer *writer = slr_safetensors_writer_new();
        for (int t = 0; t < 3 && table[i].tensors[t].name; t++)
            pair_files_add(writer, table[i].tensors[t].name, table[i].tensors[t].dims, table[i].tensors[t].shape, 1);
        pair_files_finish(writer, "bad");
        if (slr_pairs_load(scratch_path("bad"), &pairs, &err) != SELORA_BAD_INPUT)
            fail_msg("accepted: %s", table[i].says);
        if (!strstr(err.message, table[i].says) || (table[i].tensors[0].name[0] == 'u' && !strstr(err.message, "unet")))
            fail_msg("'%s' is not in: %s", table[i].says, err.message);
        assert_int_equal(pairs.count, 0);
    }
}

static void test_text_encoders_without_attention_do_not_go_to_diffusers(void **state)
{
    (void)state;
    slr_pairs pairs = pair_files_make(8, false);
    slr_error err = {0};
    slr_export_report report;
    slr_pairs_keep(&pairs, "text_encoder");
    assert_int_equal(pairs.count, 3);
    for (int i = 0; i < 3; i++) { /* one layer of fc1 is left */
        char *attention = strstr(pairs.items[i].path, "self_attn");
        if (attention)
            memcpy(attention, "mlp_layer", 9);
    }
    assert_int_equal(slr_format_diffusers.write(&pairs, &(slr_export_options){0}, scratch_path("d"), &report, &err),
                     SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "--to kohya"));
    assert_false(scratch_exists("d"));
    slr_pairs_free(&pairs);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(test_every_format_gives_the_same_product),
        IN_SCRATCH(test_kohya_file_has_one_alpha_and_ranks_from_two),
        IN_SCRATCH(test_compact_file_lists_the_ranks_that_differ),
        IN_SCRATCH(test_peft_folders_keep_every_bit),
        IN_SCRATCH(test_rounding_is_reported_as_it_is),
        IN_SCRATCH(test_headers_carry_facts_and_nothing_else),
        IN_SCRATCH(test_names_of_all_generations),
        IN_SCRATCH(test_networks_of_the_published_code),
        IN_SCRATCH(test_numbered_lists_of_both_orders),
        IN_SCRATCH(test_hostile_files_are_refused_by_name),
        IN_SCRATCH(test_text_encoders_without_attention_do_not_go_to_diffusers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
