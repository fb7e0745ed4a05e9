/* SPDX-License-Identifier: MIT
 * The formulas of DICOM's grey pipeline: values checked with other programs, and what must hold for any value. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/rng.h"
#include "medical/grey_pipeline.h"

static const slr_grey_rule plain = {.bits_allocated = 16,
                                    .bits_stored = 12,
                                    .high_bit = 11,
                                    .slope = 1.0,
                                    .voi = SLR_VOI_WINDOW,
                                    .window = {SLR_VOI_LINEAR, 2000, 1500}};

static void assert_near(double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance))
        fail_msg("%.12g, expected %.12g", found, expected);
}

/* ---- windows ---- */

static void test_window_vectors(void **state)
{
    (void)state;
    static const struct {
        slr_window window;
        double x, y;
    } cases[] = {
        {{SLR_VOI_LINEAR, 2000, 1500}, 1250, 0.0},
        {{SLR_VOI_LINEAR, 2000, 1500}, 1251, 0.0006671114},
        {{SLR_VOI_LINEAR, 2000, 1500}, 2000, 0.5003335557},
        {{SLR_VOI_LINEAR, 2000, 1500}, 2749, 1.0},
        {{SLR_VOI_LINEAR_EXACT, 2000, 1500}, 1250, 0.0},
        {{SLR_VOI_LINEAR_EXACT, 2000, 1500}, 2000, 0.5},
        {{SLR_VOI_LINEAR_EXACT, 2000, 1500}, 2749, 0.9993333333},
        {{SLR_VOI_SIGMOID, 2000, 1500}, 1250, 0.1192029220},
        {{SLR_VOI_SIGMOID, 2000, 1500}, 2000, 0.5},
        {{SLR_VOI_SIGMOID, 2000, 1500}, 2750, 0.8807970780},
        {{SLR_VOI_LINEAR, -600, 1500}, -624, 0.4843228819},
        /* width 1 is a step at c - 0.5 */
        {{SLR_VOI_LINEAR, 100, 1}, 99, 0.0},
        {{SLR_VOI_LINEAR, 100, 1}, 99.5, 0.0},
        {{SLR_VOI_LINEAR, 100, 1}, 100, 1.0},
        {{SLR_VOI_LINEAR_EXACT, 100, 0.5}, 99.75, 0.0},
        {{SLR_VOI_LINEAR_EXACT, 100, 0.5}, 100.25, 1.0},
        {{SLR_VOI_SIGMOID, 0, 1}, -1e6, 0.0},
        {{SLR_VOI_SIGMOID, 0, 1}, 1e6, 1.0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_near(slr_window_grey(&cases[i].window, cases[i].x), cases[i].y, 5e-11);
    /* stored -400, slope 1.5, intercept -24 */
    slr_grey_rule ct = {.bits_allocated = 16,
                        .bits_stored = 16,
                        .high_bit = 15,
                        .is_signed = true,
                        .slope = 1.5,
                        .intercept = -24,
                        .voi = SLR_VOI_WINDOW,
                        .window = {SLR_VOI_LINEAR, -600, 1500}};
    assert_near(slr_grey_modality(&ct, -400), -624, 0);
    assert_near(slr_grey_value(&ct, (uint16_t)-400), 0.4843228819, 5e-11);
}

static void test_window_validity(void **state)
{
    (void)state;
    assert_true(slr_window_is_valid(&(slr_window){SLR_VOI_LINEAR, 0, 1}));
    assert_false(slr_window_is_valid(&(slr_window){SLR_VOI_LINEAR, 0, 0.999}));
    assert_true(slr_window_is_valid(&(slr_window){SLR_VOI_LINEAR_EXACT, 0, 1e-9}));
    assert_false(slr_window_is_valid(&(slr_window){SLR_VOI_LINEAR_EXACT, 0, 0}));
    assert_false(slr_window_is_valid(&(slr_window){SLR_VOI_SIGMOID, 0, -1}));
    assert_false(slr_window_is_valid(&(slr_window){SLR_VOI_SIGMOID, NAN, 1}));
    assert_false(slr_window_is_valid(&(slr_window){SLR_VOI_LINEAR, 0, INFINITY}));
}

/* Never outside 0..1, never falling. */
static void test_windows_rise(void **state)
{
    (void)state;
    slr_rng rng = slr_rng_at(3, SLR_STREAM_TEST, 0, 0);
    for (int trial = 0; trial < 300; trial++) {
        slr_window window = {(slr_voi_function)(trial % 3), (double)slr_rng_below(&rng, 4000) - 2000.0,
                             1.0 + (double)slr_rng_below(&rng, 3000) / 2.0};
        double previous = 0.0;
        for (double x = -6000; x <= 6000; x += 7.25) {
            double y = slr_window_grey(&window, x);
            if (!(y >= previous && y <= 1.0))
                fail_msg("function %d, %g/%g at %g: %g after %g", window.function, window.centre,
                         window.width, x, y, previous);
            previous = y;
        }
    }
}

/* ---- stored values ---- */

static void test_stored(void **state)
{
    (void)state;
    slr_grey_rule rule = plain;
    assert_int_equal(slr_grey_stored(&rule, 0xf123), 0x123); /* overlay bits above the high bit */
    rule.high_bit = 15;
    assert_int_equal(slr_grey_stored(&rule, 0xabcd), 0xabc); /* the pixel at the top of its word */
    rule.is_signed = true;
    assert_int_equal(slr_grey_stored(&rule, 0xfff0), -1);
    assert_int_equal(slr_grey_stored(&rule, 0x8000), -2048);
    assert_int_equal(slr_grey_stored(&rule, 0x7ff0), 2047);
    rule.high_bit = 11;
    assert_int_equal(slr_grey_stored(&rule, 0x0fff), -1);
    assert_int_equal(slr_grey_stored(&rule, 0xf800), -2048);
    slr_grey_rule all = plain;
    all.bits_stored = 16;
    all.high_bit = 15;
    assert_int_equal(slr_grey_stored(&all, 0xffff), 65535);
    all.is_signed = true;
    assert_int_equal(slr_grey_stored(&all, 0xffff), -1);
    assert_int_equal(slr_grey_stored(&all, 0x8000), -32768);
    slr_grey_rule one = {.bits_allocated = 8, .bits_stored = 1, .high_bit = 0};
    assert_int_equal(slr_grey_stored(&one, 0xff), 1);
}

static void test_check(void **state)
{
    (void)state;
    slr_error err = {0};
    assert_int_equal(slr_grey_check(&plain, NULL), SELORA_OK);
    static const int bits[][3] = {{12, 12, 11}, {32, 12, 11}, {16, 0, 0},  {16, 17, 16},
                                  {16, 12, 10}, {16, 12, 16}, {8, 12, 11}, {8, 8, 8}};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        slr_grey_rule rule = plain;
        rule.bits_allocated = bits[i][0];
        rule.bits_stored = bits[i][1];
        rule.high_bit = bits[i][2];
        assert_int_equal(slr_grey_check(&rule, &err), SELORA_BAD_INPUT);
        assert_non_null(strstr(err.message, "(0028,0101)"));
    }
    static const double slopes[][2] = {{0, 0}, {NAN, 0}, {INFINITY, 0}, {1, NAN}, {1, -INFINITY}};
    for (size_t i = 0; i < sizeof slopes / sizeof *slopes; i++) {
        slr_grey_rule rule = plain;
        rule.slope = slopes[i][0];
        rule.intercept = slopes[i][1];
        assert_int_equal(slr_grey_check(&rule, &err), SELORA_BAD_INPUT);
        assert_non_null(strstr(err.message, "(0028,1053)"));
    }
}

/* ---- padding ---- */

static void test_padding_signs(void **state)
{
    (void)state;
    slr_grey_rule rule = plain;
    rule.bits_stored = 16;
    rule.high_bit = 15;
    static const struct {
        bool is_signed;
        double value, limit;
        int32_t low, high;
    } cases[] = {
        {true, -2000, NAN, -2000, -2000},
        {true, 63536, NAN, -2000, -2000}, /* written as US */
        {false, -1, NAN, 65535, 65535},   /* written as SS */
        {false, 0, NAN, 0, 0},
        {false, 100, 50, 50, 100},
        {true, -2000, -1025, -2000, -1025},
        {true, 64511, 63536, -2000, -1025},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rule.is_signed = cases[i].is_signed;
        slr_grey_set_padding(&rule, cases[i].value, cases[i].limit);
        assert_true(rule.has_padding);
        assert_int_equal(rule.padding_low, cases[i].low);
        assert_int_equal(rule.padding_high, cases[i].high);
    }
    slr_grey_set_padding(&rule, NAN, 5);
    assert_false(rule.has_padding);
    rule.bits_stored = 12;
    rule.high_bit = 11;
    rule.is_signed = true;
    slr_grey_set_padding(&rule, 0x800, NAN); /* 12 bits written without their sign */
    assert_true(slr_grey_is_padding(&rule, -2048));
}

/* Background is black whatever the presentation, and counts nowhere. */
static void test_padding_is_black(void **state)
{
    (void)state;
    slr_grey_rule rule = plain;
    rule.invert = true;
    assert_true(slr_grey_value(&rule, 0) == 1.0);
    slr_grey_set_padding(&rule, 0, NAN);
    assert_true(slr_grey_value(&rule, 0) == 0.0);
    assert_true(slr_grey_value(&rule, 1) == 1.0);
    static const uint16_t words[] = {0, 0, 0, 0, 0, 0, 10, 20, 30, 40, 50};
    slr_grey_counts counts;
    double low, high;
    bool found;
    assert_int_equal(slr_grey_count(&rule, words, 11, &counts, NULL), SELORA_OK);
    assert_int_equal(slr_grey_padding(&rule, &counts), 6);
    assert_int_equal(slr_grey_percentiles(&rule, &counts, 0, &low, &high, &found, NULL), SELORA_OK);
    assert_true(found && low == 10 && high == 50);
    assert_int_equal(slr_grey_percentiles(&rule, &counts, 25, &low, &high, &found, NULL), SELORA_OK);
    assert_true(found && low == 20 && high == 40);
    slr_grey_set_padding(&rule, 0, 50);
    assert_int_equal(slr_grey_percentiles(&rule, &counts, 0, &low, &high, &found, NULL), SELORA_OK);
    assert_false(found);
    slr_grey_counts_free(&counts);
}

/* ---- tables ---- */

static slr_lut unpack(double entries, double first, double bits, const void *data, size_t bytes,
                      bool is_signed)
{
    const double descriptor[3] = {entries, first, bits};
    slr_lut lut;
    slr_error err = {0};
    if (slr_lut_unpack(descriptor, data, bytes, is_signed, "VOI LUT", &lut, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return lut;
}

static void test_lut_ends(void **state)
{
    (void)state;
    static const uint16_t data[] = {100, 200, 65535, 7};
    slr_lut lut = unpack(4, 1426, 16, data, sizeof data, false);
    static const double cases[][2] = {{-1e9, 100},   {0, 100},      {1425, 100}, {1426, 100}, {1426.4, 100},
                                      {1426.5, 200}, {1428, 65535}, {1429, 7},   {1430, 7},   {1e9, 7}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_near(slr_lut_value(&lut, cases[i][0]), cases[i][1], 0);
    assert_near(slr_lut_grey(&lut, 1428), 1.0, 0);
    assert_near(slr_lut_grey(&lut, 1427), 200.0 / 65535.0, 1e-15);
    slr_lut_free(&lut);
    assert_null(lut.data);
}

/* First value: signed exactly when the input is, whichever way it was written. */
static void test_lut_signs(void **state)
{
    (void)state;
    static const uint16_t data[] = {1, 2, 3, 4};
    slr_lut lut = unpack(4, 64512, 16, data, sizeof data, true);
    assert_int_equal(lut.first, -1024);
    slr_lut_free(&lut);
    lut = unpack(4, -1024, 16, data, sizeof data, true);
    assert_int_equal(lut.first, -1024);
    slr_lut_free(&lut);
    lut = unpack(4, -1024, 16, data, sizeof data, false);
    assert_int_equal(lut.first, 64512);
    slr_lut_free(&lut);
    uint16_t *many = calloc(65536, sizeof *many);
    many[65535] = 9;
    lut = unpack(0, 0, 16, many, 131072, false); /* 0 entries are 65536 */
    assert_int_equal(lut.entries, 65536);
    assert_near(slr_lut_value(&lut, 65535), 9, 0);
    slr_lut_free(&lut);
    lut = unpack(-32768, 0, 16, many, 65536, false); /* 32768 entries, read as SS */
    assert_int_equal(lut.entries, 32768);
    slr_lut_free(&lut);
    free(many);
}

static void test_lut_packing(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0, 50, 255, 0};
    static const uint16_t words[] = {0, 50, 255, 0x1ff};
    slr_lut packed = unpack(4, 0, 8, bytes, 4, false), wide = unpack(4, 0, 8, words, 8, false);
    for (int i = 0; i < 3; i++)
        assert_near(slr_lut_value(&packed, i), slr_lut_value(&wide, i), 0);
    assert_near(slr_lut_grey(&packed, 2), 1.0, 0);
    assert_near(slr_lut_value(&wide, 3), 255, 0); /* masked to its bits */
    slr_lut_free(&packed);
    slr_lut_free(&wide);
    packed = unpack(3, 0, 8, bytes, 4, false); /* an odd number of bytes has one more */
    assert_int_equal(packed.entries, 3);
    slr_lut_free(&packed);
    static const struct {
        double descriptor[3];
        size_t bytes;
    } bad[] = {{{4, 0, 8}, 5},   {{4, 0, 8}, 3},   {{4, 0, 16}, 4}, {{4, 0, 16}, 0},
               {{4, 0, 16}, 10}, {{4, 0, 7}, 8},   {{4, 0, 17}, 8}, {{NAN, 0, 8}, 8},
               {{4, 1e9, 8}, 8}, {{4, 0.5, 8}, 8}, {{0, 0, 16}, 8}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        slr_lut lut;
        slr_error err = {0};
        assert_int_equal(slr_lut_unpack(bad[i].descriptor, words, bad[i].bytes, false, "VOI LUT", &lut, &err),
                         SELORA_BAD_INPUT);
        assert_non_null(strstr(err.message, "VOI LUT: "));
        assert_null(lut.data);
    }
}

/* A modality table: its values, not shares of them, go on to the window. */
static void test_modality_lut(void **state)
{
    (void)state;
    static const uint16_t data[] = {1250, 1251, 2000, 2749};
    slr_lut lut = unpack(4, 5, 12, data, sizeof data, false);
    slr_grey_rule rule = plain;
    rule.modality_lut = &lut;
    rule.slope = 0; /* not looked at */
    assert_int_equal(slr_grey_check(&rule, NULL), SELORA_OK);
    assert_near(slr_grey_value(&rule, 6), 0.0006671114, 5e-11);
    assert_near(slr_grey_value(&rule, 7), 0.5003335557, 5e-11);
    assert_near(slr_grey_value(&rule, 500), 1.0, 0);
    double low, high;
    slr_grey_modality_range(&rule, &low, &high);
    assert_true(low == 0 && high == 4095);
    slr_lut_free(&lut);
}

/* ---- presentation ---- */

/* Window then inversion is one minus the window; inverted twice is nothing done. */
static void test_inversion(void **state)
{
    (void)state;
    slr_grey_rule negative = plain;
    negative.invert = true;
    for (uint32_t word = 0; word < 4096; word++) {
        double y = slr_grey_value(&plain, word), inverted = slr_grey_value(&negative, word);
        assert_true(inverted == 1.0 - y);
        assert_near(1.0 - inverted, y, 1e-16);
    }
}

/* ---- percentiles ---- */

static int compare(const void *a, const void *b)
{
    return (*(const int32_t *)a > *(const int32_t *)b) - (*(const int32_t *)a < *(const int32_t *)b);
}

/* Against sorting all values and going straight between the two next to the rank. */
static void test_percentiles(void **state)
{
    (void)state;
    static const double slopes[] = {1.0, -2.5, 0.001};
    enum { N = 997 };
    uint16_t words[N];
    int32_t sorted[N];
    for (int trial = 0; trial < 60; trial++) {
        slr_rng rng = slr_rng_at(4, SLR_STREAM_TEST, (uint32_t)trial, 0);
        size_t n = trial == 0 ? 1 : 1 + slr_rng_below(&rng, N);
        slr_grey_rule rule = plain;
        rule.is_signed = trial % 2;
        rule.slope = slopes[trial % 3];
        rule.intercept = -24;
        for (size_t i = 0; i < n; i++) {
            words[i] = (uint16_t)slr_rng_below(&rng, trial % 5 ? 4096 : 3);
            sorted[i] = slr_grey_stored(&rule, words[i]);
        }
        qsort(sorted, n, sizeof *sorted, compare);
        slr_grey_counts counts;
        double found[2];
        bool any;
        assert_int_equal(slr_grey_count(&rule, words, n, &counts, NULL), SELORA_OK);
        assert_int_equal(slr_grey_percentiles(&rule, &counts, 0.5, &found[0], &found[1], &any, NULL),
                         SELORA_OK);
        assert_true(any);
        for (int side = 0; side < 2; side++) {
            double rank = (side ? 0.995 : 0.005) * (double)(n - 1);
            if (rule.slope < 0)
                rank = (double)(n - 1) - rank;
            size_t i = (size_t)rank, next = i + 1 < n ? i + 1 : i;
            double v = sorted[i] + (rank - (double)i) * (sorted[next] - sorted[i]);
            assert_near(found[side], v * rule.slope + rule.intercept, 1e-8);
        }
        slr_grey_counts_free(&counts);
    }
    assert_true(isnan(slr_percentile(NULL, 0, 50)));
}

/* ---- pictures ---- */

/* Every pixel is the value of its word. */
static void test_render_is_the_formula(void **state)
{
    (void)state;
    enum { N = 70000 };
    uint16_t *words = malloc(N * sizeof *words);
    uint8_t *bytes = malloc(N);
    float *greys = malloc(N * sizeof *greys);
    static const uint16_t data[] = {10, 300, 65535, 7};
    slr_lut lut = unpack(4, -3, 16, data, sizeof data, true);
    for (int trial = 0; trial < 24; trial++) {
        slr_rng rng = slr_rng_at(5, SLR_STREAM_TEST, (uint32_t)trial, 0);
        slr_grey_rule rule = plain;
        rule.bits_stored = 16 - trial % 5;
        rule.high_bit = trial % 2 ? 15 : rule.bits_stored - 1;
        rule.is_signed = trial % 3 == 0;
        rule.invert = trial % 4 == 1;
        rule.window.function = (slr_voi_function)(trial % 3);
        rule.slope = trial % 7 ? 1.5 : -0.75;
        if (trial % 4 == 2)
            slr_grey_set_padding(&rule, 3, 900);
        if (trial % 6 == 5) {
            rule.voi = SLR_VOI_LUT;
            rule.voi_lut = &lut;
        } else if (trial % 6 == 4) {
            rule.voi = SLR_VOI_PERCENTILE;
            rule.low = -20;
            rule.high = 5000.5;
        }
        bool narrow = trial >= 20, constant;
        if (narrow)
            rule.bits_allocated = rule.bits_stored = 8, rule.high_bit = 7, rule.window.centre = 50;
        for (size_t i = 0; i < N; i++) {
            words[i] = i < 65536 ? (uint16_t)i : (uint16_t)slr_rng_below(&rng, 65536);
            bytes[i] = (uint8_t)words[i];
        }
        slr_grey_counts counts;
        const void *from = narrow ? (const void *)bytes : words;
        assert_int_equal(slr_grey_count(&rule, from, N, &counts, NULL), SELORA_OK);
        assert_int_equal(slr_grey_render(&rule, &counts, from, N, greys, &constant, NULL), SELORA_OK);
        bool differs = false;
        for (size_t i = 0; i < N; i++) {
            assert_true(greys[i] == (float)slr_grey_value(&rule, narrow ? bytes[i] : words[i]));
            differs |= greys[i] != greys[0];
        }
        assert_int_equal(constant, !differs);
        memset(words, 0, N * sizeof *words);
        slr_grey_counts_free(&counts);
        rule.bits_allocated = 16;
        assert_int_equal(slr_grey_count(&rule, words, N, &counts, NULL), SELORA_OK);
        assert_int_equal(slr_grey_render(&rule, &counts, words, N, greys, &constant, NULL), SELORA_OK);
        assert_true(constant);
        slr_grey_counts_free(&counts);
    }
    slr_lut_free(&lut);
    free(words);
    free(bytes);
    free(greys);
}

/* Equal ends: a step, no division by nothing. */
static void test_range(void **state)
{
    (void)state;
    assert_true(slr_range_grey(5, 5, 5) == 0.0);
    assert_true(slr_range_grey(5, 5, 6) == 1.0);
    assert_true(slr_range_grey(0, 10, -1) == 0.0);
    assert_true(slr_range_grey(0, 10, 2.5) == 0.25);
    assert_true(slr_range_grey(0, 10, 11) == 1.0);
    assert_true(slr_range_grey(0, 10, NAN) == 0.0);
    double low, high;
    slr_window_range(&(slr_window){SLR_VOI_LINEAR, 2000, 1500}, &low, &high);
    assert_true(low == 1250 && high == 2749);
    slr_window_range(&(slr_window){SLR_VOI_LINEAR_EXACT, 2000, 1500}, &low, &high);
    assert_true(low == 1250 && high == 2750);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window_vectors),
        cmocka_unit_test(test_window_validity),
        cmocka_unit_test(test_windows_rise),
        cmocka_unit_test(test_stored),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_padding_signs),
        cmocka_unit_test(test_padding_is_black),
        cmocka_unit_test(test_lut_ends),
        cmocka_unit_test(test_lut_signs),
        cmocka_unit_test(test_lut_packing),
        cmocka_unit_test(test_modality_lut),
        cmocka_unit_test(test_inversion),
        cmocka_unit_test(test_percentiles),
        cmocka_unit_test(test_render_is_the_formula),
        cmocka_unit_test(test_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
