/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/tiny_training.h"
#include "train/validation.h"

static slr_validation *table_of(const tiny_training *t, size_t pictures)
{
    slr_validation *v;
    const slr_draw_rules *rules = &slr_trainer_get_options(t->trainer)->draw;
    assert_int_equal(slr_validation_new(rules, t->pictures, pictures, &v, NULL), SELORA_OK);
    return v;
}

static double loss_of(slr_validation *v, tiny_training *t)
{
    double loss;
    slr_error err = {0};
    if (slr_validation_run(v, t->trainer, NULL, &loss, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return loss;
}

/* T27: the same bits twice, whatever happened in between; the same to 1e-6 at every batch size, short last batches
 * included. */
static void loss_depends_on_the_adapter_alone(void **state)
{
    (void)state;
    double losses[5];
    const int64_t batches[] = {1, 2, 3, 7, 16};
    for (int i = 0; i < 5; i++) {
        tiny_training t;
        slr_trainer_options options = tiny_training_options(SLR_METHOD_SELORA);
        options.batch = batches[i];
        tiny_training_begin(&t, &options, "unet,text");
        slr_validation *v = table_of(&t, TINY_PICTURES);
        assert_int_equal(slr_validation_looks(v), 20); /* four of each of five pictures */
        losses[i] = loss_of(v, &t);
        assert_true(loss_of(v, &t) == losses[i]);
        slr_validation *again = table_of(&t, TINY_PICTURES);
        assert_true(loss_of(again, &t) == losses[i]);
        slr_validation_free(again);
        tiny_training_run(&t, 3);
        assert_true(loss_of(v, &t) != losses[i]);
        slr_validation_free(v);
        tiny_training_end(&t);
        assert_true(fabs(losses[i] - losses[0]) <= 1e-6 * losses[0]);
    }
    assert_true(losses[0] > 0.1);
}

/* Validation between steps changes nothing in training. */
static void training_does_not_notice(void **state)
{
    (void)state;
    tiny_training a, b;
    slr_trainer_options options = tiny_training_options(SLR_METHOD_SELORA);
    tiny_training_begin(&a, &options, "unet,text");
    tiny_training_begin(&b, &options, "unet,text");
    slr_validation *v = table_of(&b, 3);
    for (int64_t step = 1; step <= 12; step++) {
        tiny_training_run(&a, step);
        tiny_training_run(&b, step);
        loss_of(v, &b);
    }
    assert_true(tiny_training_same(&a, &b));
    slr_validation_free(v);
    tiny_training_end(&a);
    tiny_training_end(&b);
}

static void timesteps_are_stratified(void **state)
{
    (void)state;
    tiny_training t;
    slr_trainer_options options = tiny_training_options(SLR_METHOD_LORA);
    tiny_training_begin(&t, &options, "unet");
    for (size_t pictures = 1; pictures <= TINY_PICTURES; pictures++) {
        slr_validation *v = table_of(&t, pictures);
        size_t looks = slr_validation_looks(v);
        assert_true(looks >= SLR_VALIDATION_DRAWS && looks % pictures == 0);
        int hits[64] = {0};
        for (size_t i = 0; i < looks; i++) {
            int timestep = slr_validation_timestep(v, i);
            assert_in_range(timestep, 0, 999);
            hits[(size_t)timestep * looks / 1000]++;
        }
        /* A timestep at the lower edge of a part may be rounded into the part below, never farther. */
        int reached = 0;
        for (size_t part = 0; part < looks; part++) {
            reached += hits[part];
            assert_in_range(reached, part, part + 2);
        }
        slr_validation_free(v);
    }
    tiny_training_end(&t);
}

/* Training on the pictures lowers their validation loss. */
static void loss_falls(void **state)
{
    (void)state;
    tiny_training t;
    slr_trainer_options options = tiny_training_options(SLR_METHOD_SELORA);
    options.batch = 4;
    options.rates = (slr_learning_rates){2e-3, 2e-3}; /* a calm course, the same on every machine */
    tiny_training_begin(&t, &options, "unet,text");
    slr_validation *v = table_of(&t, TINY_PICTURES);
    double before = loss_of(v, &t);
    tiny_training_run(&t, 100);
    double after = loss_of(v, &t);
    print_message("loss %.4f, after 100 steps %.4f\n", before, after);
    assert_true(after < 0.9 * before);
    slr_validation_free(v);
    tiny_training_end(&t);
}

static int always(void *user)
{
    (void)user;
    return 1;
}

static void interruption_and_bad_values_are_told(void **state)
{
    (void)state;
    tiny_training t;
    double loss;
    slr_error err = {0};
    slr_trainer_options options = tiny_training_options(SLR_METHOD_LORA);
    tiny_training_begin(&t, &options, "unet");
    slr_validation *v = table_of(&t, 2);
    slr_hooks hooks = {.interrupted = always};
    assert_int_equal(slr_validation_run(v, t.trainer, &hooks, &loss, &err), SELORA_INTERRUPTED);
    slr_adapter *a = slr_adapter_set_at(t.set, 2);
    a->bt[1] = (slr_real)NAN;
    assert_int_equal(slr_validation_run(v, t.trainer, NULL, &loss, &err), SELORA_NUMERIC);
    assert_non_null(strstr(err.message, a->path));
    slr_validation_free(v);
    tiny_training_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_depends_on_the_adapter_alone),
        cmocka_unit_test(training_does_not_notice),
        cmocka_unit_test(timesteps_are_stratified),
        cmocka_unit_test(loss_falls),
        cmocka_unit_test(interruption_and_bad_values_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
