/* SPDX-License-Identifier: MIT
 * selora_inspect(): what it says of models, adapters and data folders, and what it refuses. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "io/json.h"
#include "io/safetensors.h"
#include "support/scratch.h"
#include "support/tiny_folder.h"

/* The text, or with a failure its message; free() it. */
static char *inspect(const char *name, int json, selora_status expected)
{
    selora_context *context;
    assert_int_equal(selora_context_new(NULL, &context), SELORA_OK);
    char *text = NULL;
    selora_status status = selora_inspect(context, scratch_path(name), json, &text);
    if (status != SELORA_OK)
        text = strdup(selora_error(context));
    selora_context_free(context);
    if (status != expected)
        print_message("%s\n", text);
    assert_int_equal(status, expected);
    return text;
}

static json_t *facts_of(const char *name)
{
    char *text = inspect(name, 1, SELORA_OK);
    json_t *facts;
    assert_int_equal(slr_json_load_memory(text, strlen(text), name, &facts, NULL), SELORA_OK);
    free(text);
    return facts;
}

static int64_t number(const json_t *facts, const char *object, const char *key)
{
    json_t *value = json_object_get(object ? json_object_get(facts, object) : facts, key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static void test_model(void **state)
{
    (void)state;
    tiny_folder_write(scratch_path("model"), 1);
    slr_model *model = tiny_model(1);
    json_t *facts = facts_of("model");
    assert_string_equal(json_string_value(json_object_get(facts, "kind")), "model");
    json_t *parts = json_object_get(facts, "parts");
    assert_int_equal(json_array_size(parts), 3);
    json_t *unet = json_array_get(parts, 1);
    assert_string_equal(json_string_value(json_object_get(unet, "part")), "unet");
    assert_int_equal(number(unet, NULL, "parameters"), slr_model_parameters(model, "unet"));
    assert_string_equal(json_string_value(json_array_get(json_object_get(unet, "stored_as"), 0)), "F32");
    assert_int_equal(number(unet, NULL, "bytes"), 4 * slr_model_parameters(model, "unet"));
    assert_int_equal(number(unet, NULL, "shards"), 1);
    assert_int_equal(strlen(json_string_value(json_object_get(facts, "sha256"))), 64);
    assert_int_equal(number(facts, "tokenizer", "tokens_a_text"), TINY_TOKENS);
    assert_null(json_object_get(facts, "problems"));
    /* the kinds of layers are all linear layers, once each */
    json_t *all = json_array_get(json_object_get(facts, "adapters"), 2), *row;
    int64_t layers = 0, parameters = 0;
    size_t index;
    json_array_foreach(json_object_get(facts, "layers"), index, row)
        if (json_is_true(json_object_get(row, "trained"))) {
            layers += number(row, NULL, "layers");
            parameters += number(row, NULL, "parameters_per_rank");
        }
    assert_int_equal(layers, number(all, NULL, "layers"));
    assert_int_equal(parameters, number(all, NULL, "parameters_per_rank"));
    assert_int_equal(parameters, number(all, NULL, "of_unet") + number(all, NULL, "of_text_encoder"));
    json_decref(facts);
    slr_model_free(model);

    char *text = inspect("model", 0, SELORA_OK);
    assert_non_null(strstr(text, "kind                   model\n"));
    assert_non_null(strstr(text, "parameters per rank"));
    free(text);
    /* what is no part of such a model is told */
    assert_int_equal(mkdir(scratch_path("model/text_encoder_2"), 0755), 0);
    text = inspect("model", 0, SELORA_OK);
    assert_non_null(strstr(text, "folder text_encoder_2"));
    free(text);
    /* a damaged model is an error, not a description */
    scratch_write("model/unet/diffusion_pytorch_model.safetensors", "short", 5);
    free(inspect("model", 0, SELORA_BAD_INPUT));
}

static void add(slr_safetensors_writer *writer, const char *name, int64_t rows, int64_t columns, const float *values)
{
    const int64_t shape[2] = {rows, columns};
    assert_int_equal(slr_safetensors_writer_tensor(writer, name, SLR_DTYPE_F32, 2, shape, values, NULL), SELORA_OK);
}

static void save(slr_safetensors_writer *writer, const char *name)
{
    assert_int_equal(slr_safetensors_writer_save(writer, scratch_path(name), NULL), SELORA_OK);
    slr_safetensors_writer_free(writer);
}

static json_t *layer(const json_t *facts, size_t index)
{
    json_t *row = json_array_get(json_object_get(facts, "layers"), index);
    assert_non_null(row);
    return row;
}

static void assert_real(const json_t *row, const char *key, double expected)
{
    assert_float_equal(json_number_value(json_object_get(row, key)), expected, 1e-6 * (1 + expected));
}

/* B A = [1; 2] [3 4 0] has norm sqrt(5) 5; the second stored row is padding. */
static const float a_rows[6] = {3, 4, 0, 0, 0, 0}, b_columns[4] = {1, 0, 2, 0};

static void test_diffusers_adapter(void **state)
{
    (void)state;
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    add(writer, "unet.mid.to_q.lora_A.weight", 2, 3, a_rows);
    add(writer, "unet.mid.to_q.lora_B.weight", 2, 2, b_columns);
    add(writer, "unet.mid.to_k.lora_A.weight", 2, 3, a_rows);
    add(writer, "unet.mid.to_k.lora_B.weight", 2, 2, b_columns);
    slr_safetensors_writer_metadata(writer, "lora_adapter_metadata",
        "{\"unet.r\":2,\"unet.lora_alpha\":6,\"unet.alpha_pattern\":{\"to_k\":8}}", NULL);
    slr_safetensors_writer_metadata(writer, "selora.method", "selora", NULL);
    save(writer, "a.safetensors");
    json_t *facts = facts_of("a.safetensors");
    assert_string_equal(json_string_value(json_object_get(facts, "naming")), "diffusers");
    assert_string_equal(json_string_value(json_object_get(json_object_get(facts, "header"), "selora.method")), "selora");
    assert_int_equal(number(facts, "total", "layers"), 2);
    assert_int_equal(number(facts, "total", "rank"), 2);
    assert_int_equal(number(facts, "total", "parameters"), 10);
    json_t *to_k = layer(facts, 0), *to_q = layer(facts, 1); /* files are sorted by name */
    assert_int_equal(number(to_q, NULL, "rank"), 1);
    assert_int_equal(number(to_q, NULL, "stored_rank"), 2);
    assert_real(to_q, "scale", 3);
    assert_real(to_q, "norm", 33.54); /* 3 sqrt(5) 5 in four digits */
    assert_real(to_k, "scale", 4);
    json_decref(facts);
}

static void test_kohya_adapter(void **state)
{
    (void)state;
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    const float alpha = 8;
    add(writer, "lora_unet_mid_block_to_q.lora_down.weight", 2, 3, a_rows);
    add(writer, "lora_unet_mid_block_to_q.lora_up.weight", 2, 2, b_columns);
    slr_safetensors_writer_tensor(writer, "lora_unet_mid_block_to_q.alpha", SLR_DTYPE_F32, 0, NULL, &alpha, NULL);
    save(writer, "k.safetensors");
    json_t *facts = facts_of("k.safetensors");
    assert_string_equal(json_string_value(json_object_get(facts, "naming")), "kohya");
    assert_real(layer(facts, 0), "scale", 4);
    json_decref(facts);
}

static void test_broken_adapters(void **state)
{
    (void)state;
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    add(writer, "unet.mid.to_q.lora_A.weight", 2, 3, a_rows);
    save(writer, "lonely.safetensors");
    char *text = inspect("lonely.safetensors", 0, SELORA_BAD_INPUT);
    assert_non_null(strstr(text, "only one half"));
    free(text);

    const float wrong[6] = {0}, nan_values[6] = {3, 4, (float)NAN, 0, 0, 0};
    writer = slr_safetensors_writer_new();
    add(writer, "unet.mid.to_q.lora_A.weight", 2, 3, a_rows);
    add(writer, "unet.mid.to_q.lora_B.weight", 2, 3, wrong);
    save(writer, "shape.safetensors");
    free(inspect("shape.safetensors", 0, SELORA_BAD_INPUT));

    writer = slr_safetensors_writer_new();
    add(writer, "unet.mid.to_q.lora_A.weight", 2, 3, nan_values);
    add(writer, "unet.mid.to_q.lora_B.weight", 2, 2, b_columns);
    save(writer, "nan.safetensors");
    free(inspect("nan.safetensors", 0, SELORA_BAD_INPUT));
}

static void test_data(void **state)
{
    (void)state;
    selora_context *context;
    assert_int_equal(selora_context_new(NULL, &context), SELORA_OK);
    selora_phantom_options options = selora_phantom_defaults();
    options.out = scratch_path("data");
    options.count = 25;
    assert_int_equal(selora_phantom_folder(context, &options), SELORA_OK);
    selora_context_free(context);
    json_t *facts = facts_of("data");
    assert_string_equal(json_string_value(json_object_get(facts, "layout")), "metadata.csv");
    assert_int_equal(number(facts, NULL, "pictures"), 25);
    assert_int_equal(number(facts, "split", "train"), 20);
    assert_int_equal(number(facts, "split", "validation"), 4);
    assert_int_equal(number(facts, "split", "test"), 1);
    assert_int_equal(number(facts, "captions", "empty"), 0);
    json_t *form = json_array_get(json_object_get(facts, "forms"), 0);
    assert_string_equal(json_string_value(json_object_get(form, "form")), "8 bit, grey");
    assert_int_equal(number(form, NULL, "pictures"), 25);
    json_t *column = json_array_get(json_object_get(facts, "columns"), 0);
    assert_string_equal(json_string_value(json_object_get(column, "column")), "file_name");
    assert_int_equal(number(column, NULL, "different"), 25);
    json_decref(facts);
    /* no caption or file name is shown */
    char *text = inspect("data", 0, SELORA_OK);
    assert_null(strstr(text, "chest"));
    assert_null(strstr(text, ".png"));
    free(text);
}

static void write_text(const char *name, const char *text)
{
    scratch_write(name, text, strlen(text));
}

static void test_run(void **state)
{
    (void)state;
    assert_int_equal(mkdir(scratch_path("run"), 0755), 0);
    assert_int_equal(mkdir(scratch_path("run/checkpoints"), 0755), 0);
    assert_int_equal(mkdir(scratch_path("run/checkpoints/step-000040"), 0755), 0);
    assert_int_equal(mkdir(scratch_path("run/checkpoints/step-000080.1-0.tmp"), 0755), 0);
    write_text("run/run.json", "{\"selora\": \"0.1.0\", \"steps\": 80, \"data\": {\"train\": 5},"
                               " \"options\": {\"method\": \"selora\", \"lambda\": 1.3, \"lr\": 0.01, \"data\": \"/x/patients\"}}");
    write_text("run/log.jsonl", "{\"step\": 1, \"loss\": 0.5, \"rank\": 2}\n"
                                "{\"step\": 1, \"validation_loss\": 0.25, \"best\": true}\n"
                                "{\"step\": 2, \"loss\": 0.4, \"rank\": 3}\n"
                                "{\"step\": 2, \"loss\": nan, \"rank\": 3}\n" /* no JSON: passed over */
                                "{\"step\": 2, \"validation_loss\": 0.75, \"best\": false}\n"
                                "{\"step\": 3, \"lo"); /* the power went */
    write_text("run/ranks.csv", "step,layer,ratio,standard_error,rank_before,rank_after,note\n"
                                "1,unet.a,2,0,1,2,\n1,unet.b,1,0,1,1,\n1,unet.c,1,0,1,1,\n2,unet.a,2,0,2,3,\n2,unet.b,1");
    json_t *facts = facts_of("run");
    assert_string_equal(json_string_value(json_object_get(facts, "kind")), "run");
    assert_int_equal(number(facts, NULL, "steps_planned"), 80);
    assert_int_equal(number(facts, NULL, "steps_done"), 2);
    json_t *chosen = json_object_get(facts, "options_not_default");
    assert_int_equal(json_object_size(chosen), 1); /* no default, no path */
    assert_real(chosen, "lr", 0.01);
    assert_real(json_object_get(facts, "loss"), "first_tenth", 0.5);
    assert_real(json_object_get(facts, "loss"), "last_tenth", 0.4);
    assert_int_equal(number(facts, "best_validation", "step"), 1);
    assert_int_equal(number(facts, "last_validation", "step"), 2);
    assert_true(json_is_true(json_object_get(facts, "diverged"))); /* 0.75 is over twice 0.25 */
    assert_int_equal(number(facts, "growth", "decisions"), 2);
    assert_int_equal(number(facts, "growth", "growths"), 2);
    json_t *history = json_object_get(facts, "rank_history");
    assert_int_equal(json_array_size(history), 2);
    assert_int_equal(number(json_array_get(history, 0), NULL, "rank"), 4);
    assert_real(json_array_get(history, 0), "largest_ratio", 2);
    assert_int_equal(json_array_size(json_object_get(facts, "checkpoints")), 1);
    json_t *ranks = json_object_get(facts, "ranks");
    assert_int_equal(json_array_size(ranks), 2);
    assert_int_equal(number(json_array_get(ranks, 0), NULL, "layers"), 2); /* of rank 1 */
    assert_int_equal(number(json_array_get(ranks, 1), NULL, "rank"), 3);
    json_decref(facts);
    write_text("run/run.json", "{}");
    free(inspect("run", 0, SELORA_BAD_INPUT));
    /* Escapes of a terminal, C0 and C1, do not reach it. */
    write_text("run/run.json", "{\"selora\": \"\\u001b[2J\\u009bm\", \"options\": {}}");
    char *text = inspect("run", 0, SELORA_OK);
    for (const char *at = text; *at; at++)
        assert_true(*at == '\n' || (*at >= ' ' && *at < 0x7f));
    assert_non_null(strstr(text, "?[2J"));
    free(text);
}

static void test_no_such(void **state)
{
    (void)state;
    free(inspect("nothing", 0, SELORA_BAD_INPUT));
    scratch_write("notes.txt", "x", 1);
    free(inspect("notes.txt", 0, SELORA_BAD_INPUT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_model, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_diffusers_adapter, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_kohya_adapter, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_broken_adapters, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_data, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_run, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_no_such, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
