/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "medical/medical_options.h"
#include "medical/picture_facts.h"

static slr_medical_options options;
static slr_error err;

static int setup(void **state)
{
    (void)state;
    options = slr_medical_options_default();
    memset(&err, 0, sizeof err);
    return 0;
}

static void test_windows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double centre, width;
        bool named;
    } good[] = {{"lung", -600, 1500, true}, {"mediastinum", 40, 400, true},  {"brain", 40, 80, true},
                {"bone", 400, 1800, true},  {"abdomen", 50, 350, true},      {"-600/1500", -600, 1500, false},
                {"0.5/1", 0.5, 1, false},   {"1e3/2.5e3", 1000, 2500, false}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(slr_medical_parse_window(good[i].text, &options, &err), SELORA_OK);
        assert_true(options.has_window);
        assert_true(options.window_centre == good[i].centre && options.window_width == good[i].width);
        assert_int_equal(options.window_named, good[i].named);
    }
    static const char *const bad[] = {"",      "lungs", "40",    "40/",      "/400",  "40/0",    "40/0.5",
                                      "40/-4", "a/b",   "40/4x", "40/1e999", "nan/5", "40//400", "0x10/5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(slr_medical_parse_window(bad[i], &options, &err), SELORA_USAGE);
        assert_non_null(strstr(err.message, "CENTRE/WIDTH"));
    }
}

static void test_slices(void **state)
{
    (void)state;
    assert_int_equal(options.slice, SLR_SLICE_MID);
    assert_int_equal(slr_medical_parse_slice("every:3", &options, &err), SELORA_OK);
    assert_int_equal(options.slice, SLR_SLICE_EVERY);
    assert_int_equal(options.slice_number, 3);
    assert_int_equal(slr_medical_parse_slice("index:0", &options, &err), SELORA_OK);
    assert_int_equal(options.slice, SLR_SLICE_INDEX);
    assert_int_equal(slr_medical_parse_slice("largest", &options, &err), SELORA_OK);
    assert_int_equal(slr_medical_parse_slice("all", &options, &err), SELORA_OK);
    assert_int_equal(slr_medical_parse_slice("mid", &options, &err), SELORA_OK);
    static const char *const bad[] = {
        "", "middle", "every:0", "every:", "every:-1", "index:-1", "index:1x", "index:99999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(slr_medical_parse_slice(bad[i], &options, &err), SELORA_USAGE);
}

static void test_words(void **state)
{
    (void)state;
    assert_int_equal(slr_medical_parse_no_voi("full", &options, &err), SELORA_OK);
    assert_int_equal(options.no_voi, SLR_NO_VOI_FULL);
    assert_int_equal(slr_medical_parse_no_voi("none", &options, &err), SELORA_USAGE);
    assert_int_equal(slr_medical_parse_padding("keep", &options, &err), SELORA_OK);
    assert_true(options.keep_padding);
    assert_int_equal(slr_medical_parse_padding("black", &options, &err), SELORA_OK);
    assert_false(options.keep_padding);
    assert_int_equal(slr_medical_parse_padding("white", &options, &err), SELORA_USAGE);
    assert_int_equal(slr_medical_parse_axis("sagittal", &options, &err), SELORA_OK);
    assert_int_equal(options.axis, SLR_AXIS_SAGITTAL);
    assert_int_equal(slr_medical_parse_axis("x", &options, &err), SELORA_USAGE);
}

static void test_blackouts(void **state)
{
    (void)state;
    assert_int_equal(slr_medical_parse_blackout("1,2,30,40", &options, &err), SELORA_OK);
    assert_int_equal(options.blackouts, 1);
    assert_int_equal(options.blackout[0].x, 1);
    assert_int_equal(options.blackout[0].height, 40);
    static const char *const bad[] = {"", "1,2,3", "1,2,3,4,5", "1,2,0,4", "1,2,3,0", "-1,2,3,4", "1,2,3,4 "};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(slr_medical_parse_blackout(bad[i], &options, &err), SELORA_USAGE);
    for (int i = 1; i < SLR_BLACKOUT_MAX; i++)
        assert_int_equal(slr_medical_parse_blackout("0,0,1,1", &options, &err), SELORA_OK);
    assert_int_equal(slr_medical_parse_blackout("0,0,1,1", &options, &err), SELORA_USAGE);
}

/* Each enumerator has a name of its own. */
static void test_names(void **state)
{
    (void)state;
    for (int i = 0; i < SLR_SKIP_COUNT; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(slr_picture_skip_name((slr_picture_skip)i),
                                    slr_picture_skip_name((slr_picture_skip)j));
    for (int i = 0; i < SLR_VOI_SOURCE_COUNT; i++)
        assert_string_not_equal(slr_voi_source_name((slr_voi_source)i), "unknown");
    for (int i = 0; i < SLR_COLOUR_COUNT; i++)
        assert_string_not_equal(slr_colour_name((slr_colour)i), "unknown");
    for (int i = 0; i < SLR_WARN_COUNT; i++)
        assert_string_not_equal(slr_picture_warning_name(i), "unknown");
    assert_string_equal(slr_picture_warning_name(SLR_WARN_COUNT), "unknown");
    assert_string_equal(slr_transfer_syntax_name("1.2.840.10008.1.2"), "Implicit VR Little Endian");
    assert_string_equal(slr_transfer_syntax_name("1.2.840.10008.1.2.4.70"), "JPEG Lossless SV1");
    assert_string_equal(slr_transfer_syntax_name("1.2.840.10008.1.2.4.7"), "");
    assert_string_equal(slr_transfer_syntax_name("1.2.3"), "");
    assert_true(sizeof(slr_picture_facts) < 2048); /* a pipe takes one in a single piece */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_windows, setup),
        cmocka_unit_test_setup(test_slices, setup),
        cmocka_unit_test_setup(test_words, setup),
        cmocka_unit_test_setup(test_blackouts, setup),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
