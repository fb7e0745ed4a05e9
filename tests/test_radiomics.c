/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "eval/frechet.h"
#include "eval/radiomics.h"
#include "eval/standardise.h"
#include "eval/wavelet.h"

enum { SIDE = 16, PIXELS = SIDE * SIDE };

/* `digits` of the expected value are known. */
static void near(const char *name, double value, double expected, double digits)
{
    double allowed = 0.51 * pow(10, floor(log10(fabs(expected) > 0 ? fabs(expected) : 1)) + 1 - digits);
    if (!(fabs(value - expected) <= allowed))
        fail_msg("%s: %.12g, expected %.12g", name, value, expected);
}

/* v(y, x) = (7y + 13x + 3xy) mod 32 */
static void image_a(double *values)
{
    for (int i = 0; i < PIXELS; i++)
        values[i] = (7 * (i / SIDE) + 13 * (i % SIDE) + 3 * (i % SIDE) * (i / SIDE)) % 32;
}

/* Column A, in the order of the features. */
static const double column_a[SLR_TEXTURE_FEATURES] = {
    15.75,
    15,
    0,
    31,
    31,
    89.1875,
    0.02838281531,
    1.732649783,
    86336,
    18.36436767,
    8.3046875,
    7.037144402,
    16,
    3,
    29,
    2.979179659,
    0.1286621094,
    19.60611111,
    4.445694444,
    10.67038858,
    -1.852820001,
    276.4673218,
    11.30277778,
    -0.02877754234,
    2.784583333,
    3.515410417,
    2.818667545,
    0.01897081404,
    5.849934036,
    0.04239583333,
    3.685125686,
    5.49329159,
    0.3681725364,
    0.7644889401,
    0.2740766832,
    0.8694702782,
    0.274725881,
    -0.03440889462,
    0.428657891,
    0.9325463426,
    1.385411552,
    29.61055296,
    0.1281684399,
    194.9718107,
    0.8423320399,
    0.90234375,
    5.36874562,
    0.1541460933,
    3.401710655,
    0.187076672,
    25.46657378,
    0.1688397207,
    23.92098737,
    0.3074335996,
    34.13035214,
    0.7428893816,
    3.65060241,
    21.07228916,
    0.1269415009,
    85.34939759,
    0.5141529975,
    0.6484375,
    5.081289011,
    1.272318188,
    4.172081802,
    0.1774419788,
    25.38554217,
    0.1343357767,
    17.9661714,
    0.9778015634,
    79.6626506,
    0.01320119533,
    0.4384428024,
    3.543893153,
    53.17147334,
    0.3007957096,
};

static void features_of(const double *values, int width, int height, double bin_width, double shift,
                        double *features)
{
    slr_texture *t;
    slr_error err = {0};
    if (slr_texture_new((size_t)(width * height), &t, &err) != SELORA_OK ||
        slr_texture_levels(t, values, width, height, bin_width, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    slr_texture_features(t, shift, features);
    slr_texture_free(t);
}

static void test_column_a(void **state)
{
    (void)state;
    double values[PIXELS], features[SLR_TEXTURE_FEATURES];
    image_a(values);
    features_of(values, SIDE, SIDE, 4, 0, features);
    for (int i = 0; i < SLR_TEXTURE_FEATURES; i++)
        near(slr_texture_feature_name(i), features[i], column_a[i], 10);
}

static void test_wavelet(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        slr_wavelet_filter down, across;
        double expected[3];
    } bands[] = {
        {"LH", SLR_WAVELET_HIGH, SLR_WAVELET_LOW, {-10.1379080527, -4.93218913883, 1.15359456942}},
        {"HL", SLR_WAVELET_LOW, SLR_WAVELET_HIGH, {-1.55490280846, -11.223691761, 3.50784325835}},
        {"HH", SLR_WAVELET_HIGH, SLR_WAVELET_HIGH, {14.4008161054, -18.7836593638, 16.6406865167}},
        {"LL", SLR_WAVELET_LOW, SLR_WAVELET_LOW, {10.776308239, 27.0235297751, 39.8279404499}},
    };
    double values[PIXELS], scratch[PIXELS], out[PIXELS];
    image_a(values);
    for (int b = 0; b < 4; b++) {
        slr_wavelet_band(values, SIDE, SIDE, bands[b].down, bands[b].across, scratch, out);
        for (int i = 0; i < 3; i++)
            near(bands[b].name, out[i], bands[b].expected[i], 12);
    }
}

/* image k = (((7+k) y + 13 x + 3 x y) mod 32) + 0.37 sin(y + 2x + k) */
static void image_k(int k, double *values)
{
    for (int i = 0; i < PIXELS; i++) {
        int y = i / SIDE, x = i % SIDE;
        values[i] = ((7 + k) * y + 13 * x + 3 * x * y) % 32 + 0.37 * sin(y + 2 * x + k);
    }
}

static void radiomics_of(const double *values, int side, double *features, bool *constant)
{
    slr_radiomics *r;
    slr_error err = {0};
    if (slr_radiomics_new(side, &r, &err) != SELORA_OK ||
        slr_radiomics_run(r, values, features, constant, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    slr_radiomics_free(r);
}

static double named(const double *features, const char *name)
{
    char here[64];
    for (int i = 0; i < SLR_RADIOMICS_FEATURES; i++) {
        slr_radiomics_feature_name(i, here);
        if (strcmp(here, name) == 0)
            return features[i];
    }
    fail_msg("no feature %s", name);
    return 0;
}

static void test_picture_0(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double value;
    } expected[] = {{"orig/glcm/Contrast", 821.7818056},
                    {"LH/firstorder/Variance", 9521.337942},
                    {"HH/glcm/Correlation", -0.1079920459},
                    {"LL/ngtdm/Strength", 50.84971297},
                    {"HL/glszm/ZoneEntropy", 6.178904746}};
    double values[PIXELS], features[SLR_RADIOMICS_FEATURES];
    bool constant;
    image_k(0, values);
    radiomics_of(values, SIDE, features, &constant);
    assert_false(constant);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        near(expected[i].name, named(features, expected[i].name), expected[i].value, 10);
}

/* Real pictures 0 to 7, synthetic ones 8 to 13: 372 features have a scale, and the distance is known. */
static void test_distance(void **state)
{
    (void)state;
    enum { REAL = 8, ALL = 14, FAR = 10 };
    static double features[ALL][SLR_RADIOMICS_FEATURES], scaled[ALL][SLR_RADIOMICS_FEATURES];
    double values[PIXELS], d2, means[FAR];
    bool constant;
    size_t places[FAR], gone = 0;
    static const int expected_gone[] = {0, 5, 8, 9, 76, 152, 228, 304};
    slr_scaling scaling;
    slr_error err = {0};
    for (int k = 0; k < ALL; k++) {
        image_k(k, values);
        radiomics_of(values, SIDE, features[k], &constant);
    }
    assert_int_equal(slr_scaling_fit(features[0], REAL, SLR_RADIOMICS_FEATURES, false, &scaling, &err), SELORA_OK);
    assert_int_equal(scaling.kept, 372);
    for (size_t j = 0, k = 0; j < SLR_RADIOMICS_FEATURES; j++)
        if (k < scaling.kept && scaling.columns[k] == j)
            k++;
        else
            assert_int_equal(j, expected_gone[gone++]);
    double *real = scaled[0], *synthetic = real + REAL * scaling.kept;
    slr_scaling_apply(&scaling, features[0], REAL, real);
    slr_scaling_apply(&scaling, features[REAL], ALL - REAL, synthetic);
    assert_int_equal(slr_frechet_distance(real, REAL, synthetic, ALL - REAL, scaling.kept, &d2, &err),
                     SELORA_OK);
    near("d2", d2, 1678.455715, 10);
    near("ln d2", log(d2), 7.425629433, 10);
    assert_int_equal(slr_scaling_farthest(&scaling, synthetic, ALL - REAL, FAR, places, means), FAR);
    for (int i = 1; i < FAR; i++)
        assert_true(fabs(means[i]) <= fabs(means[i - 1]));
    slr_scaling_free(&scaling);
}

/* A picture on its side: the same but for LH and HL, which change places. */
static void test_transposed(void **state)
{
    (void)state;
    double values[PIXELS], turned[PIXELS], a[SLR_RADIOMICS_FEATURES], b[SLR_RADIOMICS_FEATURES];
    static const int band_of[] = {0, 2, 1, 3, 4};
    bool constant;
    image_k(3, values);
    for (int i = 0; i < PIXELS; i++)
        turned[i % SIDE * SIDE + i / SIDE] = values[i];
    radiomics_of(values, SIDE, a, &constant);
    radiomics_of(turned, SIDE, b, &constant);
    for (int i = 0; i < SLR_RADIOMICS_FEATURES; i++) {
        double other = b[band_of[i / SLR_TEXTURE_FEATURES] * SLR_TEXTURE_FEATURES + i % SLR_TEXTURE_FEATURES];
        assert_true(fabs(a[i] - other) <= 1e-9 * (1 + fabs(a[i])));
    }
}

/* Brightness and contrast are taken out: also where flat parts are 0 in the bands, on the edge of two levels. */
static void test_brightness(void **state)
{
    (void)state;
    enum { LARGE = 48, BLOCK = 16, COUNT = LARGE * LARGE };
    static const double scales[][2] = {{0.37, 0.21}, {1.0 / 3, 0.1}, {0.71, 0.003}, {0.9, -0.1}, {7, 3}};
    static const int greys[] = {0, 9, 23, 5, 31, 17, 3, 29, 13};
    static double values[COUNT], scaled[COUNT], a[SLR_RADIOMICS_FEATURES], b[SLR_RADIOMICS_FEATURES];
    bool constant;
    for (int i = 0; i < COUNT; i++) {
        int y = i / LARGE, x = i % LARGE, block = y / BLOCK * 3 + x / BLOCK;
        values[i] = (block == 4 ? (5 * x * x + 7 * y + 3 * x * y) % 31 : greys[block]) / 32.0;
    }
    radiomics_of(values, LARGE, a, &constant);
    for (int k = 0; k < 5; k++) {
        for (int i = 0; i < COUNT; i++)
            scaled[i] = scales[k][0] * values[i] + scales[k][1];
        radiomics_of(scaled, LARGE, b, &constant);
        for (int i = 0; i < SLR_RADIOMICS_FEATURES; i++)
            if (!(fabs(a[i] - b[i]) <= 1e-7 * (1 + fabs(a[i])))) {
                char name[64];
                slr_radiomics_feature_name(i, name);
                fail_msg("%s: %.12g and %.12g", name, a[i], b[i]);
            }
    }
}

static void test_names(void **state)
{
    (void)state;
    static char names[SLR_RADIOMICS_FEATURES][64];
    for (int i = 0; i < SLR_RADIOMICS_FEATURES; i++) {
        slr_radiomics_feature_name(i, names[i]);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(names[i], names[k]);
    }
    assert_string_equal(names[0], "orig/firstorder/Mean");
    assert_string_equal(names[379], "LL/ngtdm/Strength");
    assert_string_equal(names[76 + 39], "LH/glrlm/ShortRunEmphasis");
}

static void all_finite(const double *features, int count)
{
    for (int i = 0; i < count; i++)
        if (!isfinite(features[i]))
            fail_msg("%s is not finite", slr_texture_feature_name(i % SLR_TEXTURE_FEATURES));
}

/* Pictures with thousands of levels, with two, with stripes: every feature is a number. */
static void test_hard_pictures(void **state)
{
    (void)state;
    enum { LARGE = 224 };
    static double values[LARGE * LARGE], features[SLR_RADIOMICS_FEATURES];
    for (int kind = 0; kind < 6; kind++) {
        bool constant;
        for (int i = 0; i < LARGE * LARGE; i++) {
            int y = i / LARGE, x = i % LARGE;
            values[i] = kind == 0   ? i == 7007
                        : kind == 1 ? (x + y) % 2
                        : kind == 2 ? x % 2
                        : kind == 3 ? y / 100
                        : kind == 4 ? (i == 5 ? 1e9 : 1e-3 * x)
                                    : x == 0;
        }
        radiomics_of(values, LARGE, features, &constant);
        assert_false(constant);
        all_finite(features, SLR_RADIOMICS_FEATURES);
    }
}

static void test_constant(void **state)
{
    (void)state;
    double values[PIXELS], features[SLR_RADIOMICS_FEATURES];
    bool constant;
    for (int i = 0; i < PIXELS; i++)
        values[i] = 0.3;
    radiomics_of(values, SIDE, features, &constant);
    assert_true(constant);
    values[5] += 1e-4; /* deviates by 6e-6 */
    radiomics_of(values, SIDE, features, &constant);
    assert_false(constant);
    values[5] = 0.3 + 1e-6;
    radiomics_of(values, SIDE, features, &constant);
    assert_true(constant);
}

/* Textures of one pixel, of a line, of one level. */
static void test_small(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {1, 7}, {7, 1}, {2, 2}, {3, 5}};
    double values[15], features[SLR_TEXTURE_FEATURES];
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (int flat = 0; flat < 2; flat++) {
            for (int i = 0; i < 15; i++)
                values[i] = flat ? -3 : i * i % 11;
            features_of(values, sizes[k][0], sizes[k][1], 2, 0, features);
            all_finite(features, SLR_TEXTURE_FEATURES);
        }
    slr_texture *t;
    slr_error err = {0};
    assert_int_equal(slr_texture_new(4, &t, &err), SELORA_OK);
    values[0] = 0, values[1] = 1e300, values[2] = values[3] = 0;
    assert_int_equal(slr_texture_levels(t, values, 2, 2, 5, &err), SELORA_NUMERIC);
    assert_int_equal(slr_texture_levels(t, values, 3, 2, 5, &err), SELORA_USAGE);
    slr_texture_free(t);
    slr_radiomics *r;
    assert_int_equal(slr_radiomics_new(17, &r, &err), SELORA_USAGE);
    assert_int_equal(slr_radiomics_new(2, &r, &err), SELORA_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_column_a),      cmocka_unit_test(test_wavelet),
        cmocka_unit_test(test_picture_0),     cmocka_unit_test(test_distance),
        cmocka_unit_test(test_transposed),    cmocka_unit_test(test_names),
        cmocka_unit_test(test_hard_pictures), cmocka_unit_test(test_constant),
        cmocka_unit_test(test_small),         cmocka_unit_test(test_brightness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
