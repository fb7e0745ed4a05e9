/* SPDX-License-Identifier: MIT
 * Training step by step through the public functions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "selora.h"
#include "support/scratch.h"
#include "support/tiny_folder.h"

enum { STEPS = 6, BATCH = 2 };

static float picture_pixels[BATCH][20 * 30 * 3];

typedef struct session {
    selora_context *context;
    selora_model *model;
    selora_image images[BATCH];
} session;

static void open_session(session *s)
{
    assert_int_equal(selora_context_new(&(selora_settings){.threads = 1}, &s->context), SELORA_OK);
    tiny_folder_write(scratch_path("model"), 5);
    if (selora_model_load(s->context, scratch_path("model"), NULL, &s->model) != SELORA_OK)
        fail_msg("%s", selora_error(s->context));
    s->images[0] = (selora_image){.width = 30, .height = 20, .channels = 3, .pixels = picture_pixels[0]};
    s->images[1] = (selora_image){.width = 16, .height = 25, .channels = 1, .pixels = picture_pixels[1]};
    for (int b = 0; b < BATCH; b++)
        for (size_t p = 0; p < sizeof picture_pixels[b] / sizeof(float); p++)
            picture_pixels[b][p] = (float)((p * (size_t)(5 + b)) % 89) / 89;
}

static void close_session(session *s)
{
    selora_model_free(s->model);
    selora_context_free(s->context);
}

static selora_train_options step_options(void)
{
    selora_train_options o = selora_train_defaults();
    o.size = "16";
    o.steps = STEPS;
    o.batch_size = BATCH;
    o.probe_every = 2;
    o.lambda = 1;
    o.lr = 1e-2;
    return o;
}

static void run_steps(session *s, const selora_train_options *options, double *losses, int64_t *rank)
{
    static const char *const captions[] = {"one", ""};
    selora_trainer *trainer;
    selora_step_result result;
    if (selora_trainer_new(s->context, s->model, options, &trainer) != SELORA_OK)
        fail_msg("%s", selora_error(s->context));
    for (int i = 0; i < STEPS; i++) {
        if (selora_train_step(trainer, s->images, captions, BATCH, &result) != SELORA_OK)
            fail_msg("%s", selora_error(s->context));
        assert_int_equal(result.step, i + 1);
        assert_true(isfinite(result.loss) && result.gradient_norm > 0 && result.learning_rate == 1e-2);
        losses[i] = result.loss;
    }
    const selora_adapter *adapter = selora_trainer_adapter(trainer);
    *rank = 0;
    for (int i = 0; i < selora_adapter_layer_count(adapter); i++)
        *rank += selora_adapter_layer_at(adapter, i).rank;
    assert_int_equal(*rank, result.total_rank);
    assert_true(*rank > selora_adapter_layer_count(adapter));
    selora_trainer_free(trainer);
}

/* The same pictures, captions and seed give the same bits; accumulation takes them as one batch. */
static void steps_repeat(void **state)
{
    (void)state;
    session s;
    double first[STEPS], again[STEPS], split[STEPS];
    int64_t rank[3];
    open_session(&s);
    selora_train_options options = step_options();
    run_steps(&s, &options, first, &rank[0]);
    run_steps(&s, &options, again, &rank[1]);
    assert_memory_equal(first, again, sizeof first);
    options.batch_size = 1;
    options.accumulate = 2;
    run_steps(&s, &options, split, &rank[2]);
    assert_int_equal(rank[2], rank[0]);
    assert_true(fabs(split[0] - first[0]) <= 1e-5 * first[0]);
    close_session(&s);
}

static void misuse_is_told(void **state)
{
    (void)state;
    session s;
    selora_trainer *trainer;
    selora_step_result result;
    static const char *const captions[] = {"one", "two"};
    open_session(&s);
    selora_train_options options = step_options();
    options.steps = 0;
    assert_int_equal(selora_trainer_new(s.context, s.model, &options, &trainer), SELORA_USAGE);
    assert_null(trainer);
    options = step_options();
    options.size = "12";
    assert_int_equal(selora_trainer_new(s.context, s.model, &options, &trainer), SELORA_USAGE);
    options = step_options();
    options.method = "dora";
    assert_int_equal(selora_trainer_new(s.context, s.model, &options, &trainer), SELORA_USAGE);
    assert_non_null(strstr(selora_error(s.context), "--method"));
    options = step_options();
    assert_int_equal(selora_trainer_new(s.context, s.model, &options, &trainer), SELORA_OK);
    assert_int_equal(selora_train_step(trainer, s.images, captions, 1, &result), SELORA_USAGE);
    s.images[1].channels = 2;
    assert_int_equal(selora_train_step(trainer, s.images, captions, BATCH, &result), SELORA_USAGE);
    s.images[1].channels = 1;
    assert_int_equal(selora_train_step(trainer, s.images, captions, BATCH, &result), SELORA_OK);
    assert_int_equal(result.step, 1);
    picture_pixels[0][7] = NAN; /* pixels are clamped to 0..1 */
    assert_int_equal(selora_train_step(trainer, s.images, captions, BATCH, &result), SELORA_OK);
    assert_true(isfinite(result.loss));
    selora_trainer_free(trainer);
    selora_trainer_free(NULL);
    close_session(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(steps_repeat, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(misuse_is_told, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
