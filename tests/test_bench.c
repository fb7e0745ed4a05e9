/* SPDX-License-Identifier: MIT
 * selora_bench: what it reports, and what it refuses. Not how fast anything is. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "selora.h"
#include "support/scratch.h"
#include "support/tiny_folder.h"

static selora_context *context;

static int open_context(void **state)
{
    (void)state;
    return selora_context_new(&(selora_settings){.threads = 2}, &context) == SELORA_OK ? scratch_setup(state) : -1;
}

static int close_context(void **state)
{
    selora_context_free(context);
    return scratch_teardown(state);
}

static selora_bench_options options_of(const char *config, const char *task)
{
    selora_bench_options options = selora_bench_defaults();
    options.config = config;
    options.task = task;
    options.size = 16;
    options.batch = 2;
    options.repeat = 2;
    options.json = 1;
    return options;
}

static json_t *run(const selora_bench_options *options)
{
    char *text;
    if (selora_bench(context, options, &text) != SELORA_OK)
        fail_msg("%s", selora_error(context));
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    free(text);
    return root;
}

static double number(const json_t *root, const char *key)
{
    const json_t *value = json_object_get(root, key);
    assert_true(json_is_number(value));
    assert_true(isfinite(json_number_value(value)));
    return json_number_value(value);
}

enum { PASSES = 3 };
static const char *const seconds[PASSES] = {"forward_s", "replay_s", "backward_s"};
static const char *const rates[PASSES] = {"forward_gflops", "replay_gflops", "backward_gflops"};

static void check_report(const json_t *root, double batch)
{
    double best = number(root, "best_s"), median = number(root, "median_s");
    assert_true(best > 0 && best <= median);
    assert_true(fabs(number(root, "samples_per_s") * median - batch) < 1e-9);
    assert_true(number(root, "peak_bytes") > number(root, "plan_bytes") + number(root, "weight_bytes"));
    assert_true(number(root, "plan_bytes") > 0);
    assert_true(number(root, "gmac") > 0);
    assert_true(number(root, "ceiling_gflops") > 0);
    double in_ops = 0;
    const char *name;
    json_t *part;
    json_object_foreach(json_object_get(root, "breakdown"), name, part)
        for (int pass = 0; pass < PASSES; pass++)
            in_ops += json_object_get(part, seconds[pass]) ? number(part, seconds[pass]) : number(part, "other_s") / PASSES;
    assert_true(in_ops >= best && in_ops <= 2 * median); /* the average step lies between the best and twice the median of two */
}

static void tasks_report(void **state)
{
    (void)state;
    tiny_folder_write(scratch_path("model"), 1);
    enum { TRAIN, DENOISE, DECODE, ENCODE, GENERATE, TASKS };
    const char *const tasks[] = {"train", "denoise", "decode", "encode", "generate"};
    double gmac[TASKS];
    for (int i = 0; i < TASKS; i++) {
        selora_bench_options options = options_of(scratch_path("model"), tasks[i]);
        json_t *root = run(&options);
        check_report(root, 2);
        gmac[i] = number(root, "gmac");
        const json_t *conv = json_object_get(json_object_get(root, "breakdown"), "conv3x3");
        assert_true(number(conv, "forward_s") > 0);
        assert_true(number(conv, "forward_gflops") > 0);
        assert_true((number(conv, "backward_s") > 0) == (i == TRAIN));
        json_decref(root);
    }
    /* The calls of 50 PNDM steps, two pictures and three texts on top. */
    assert_true(gmac[GENERATE] > 51 * gmac[DENOISE] + gmac[DECODE]);
    assert_true(gmac[GENERATE] < 53 * gmac[DENOISE] + gmac[DECODE]);
}

/* What ops do does not depend on how it is listed, and rates times seconds are the work of all. */
static void shapes_add_up_to_classes(void **state)
{
    (void)state;
    double work[2];
    for (int i = 0; i < 2; i++) {
        selora_bench_options options = options_of("tiny", "train");
        options.by = i ? "shape" : "class";
        json_t *root = run(&options), *part;
        const char *name;
        work[i] = 0;
        json_object_foreach(json_object_get(root, "breakdown"), name, part)
            for (int pass = 0; json_object_get(part, rates[0]) && pass < PASSES; pass++)
                work[i] += number(part, seconds[pass]) * number(part, rates[pass]);
        assert_true(fabs(work[i] - 2 * number(root, "gmac")) < 1e-6 * work[i]);
        assert_int_equal(json_object_get(json_object_get(root, "breakdown"), "conv3x3 2x4x4 64-64") != NULL, i);
        json_decref(root);
    }
    assert_true(fabs(work[0] - work[1]) < 1e-9 * work[0]);
}

/* The candidate rows of selora are no parameters; the config file alone names the same model as its folder. */
static void methods_and_configs(void **state)
{
    (void)state;
    tiny_folder_write(scratch_path("model"), 1);
    selora_bench_options options = options_of(scratch_path("model"), "train");
    json_t *selora = run(&options);
    options.method = "lora";
    options.config = scratch_path("model/unet/config.json");
    json_t *lora = run(&options);
    assert_true(number(selora, "gmac") == number(lora, "gmac"));
    assert_true(number(selora, "weight_bytes") == number(lora, "weight_bytes"));
    json_decref(selora);
    json_decref(lora);
}

static void tiny_is_the_embedded_model(void **state)
{
    (void)state;
    selora_bench_options options = options_of("tiny", "denoise");
    json_t *named = run(&options);
    options.config = TEST_SOURCE_DIR "/models/tiny";
    json_t *folder = run(&options);
    assert_true(number(named, "gmac") == number(folder, "gmac"));
    assert_true(number(named, "weight_bytes") == number(folder, "weight_bytes"));
    json_decref(named);
    json_decref(folder);
}

static void refuse(selora_bench_options options, selora_status expected, const char *part)
{
    char *text;
    assert_int_equal(selora_bench(context, &options, &text), expected);
    assert_null(text);
    if (!strstr(selora_error(context), part))
        fail_msg("'%s' does not mention '%s'", selora_error(context), part);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    selora_bench_options options = options_of("tiny", "train");
    options.size = 30;
    refuse(options, SELORA_USAGE, "--size");
    options = options_of("tiny", "dance");
    refuse(options, SELORA_USAGE, "--task");
    options = options_of("tiny", "train");
    options.method = "magic";
    refuse(options, SELORA_USAGE, "--method");
    options = options_of("tiny", "train");
    options.by = "colour";
    refuse(options, SELORA_USAGE, "--by");
    options.method = "lora";
    options.repeat = 0;
    refuse(options, SELORA_USAGE, "--repeat");
    refuse(options_of(scratch_path("nowhere"), "train"), SELORA_BAD_INPUT, "nowhere");
    options = options_of("tiny", "train");
    options.size = 4096;
    options.batch = 64;
    refuse(options, SELORA_NO_RESOURCE, "--batch");
}

static void table_for_people(void **state)
{
    (void)state;
    char *text;
    selora_bench_options options = options_of("tiny", "train");
    options.json = 0;
    assert_int_equal(selora_bench(context, &options, &text), SELORA_OK);
    assert_non_null(strstr(text, "best "));
    assert_non_null(strstr(text, "conv3x3"));
    assert_non_null(strstr(text, "first step"));
    assert_non_null(strstr(text, "GMAC"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tasks_report, open_context, close_context),
        cmocka_unit_test_setup_teardown(shapes_add_up_to_classes, open_context, close_context),
        cmocka_unit_test_setup_teardown(methods_and_configs, open_context, close_context),
        cmocka_unit_test_setup_teardown(tiny_is_the_embedded_model, open_context, close_context),
        cmocka_unit_test_setup_teardown(nonsense_is_refused, open_context, close_context),
        cmocka_unit_test_setup_teardown(table_for_people, open_context, close_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
