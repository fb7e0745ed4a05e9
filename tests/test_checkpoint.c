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

#include "support/scratch.h"
#include "support/tiny_training.h"
#include "train/checkpoint.h"

typedef struct warnings {
    int count;
    char last[1024];
} warnings;

static void count_warning(void *user, selora_log_level level, const char *line)
{
    warnings *w = user;
    w->count += level == SELORA_LOG_WARNING;
    snprintf(w->last, sizeof w->last, "%s", line);
}

static void write_at(tiny_training *t, const char *folder, int64_t keep)
{
    slr_error err = {0};
    slr_run_counters counters = {.step = slr_trainer_steps_done(t->trainer), .best_step = 1, .best_loss = 0.1 + 0.2,
                                 .validated_step = 1, .log_bytes = 100, .rank_bytes = 200};
    if (slr_checkpoint_write(folder, t->trainer, &counters, keep, &err) != SELORA_OK)
        fail_msg("%s", err.message);
}

static void load_newest(tiny_training *t, const char *folder, int64_t step, int expected_warnings)
{
    warnings seen = {0};
    slr_hooks hooks = {.user = &seen, .log = count_warning};
    slr_checkpoint *found;
    slr_error err = {0};
    assert_int_equal(slr_checkpoint_find(folder, &hooks, &found, &err), SELORA_OK);
    assert_int_equal(seen.count, expected_warnings);
    if (step == 0) {
        assert_null(found);
        return;
    }
    assert_non_null(found);
    assert_int_equal(found->counters.step, step);
    assert_true(found->counters.best_loss == 0.1 + 0.2);
    assert_int_equal(found->counters.log_bytes, 100);
    assert_int_equal(found->counters.rank_bytes, 200);
    if (t && slr_checkpoint_load(found, t->trainer, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    slr_checkpoint_free(found);
}

/* T18: 2n steps are n steps, a save, a load and n steps, bit for bit, with expansions before and after the save. */
static void resume_bit_for_bit(const slr_trainer_options *options, const char *components, int64_t n)
{
    tiny_training whole, first, second;
    tiny_training_begin(&whole, options, components);
    tiny_training_begin(&first, options, components);
    tiny_training_begin(&second, options, components);
    tiny_training_run(&first, n);
    size_t before, after;
    slr_method_expansions(slr_trainer_method(first.trainer), &before);
    write_at(&first, scratch_path("checkpoints"), 2);
    load_newest(&second, scratch_path("checkpoints"), n, 0);
    assert_true(tiny_training_same(&first, &second));
    tiny_training_end(&first);

    tiny_training_run(&whole, 2 * n);
    tiny_training_run(&second, 2 * n);
    assert_true(tiny_training_same(&whole, &second));
    assert_true(whole.last.loss == second.last.loss);
    slr_method_expansions(slr_trainer_method(whole.trainer), &after);
    const slr_expansion *a = slr_method_expansions(slr_trainer_method(whole.trainer), &after);
    size_t count;
    const slr_expansion *b = slr_method_expansions(slr_trainer_method(second.trainer), &count);
    assert_int_equal(count, after);
    for (size_t i = 0; i < count; i++)
        assert_true(a[i].step == b[i].step && a[i].layer == b[i].layer && a[i].rank == b[i].rank);
    if (options->method.kind == SLR_METHOD_SELORA) {
        assert_true(before > 0);
        assert_true(after > before);
    }
    slr_trainer_swap_average(whole.trainer);
    slr_trainer_swap_average(second.trainer);
    assert_true(tiny_training_same(&whole, &second));
    tiny_training_end(&whole);
    tiny_training_end(&second);
}

static void resume_equals_going_on(void **state)
{
    (void)state;
    slr_trainer_options options = tiny_training_options(SLR_METHOD_SELORA);
    resume_bit_for_bit(&options, "unet,text", 13);
}

static void resume_with_everything_on(void **state)
{
    (void)state;
    slr_trainer_options options = tiny_training_options(SLR_METHOD_SELORA);
    options.method.every = 4;
    options.method.probe_window = 3; /* saved in the middle of a window */
    options.method.probe_rows = 2;
    options.method.lambda = 1;
    options.ema = 0.99;
    options.max_grad_norm = 0.5;
    options.accumulate = 2;
    options.draw.caption_dropout = 0.3;
    options.draw.min_snr_gamma = 5;
    options.adam.weight_decay = 0.01;
    options.schedule = (slr_lr_schedule){.kind = SLR_LR_COSINE, .warmup = 5, .steps = 1000};
    resume_bit_for_bit(&options, "unet,text", 31); /* ranks pass a capacity of 8 */
}

static void resume_power_iteration(void **state)
{
    (void)state;
    slr_trainer_options options = tiny_training_options(SLR_METHOD_SELORA);
    options.method.probe_init = SLR_PROBE_POWER;
    options.method.probe_window = 2;
    options.method.on_expand = SLR_ON_EXPAND_WARM;
    resume_bit_for_bit(&options, "unet", 12);
}

static void resume_the_authors_loop(void **state)
{
    (void)state;
    slr_trainer_options options = tiny_training_options(SLR_METHOD_SELORA_AUTHORS);
    options.method.lambda = 1;
    resume_bit_for_bit(&options, "unet", 12);
}

static void newest_whole_one_is_found(void **state)
{
    (void)state;
    tiny_training t;
    slr_trainer_options options = tiny_training_options(SLR_METHOD_LORA);
    char folder[600];
    snprintf(folder, sizeof folder, "%s", scratch_path("checkpoints"));
    load_newest(NULL, folder, 0, 0); /* no folder at all */
    tiny_training_begin(&t, &options, "unet");
    for (int64_t step = 1; step <= 5; step++) {
        tiny_training_run(&t, step);
        write_at(&t, folder, 3);
    }
    assert_int_equal(scratch_count("checkpoints"), 3);
    load_newest(NULL, folder, 5, 0);
    /* What a killed process leaves: half a folder under a temporary name. */
    assert_int_equal(mkdir(scratch_path("checkpoints/step-000006.77-0.tmp"), 0755), 0);
    scratch_write("checkpoints/step-000006.77-0.tmp/state.safetensors", "half", 4);
    load_newest(NULL, folder, 5, 0);
    assert_int_equal(scratch_count("checkpoints"), 3);
    /* One flipped bit; then a file that is gone; then all are damaged. */
    size_t size;
    char *state_file = scratch_read("checkpoints/step-000005/state.safetensors", &size);
    state_file[size - 5] ^= 1;
    scratch_write("checkpoints/step-000005/state.safetensors", state_file, size);
    free(state_file);
    load_newest(NULL, folder, 4, 1);
    assert_int_equal(unlink(scratch_path("checkpoints/step-000004/checkpoint.json")), 0);
    load_newest(NULL, folder, 3, 2);
    scratch_write("checkpoints/step-000003/checkpoint.json", "{\"format\": \"selora-checkpoint/1\"}", 33);
    load_newest(NULL, folder, 0, 3);
    /* A damaged one is replaced when its step comes again. */
    write_at(&t, folder, 3);
    load_newest(NULL, folder, 5, 0);
    tiny_training_end(&t);
}

/* Every bit of the counters counts: a loss of 0.5 that reads 0.1 would keep the wrong adapter. */
static void flipped_counters_are_noticed(void **state)
{
    (void)state;
    tiny_training t;
    slr_trainer_options options = tiny_training_options(SLR_METHOD_LORA);
    char folder[600];
    snprintf(folder, sizeof folder, "%s", scratch_path("checkpoints"));
    tiny_training_begin(&t, &options, "unet");
    tiny_training_run(&t, 1);
    write_at(&t, folder, 1);
    size_t size;
    static const char name[] = "checkpoints/step-000001/checkpoint.json";
    char *text = scratch_read(name, &size);
    const char *same = strstr(text, "0000004,"); /* ...0004 and ...0005 are one number */
    assert_non_null(same);
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9' || text + i == same + 6)
            continue;
        text[i] ^= 1;
        scratch_write(name, text, size);
        load_newest(NULL, folder, 0, 1);
        text[i] ^= 1;
    }
    scratch_write(name, text, size);
    load_newest(NULL, folder, 1, 0);
    free(text);
    tiny_training_end(&t);
}

static void another_adapter_is_refused(void **state)
{
    (void)state;
    tiny_training t, other;
    slr_trainer_options options = tiny_training_options(SLR_METHOD_SELORA);
    tiny_training_begin(&t, &options, "unet");
    tiny_training_begin(&other, &options, "unet,text");
    tiny_training_run(&t, 2);
    write_at(&t, scratch_path("checkpoints"), 1);
    slr_checkpoint *found;
    slr_error err = {0};
    assert_int_equal(slr_checkpoint_find(scratch_path("checkpoints"), NULL, &found, &err), SELORA_OK);
    assert_int_equal(slr_checkpoint_load(found, other.trainer, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "text_encoder"));
    slr_checkpoint_free(found);
    tiny_training_end(&t);
    tiny_training_end(&other);
}

static void failed_write_leaves_the_old_ones(void **state)
{
    (void)state;
    tiny_training t;
    slr_trainer_options options = tiny_training_options(SLR_METHOD_LORA);
    char folder[600];
    snprintf(folder, sizeof folder, "%s", scratch_path("checkpoints"));
    tiny_training_begin(&t, &options, "unet");
    tiny_training_run(&t, 1);
    write_at(&t, folder, 1);
    tiny_training_run(&t, 2);
    /* A file where the folder of step 2 belongs cannot be made into one: the parent is a file. */
    slr_run_counters counters = {.step = 2};
    slr_error err = {0};
    scratch_write("file", "", 0);
    assert_int_not_equal(slr_checkpoint_write(scratch_path("file"), t.trainer, &counters, 1, &err), SELORA_OK);
    assert_non_null(strstr(err.message, "file"));
    load_newest(NULL, folder, 1, 0);
    tiny_training_end(&t);
}

#define SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH(resume_equals_going_on),       SCRATCH(resume_with_everything_on),
        SCRATCH(resume_power_iteration),       SCRATCH(resume_the_authors_loop),
        SCRATCH(newest_whole_one_is_found),    SCRATCH(flipped_counters_are_noticed),
        SCRATCH(another_adapter_is_refused),   SCRATCH(failed_write_leaves_the_old_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
