/* SPDX-License-Identifier: MIT
 * Pictures of tests/golden/pictures against what PIL makes of them, and damaged JPEG files. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "io/image.h"
#include "io/regular_file.h"
#include "support/scratch.h"

#define GOLDEN TEST_SOURCE_DIR "/tests/golden/pictures/"

static slr_image read_golden(const char *name)
{
    char path[512];
    slr_image image;
    slr_error err = {0};
    snprintf(path, sizeof path, GOLDEN "%s", name);
    if (slr_image_read(path, NULL, &image, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return image;
}

/* The largest difference in steps of 1/255. */
static float compare(const char *name, const char *expected_name, int channels)
{
    slr_image image = read_golden(name), expected = read_golden(expected_name);
    assert_int_equal(image.channels, channels);
    assert_int_equal(expected.channels, channels);
    assert_int_equal(image.width, expected.width);
    assert_int_equal(image.height, expected.height);
    float worst = 0;
    for (int i = 0; i < image.width * image.height * channels; i++)
        worst = fmaxf(worst, 255.0f * fabsf(image.pixels[i] - expected.pixels[i]));
    slr_image_free(&image);
    slr_image_free(&expected);
    return worst;
}

static void test_png_as_pil(void **state)
{
    (void)state;
    assert_true(compare("grey_alpha.png", "grey_alpha.expected.png", 1) == 0);
    assert_true(compare("colour_alpha.png", "colour_alpha.expected.png", 3) == 0);
    assert_true(compare("indexed_transparent.png", "indexed_transparent.expected.png", 3) == 0);
    assert_true(compare("bilevel.png", "bilevel.expected.png", 1) == 0);
}

/* One step of tolerance: another build of the decoder may round its transform otherwise. */
static void test_jpeg_as_pil(void **state)
{
    (void)state;
    assert_true(compare("grey.jpg", "grey.expected.png", 1) <= 1.001f);
    assert_true(compare("colour420.jpg", "colour420.expected.png", 3) <= 1.001f);
    assert_true(compare("colour444.jpg", "colour444.expected.png", 3) <= 1.001f);
    assert_true(compare("progressive.jpg", "progressive.expected.png", 3) <= 1.001f);
    assert_true(compare("ink.jpg", "ink.expected.png", 3) <= 1.001f);
}

/* ---- damage ---- */

static char *load(const char *name, size_t *size)
{
    char path[512], *data;
    snprintf(path, sizeof path, GOLDEN "%s", name);
    assert_int_equal(slr_read_file(path, 1 << 20, &data, size, NULL), SELORA_OK);
    return data;
}

static void assert_refused(const void *data, size_t size, const char *expected)
{
    slr_image image;
    slr_error err = {0};
    char *exact = malloc(size ? size : 1);
    memcpy(exact, data, size);
    assert_int_equal(slr_image_read_memory(exact, size, "t.jpg", NULL, &image, &err),
                     SELORA_BAD_INPUT);
    free(exact);
    assert_null(image.pixels);
    if (strncmp(err.message, "t.jpg: ", 7) != 0 || !strstr(err.message, expected))
        fail_msg("'%s' lacks '%s'", err.message, expected);
}

static void test_truncated_anywhere(void **state)
{
    (void)state;
    static const char *const names[] = {"grey.jpg", "colour420.jpg", "progressive.jpg", "ink.jpg"};
    for (size_t n = 0; n < 4; n++) {
        size_t size;
        char *file = load(names[n], &size);
        for (size_t length = 0; length < size - 1; length++) /* 1 byte of the end mark is enough */
            assert_refused(file, length, "");
        free(file);
    }
}

/* The library accepts tables without a picture and then leaves the size as it was. */
static void test_no_picture(void **state)
{
    (void)state;
    assert_refused("\xff\xd8\xff", 3, "no picture");
    assert_refused("\xff\xd8\xff\xd9", 4, "no picture");
}

/* Sizes of the frame header replaced: found behind FF C0 (or C2), 8 bits, height, width. */
static void set_size(char *file, size_t size, unsigned width, unsigned height)
{
    for (size_t i = 0; i + 9 < size; i++)
        if ((unsigned char)file[i] == 0xff && (unsigned char)file[i + 1] == 0xc0) {
            file[i + 5] = (char)(height >> 8);
            file[i + 6] = (char)height;
            file[i + 7] = (char)(width >> 8);
            file[i + 8] = (char)width;
            return;
        }
    fail();
}

static void test_hostile_sizes(void **state)
{
    (void)state;
    size_t size;
    char *file = load("grey.jpg", &size);
    set_size(file, size, 65500, 65500);
    assert_refused(file, size, "65500 x 65500 pixels, at most 16384 x 16384");
    set_size(file, size, 0, 29);
    assert_refused(file, size, "");
    set_size(file, size, 37, 4000);
    assert_refused(file, size, "damaged");
    slr_image image;
    const slr_image_limits few = {100, 100, 1072};
    set_size(file, size, 37, 29);
    assert_int_equal(slr_image_read_memory(file, size, "t", &few, &image, NULL), SELORA_BAD_INPUT);
    free(file);
}

/* A progressive picture with thousands of scans takes minutes to decode if it is let. */
static void test_many_scans(void **state)
{
    (void)state;
    size_t size, start = 0, end = 0;
    char *file = load("progressive.jpg", &size);
    for (size_t i = 2; i + 1 < size; i++)
        if ((unsigned char)file[i] == 0xff && (unsigned char)file[i + 1] == 0xda) {
            end = start ? i : end; /* the first scan lies between the first two marks */
            start = start ? start : i;
            if (end)
                break;
        }
    assert_true(end > start);
    size_t scan = end - start, repeats = 2000;
    char *bomb = malloc(size + repeats * scan);
    memcpy(bomb, file, start);
    for (size_t i = 0; i <= repeats; i++)
        memcpy(bomb + start + i * scan, file + start, scan);
    memcpy(bomb + start + (repeats + 1) * scan, file + end, size - end);
    assert_refused(bomb, size + repeats * scan, "");
    free(bomb);
    free(file);
}

/* The size is found behind more comment bytes than the reader looks at first. */
static void test_size_behind_comments(void **state)
{
    (void)state;
    enum { COMMENTS = 6, BODY = 65533 };
    size_t size;
    char *file = load("grey.jpg", &size);
    char *padded = calloc(1, size + COMMENTS * (BODY + 4)), *at = padded;
    memcpy(at, file, 2);
    at += 2;
    for (int i = 0; i < COMMENTS; i++) {
        memcpy(at, "\xff\xfe\xff\xff", 4);
        at += 2 + 65535;
    }
    memcpy(at, file + 2, size - 2);
    at += size - 2;
    scratch_write("a.jpg", padded, (size_t)(at - padded));
    int width, height;
    assert_int_equal(slr_image_read_size(scratch_path("a.jpg"), NULL, &width, &height, NULL),
                     SELORA_OK);
    assert_int_equal(width, 37);
    assert_int_equal(height, 29);
    free(padded);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png_as_pil),
        cmocka_unit_test(test_jpeg_as_pil),
        cmocka_unit_test(test_truncated_anywhere),
        cmocka_unit_test(test_no_picture),
        cmocka_unit_test(test_hostile_sizes),
        cmocka_unit_test(test_many_scans),
        cmocka_unit_test_setup_teardown(test_size_behind_comments, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
