/* SPDX-License-Identifier: MIT
 * Adapter files: what selora writes, and what it reads from itself and others. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "adapters/adapter_file.h"
#include "adapters/targets.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "support/scratch.h"
#include "support/tiny_folder.h"
#include "support/toy.h"

static const char TO_Q[] = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q";
static const char TO_OUT[] = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0";
static const char FC1[] = "text_encoder.text_model.encoder.layers.0.mlp.fc1";
static const char Q_PROJ[] = "text_encoder.text_model.encoder.layers.0.self_attn.q_proj";

typedef struct fixture {
    slr_model *model;
    slr_graph *record;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->model = tiny_model(1);
    f->record = slr_model_record(f->model, false);
    *state = f;
    return scratch_setup(&(void *){0});
}

static int teardown(void **state)
{
    fixture *f = *state;
    slr_graph_free(f->record);
    slr_model_free(f->model);
    free(f);
    return scratch_teardown(&(void *){0});
}

/* The published layers with ranks 1 .. 5 mixed, random A and B. */
static slr_adapter_set *mixed_set(const fixture *f, double scale, slr_scale_mode mode)
{
    slr_error err = {0};
    slr_adapter_set *set;
    slr_targets *targets;
    const char *const both[] = {"text_encoder", "unet"};
    slr_adapter_options options = {
        .seed = 3, .scale = scale, .scale_mode = mode, .rank = 1, .probes = 2};
    assert_int_equal(slr_adapter_set_new(&options, &set, &err), SELORA_OK);
    assert_int_equal(slr_targets_new("selora", &targets, &err), SELORA_OK);
    assert_int_equal(slr_targets_add(targets, f->record, both, 2, set, &err), SELORA_OK);
    assert_int_equal(slr_adapter_set_finish(set, &err), SELORA_OK);
    slr_targets_free(targets);
    for (int i = 0; i < slr_adapter_set_count(set); i++) {
        slr_adapter *adapter = slr_adapter_set_at(set, i);
        for (int grown = 0; grown < i % 5; grown++) {
            slr_adapter_draw_row(set, adapter, adapter->slot.rank, (uint32_t)grown, 0);
            slr_adapter_activate(adapter);
        }
        slr_adapter_set_scale(adapter, slr_adapter_scale_at(set, adapter->slot.rank), false);
        slr_adapter_draw_row(set, adapter, adapter->slot.rank, 77, 0); /* candidates stay behind */
        toy_fill(adapter->bt, adapter->slot.rank * adapter->slot.out, 9, (uint32_t)i);
    }
    return set;
}

static void save(const slr_adapter_set *set, const char *name)
{
    slr_error err = {0};
    slr_adapter_note note = {.method = "selora",
                             .lambda = 1.3,
                             .steps = 400,
                             .model_sha256 = "ab12",
                             .data_sha256 = "cd34"};
    if (slr_adapter_file_save(set, &note, scratch_path(name), &err) != SELORA_OK)
        fail_msg("%s", err.message);
}

static slr_adapter_set *load(const fixture *f, const char *name)
{
    slr_error err = {0};
    slr_adapter_set *set;
    if (slr_adapter_file_load(scratch_path(name), f->record, NULL, &set, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return set;
}

static void test_T20_native_file_gives_back_every_bit(void **state)
{
    const fixture *f = *state;
    slr_adapter_set *set = mixed_set(f, 8, SLR_SCALE_FIXED);
    save(set, "adapter.safetensors");
    slr_adapter_set *back = load(f, "adapter.safetensors");
    assert_int_equal(slr_adapter_set_count(back), slr_adapter_set_count(set));
    for (int i = 0; i < slr_adapter_set_count(set); i++) {
        const slr_adapter *x = slr_adapter_set_at(set, i);
        const slr_adapter *y = (const slr_adapter *)slr_adapter_set_find(back, x->path);
        assert_non_null(y);
        assert_int_equal(y->slot.rank, x->slot.rank);
        assert_true(y->own_scale == 8);
        assert_memory_equal(y->a, x->a, (size_t)(x->slot.rank * x->slot.in) * sizeof(slr_real));
        assert_memory_equal(y->bt, x->bt, (size_t)(x->slot.rank * x->slot.out) * sizeof(slr_real));
    }
    slr_adapter_set_free(back);
    slr_adapter_set_free(set);
}

static double product(const slr_adapter *adapter, int64_t o, int64_t k)
{
    double sum = 0;
    for (int i = 0; i < adapter->slot.rank; i++)
        sum += (double)adapter->bt[i * adapter->slot.out + o] *
               (double)adapter->a[i * adapter->slot.in + k];
    return adapter->slot.scale * sum;
}

static void test_T20_scales_of_any_size_keep_the_product(void **state)
{
    const fixture *f = *state;
    slr_adapter_set *set = mixed_set(f, 3.7, SLR_SCALE_RSLORA);
    save(set, "adapter.safetensors");
    slr_adapter_set *back = load(f, "adapter.safetensors");
    for (int i = 0; i < slr_adapter_set_count(set); i++) {
        const slr_adapter *x = slr_adapter_set_at(set, i);
        const slr_adapter *y = (const slr_adapter *)slr_adapter_set_find(back, x->path);
        assert_true(y->own_scale == x->own_scale);
        double most = 0, off = 0;
        for (int64_t o = 0; o < x->slot.out; o++)
            for (int64_t k = 0; k < x->slot.in; k++) {
                most = fmax(most, fabs(product(x, o, k)));
                off = fmax(off, fabs(product(x, o, k) - product(y, o, k)));
            }
        assert_true(off <= 1e-6 * most);
    }
    slr_adapter_set_free(back);
    slr_adapter_set_free(set);
}

static const slr_stored_tensor *stored(const slr_safetensors *file, const char *path,
                                       const char *suffix)
{
    char name[512];
    snprintf(name, sizeof name, "%s%s", path, suffix);
    const slr_stored_tensor *tensor = slr_safetensors_find(file, name);
    assert_non_null(tensor);
    return tensor;
}

static void test_T20_native_file_is_a_plain_diffusers_file(void **state)
{
    const fixture *f = *state;
    slr_error err = {0};
    slr_adapter_set *set = mixed_set(f, 8, SLR_SCALE_FIXED);
    save(set, "adapter.safetensors");
    slr_safetensors *file;
    assert_int_equal(slr_safetensors_open(scratch_path("adapter.safetensors"), &file, &err),
                     SELORA_OK);
    assert_int_equal(slr_safetensors_count(file), 2 * slr_adapter_set_count(set));
    json_t *peft;
    const char *text = slr_safetensors_metadata(file, "lora_adapter_metadata");
    assert_non_null(text);
    assert_int_equal(slr_json_load_memory(text, strlen(text), "header", &peft, &err), SELORA_OK);
    assert_int_equal(json_object_size(peft), 14);
    for (int i = 0; i < slr_adapter_set_count(set); i++) {
        const slr_adapter *adapter = slr_adapter_set_at(set, i);
        bool text_encoder = adapter->path[0] == 't';
        const slr_stored_tensor *a = stored(file, adapter->path, ".lora_A.weight");
        const slr_stored_tensor *b = stored(file, adapter->path, ".lora_B.weight");
        int64_t rank =
            json_integer_value(json_object_get(peft, text_encoder ? "text_encoder.r" : "unet.r"));
        assert_true(rank == 5 && a->shape[0] == rank && b->shape[1] == rank);
        assert_true(a->shape[1] == adapter->slot.in && b->shape[0] == adapter->slot.out);
        assert_int_equal(json_integer_value(json_object_get(
                             peft, text_encoder ? "text_encoder.lora_alpha" : "unet.lora_alpha")),
                         rank);
        for (int64_t o = 0; o < adapter->slot.out; o++) /* a scale of 1: B A as stored is all */
            for (int64_t k = 0; k < adapter->slot.in; k += 3) {
                double sum = 0, expect = product(adapter, o, k);
                for (int64_t r = 0; r < rank; r++) {
                    double left = 0, right = 0;
                    assert_true(slr_stored_to_f64(b, o * rank + r, 1, &left) &&
                                slr_stored_to_f64(a, r * adapter->slot.in + k, 1, &right));
                    sum += left * right;
                }
                assert_true(fabs(sum - expect) <= 1e-6 * (1 + fabs(expect)));
            }
    }
    size_t index;
    json_t *target;
    json_array_foreach(json_object_get(peft, "text_encoder.target_modules"), index, target)
        assert_null(strstr(json_string_value(target), "text_model"));
    assert_int_equal(index, 6 * f->model->text.layers);
    json_decref(peft);
    for (size_t i = 0; i < slr_safetensors_metadata_count(file); i++) {
        const char *key, *value;
        slr_safetensors_metadata_at(file, i, &key, &value);
        assert_null(strchr(value, '/')); /* no path in it */
    }
    assert_string_equal(slr_safetensors_metadata(file, "selora.lambda"), "1.3");
    assert_string_equal(slr_safetensors_metadata(file, "selora.steps"), "400");
    assert_string_equal(slr_safetensors_metadata(file, "selora.model_sha256"), "ab12");
    slr_safetensors_close(file);
    slr_adapter_set_free(set);
}

/* ---- files of others ---- */

typedef struct pair {
    const char *a, *b;
    int64_t in, out, rank;
} pair;

static void add_pair(slr_safetensors_writer *writer, const pair *p, uint32_t salt)
{
    slr_real a[512], b[512];
    toy_fill(a, p->rank * p->in, 4, salt);
    toy_fill(b, p->out * p->rank, 5, salt);
    assert_int_equal(
        slr_safetensors_writer_real(writer, p->a, 2, (int64_t[]){p->rank, p->in}, a, false, NULL),
        SELORA_OK);
    assert_int_equal(
        slr_safetensors_writer_real(writer, p->b, 2, (int64_t[]){p->out, p->rank}, b, false, NULL),
        SELORA_OK);
}

static void write_file(slr_safetensors_writer *writer, const char *name)
{
    assert_int_equal(slr_safetensors_writer_save(writer, scratch_path(name), NULL), SELORA_OK);
    slr_safetensors_writer_free(writer);
}

static void check_layer(slr_adapter_set *set, const char *path, int rank, double scale,
                        uint32_t salt)
{
    const slr_adapter *adapter = (const slr_adapter *)slr_adapter_set_find(set, path);
    slr_real a[512], b[512];
    assert_non_null(adapter);
    assert_int_equal(adapter->slot.rank, rank);
    assert_true(fabs(adapter->slot.scale - scale) < 1e-12);
    toy_fill(a, rank * adapter->slot.in, 4, salt);
    toy_fill(b, adapter->slot.out * rank, 5, salt);
    assert_memory_equal(adapter->a, a, (size_t)(rank * adapter->slot.in) * sizeof *a);
    for (int64_t o = 0; o < adapter->slot.out; o++)
        for (int r = 0; r < rank; r++)
            assert_true(adapter->bt[r * adapter->slot.out + o] == b[o * rank + r]);
}

static int64_t width_of(const fixture *f, const char *path, bool out)
{
    for (int i = 0; i < slr_graph_op_count(f->record); i++) {
        const slr_op *op = slr_graph_op(f->record, i);
        if (op->kind == SLR_OP_LINEAR && strcmp(op->path, path) == 0)
            return slr_tensor_columns(slr_graph_tensor(f->record, out ? op->out : op->in[0]));
    }
    fail_msg("no layer %s", path);
    return 0;
}

#define PAIR(f, path, rank, stem, down, up)                                                        \
    (pair)                                                                                         \
    {                                                                                              \
        stem down, stem up, width_of(f, path, false), width_of(f, path, true), rank                \
    }

static void test_kohya_files_have_alpha_over_rank(void **state)
{
    const fixture *f = *state;
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    float alpha = 6;
    add_pair(writer,
             &PAIR(f, TO_Q, 4, "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q",
                   ".lora_down.weight", ".lora_up.weight"),
             1);
    add_pair(writer,
             &PAIR(f, TO_OUT, 3,
                   "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_out_0",
                   ".lora_down.weight", ".lora_up.weight"),
             2);
    add_pair(writer,
             &PAIR(f, FC1, 2, "lora_te1_text_model_encoder_layers_0_mlp_fc1", ".lora_down.weight",
                   ".lora_up.weight"),
             3);
    slr_safetensors_writer_tensor(
        writer, "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q.alpha",
        SLR_DTYPE_F32, 0, NULL, &alpha, NULL);
    slr_safetensors_writer_tensor(writer, "lora_te1_text_model_encoder_layers_0_mlp_fc1.alpha",
                                  SLR_DTYPE_F32, 1, (int64_t[]){1}, &alpha, NULL);
    write_file(writer, "kohya");
    slr_adapter_set *set = load(f, "kohya");
    assert_int_equal(slr_adapter_set_count(set), 3);
    check_layer(set, TO_Q, 4, 1.5, 1);
    check_layer(set, TO_OUT, 3, 1, 2);
    check_layer(set, FC1, 2, 3, 3);
    slr_adapter_set_free(set);
}

static void test_diffusers_files_of_all_generations(void **state)
{
    const fixture *f = *state;
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    add_pair(writer,
             &PAIR(f, TO_Q, 2, "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q",
                   ".lora.down.weight", ".lora.up.weight"),
             1);
    add_pair(writer,
             &PAIR(f, TO_OUT, 2,
                   "unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_out_lora",
                   ".down.weight", ".up.weight"),
             2);
    add_pair(writer,
             &PAIR(f, Q_PROJ, 3, "text_encoder.encoder.layers.0.self_attn.q_proj",
                   ".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"),
             3);
    write_file(writer, "elder");
    slr_adapter_set *set = load(f, "elder");
    check_layer(set, TO_Q, 2, 1, 1);
    check_layer(set, TO_OUT, 2, 1, 2);
    check_layer(set, Q_PROJ, 3, 1, 3);
    slr_adapter_set_free(set);
}

static const char peft_header[] =
    "{\"unet.r\": 2, \"unet.lora_alpha\": 8, \"unet.rank_pattern\": {\"attn1.to_out.0\": 3}, "
    "\"unet.alpha_pattern\": {\"mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0\": 12}, "
    "\"text_encoder.r\": 4, \"text_encoder.lora_alpha\": 8, \"text_encoder.use_rslora\": true, "
    "\"text_encoder.alpha_pattern\": {\"^encoder.layers.0.mlp.fc1\": 6}, "
    "\"text_encoder.rank_pattern\": null}";

static slr_safetensors_writer *peft_file(const fixture *f)
{
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    add_pair(writer,
             &PAIR(f, TO_Q, 2, "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q",
                   ".lora_A.weight", ".lora_B.weight"),
             1);
    add_pair(writer,
             &PAIR(f, TO_OUT, 3, "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0",
                   ".lora_A.weight", ".lora_B.weight"),
             2);
    add_pair(writer,
             &PAIR(f, FC1, 4, "text_encoder.text_model.encoder.layers.0.mlp.fc1", ".lora_A.weight",
                   ".lora_B.weight"),
             3);
    add_pair(writer,
             &PAIR(f, Q_PROJ, 4, "text_encoder.text_model.encoder.layers.0.self_attn.q_proj",
                   ".lora_A.weight", ".lora_B.weight"),
             4);
    return writer;
}

static void test_peft_header_gives_rank_and_alpha_by_layer(void **state)
{
    const fixture *f = *state;
    slr_safetensors_writer *writer = peft_file(f);
    slr_safetensors_writer_metadata(writer, "lora_adapter_metadata", peft_header, NULL);
    write_file(writer, "peft");
    slr_adapter_set *set = load(f, "peft");
    check_layer(set, TO_Q, 2, 4, 1);
    check_layer(set, TO_OUT, 3, 4, 2);
    check_layer(set, FC1, 4, 3, 3);
    check_layer(set, Q_PROJ, 4, 4, 4);
    slr_adapter_set_free(set);
}

static void refuse(const fixture *f, const char *name, const char *const *parts)
{
    slr_error err = {0};
    slr_adapter_set *set;
    assert_int_equal(slr_adapter_file_load(scratch_path(name), f->record, NULL, &set, &err),
                     SELORA_BAD_INPUT);
    assert_null(set);
    for (; *parts; parts++)
        if (!strstr(err.message, *parts))
            fail_msg("'%s' is not in: %s", *parts, err.message);
}

static void test_bad_headers_are_refused(void **state)
{
    const fixture *f = *state;
#define TEXT_IS_FINE "{\"text_encoder.r\": 4, \"text_encoder.lora_alpha\": 4, "
    const struct {
        const char *key, *value, *says;
    } table[] = {
        {"lora_adapter_metadata", "{\"unet.r\": 2, \"unet.lora_alpha\": 8}", "text_encoder.r"},
        {"lora_adapter_metadata", TEXT_IS_FINE "\"unet.r\": 5, \"unet.lora_alpha\": 8}",
         "rank 5, 3 are stored"},
        {"lora_adapter_metadata", TEXT_IS_FINE "\"unet.r\": -2, \"unet.lora_alpha\": 8}", "unet.r"},
        {"lora_adapter_metadata",
         TEXT_IS_FINE
         "\"unet.r\": 2, \"unet.lora_alpha\": 8, \"unet.rank_pattern\": {\"to_[qk]\": 2}}",
         "regular expression"},
        {"lora_adapter_metadata", "[1]", "expected an object"},
        {"lora_adapter_metadata", "{", "lora_adapter_metadata"},
        {"selora.layers",
         "{\"unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q\": [1, 8]}",
         "rank 1, but more is stored"},
        {"selora.layers",
         "{\"unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q\": [9, 8]}", "rank 9"},
        {"selora.layers", "{\"unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q\": [2]}",
         "[rank, scale]"},
        {"selora.layers", "{\"unet.elsewhere\": [2, 8]}", "unet.elsewhere"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        slr_safetensors_writer *writer = peft_file(f);
        slr_safetensors_writer_metadata(writer, table[i].key, table[i].value, NULL);
        write_file(writer, "bad");
        refuse(f, "bad", (const char *const[]){table[i].says, NULL});
    }
}

static void test_everything_that_does_not_fit_is_listed_at_once(void **state)
{
    const fixture *f = *state;
    slr_safetensors_writer *writer = peft_file(f);
    float one = 1;
    slr_real many[64] = {0};
    slr_safetensors_writer_tensor(writer, "unet.mid_block.lora_magnitude_vector", SLR_DTYPE_F32, 0,
                                  NULL, &one, NULL);
    slr_safetensors_writer_tensor(writer, "unet.conv_in.lora_A.weight", SLR_DTYPE_F32, 0, NULL,
                                  &one, NULL);
    slr_safetensors_writer_real(writer,
                                "text_encoder.text_model.encoder.layers.1.mlp.fc1.lora_A.weight", 2,
                                (int64_t[]){2, 5}, many, false, NULL);
    write_file(writer, "bad");
    refuse(f, "bad",
           (const char *const[]){"3 problems", "DoRA", "conv_in: only one half",
                                 "layers.1.mlp.fc1: only one half", NULL});
}

/* Layers of other widths are an error, names that the model has not are one where nobody lists them. */
static void test_what_the_model_has_not_is_listed(void **state)
{
    const fixture *f = *state;
    slr_real many[64] = {0};
    slr_error err = {0};
    slr_adapter_set *set;
    for (int wide = 0; wide < 2; wide++) {
        const char *stem = wide ? "text_encoder.text_model.encoder.layers.1.mlp.fc2"
                                : "unet.down_blocks.7.resnets.0.time_emb_proj";
        char name[128];
        slr_problems left_over = {0};
        slr_safetensors_writer *writer = peft_file(f);
        snprintf(name, sizeof name, "%s.lora_A.weight", stem);
        slr_safetensors_writer_real(writer, name, 2, (int64_t[]){2, 5}, many, false, NULL);
        snprintf(name, sizeof name, "%s.lora_B.weight", stem);
        slr_safetensors_writer_real(writer, name, 2, (int64_t[]){5, 2}, many, false, NULL);
        slr_safetensors_writer_real(writer, "unet.note_of_somebody", 1, (int64_t[]){5}, many, false, NULL);
        write_file(writer, "more");
        refuse(f, "more", (const char *const[]){"2 problems", stem, "unet.note_of_somebody", NULL});
        selora_status status = slr_adapter_file_load(scratch_path("more"), f->record, &left_over, &set, &err);
        assert_int_equal(status, wide ? SELORA_BAD_INPUT : SELORA_OK);
        assert_int_equal(left_over.count, wide ? 1 : 2);
        if (wide)
            assert_non_null(strstr(err.message, "the adapter is for 5 -> 5, the layer has"));
        else
            assert_int_equal(slr_adapter_set_count(set), 4);
        slr_adapter_set_free(set);
    }
}

static void test_both_text_layouts_must_agree(void **state)
{
    const fixture *f = *state;
    for (uint32_t differs = 0; differs < 2; differs++) {
        slr_safetensors_writer *writer = slr_safetensors_writer_new();
        add_pair(writer,
                 &PAIR(f, FC1, 2, "lora_te_text_model_encoder_layers_0_mlp_fc1",
                       ".lora_down.weight", ".lora_up.weight"),
                 3);
        add_pair(writer,
                 &PAIR(f, FC1, 2, "lora_te_encoder_layers_0_mlp_fc1", ".lora_down.weight",
                       ".lora_up.weight"),
                 3 + differs);
        write_file(writer, "twice");
        if (differs) {
            refuse(f, "twice", (const char *const[]){"two names", NULL});
        } else {
            slr_adapter_set *set = load(f, "twice");
            assert_int_equal(slr_adapter_set_count(set), 1);
            check_layer(set, FC1, 2, 1, 3);
            slr_adapter_set_free(set);
        }
    }
}

static void test_files_of_other_kinds_are_named(void **state)
{
    const fixture *f = *state;
    const struct {
        const char *name, *says;
    } table[] = {
        {"lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", "SDXL"},
        {"base_model.model.encoder.layers.0.mlp.fc1.lora_A.weight", "adapter_config.json"},
        {"model.diffusion_model.input_blocks.0.0.weight", "no adapter"},
        {"unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.hada_w1_a", "LyCORIS"}};
    float one = 1;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        slr_safetensors_writer *writer = slr_safetensors_writer_new();
        slr_safetensors_writer_tensor(writer, table[i].name, SLR_DTYPE_F32, 0, NULL, &one, NULL);
        write_file(writer, "other");
        refuse(f, "other", (const char *const[]){table[i].says, NULL});
    }
}

static void test_values_must_be_finite_both_ways(void **state)
{
    const fixture *f = *state;
    slr_error err = {0};
    slr_adapter_set *set = mixed_set(f, 8, SLR_SCALE_FIXED);
    slr_adapter_set_at(set, 3)->bt[0] = (slr_real)INFINITY;
    assert_int_equal(slr_adapter_file_save(set, &(slr_adapter_note){0}, scratch_path("none"), &err),
                     SELORA_NUMERIC);
    assert_false(scratch_exists("none"));
    slr_adapter_set_free(set);
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    slr_real values[512] = {0};
    int64_t in = width_of(f, TO_Q, false), out = width_of(f, TO_Q, true);
    values[3] = (slr_real)NAN;
    slr_safetensors_writer_real(
        writer, "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight", 2,
        (int64_t[]){1, in}, values, false, NULL);
    slr_safetensors_writer_real(
        writer, "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.lora_B.weight", 2,
        (int64_t[]){out, 1}, values, false, NULL);
    write_file(writer, "nan");
    refuse(f, "nan", (const char *const[]){"not finite", TO_Q, NULL});
}

#define WITH_MODEL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_MODEL(test_T20_native_file_gives_back_every_bit),
        WITH_MODEL(test_T20_scales_of_any_size_keep_the_product),
        WITH_MODEL(test_T20_native_file_is_a_plain_diffusers_file),
        WITH_MODEL(test_kohya_files_have_alpha_over_rank),
        WITH_MODEL(test_diffusers_files_of_all_generations),
        WITH_MODEL(test_peft_header_gives_rank_and_alpha_by_layer),
        WITH_MODEL(test_bad_headers_are_refused),
        WITH_MODEL(test_everything_that_does_not_fit_is_listed_at_once),
        WITH_MODEL(test_what_the_model_has_not_is_listed),
        WITH_MODEL(test_both_text_layouts_must_agree),
        WITH_MODEL(test_files_of_other_kinds_are_named),
        WITH_MODEL(test_values_must_be_finite_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
