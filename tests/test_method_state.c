/* SPDX-License-Identifier: MIT
 * Interrupted runs go on to the same bits; damaged state is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "adapters/adapter_state.h"
#include "support/scratch.h"
#include "support/toy_run.h"
#include "train/ema.h"

static const toy_shape chain = {.samples = 2, .tokens = 3, .layers = 3, .widths = {7, 6, 9, 5}};

static void save(toy_run *run, slr_ema *ema, const char *name)
{
    slr_error err = {0};
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    assert_non_null(writer);
    if (slr_adapter_state_save(run->toy->set, writer, &err) != SELORA_OK ||
        slr_method_save(run->method, writer, &err) != SELORA_OK ||
        slr_ema_save(ema, writer, &err) != SELORA_OK ||
        slr_safetensors_writer_save(writer, scratch_path(name), &err) != SELORA_OK)
        fail_msg("%s", err.message);
    slr_safetensors_writer_free(writer);
}

static selora_status load(toy_run *run, slr_ema *ema, const char *name, slr_error *err)
{
    slr_safetensors *file;
    selora_status status = slr_safetensors_open(scratch_path(name), &file, err);
    if (status == SELORA_OK)
        status = slr_adapter_state_load(run->toy->set, file, err);
    if (status == SELORA_OK)
        status = slr_method_load(run->method, file, err);
    if (status == SELORA_OK && ema)
        status = slr_ema_load(ema, file, err);
    slr_safetensors_close(file);
    if (status == SELORA_OK)
        toy_replan(run->toy);
    return status;
}

static void train(toy_run *run, slr_ema *ema, int64_t first, int64_t last)
{
    for (int64_t step = first; step <= last; step++) {
        toy_run_steps(run, step, step);
        assert_int_equal(slr_ema_update(ema, step, NULL), SELORA_OK);
    }
}

static void same_file(const char *a, const char *b)
{
    size_t size_a, size_b;
    char *x = scratch_read(a, &size_a), *y = scratch_read(b, &size_b);
    assert_true(x && y);
    assert_int_equal(size_a, size_b);
    assert_memory_equal(x, y, size_a);
    free(x);
    free(y);
}

typedef struct resume_case {
    slr_method_options method;
    slr_scale_mode scale_mode;
} resume_case;

static int list_cases(resume_case cases[8])
{
    slr_method_options base = slr_method_options_of(SLR_METHOD_SELORA);
    int count = 0;
    base.every = 7;
    base.lambda = 1.05;
    cases[count++] = (resume_case){base, SLR_SCALE_FIXED};
    cases[count] = (resume_case){base, SLR_SCALE_ALPHA_OVER_R};
    cases[count].method.probe_window = 4; /* saved in the middle of a window */
    cases[count].method.probe_rows = 3;
    cases[count++].method.on_expand = SLR_ON_EXPAND_WARM;
    cases[count] = (resume_case){base, SLR_SCALE_FIXED};
    cases[count].method.probe_window = 5;
    cases[count++].method.fisher = SLR_FISHER_CROSS;
    cases[count] = (resume_case){base, SLR_SCALE_RSLORA};
    cases[count++].method.probe_init = SLR_PROBE_POWER;
    cases[count] = (resume_case){base, SLR_SCALE_FIXED};
    cases[count++].method.fisher = SLR_FISHER_SAMPLE;
    cases[count] = (resume_case){slr_method_options_of(SLR_METHOD_SELORA_AUTHORS), SLR_SCALE_FIXED};
    cases[count].method.every = 7;
    cases[count++].method.lambda = 1;
    cases[count++] = (resume_case){slr_method_options_of(SLR_METHOD_LORA), SLR_SCALE_FIXED};
    return count;
}

static void test_T18_an_interrupted_run_goes_on_to_the_same_bits(void **state)
{
    (void)state;
    enum { HALF = 26 }; /* two steps short of a decision */
    resume_case cases[8];
    int count = list_cases(cases);
    for (int c = 0; c < count; c++) {
        slr_adapter_options options = {
            .seed = 11, .scale = 8, .rank = 1, .scale_mode = cases[c].scale_mode};
        slr_error err = {0};
        slr_ema *ema;
        toy_run *whole =
            toy_run_new(&chain, &options, &cases[c].method, 2 * HALF, slr_backend_cpu());
        assert_int_equal(slr_ema_new(whole->toy->set, 0.9, &ema, &err), SELORA_OK);
        train(whole, ema, 1, HALF);
        save(whole, ema, "half");
        size_t grown_before, grown_after;
        slr_method_expansions(whole->method, &grown_before);
        train(whole, ema, HALF + 1, 2 * HALF);
        slr_method_expansions(whole->method, &grown_after);
        bool grows = cases[c].method.kind != SLR_METHOD_LORA;
        assert_true(!grows || (grown_before > 0 && grown_after > grown_before));
        save(whole, ema, "whole");
        slr_ema_free(ema);
        toy_run_free(whole);

        toy_run *resumed =
            toy_run_new(&chain, &options, &cases[c].method, 2 * HALF, slr_backend_cpu());
        assert_int_equal(slr_ema_new(resumed->toy->set, 0.9, &ema, &err), SELORA_OK);
        if (load(resumed, ema, "half", &err) != SELORA_OK)
            fail_msg("%s", err.message);
        save(resumed, ema, "again");
        same_file("half", "again");
        train(resumed, ema, HALF + 1, 2 * HALF);
        save(resumed, ema, "resumed");
        same_file("whole", "resumed");
        slr_ema_free(ema);
        toy_run_free(resumed);
    }
}

static toy_run *fresh_run(const toy_shape *shape, slr_method_kind kind)
{
    slr_adapter_options options = {.seed = 11, .scale = 8, .rank = 1};
    slr_method_options method = slr_method_options_of(kind);
    return toy_run_new(shape, &options, &method, 10, slr_backend_cpu());
}

static void test_state_of_another_run_is_refused(void **state)
{
    (void)state;
    slr_error err = {0};
    slr_ema *ema;
    toy_run *run = fresh_run(&chain, SLR_METHOD_SELORA);
    assert_int_equal(slr_ema_new(run->toy->set, 0.9, &ema, &err), SELORA_OK);
    train(run, ema, 1, 2);
    save(run, ema, "file");
    toy_shape other = chain;
    other.widths[1] = 8;
    toy_run *wider = fresh_run(&other, SLR_METHOD_SELORA),
            *lora = fresh_run(&chain, SLR_METHOD_LORA);
    other = chain;
    other.layers = 2;
    toy_run *shorter = fresh_run(&other, SLR_METHOD_SELORA);
    slr_real *before = toy_copy(toy_layer(wider->toy, 2)->a, 9 * sizeof *before);
    assert_int_equal(load(wider, NULL, "file", &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "unet.block.0.to_q")); /* both misfits in one go */
    assert_non_null(strstr(err.message, "text_encoder.block.1.to_q"));
    assert_memory_equal(toy_layer(wider->toy, 2)->a, before, 9 * sizeof *before);
    assert_int_equal(load(lora, NULL, "file", &err), SELORA_BAD_INPUT);
    assert_int_equal(load(shorter, NULL, "file", &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "unet.block.2.to_q"));
    free(before);
    toy_run_free(wider);
    toy_run_free(lora);
    toy_run_free(shorter);
    slr_ema_free(ema);
    toy_run_free(run);
}

static void test_impossible_values_are_refused(void **state)
{
    (void)state;
    for (int defect = 0; defect < 4; defect++) {
        slr_error err = {0};
        slr_ema *ema;
        toy_run *run = fresh_run(&chain, SLR_METHOD_SELORA);
        assert_int_equal(slr_ema_new(run->toy->set, 0.9, &ema, &err), SELORA_OK);
        train(run, ema, 1, 2);
        slr_adapter *layer = toy_layer(run->toy, 1);
        if (defect == 0)
            layer->a[1] = (slr_real)NAN;
        if (defect == 1)
            layer->v_bt[2] = -1;
        if (defect == 2)
            layer->age_a[0] = -3;
        if (defect == 3)
            layer->own_scale = INFINITY;
        save(run, ema, "file");
        toy_run *reader = fresh_run(&chain, SLR_METHOD_SELORA);
        assert_int_equal(load(reader, NULL, "file", &err), SELORA_BAD_INPUT);
        assert_non_null(strstr(err.message, "text_encoder.block.1.to_q"));
        toy_run_free(reader);
        slr_ema_free(ema);
        toy_run_free(run);
    }
}

/* The average of a constant is that constant, also for components that come later; of two values,
 * their blend. */
static void test_ema_follows_growing_ranks(void **state)
{
    (void)state;
    toy_run *run = fresh_run(&chain, SLR_METHOD_SELORA);
    slr_adapter *layer = toy_layer(run->toy, 0);
    slr_ema *ema;
    assert_int_equal(slr_ema_new(run->toy->set, 0.5, &ema, NULL), SELORA_OK);
    toy_fill(layer->bt, 6, 1, 0);
    assert_int_equal(slr_ema_update(ema, 100, NULL), SELORA_OK);
    slr_real first = layer->a[0], second = layer->a[7];
    layer->a[0] += 2;
    slr_adapter_activate(layer);
    toy_fill(layer->bt + 6, 6, 1, 1);
    slr_real born = layer->bt[6];
    assert_int_equal(slr_ema_update(ema, 100, NULL), SELORA_OK);
    slr_adapter_set_scale(layer, 4, true); /* B doubles, its average with it */
    slr_real now = layer->bt[0];
    assert_int_equal(slr_ema_update(ema, 100, NULL), SELORA_OK);
    layer->a[0] = -1;
    slr_ema_swap(ema);
    assert_true(fabs((double)(layer->a[0] - (first + (slr_real)1.5))) < 1e-6);
    assert_true(layer->a[7] == second);
    assert_true(fabs((double)(layer->bt[6] - 2 * born)) < 1e-6);
    assert_true(fabs((double)(layer->bt[0] - now)) < 1e-6);
    slr_ema_swap(ema);
    assert_true(layer->a[0] == -1);
    slr_ema_free(ema);
    toy_run_free(run);
}

/* Early steps average over less: (1 + s) / (10 + s). */
static void test_ema_warms_up(void **state)
{
    (void)state;
    toy_run *run = fresh_run(&chain, SLR_METHOD_SELORA);
    slr_adapter *layer = toy_layer(run->toy, 0);
    slr_ema *ema;
    assert_int_equal(slr_ema_new(run->toy->set, 0.999, &ema, NULL), SELORA_OK);
    layer->a[0] = 0;
    assert_int_equal(slr_ema_update(ema, 1, NULL), SELORA_OK);
    layer->a[0] = 1;
    assert_int_equal(slr_ema_update(ema, 2, NULL), SELORA_OK); /* d = 3 / 12 */
    slr_ema_swap(ema);
    assert_true(fabs((double)layer->a[0] - 0.75) < 1e-6);
    assert_int_equal(slr_ema_new(run->toy->set, 1, &(slr_ema *){0}, NULL), SELORA_USAGE);
    slr_ema_free(ema);
    toy_run_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_T18_an_interrupted_run_goes_on_to_the_same_bits,
                                        scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_state_of_another_run_is_refused, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_impossible_values_are_refused, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test(test_ema_follows_growing_ranks),
        cmocka_unit_test(test_ema_warms_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
