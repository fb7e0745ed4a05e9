/* SPDX-License-Identifier: MIT
 * An adapter file beside a sample case: the committed case that has adapters of its own is parted into the two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/safetensors.h"
#include "selora.h"
#include "support/scratch.h"

#define FOLDER TEST_SOURCE_DIR "/tests/cases/two-levels/"
#define WHOLE FOLDER "sample_euler.safetensors"
#define PREFIX "in.adapter."
enum { MAX_VALUES = 4096, MAX_TENSORS = 256, SCALE = 8 };

static selora_context *context;
static selora_model *model;

/* in.adapter.LAYER.lora_B becomes LAYER.lora_B.weight, with the scale in it. The writer borrows. */
static void add_pair_half(slr_safetensors_writer *writer, const slr_stored_tensor *tensor, float *values)
{
    char name[512];
    int64_t count = slr_stored_count(tensor);
    slr_error err = {0};
    bool is_b = strstr(tensor->name, ".lora_B");
    assert_true(count <= MAX_VALUES);
    snprintf(name, sizeof name, "%s.weight", tensor->name + strlen(PREFIX));
    for (int64_t i = 0; i < count; i++) {
        double value;
        slr_stored_to_f64(tensor, i, 1, &value);
        values[i] = (float)(is_b ? SCALE * value : value);
    }
    assert_int_equal(slr_safetensors_writer_tensor(writer, name, SLR_DTYPE_F32, tensor->dims, tensor->shape, values,
                                                   &err),
                     SELORA_OK);
}

static int part_case(void **state)
{
    slr_error err = {0};
    slr_safetensors *whole;
    static float values[MAX_TENSORS][MAX_VALUES];
    slr_safetensors_writer *rest = slr_safetensors_writer_new(), *adapter = slr_safetensors_writer_new();
    (void)state;
    assert_int_equal(slr_safetensors_open(WHOLE, &whole, &err), SELORA_OK);
    assert_true(slr_safetensors_count(whole) <= MAX_TENSORS);
    for (size_t i = 0; i < slr_safetensors_metadata_count(whole); i++) {
        const char *key, *value;
        slr_safetensors_metadata_at(whole, i, &key, &value);
        if (strcmp(key, "scale") != 0)
            slr_safetensors_writer_metadata(rest, key, value, &err);
    }
    for (size_t i = 0; i < slr_safetensors_count(whole); i++) {
        const slr_stored_tensor *t = slr_safetensors_at(whole, i);
        if (strncmp(t->name, PREFIX, strlen(PREFIX)) == 0)
            add_pair_half(adapter, t, values[i]);
        else
            slr_safetensors_writer_tensor(rest, t->name, t->dtype, t->dims, t->shape, t->data, &err);
    }
    assert_int_equal(slr_safetensors_writer_save(rest, scratch_path("case.safetensors"), &err), SELORA_OK);
    assert_int_equal(slr_safetensors_writer_save(adapter, scratch_path("adapter.safetensors"), &err), SELORA_OK);
    slr_safetensors_writer_free(rest);
    slr_safetensors_writer_free(adapter);
    slr_safetensors_close(whole);
    return selora_context_new(&(selora_settings){.threads = 1}, &context) ||
           selora_model_load(context, FOLDER "model", &(selora_model_options){.weights = "keep"}, &model);
}

static int free_model(void **state)
{
    (void)state;
    selora_model_free(model);
    selora_context_free(context);
    return 0;
}

static selora_status verify_with(const char *path, double strength)
{
    selora_adapter *adapter;
    assert_int_equal(
        selora_adapter_load(context, model, scratch_path("adapter.safetensors"), strength, &adapter), SELORA_OK);
    selora_status status = selora_verify(context, model, adapter, path, 0, NULL, NULL);
    selora_adapter_free(adapter);
    return status;
}

static void test_a_sample_with_its_adapter_passes(void **state)
{
    (void)state;
    assert_int_equal(verify_with(scratch_path("case.safetensors"), 1), SELORA_OK);
}

static void test_without_it_or_at_another_strength_it_differs(void **state)
{
    (void)state;
    assert_int_equal(selora_verify(context, model, NULL, scratch_path("case.safetensors"), 0, NULL, NULL),
                     SELORA_CHECK_FAILED);
    assert_int_equal(verify_with(scratch_path("case.safetensors"), 0.5), SELORA_CHECK_FAILED);
}

static void test_cases_that_take_none(void **state)
{
    (void)state;
    assert_int_equal(verify_with(WHOLE, 1), SELORA_BAD_INPUT);
    assert_non_null(strstr(selora_error(context), "adapters of its own"));
    assert_int_equal(verify_with(FOLDER "unet.safetensors", 1), SELORA_BAD_INPUT);
    assert_non_null(strstr(selora_error(context), "sample cases take one"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sample_with_its_adapter_passes),
        cmocka_unit_test(test_without_it_or_at_another_strength_it_differs),
        cmocka_unit_test(test_cases_that_take_none),
    };
    return cmocka_run_group_tests(tests, part_case, free_model);
}
