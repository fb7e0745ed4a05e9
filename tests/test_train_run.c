/* SPDX-License-Identifier: MIT
 * Whole runs of selora_train() over a tiny model and a tiny folder. */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/atomic_file.h"
#include "io/json.h"
#include "support/scratch.h"
#include "support/tiny_data.h"
#include "support/tiny_folder.h"
#include "support/tiny_run.h"

static int setup(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    tiny_run_write_inputs();
    return 0;
}

static void a_run_leaves_its_files(void **state)
{
    (void)state;
    selora_train_options options = tiny_run_options();
    tiny_listener l = {0};
    size_t size;
    assert_int_equal(tiny_run(&options, &l, NULL), SELORA_OK);
    assert_non_null(strstr(l.notes, "9 pictures train, 2 validate, 1 are left for tests"));
    assert_non_null(strstr(l.notes, "trainable parameters"));
    assert_non_null(strstr(l.notes, "longer than 10 tokens"));
    char *log = scratch_read("run/log.jsonl", &size);
    assert_int_equal(tiny_count(log, "\"loss\""), 12);
    assert_int_equal(tiny_count(log, "\"validation_loss\""), 2);
    free(log);
    char *ranks = scratch_read("run/ranks.csv", &size);
    assert_int_equal(strncmp(ranks, "step,layer,ratio,", 17), 0);
    int layers = tiny_count(ranks, "\n3,");
    assert_true(layers > 20);
    assert_int_equal(tiny_count(ranks, "\n12,"), layers);
    free(ranks);
    assert_int_equal(scratch_count("run/checkpoints"), 2);
    assert_true(scratch_exists("run/checkpoints/step-000012") && scratch_exists("run/checkpoints/step-000008"));
    assert_int_equal(scratch_count("run/samples"), 2);
    assert_true(scratch_exists("run/samples/step-000012.png"));
    assert_true(scratch_exists("run/adapter.safetensors") && scratch_exists("run/last.safetensors"));
    assert_int_equal(scratch_count("run/cache"), 11);
    char *costs = scratch_read("run/costs.json", &size);
    assert_non_null(strstr(costs, "\"steps\": 12,"));
    assert_non_null(strstr(costs, "\"processes\": 1,"));
    assert_null(strstr(costs, "\"probe\": 0.0,")); /* neither its seconds nor, below, its multiply-adds */
    assert_null(strstr(costs, "\"probe\": 0.0\n"));
    assert_null(strstr(costs, "\"backward\": 0.0,"));
    assert_null(strstr(costs, "_bytes\": 0"));
    free(costs);
    char *command;
    assert_true(asprintf(&command, "grep -rlE 'Secret' '%s'", options.out) > 0);
    assert_int_not_equal(system(command), 0); /* neither captions nor names of pictures anywhere */
    free(command);
}

/* Stopped between steps, in validation, while drawing, while encoding: what follows equals a run without a stop. */
static void stopped_runs_go_on_bit_for_bit(void **state)
{
    (void)state;
    selora_train_options options = tiny_run_options();
    options.ema = 0.9;
    assert_int_equal(tiny_run(&options, NULL, NULL), SELORA_OK);
    char whole[700], *stopped = strdup(options.out);
    snprintf(whole, sizeof whole, "%s-whole", options.out);
    assert_int_equal(rename(options.out, whole), 0);
    options.resume = 1;
    for (int stop_at = 1; stop_at < 70; stop_at += 11) {
        int starts = 0;
        tiny_listener l = {.stop_at = stop_at};
        selora_status status;
        slr_remove_tree(stopped, NULL);
        while ((status = tiny_run(&options, &l, NULL)) == SELORA_INTERRUPTED && ++starts < 200)
            l = (tiny_listener){.stop_at = stop_at + starts}; /* a little later each time, or it would never end */
        assert_int_equal(status, SELORA_OK);
        assert_same_run("run-whole", "run", 12);
    }
    free(stopped);
}

static void growing_a_run_continues_it(void **state)
{
    (void)state;
    selora_train_options options = tiny_run_options();
    options.steps = 6;
    assert_int_equal(tiny_run(&options, NULL, NULL), SELORA_OK);
    options.resume = 1;
    options.steps = 12;
    assert_int_equal(tiny_run(&options, NULL, NULL), SELORA_OK);
    char first[700];
    snprintf(first, sizeof first, "%s-grown", options.out);
    assert_int_equal(rename(options.out, first), 0);
    options.resume = 0;
    assert_int_equal(tiny_run(&options, NULL, NULL), SELORA_OK);
    assert_same_run("run-grown", "run", 12);
    /* Once more: nothing to do, nothing changes. */
    options.resume = 1;
    tiny_listener l = {0};
    assert_int_equal(tiny_run(&options, &l, NULL), SELORA_OK);
    assert_non_null(strstr(l.notes, "all 12 steps are done"));
    assert_same_run("run-grown", "run", 12);
    /* As if it had been killed between its last checkpoint and the removal of older ones. */
    assert_int_equal(scratch_count("run/checkpoints"), 2);
    assert_int_equal(mkdir(scratch_path("run/checkpoints/step-000004"), 0755), 0);
    assert_int_equal(tiny_run(&options, NULL, NULL), SELORA_OK);
    assert_int_equal(scratch_count("run/checkpoints"), 2);
    assert_same_run("run-grown", "run", 12);
}

/* run.json repeats the run. */
static void run_file_repeats_the_run(void **state)
{
    (void)state;
    selora_train_options options = tiny_run_options(), again = selora_train_defaults();
    options.lambda = 1.0 + 1.0 / 3.0;
    options.seed = UINT64_MAX - 5;
    options.lr_text = 3e-3;
    assert_int_equal(tiny_run(&options, NULL, NULL), SELORA_OK);
    char copy[700];
    snprintf(copy, sizeof copy, "%s-first", options.out);
    assert_int_equal(rename(options.out, copy), 0);
    selora_context *context;
    size_t count;
    const selora_option *list = selora_train_option_list(&count);
    assert_int_equal(selora_context_new(NULL, &context), SELORA_OK);
    if (selora_options_load(context, list, count, &again, scratch_path("run-first/run.json")) != SELORA_OK)
        fail_msg("%s", selora_error(context));
    assert_string_equal(again.out, options.out);
    assert_true(again.lambda == options.lambda && again.seed == options.seed);
    assert_int_equal(tiny_run(&again, NULL, NULL), SELORA_OK);
    assert_same_run("run-first", "run", 12);
    selora_context_free(context);
}

static void existing_runs_are_safe(void **state)
{
    (void)state;
    char error[TINY_ERROR];
    selora_train_options options = tiny_run_options();
    assert_int_equal(tiny_run(&options, NULL, NULL), SELORA_OK);
    assert_int_equal(tiny_run(&options, NULL, error), SELORA_USAGE);
    assert_non_null(strstr(error, "--resume"));
    options.resume = 1;
    options.lr = 1e-3;
    options.seed = 1;
    options.targets = "attention";
    assert_int_equal(tiny_run(&options, NULL, error), SELORA_USAGE);
    assert_non_null(strstr(error, "--lr: "));
    assert_non_null(strstr(error, "--seed: "));
    assert_non_null(strstr(error, "--targets: the run was started with \"selora\", found \"attention\""));
    options = tiny_run_options();
    options.resume = 1;
    options.steps = 11;
    assert_int_equal(tiny_run(&options, NULL, error), SELORA_USAGE);
    assert_non_null(strstr(error, "--steps: "));
    options.steps = 13;
    assert_int_equal(unlink(scratch_path("data/Secret_003.png")), 0);
    assert_int_equal(rename(scratch_path("data/Secret_004.png"), scratch_path("data/Secret_003.png")), 0);
    const char *list = "file_name,text\nSecret_003.png,a\nSecret_001.png,b\n";
    scratch_write("data/metadata.csv", list, strlen(list));
    assert_int_equal(tiny_run(&options, NULL, error), SELORA_BAD_INPUT);
    assert_non_null(strstr(error, "--data: "));
    options.model = scratch_path("other");
    tiny_folder_write(scratch_path("other"), 6);
    assert_int_equal(tiny_run(&options, NULL, error), SELORA_BAD_INPUT);
    assert_non_null(strstr(error, "--model: "));
}

static void absurd_requests_are_refused_at_once(void **state)
{
    (void)state;
    char error[TINY_ERROR];
    selora_train_options options = tiny_run_options();
    options.size = "20";
    assert_int_equal(tiny_run(&options, NULL, error), SELORA_USAGE);
    assert_non_null(strstr(error, "multiple of 8"));
    options = tiny_run_options();
    options.epochs = 3;
    assert_int_equal(tiny_run(&options, NULL, error), SELORA_USAGE);
    assert_non_null(strstr(error, "--epochs"));
    options = tiny_run_options();
    options.rank = 4;
    options.rank_max = 2;
    assert_int_equal(tiny_run(&options, NULL, error), SELORA_USAGE);
    assert_non_null(strstr(error, "--rank-max"));
    options = tiny_run_options();
    options.caption_dropout = 1.5;
    assert_int_equal(tiny_run(&options, NULL, error), SELORA_USAGE);
    assert_non_null(strstr(error, "--caption-dropout: found 1.5"));
    options = tiny_run_options();
    options.lr = NAN;
    assert_int_equal(tiny_run(&options, NULL, error), SELORA_USAGE);
    assert_non_null(strstr(error, "--lr: "));
    options = tiny_run_options();
    options.train = "vae";
    assert_int_equal(tiny_run(&options, NULL, error), SELORA_USAGE);
    assert_non_null(strstr(error, "--train"));
    options = tiny_run_options();
    options.targets = "no such layer";
    assert_int_not_equal(tiny_run(&options, NULL, error), SELORA_OK);
    options = tiny_run_options();
    options.size = "8192";
    options.batch_size = 64;
    if (tiny_run(&options, NULL, error) != SELORA_NO_RESOURCE)
        fail_msg("%s", error);
    assert_non_null(strstr(error, "GB"));
    options = tiny_run_options();
    scratch_write("file", "", 0);
    char below[700];
    snprintf(below, sizeof below, "%s", scratch_path("file/run"));
    options.out = below;
    assert_int_not_equal(tiny_run(&options, NULL, error), SELORA_OK);
    assert_false(scratch_exists("run"));
    options = tiny_run_options();
    options.dry_run = 1;
    tiny_listener l = {0};
    assert_int_equal(tiny_run(&options, &l, NULL), SELORA_OK);
    assert_non_null(strstr(l.notes, "memory: "));
    assert_false(scratch_exists("run"));
}

/* A folder that belongs to another user. */
static void no_permission_is_told(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    selora_train_options options = tiny_run_options();
    char error[TINY_ERROR];
    assert_int_equal(chmod(scratch_path(""), 0755), 0);
    pid_t child = fork();
    if (child == 0) {
        int nobody = setresuid(65534, 65534, 65534);
        selora_status status = tiny_run(&options, NULL, error);
        _exit(nobody != 0 || status != SELORA_NO_RESOURCE || !strstr(error, "ermission"));
    }
    int code;
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
    assert_false(scratch_exists("run"));
}

static void one_picture_is_enough(void **state)
{
    (void)state;
    size_t size;
    selora_train_options options = tiny_run_options();
    slr_remove_tree(options.data, NULL);
    tiny_data_write(options.data, 1);
    options.batch_size = 3;
    tiny_listener l = {0};
    assert_int_equal(tiny_run(&options, &l, NULL), SELORA_OK);
    assert_non_null(strstr(l.notes, "1 pictures train"));
    assert_non_null(strstr(l.notes, "no picture validates"));
    assert_non_null(strstr(l.notes, "some come twice"));
    char *log = scratch_read("run/log.jsonl", &size);
    assert_int_equal(tiny_count(log, "\"loss\""), 12);
    free(log);
    assert_true(scratch_exists("run/adapter.safetensors") && scratch_exists("run/samples/step-000012.png"));
}

static void epochs_and_variants(void **state)
{
    (void)state;
    size_t size;
    selora_train_options options = tiny_run_options();
    options.steps = 0;
    options.epochs = 3; /* 27 pictures, 4 a step */
    options.accumulate = 2;
    options.crop = "random";
    options.train = "unet";
    options.method = "selora-authors";
    options.caption_dropout = 0.5;
    options.checkpoint_every = 2;
    options.validate_every = 0;
    assert_int_equal(tiny_run(&options, NULL, NULL), SELORA_OK);
    char *log = scratch_read("run/log.jsonl", &size);
    assert_int_equal(tiny_count(log, "\"loss\""), 7);
    assert_int_equal(tiny_count(log, "\"epoch\": 2"), 2);
    assert_int_equal(tiny_count(log, "\"validation_loss\""), 1); /* after the last step */
    free(log);
    assert_int_equal(scratch_count("run/cache"), 3 * 9 + 2);
}

static void bad_numbers_leave_the_files(void **state)
{
    (void)state;
    char error[TINY_ERROR];
    size_t size, after_size;
    selora_train_options options = tiny_run_options();
    options.lr_schedule = "constant_with_warmup";
    options.warmup = 1000;
    options.steps = 1000;
    options.lr = 1e3;
    options.scale = 1e6; /* so that it does not take long */
    options.checkpoint_every = 1;
    options.validate_every = 1;
    options.validation_images = 0;
    options.resume = 0;
    if (tiny_run(&options, NULL, error) != SELORA_NUMERIC)
        fail_msg("%s", error);
    assert_true(strstr(error, "not finite") || strstr(error, "too large"));
    assert_true(strstr(error, "unet.") || strstr(error, "text_encoder."));
    assert_true(scratch_count("run/checkpoints") >= 1);
    char *adapter = scratch_read("run/last.safetensors", &size);
    assert_non_null(adapter);
    options.resume = 1; /* fails at the same step, from the last checkpoint */
    char again[TINY_ERROR];
    if (tiny_run(&options, NULL, again) != SELORA_NUMERIC)
        fail_msg("%s", again);
    assert_string_equal(again, error);
    char *after = scratch_read("run/last.safetensors", &after_size);
    assert_int_equal(size, after_size);
    assert_memory_equal(adapter, after, size);
    free(adapter);
    free(after);
}

/* No room for a checkpoint: the run ends with a message, what was there stays, and the run goes on once there is room. */
static void a_full_disk_leaves_the_files(void **state)
{
    (void)state;
    selora_train_options options = tiny_run_options();
    char error[TINY_ERROR] = "", whole[700];
    options.validation_images = 1;
    assert_int_equal(tiny_run(&options, NULL, NULL), SELORA_OK);
    snprintf(whole, sizeof whole, "%s-whole", options.out);
    assert_int_equal(rename(options.out, whole), 0);
    options.resume = 1;
    tiny_listener l = {.stop_at = 45}; /* after some steps */
    assert_int_equal(tiny_run(&options, &l, NULL), SELORA_INTERRUPTED);
    size_t before = scratch_count("run/checkpoints");
    assert_true(before >= 1);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {20000, 20000}; /* bytes a file: tables yes, states no */
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        selora_status status = tiny_run(&options, NULL, error);
        fprintf(stderr, "%s\n", error);
        _exit(status != SELORA_NO_RESOURCE || !strstr(error, ".safetensors"));
    }
    int code;
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
    assert_int_equal(scratch_count("run/checkpoints"), before);
    assert_int_equal(tiny_run(&options, NULL, NULL), SELORA_OK);
    assert_same_run("run-whole", "run", 12);
}

static void a_folder_has_one_writer(void **state)
{
    (void)state;
    selora_train_options options = tiny_run_options();
    char error[TINY_ERROR];
    assert_int_equal(tiny_run(&options, NULL, NULL), SELORA_OK);
    options.resume = 1;
    options.steps = 20;
    int pipes[2];
    char byte = 0;
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork(); /* holds the lock as a training process does */
    if (child == 0) {
        int lock = open(scratch_path("run/lock"), O_RDWR);
        _exit(flock(lock, LOCK_EX | LOCK_NB) != 0 || write(pipes[1], &byte, 1) != 1 || pause());
    }
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    selora_status status = tiny_run(&options, NULL, error);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(pipes[0]);
    close(pipes[1]);
    assert_int_equal(status, SELORA_USAGE);
    assert_non_null(strstr(error, "another process"));
    assert_int_equal(tiny_run(&options, NULL, NULL), SELORA_OK);
}

#define RUN(test) cmocka_unit_test_setup_teardown(test, setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(a_run_leaves_its_files),      RUN(stopped_runs_go_on_bit_for_bit), RUN(growing_a_run_continues_it),
        RUN(run_file_repeats_the_run),    RUN(existing_runs_are_safe),         RUN(absurd_requests_are_refused_at_once),
        RUN(no_permission_is_told),       RUN(one_picture_is_enough),       RUN(epochs_and_variants),            RUN(bad_numbers_leave_the_files),
        RUN(a_full_disk_leaves_the_files), RUN(a_folder_has_one_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
