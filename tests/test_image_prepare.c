/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/rng.h"
#include "data/image_prepare.h"

static void test_cover(void **state)
{
    (void)state;
    /* width, height, target width, target height, and what torchvision's Resize makes of the first
     * two */
    static const int cases[][6] = {
        {640, 599, 224, 224, 239, 224}, {524, 640, 224, 224, 224, 273},
        {224, 224, 224, 224, 224, 224}, {100, 50, 64, 64, 128, 64},
        {10, 10, 64, 64, 64, 64},       {300, 200, 96, 64, 96, 64},
        {300, 200, 64, 96, 144, 96},    {299, 200, 96, 64, 96, 64},
        {1, 1000, 8, 8, 8, 8000},       {1000, 3, 8, 8, 2666, 8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int width, height;
        slr_prepare_cover(cases[i][0], cases[i][1], cases[i][2], cases[i][3], &width, &height);
        assert_int_equal(width, cases[i][4]);
        assert_int_equal(height, cases[i][5]);
    }
}

/* A picture whose pixels tell where they are: x in the first channel, y in the second. */
static slr_image place_image(int width, int height, int channels)
{
    slr_image image;
    assert_int_equal(slr_image_new(width, height, channels, &image, NULL), SELORA_OK);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < channels; c++)
                image.pixels[(y * width + x) * channels + c] = (float)(c == 0   ? x
                                                                       : c == 1 ? y
                                                                                : 0) /
                                                               256.0f;
    return image;
}

static void prepare(const slr_image *image, const slr_prepare_options *options, uint32_t step,
                    uint32_t item, float *out)
{
    slr_error err = {0};
    if (slr_image_prepare(image, options, 5, step, item, out, &err) != SELORA_OK)
        fail_msg("%s", err.message);
}

/* The place that an untouched pixel of -1..1 came from. */
static int place(float value)
{
    return (int)lrintf((value + 1.0f) * 128.0f);
}

/* Half a pixel goes where Python's round() sends it: 0.5 -> 0, 1.5 -> 2, 2.5 -> 2. */
static void test_centre_crop(void **state)
{
    (void)state;
    static const int rooms[][2] = {{0, 0}, {1, 0}, {2, 1}, {3, 2}, {4, 2}, {5, 2}, {7, 4}, {9, 4}};
    float out[16 * 16 * 3];
    slr_prepare_options options = slr_prepare_options_default(16, 16);
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        slr_image wide = place_image(16 + rooms[i][0], 16, 3),
                  tall = place_image(16, 16 + rooms[i][0], 3);
        prepare(&wide, &options, 0, 0, out);
        assert_int_equal(place(out[0]), rooms[i][1]);
        assert_int_equal(place(out[1]), 0);
        prepare(&tall, &options, 0, 0, out);
        assert_int_equal(place(out[0]), 0);
        assert_int_equal(place(out[1]), rooms[i][1]);
        slr_image_free(&wide);
        slr_image_free(&tall);
    }
}

static void test_range_and_grey(void **state)
{
    (void)state;
    slr_image image;
    assert_int_equal(slr_image_new(3, 1, 1, &image, NULL), SELORA_OK);
    image.pixels[0] = 0.0f;
    image.pixels[1] = 0.5f;
    image.pixels[2] = 1.0f;
    float out[9];
    slr_prepare_options options = slr_prepare_options_default(3, 1);
    prepare(&image, &options, 0, 0, out);
    static const float expected[9] = {-1, -1, -1, 0, 0, 0, 1, 1, 1};
    for (int i = 0; i < 9; i++)
        assert_true(out[i] == expected[i]);
    float big[64 * 32 * 3];
    options = slr_prepare_options_default(64, 32);
    options.filter = SLR_RESIZE_LANCZOS; /* overshoots at the step; the range must hold */
    prepare(&image, &options, 0, 0, big);
    for (int i = 0; i < 64 * 32 * 3; i++) {
        assert_true(big[i] >= -1.0f && big[i] <= 1.0f);
        assert_true(big[i] == big[i / 3 * 3]);
    }
    slr_image_free(&image);
}

static void test_random_crop(void **state)
{
    (void)state;
    slr_image image = place_image(24, 16, 3);
    slr_prepare_options options = slr_prepare_options_default(16, 16);
    float out[16 * 16 * 3], again[16 * 16 * 3];
    int seen[9] = {0};
    options.random_crop = true;
    for (uint32_t item = 0; item < 300; item++) {
        prepare(&image, &options, 3, item, out);
        int left = place(out[0]);
        assert_in_range(left, 0, 8);
        seen[left]++;
        for (int x = 0; x < 16; x++) /* a window, not a shuffle */
            assert_int_equal(place(out[3 * x]), left + x);
    }
    for (int i = 0; i < 9; i++)
        assert_in_range(seen[i], 10, 70); /* 33 expected, 4 standard deviations wide */
    prepare(&image, &options, 3, 0, out);
    prepare(&image, &options, 3, 0, again);
    assert_memory_equal(out, again, sizeof out);
    slr_image_free(&image);
}

static void test_flip(void **state)
{
    (void)state;
    slr_image image = place_image(16, 16, 3);
    slr_prepare_options options = slr_prepare_options_default(16, 16);
    float plain[16 * 16 * 3], out[16 * 16 * 3];
    prepare(&image, &options, 0, 0, plain);
    for (uint32_t step = 0; step < 40; step++) { /* never unless asked for */
        prepare(&image, &options, step, step, out);
        assert_memory_equal(out, plain, sizeof out);
    }
    options.random_flip = true;
    int mirrored = 0;
    for (uint32_t item = 0; item < 200; item++) {
        prepare(&image, &options, 0, item, out);
        bool flipped = place(out[0]) == 15;
        mirrored += flipped;
        for (int i = 0; i < 256; i++) {
            assert_int_equal(place(out[3 * i]), flipped ? 15 - i % 16 : i % 16);
            assert_int_equal(place(out[3 * i + 1]), i / 16);
        }
    }
    assert_in_range(mirrored, 70, 130);
    slr_image_free(&image);
}

/* Every number is written, whatever the shape of the picture. */
static void test_shapes(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {1, 300}, {300, 1}, {17, 31}, {64, 64}};
    float *out = malloc(40 * 24 * 3 * sizeof *out);
    slr_prepare_options options = slr_prepare_options_default(40, 24);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int channels = 1; channels <= 3; channels += 2) {
            slr_image image = place_image(sizes[i][0], sizes[i][1], channels);
            for (int k = 0; k < 40 * 24 * 3; k++)
                out[k] = NAN;
            prepare(&image, &options, 0, 0, out);
            for (int k = 0; k < 40 * 24 * 3; k++)
                assert_true(out[k] >= -1.0f && out[k] <= 1.0f);
            slr_image_free(&image);
        }
    slr_image image = place_image(2, 2, 1);
    slr_error err = {0};
    options.width = 0;
    assert_int_equal(slr_image_prepare(&image, &options, 0, 0, 0, out, &err), SELORA_USAGE);
    slr_image_free(&image);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cover),          cmocka_unit_test(test_centre_crop),
        cmocka_unit_test(test_range_and_grey), cmocka_unit_test(test_random_crop),
        cmocka_unit_test(test_flip),           cmocka_unit_test(test_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
