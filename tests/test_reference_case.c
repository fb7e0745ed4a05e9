/* SPDX-License-Identifier: MIT
 * Damaged and wrong reference cases: each is one change of a good one, and is refused with one line
 * that names the place. Nothing of it may pass, crash or run for long. */
#include <math.h>
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

static selora_context *context;
static selora_model *model;

static int load_model(void **state)
{
    (void)state;
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

typedef enum action {
    KEEP,
    DROP,     /* the tensor `name` */
    ADD,      /* a tensor `name` of F32 with shape (1) */
    RENAME,   /* to `text` */
    RESHAPE,  /* to the sizes in `text`, as many elements as before */
    AS_F64,   /* stored as F64 */
    AS_F32,   /* integers stored as F32 */
    SET,      /* element 1 to `value` */
    CLEAR,    /* all elements to 0 */
    DROP_KEY, /* the metadata key `name` */
    SET_KEY   /* to `text` */
} action;

typedef struct change {
    const char *file; /* without .safetensors */
    action action;
    const char *name, *text;
    double value;
    const char *message; /* part of what must be said; NULL: the case is legal */
} change;

enum { MAX_VALUES = 1 << 14 };

/* The values of the changed tensor; one tensor changes in a case, and the writer borrows them until
 * it has saved. */
static double doubles[MAX_VALUES];
static float floats[MAX_VALUES];
static int64_t integers[MAX_VALUES];

static void reshape(slr_stored_tensor *tensor, const char *sizes)
{
    char *end;
    tensor->dims = 0;
    for (const char *at = sizes; *at; at = end)
        tensor->shape[tensor->dims++] = strtoll(at, &end, 10);
}

static void change_integers(slr_stored_tensor *tensor, const change *c)
{
    int64_t count = slr_stored_count(tensor);
    slr_stored_to_i64(tensor, 0, count, integers);
    if (c->action == SET)
        integers[1] = (int64_t)c->value;
    for (int64_t i = 0; i < count; i++)
        floats[i] = (float)integers[i];
    tensor->dtype = c->action == AS_F32 ? SLR_DTYPE_F32 : SLR_DTYPE_I64;
    tensor->data = c->action == AS_F32 ? (const void *)floats : integers;
}

static void change_reals(slr_stored_tensor *tensor, const change *c)
{
    int64_t count = slr_stored_count(tensor);
    slr_stored_to_f64(tensor, 0, count, doubles);
    if (c->action == CLEAR)
        memset(doubles, 0, sizeof doubles);
    if (c->action == SET)
        doubles[1] = c->value;
    for (int64_t i = 0; i < count; i++)
        floats[i] = (float)doubles[i];
    tensor->dtype = c->action == AS_F64 ? SLR_DTYPE_F64 : SLR_DTYPE_F32;
    tensor->data = c->action == AS_F64 ? (const void *)doubles : floats;
}

/* One tensor of the good case into the writer, changed when it is the one. */
static void copy_tensor(slr_safetensors_writer *writer, const slr_stored_tensor *good,
                        const change *c)
{
    slr_stored_tensor tensor = *good;
    slr_error err = {0};
    if (strcmp(tensor.name, c->name) == 0) {
        assert_true(slr_stored_count(good) <= MAX_VALUES);
        if (c->action == DROP)
            return;
        if (c->action == RENAME)
            tensor.name = c->text;
        if (c->action == RESHAPE)
            reshape(&tensor, c->text);
        else if (c->action >= AS_F64 && c->action <= CLEAR && tensor.dtype == SLR_DTYPE_I64)
            change_integers(&tensor, c);
        else if (c->action >= AS_F64 && c->action <= CLEAR)
            change_reals(&tensor, c);
    }
    assert_int_equal(slr_safetensors_writer_tensor(writer, tensor.name, tensor.dtype, tensor.dims,
                                                   tensor.shape, tensor.data, &err),
                     SELORA_OK);
}

/* Writes the changed case to the scratch folder; its path. */
static const char *changed_case(const change *c)
{
    char path[512];
    static const float one = 1;
    slr_error err = {0};
    slr_safetensors *good;
    snprintf(path, sizeof path, FOLDER "%s.safetensors", c->file);
    if (slr_safetensors_open(path, &good, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    for (size_t i = 0; i < slr_safetensors_metadata_count(good); i++) {
        const char *key, *value;
        slr_safetensors_metadata_at(good, i, &key, &value);
        if (c->action != DROP_KEY || strcmp(key, c->name) != 0)
            slr_safetensors_writer_metadata(writer, key, value, &err);
    }
    if (c->action == SET_KEY)
        slr_safetensors_writer_metadata(writer, c->name, c->text, &err);
    for (size_t i = 0; i < slr_safetensors_count(good); i++)
        copy_tensor(writer, slr_safetensors_at(good, i), c);
    if (c->action == ADD)
        slr_safetensors_writer_tensor(writer, c->name, SLR_DTYPE_F32, 1, (int64_t[]){1}, &one,
                                      &err);
    assert_int_equal(slr_safetensors_writer_save(writer, scratch_path("case.safetensors"), &err),
                     SELORA_OK);
    slr_safetensors_writer_free(writer);
    slr_safetensors_close(good);
    return scratch_path("case.safetensors");
}

static void expect(const change *c)
{
    selora_status status = selora_verify(context, model, NULL, changed_case(c), 0, NULL, NULL);
    const char *said = selora_error(context);
    if (c->message &&
        (status != SELORA_BAD_INPUT || !strstr(said, c->message) || strchr(said, '\n')))
        fail_msg("%s, %s: status %d, said \"%s\", expected 3 and \"%s\"", c->file, c->name, status,
                 said, c->message);
    if (!c->message && status != SELORA_OK)
        fail_msg("%s, %s: status %d, said \"%s\"", c->file, c->name, status, said);
}

#define TO_Q "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"

static const change metadata_changes[] = {
    {"unet", KEEP, "", NULL, 0, NULL},
    {"unet", SET_KEY, "producer", "someone", 0, NULL},
    {"unet", DROP_KEY, "format", NULL, 0, "metadata key format is missing"},
    {"unet", SET_KEY, "format", "selora-case/2", 0, "metadata key format is not"},
    {"unet", DROP_KEY, "kind", NULL, 0, "metadata key kind is missing"},
    {"unet", SET_KEY, "kind", "unet ", 0, "no such kind"},
    {"unet", DROP_KEY, "producer", NULL, 0, "metadata key producer is missing"},
    {"unet", SET_KEY, "scale", "8", 0, "metadata key scale does not belong to kind unet"},
    {"unet", SET_KEY, "kind", "vae_encode", 0, "does not belong to kind vae_encode"},
    {"train_step", DROP_KEY, "scale", NULL, 0, "metadata key scale is missing"},
    {"train_step", SET_KEY, "scale", "8,0", 0, "metadata key scale is not a number"},
    {"train_step", SET_KEY, "scale", "nan", 0, "metadata key scale is not a number"},
    {"train_step", SET_KEY, "scale", "1e999", 0, "metadata key scale is not a number"},
    {"train_step", SET_KEY, "scale", "", 0, "metadata key scale is not a number"},
    {"schedule_pndm", SET_KEY, "steps", "13.0", 0, "metadata key steps is not a whole number"},
    {"schedule_pndm", SET_KEY, "steps", "0", 0, "metadata key steps is not a whole number"},
    {"schedule_pndm", SET_KEY, "steps", "1001", 0, "metadata key steps is not a whole number"},
    {"schedule_pndm", SET_KEY, "steps", "12", 0, "expect.timesteps"},
    {"schedule_pndm", SET_KEY, "sampler", "heun", 0, "metadata key sampler is not one of"},
    {"schedule_pndm", SET_KEY, "guidance", "1", 0, "metadata key guidance does not belong"},
    {"sample_euler", SET_KEY, "guidance", "high", 0, "metadata key guidance is not a number"},
    {"sample_euler", DROP_KEY, "scale", NULL, 0, "metadata key scale is missing"},
    {"sample_pndm", SET_KEY, "scale", "8", 0, NULL},
    {"adam", SET_KEY, "beta1", "1", 0, "must be below 1"},
    {"adam", SET_KEY, "eps", "-1", 0, "metadata key eps is not a number"},
    {"tokenizer", SET_KEY, "texts", "[\"a\", 1]", 0, "metadata key texts is not"},
    {"tokenizer", SET_KEY, "texts", "{}", 0, "metadata key texts is not"},
    {"tokenizer", SET_KEY, "texts", "[\"a\"]", 0, "expect.input_ids: dimension 0"},
    {"tokenizer", SET_KEY, "texts", "[\"a\"", 0, "metadata key texts is not"},
};

static const change tensor_changes[] = {
    {"unet", DROP, "in.sample", NULL, 0, "in.sample is missing"},
    {"unet", DROP, "expect.output", NULL, 0, "expect.output is missing"},
    {"unet", ADD, "in.extra", NULL, 0, "in.extra does not belong to kind unet"},
    {"unet", ADD, "expect.adapter.x", NULL, 0, "expect.adapter.x does not belong"},
    {"unet", ADD, "extra", NULL, 0, "extra does not belong"},
    {"unet", RENAME, "expect.output", "expect.image", 0, "expect.image does not belong"},
    {"unet", RESHAPE, "in.sample", "2 4 8 3", 0, "expect.output: dimension 2 is 3, expected 8"},
    {"unet", RESHAPE, "in.sample", "8 1 3 8", 0, "in.sample: dimension 1 is 1, expected 4"},
    {"unet", RESHAPE, "in.sample", "2 4 24", 0, "in.sample has 3 dimensions, expected 4"},
    {"unet", RESHAPE, "in.encoder_hidden_states", "1 26 15", 0,
     "in.encoder_hidden_states: dimension 0 is 1, expected 2"},
    {"unet", RESHAPE, "in.encoder_hidden_states", "2 15 13", 0, "dimension 2 is 13, expected 15"},
    {"unet", AS_F64, "in.sample", NULL, 0, "in.sample is stored as F64, expected F32"},
    {"unet", AS_F64, "expect.output", NULL, 0, NULL},
    {"unet", SET, "in.sample", NULL, (double)NAN, "in.sample: element 1 is not finite"},
    {"unet", SET, "in.timestep", NULL, (double)INFINITY, "in.timestep: element 1 is not finite"},
    {"text_encoder", SET, "in.input_ids", NULL, 1e6,
     "in.input_ids: element 1 is 1000000, expected 0 to"},
    {"text_encoder", SET, "in.input_ids", NULL, -1, "in.input_ids: element 1 is -1"},
    {"text_encoder", AS_F32, "in.input_ids", NULL, 0,
     "in.input_ids is stored as F32, expected I64"},
    {"tokenizer", AS_F32, "expect.input_ids", NULL, 0,
     "expect.input_ids is stored as F32, expected I64"},
    {"vae_encode", RESHAPE, "in.image", "1 3 1 1625", 0, "in.image is smaller than 8x8 pixels"},
    {"vae_encode", RESHAPE, "expect.mean", "1 4 8 3", 0,
     "expect.logvar: dimension 2 is 3, expected 8"},
    {"vae_encode", RESHAPE, "in.image", "1 3 65 25", 0, "the output is 3x8, the VAE makes 8x3"},
    {"vae_decode", RESHAPE, "expect.image", "2 3 64 24", 0,
     "the output is 64x24, the VAE makes 24x64"},
    {"train_step", SET, "in.timestep", NULL, 1000,
     "in.timestep: element 1 is 1000, expected 0 to 999"},
    {"train_step", RESHAPE, "expect.loss", "1", 0, NULL},
    {"schedule_euler", AS_F64, "expect.alphas_cumprod", NULL, 0, NULL},
    {"sample_pndm", DROP, "in.negative_input_ids", NULL, 0, "in.negative_input_ids is missing"},
    {"sample_euler", DROP, "expect.image", NULL, 0, NULL},
    {"sample_euler", RESHAPE, "expect.image", "1 3 64 24", 0, "the output is 64x24"},
    {"sample_pndm", ADD, "in.probe.x", NULL, 0, "in.probe.x does not belong to kind sample"},
    {"adam", RENAME, "in.grad.3", "in.grad.7", 0, "in.grad.3 is missing"},
    {"adam", RENAME, "in.grad.3", "in.grad.03", 0, "in.grad.3 is missing"},
    {"adam", RENAME, "in.grad.3", "in.grad.-1", 0, "in.grad.3 is missing"},
};

static const change adapter_changes[] = {
    {"train_step", DROP, "in.adapter." TO_Q ".lora_A", NULL, 0, TO_Q ".lora_A is missing"},
    {"train_step", DROP, "in.adapter." TO_Q ".lora_B", NULL, 0, TO_Q ".lora_B is missing"},
    {"train_step", DROP, "expect.grad." TO_Q ".lora_A", NULL, 0,
     "expect.grad." TO_Q ".lora_A is missing"},
    {"train_step", DROP, "expect.grad." TO_Q ".lora_B", NULL, 0,
     "expect.grad." TO_Q ".lora_B is missing"},
    {"train_step", DROP, "in.probe." TO_Q, NULL, 0, "in.probe." TO_Q " is missing"},
    {"train_step", DROP, "expect.probe_grad." TO_Q, NULL, 0,
     "expect.probe_grad." TO_Q " is missing"},
    {"train_step", DROP, "expect.ratio." TO_Q, NULL, 0, "expect.ratio." TO_Q " is missing"},
    {"train_step", ADD, "in.adapter.unet.nothing.lora_A", NULL, 0,
     "unet.nothing.lora_B is missing"},
    {"train_step", ADD, "in.adapter.unet.nothing", NULL, 0, ".lora_A or .lora_B is expected"},
    {"train_step", ADD, "in.adapter..lora_A", NULL, 0, ".lora_A or .lora_B is expected"},
    {"train_step", ADD, "in.probe.", NULL, 0, "in.adapter..lora_A is missing"},
    {"train_step", ADD, "expect.ratio.unet.nothing", NULL, 0,
     "in.adapter.unet.nothing.lora_A is missing"},
    {"train_step", RESHAPE, "in.adapter." TO_Q ".lora_A", "63", 0, "has 1 dimensions, expected 2"},
    {"train_step", RESHAPE, "in.adapter." TO_Q ".lora_A", "21 3", 0, "is 21x3, expected 21x21"},
    {"train_step", RESHAPE, "in.adapter." TO_Q ".lora_B", "3 21", 0, "is 3x21, expected 21x3"},
    {"train_step", RESHAPE, "in.probe." TO_Q, "21 3", 0, "is 21x3, expected 21x21"},
    {"train_step", RESHAPE, "expect.grad." TO_Q ".lora_A", "21 3", 0, "is 21x3, expected 3x21"},
    {"train_step", RESHAPE, "expect.probe_grad." TO_Q, "3 21", 0, "is 3x21, expected 21x3"},
    {"train_step", RESHAPE, "expect.ratio." TO_Q, "1 3", 0, "has 2 dimensions, expected 1"},
    {"train_step", AS_F64, "in.adapter." TO_Q ".lora_A", NULL, 0, "is stored as F64, expected F32"},
    {"train_step", SET, "in.adapter." TO_Q ".lora_B", NULL, (double)NAN, "element 1 is not finite"},
    {"train_step", SET, "in.probe." TO_Q, NULL, (double)INFINITY, "element 1 is not finite"},
    {"unet", ADD, "in.adapter." TO_Q ".lora_A", NULL, 0, "does not belong to kind unet"},
};

static void run_changes(const change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect(&changes[i]);
}

static void test_metadata(void **state)
{
    (void)state;
    run_changes(metadata_changes, sizeof metadata_changes / sizeof *metadata_changes);
}

static void test_tensors(void **state)
{
    (void)state;
    run_changes(tensor_changes, sizeof tensor_changes / sizeof *tensor_changes);
}

static void test_adapters(void **state)
{
    (void)state;
    run_changes(adapter_changes, sizeof adapter_changes / sizeof *adapter_changes);
}

/* Long values and deep lists are read, not believed. */
static void test_large_metadata(void **state)
{
    (void)state;
    enum { LENGTH = 1 << 20 };
    char *text = malloc(LENGTH + 1);
    assert_non_null(text);
    memset(text, 'x', LENGTH);
    text[LENGTH] = 0;
    expect(&(change){"unet", SET_KEY, "producer", text, 0, NULL});
    expect(&(change){"unet", SET_KEY, "kind", text, 0, "no such kind"});
    expect(&(change){"train_step", SET_KEY, "scale", text, 0, "metadata key scale is not a number"});
    expect(&(change){"unet", RENAME, "in.sample", text, 0, "does not belong to kind unet"});
    memset(text, '[', LENGTH);
    expect(&(change){"tokenizer", SET_KEY, "texts", text, 0, "metadata key texts is not"});
    memset(text, '9', LENGTH);
    expect(&(change){"sample_pndm", SET_KEY, "steps", text, 0, "metadata key steps is not"});
    for (int i = 0; i < LENGTH; i += 2)
        memcpy(text + i, i == 0 ? "[1" : ",1", 2);
    text[LENGTH - 1] = ']';
    expect(&(change){"tokenizer", SET_KEY, "texts", text, 0, "metadata key texts is not"});
    free(text);
}

typedef struct one_row {
    const char *tensor;
    selora_verify_row row;
    int rows, failed;
} one_row;

static void note_row(void *user, const selora_verify_row *row)
{
    one_row *wanted = user;
    wanted->rows++;
    wanted->failed += !row->passed;
    if (strcmp(row->tensor, wanted->tensor) == 0)
        wanted->row = *row;
}

/* Verifies a changed case; what was reported of the changed tensor. */
static one_row row_of(const change *c, double rtol, selora_status wanted)
{
    one_row row = {.tensor = c->name};
    assert_int_equal(selora_verify(context, model, NULL, changed_case(c), rtol, note_row, &row), wanted);
    assert_true(row.rows > 0);
    return row;
}

static void test_nan_in_an_output_fails(void **state)
{
    (void)state;
    one_row row = row_of(&(change){"unet", SET, "expect.output", NULL, (double)NAN, NULL}, 1e9,
                         SELORA_CHECK_FAILED);
    assert_false(row.row.passed);
    assert_true(isnan(row.row.relative) && isnan(row.row.max_abs));
}

static void test_zero_output_must_be_met_exactly(void **state)
{
    (void)state;
    one_row row =
        row_of(&(change){"unet", CLEAR, "expect.output", NULL, 0, NULL}, 1e9, SELORA_CHECK_FAILED);
    assert_true(isinf(row.row.relative));
}

/* Against the largest gradient of the case a small one may vanish, a large one may not. */
static void test_floor_of_gradients(void **state)
{
    (void)state;
    one_row row =
        row_of(&(change){"train_step", CLEAR, "expect.grad." TO_Q ".lora_B", NULL, 0, NULL}, 0,
               SELORA_CHECK_FAILED);
    assert_int_equal(row.failed, 1);
    assert_true(row.row.relative > 2e-4 && row.row.relative < 1e3);
}

static void test_integers_are_exact(void **state)
{
    (void)state;
    one_row row = row_of(&(change){"tokenizer", SET, "expect.input_ids", NULL, 3, NULL}, 1e9,
                         SELORA_CHECK_FAILED);
    assert_true(row.row.tolerance == 0);
    row = row_of(&(change){"schedule_pndm", SET, "expect.timesteps", NULL, 3, NULL}, 1e9,
                 SELORA_CHECK_FAILED);
    assert_int_equal(row.failed, 1);
}

static void test_tolerances(void **state)
{
    (void)state;
    static const struct {
        const char *file, *tensor;
        double tolerance;
    } wanted[] = {
        {"text_encoder", "expect.last_hidden_state", 1e-5},
        {"unet", "expect.output", 1e-4},
        {"vae_encode", "expect.logvar", 1e-4},
        {"vae_decode", "expect.image", 1e-4},
        {"train_step", "expect.loss", 1e-4},
        {"train_step", "expect.prediction", 1e-4},
        {"train_step", "expect.grad." TO_Q ".lora_A", 2e-4},
        {"train_step", "expect.probe_grad." TO_Q, 2e-4},
        {"train_step", "expect.ratio." TO_Q, 2e-4},
        {"schedule_euler", "expect.timesteps", 1e-5},
        {"schedule_euler", "expect.alphas_cumprod", 1e-5},
        {"sample_pndm", "expect.latents", 1e-3},
        {"sample_euler", "expect.image", 1e-3},
        {"adam", "expect.v", 1e-5},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        one_row row =
            row_of(&(change){wanted[i].file, KEEP, wanted[i].tensor, NULL, 0, NULL}, 0, SELORA_OK);
        assert_true(row.row.tolerance == wanted[i].tolerance);
        row = row_of(&(change){wanted[i].file, KEEP, wanted[i].tensor, NULL, 0, NULL}, 0.25,
                     SELORA_OK);
        assert_true(row.row.tolerance == 0.25);
    }
}

/* A file cut anywhere, or with bytes turned over in its header, is refused or compared, never
 * worse. */
static void test_damaged_files(void **state)
{
    (void)state;
    changed_case(&(change){"train_step", KEEP, "", NULL, 0, NULL});
    size_t size, header = 0;
    char *bytes = scratch_read("case.safetensors", &size);
    assert_non_null(bytes);
    memcpy(&header, bytes, sizeof header);
    for (size_t length = 0; length < size; length += length < header ? 997 : 7919) {
        scratch_write("cut.safetensors", bytes, length);
        assert_int_equal(
            selora_verify(context, model, NULL, scratch_path("cut.safetensors"), 0, NULL, NULL),
            SELORA_BAD_INPUT);
        assert_null(strchr(selora_error(context), '\n'));
    }
    uint32_t seed = 1;
    for (int i = 0; i < 300; i++) {
        seed = seed * 1664525u + 1013904223u;
        size_t at = seed % (header + 8);
        char before = bytes[at];
        bytes[at] ^= (char)(1 << (seed >> 29));
        scratch_write("turned.safetensors", bytes, size);
        selora_status status =
            selora_verify(context, model, NULL, scratch_path("turned.safetensors"), 0, NULL, NULL);
        assert_true(status == SELORA_OK || status == SELORA_CHECK_FAILED ||
                    status == SELORA_BAD_INPUT);
        bytes[at] = before;
    }
    free(bytes);
}

static void test_what_is_no_case(void **state)
{
    (void)state;
    assert_int_equal(selora_verify(context, model, NULL, FOLDER "nothing.safetensors", 0, NULL, NULL),
                     SELORA_BAD_INPUT);
    assert_int_equal(selora_verify(context, model, NULL, FOLDER, 0, NULL, NULL), SELORA_BAD_INPUT);
    assert_int_equal(selora_verify(context, model, NULL, FOLDER "model/model_index.json", 0, NULL, NULL),
                     SELORA_BAD_INPUT);
    assert_int_equal(selora_verify(context, model, NULL, FOLDER "model.safetensors", 0, NULL, NULL),
                     SELORA_BAD_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_metadata, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_tensors, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_adapters, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_large_metadata, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_nan_in_an_output_fails, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_zero_output_must_be_met_exactly, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_floor_of_gradients, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_integers_are_exact, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_tolerances, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_damaged_files, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_what_is_no_case),
    };
    return cmocka_run_group_tests(tests, load_model, free_model);
}
