/* SPDX-License-Identifier: MIT
 * Resampling against PIL (tests/golden/pictures) and against what must hold for any filter. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/rng.h"
#include "io/resize.h"
#include "io/safetensors.h"

#define GOLDEN TEST_SOURCE_DIR "/tests/golden/pictures/"

static const struct {
    const char *name;
    slr_resize_filter filter;
} filters[] = {{"bilinear", SLR_RESIZE_BILINEAR},
               {"bicubic", SLR_RESIZE_BICUBIC},
               {"lanczos", SLR_RESIZE_LANCZOS}};

static slr_image new_image(int width, int height, int channels)
{
    slr_image image;
    assert_int_equal(slr_image_new(width, height, channels, &image, NULL), SELORA_OK);
    return image;
}

static slr_image resize(const slr_image *image, int width, int height, slr_resize_filter filter)
{
    slr_image out;
    assert_int_equal(slr_image_resize(image, width, height, filter, &out, NULL), SELORA_OK);
    assert_int_equal(out.width, width);
    assert_int_equal(out.height, height);
    assert_int_equal(out.channels, image->channels);
    return out;
}

static void test_as_pil_float(void **state)
{
    (void)state;
    static const int sizes[][2] = {{5, 5}, {12, 12}, {7, 12}, {31, 29}, {1, 1}, {3, 40}};
    slr_safetensors *golden;
    assert_int_equal(slr_safetensors_open(GOLDEN "resize.safetensors", &golden, NULL), SELORA_OK);
    slr_image ramp = new_image(12, 12, 1);
    for (int y = 0; y < 12; y++)
        for (int x = 0; x < 12; x++)
            ramp.pixels[12 * y + x] = (float)((7 * y + 13 * x + 3 * x * y) % 32);
    for (size_t f = 0; f < 3; f++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            char name[64];
            snprintf(name, sizeof name, "%s.%dx%d", filters[f].name, sizes[s][1], sizes[s][0]);
            const slr_stored_tensor *expected = slr_safetensors_find(golden, name);
            slr_image out = resize(&ramp, sizes[s][0], sizes[s][1], filters[f].filter);
            int64_t count = slr_stored_count(expected);
            float *values = malloc((size_t)count * sizeof *values);
            assert_int_equal(count, out.width * out.height);
            assert_true(slr_stored_to_f32(expected, 0, count, values));
            for (int64_t i = 0; i < count; i++) /* values to 32: a few roundings of float */
                if (!(fabsf(out.pixels[i] - values[i]) <= 8e-6f))
                    fail_msg("%s at %d: %.9g, expected %.9g", name, (int)i, (double)out.pixels[i],
                             (double)values[i]);
            free(values);
            slr_image_free(&out);
        }
    slr_image_free(&ramp);
    slr_safetensors_close(golden);
}

/* PIL rounds to bytes after each of its two passes: half a step, spread by the second pass, and
 * half a step. */
static void test_as_pil_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        slr_resize_filter filter;
        float steps;
    } cases[] = {{"noise.20x16.bilinear.png", SLR_RESIZE_BILINEAR, 1.0f},
                 {"noise.70x64.bilinear.png", SLR_RESIZE_BILINEAR, 1.0f},
                 {"noise.20x16.lanczos.png", SLR_RESIZE_LANCZOS, 1.0f}};
    slr_image noise, expected;
    assert_int_equal(slr_image_read(GOLDEN "noise.png", NULL, &noise, NULL), SELORA_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[512];
        snprintf(path, sizeof path, GOLDEN "%s", cases[i].name);
        assert_int_equal(slr_image_read(path, NULL, &expected, NULL), SELORA_OK);
        slr_image out = resize(&noise, expected.width, expected.height, cases[i].filter);
        float worst = 0;
        for (int k = 0; k < out.width * out.height * 3; k++)
            worst = fmaxf(worst, 255.0f * fabsf(out.pixels[k] - expected.pixels[k]));
        if (!(worst <= cases[i].steps))
            fail_msg("%s: %g steps of 1/255", cases[i].name, (double)worst);
        slr_image_free(&out);
        slr_image_free(&expected);
    }
    slr_image_free(&noise);
}

static void test_constants_exact(void **state)
{
    (void)state;
    static const int sizes[][2] = {{224, 187}, {1, 1}, {300, 5}, {37, 29}, {38, 28}};
    slr_image image = new_image(37, 29, 3);
    const float grey[3] = {0.1f, 1.0f, 77.0f / 255.0f};
    for (int i = 0; i < 37 * 29 * 3; i++)
        image.pixels[i] = grey[i % 3];
    for (size_t f = 0; f < 3; f++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            slr_image out = resize(&image, sizes[s][0], sizes[s][1], filters[f].filter);
            for (int i = 0; i < out.width * out.height * 3; i++)
                assert_true(out.pixels[i] == grey[i % 3]);
            slr_image_free(&out);
        }
    slr_image_free(&image);
}

static slr_image noise_image(int width, int height, int channels)
{
    slr_image image = new_image(width, height, channels);
    slr_rng rng = slr_rng_at(7, SLR_STREAM_TEST, 0, 0);
    for (int i = 0; i < width * height * channels; i++)
        image.pixels[i] = (float)slr_rng_uniform(&rng);
    return image;
}

/* The same size changes nothing; the mean is kept when a picture is halved. */
static void test_identity_and_mean(void **state)
{
    (void)state;
    slr_image image = noise_image(40, 24, 3);
    slr_image same = resize(&image, 40, 24, SLR_RESIZE_BILINEAR);
    assert_memory_equal(same.pixels, image.pixels, 40 * 24 * 3 * sizeof(float));
    slr_image_free(&same);
    slr_image_free(&image);
    image = new_image(64, 64, 1);
    for (int i = 0; i < 64 * 64; i++)
        image.pixels[i] = (float)((i % 64 + i / 64) % 2); /* a chessboard: aliasing would show it */
    slr_image half = resize(&image, 32, 32, SLR_RESIZE_BILINEAR);
    for (int y = 1; y < 31; y++)
        for (int x = 1; x < 31; x++)
            assert_true(fabsf(half.pixels[32 * y + x] - 0.5f) < 1e-6f);
    slr_image_free(&half);
    slr_image_free(&image);
}

static void test_window(void **state)
{
    (void)state;
    slr_image image = noise_image(50, 41, 3), part;
    for (size_t f = 0; f < 3; f++) {
        static const int covers[][2] = {{30, 25}, {70, 90}};
        for (size_t s = 0; s < 2; s++) {
            slr_image whole = resize(&image, covers[s][0], covers[s][1], filters[f].filter);
            slr_resize_window window = {11, 3, 17, 20};
            assert_int_equal(slr_image_resize_window(&image, covers[s][0], covers[s][1], window,
                                                     filters[f].filter, &part, NULL),
                             SELORA_OK);
            for (int y = 0; y < 20; y++)
                assert_memory_equal(part.pixels + y * 17 * 3,
                                    whole.pixels + ((y + 3) * covers[s][0] + 11) * 3,
                                    17 * 3 * sizeof(float));
            slr_image_free(&part);
            slr_image_free(&whole);
        }
    }
    slr_error err = {0};
    static const slr_resize_window bad[] = {
        {-1, 0, 2, 2}, {0, 0, 0, 2}, {0, 0, 31, 2}, {29, 0, 2, 2}, {2147483647, 0, 1, 1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(slr_image_resize_window(&image, 30, 25, bad[i], SLR_RESIZE_BILINEAR, &part,
                                                 &err),
                         SELORA_USAGE);
    slr_image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_pil_float),    cmocka_unit_test(test_as_pil_bytes),
        cmocka_unit_test(test_constants_exact), cmocka_unit_test(test_identity_and_mean),
        cmocka_unit_test(test_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
