/* SPDX-License-Identifier: MIT
 * Drawing through the public functions: options that no command line has checked. */
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

static selora_generate_options small_options(void)
{
    selora_generate_options options = selora_generate_defaults();
    options.prompt = "x";
    options.size = "16";
    options.steps = 2;
    return options;
}

static void assert_folder(selora_context *context, const selora_generate_options *options, selora_status expected,
                          const char *said)
{
    assert_int_equal(selora_generate_folder(context, options), expected);
    if (!strstr(selora_error(context), said))
        fail_msg("'%s' does not say '%s'", selora_error(context), said);
}

static void ranges_are_checked(void **state)
{
    (void)state;
    selora_context *context;
    assert_int_equal(selora_context_new(&(selora_settings){.threads = 1}, &context), SELORA_OK);
    tiny_folder_write(scratch_path("model"), 1);
    char model[600], out[600];
    snprintf(model, sizeof model, "%s", scratch_path("model"));
    snprintf(out, sizeof out, "%s", scratch_path("out"));
    selora_generate_options options = small_options();
    assert_folder(context, &options, SELORA_USAGE, "--model");
    options.model = model;
    assert_folder(context, &options, SELORA_USAGE, "--out");
    options.out = out;
    selora_generate_options bad = options;
    bad.count = 0;
    assert_folder(context, &bad, SELORA_USAGE, "--count");
    bad = options;
    bad.batch_size = -1;
    assert_folder(context, &bad, SELORA_USAGE, "--batch-size");
    bad = options;
    bad.guidance = NAN;
    assert_folder(context, &bad, SELORA_USAGE, "--guidance");
    bad = options;
    bad.sampler = "magic";
    assert_folder(context, &bad, SELORA_USAGE, "magic");
    assert_false(scratch_exists("out"));
    assert_folder(context, &options, SELORA_OK, "");
    assert_true(scratch_exists("out/000000.png"));
    selora_context_free(context);
}

static void one_picture(void **state)
{
    (void)state;
    selora_context *context;
    selora_model *model;
    selora_image image;
    assert_int_equal(selora_context_new(&(selora_settings){.threads = 1}, &context), SELORA_OK);
    tiny_folder_write(scratch_path("model"), 1);
    assert_int_equal(selora_model_load(context, scratch_path("model"), NULL, &model), SELORA_OK);
    selora_generate_options options = small_options();
    options.steps = 0;
    assert_int_equal(selora_generate(context, model, NULL, &options, &image), SELORA_USAGE);
    assert_null(image.pixels);
    assert_non_null(strstr(selora_error(context), "--steps"));
    options.steps = 2;
    assert_int_equal(selora_generate(context, model, NULL, &options, &image), SELORA_OK);
    assert_int_equal(image.width, 16);
    selora_image_free(&image);
    selora_model_free(model);
    selora_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ranges_are_checked, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(one_picture, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
