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
#include "io/image.h"
#include "support/png_builder.h"
#include "support/scratch.h"

static selora_status read_bytes(const void *data, size_t size, slr_image *image, slr_error *err)
{
    return slr_image_read_memory(data, size, "t.png", NULL, image, err);
}

static void assert_refused(const void *data, size_t size, const char *expected)
{
    slr_image image;
    slr_error err = {0};
    char *exact = malloc(size ? size : 1); /* the sanitizer sees a read past the end */
    memcpy(exact, data, size);
    assert_int_equal(read_bytes(exact, size, &image, &err), SELORA_BAD_INPUT);
    free(exact);
    assert_null(image.pixels);
    if (strncmp(err.message, "t.png: ", 7) != 0 || !strstr(err.message, expected))
        fail_msg("'%s' lacks '%s'", err.message, expected);
}

/* ---- every kind of file ---- */

static const unsigned char palette[] = {0,   0,   0,   255, 0,  0,  0,  200, 10, 30, 60, 90,
                                        255, 255, 255, 7,   8,  9,  77, 77,  77, 1,  2,  3,
                                        4,   5,   6,   10,  20, 30, 40, 50,  60, 70, 80, 90,
                                        11,  12,  13,  14,  15, 16, 17, 18,  19, 20, 21, 22};

/* Reads the built file and compares each colour with what the format says it is: sample over the
 * largest one. */
static void check_kind(const png_kind *kind)
{
    int per_pixel = png_samples(kind->colour), alpha = kind->colour == 4 || kind->colour == 6;
    size_t pixels = (size_t)kind->width * kind->height, size;
    uint16_t *samples = malloc(pixels * (size_t)per_pixel * sizeof *samples);
    slr_rng rng = slr_rng_at(1, SLR_STREAM_TEST, (uint32_t)kind->depth, (uint32_t)kind->colour);
    uint32_t top = (1u << kind->depth) - 1;
    for (size_t i = 0; i < pixels * (size_t)per_pixel; i++)
        samples[i] = (uint16_t)slr_rng_below(&rng, kind->colour == 3 && top > 15 ? 16 : top + 1);
    unsigned char *file = png_build(kind, samples, &size);
    slr_image image;
    slr_error err = {0};
    if (read_bytes(file, size, &image, &err) != SELORA_OK)
        fail_msg("depth %d, colour %d: %s", kind->depth, kind->colour, err.message);
    assert_int_equal(image.width, kind->width);
    assert_int_equal(image.height, kind->height);
    assert_int_equal(image.channels, kind->colour == 0 || kind->colour == 4 ? 1 : 3);
    assert_int_equal(image.bits, kind->depth == 16 ? 16 : 8);
    for (size_t i = 0; i < pixels; i++)
        for (int c = 0; c < image.channels; c++) {
            float expected =
                kind->colour == 3
                    ? (float)palette[3 * samples[i] + (size_t)c] / 255.0f
                    : (float)samples[i * (size_t)(image.channels + alpha) + (size_t)c] / (float)top;
            float found = image.pixels[i * (size_t)image.channels + (size_t)c];
            if (found != expected &&
                fabsf(found - expected) > 6e-8f) /* k/3 and 85k/255: one rounding */
                fail_msg("depth %d, colour %d, pixel %zu: %.9g, expected %.9g", kind->depth,
                         kind->colour, i, (double)found, (double)expected);
        }
    slr_image_free(&image);
    free(file);
    free(samples);
}

static void test_kinds(void **state)
{
    (void)state;
    static const int kinds[][2] = {{0, 1}, {0, 2}, {0, 4}, {0, 8}, {0, 16}, {2, 8}, {2, 16}, {3, 1},
                                   {3, 2}, {3, 4}, {3, 8}, {4, 8}, {4, 16}, {6, 8}, {6, 16}};
    static const uint32_t sizes[][2] = {{13, 11}, {1, 1}, {8, 8}, {3, 2}, {1, 9}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int interlaced = 0; interlaced < 2; interlaced++) {
                png_kind kind = {.width = sizes[s][0],
                                 .height = sizes[s][1],
                                 .colour = kinds[k][0],
                                 .depth = kinds[k][1],
                                 .interlaced = interlaced};
                if (kind.colour == 3) {
                    kind.palette = palette;
                    kind.palette_count = kind.depth < 4 ? 1u << kind.depth : 16;
                }
                check_kind(&kind);
            }
}

/* Transparency changes nothing: the colours are kept as they are, as PIL's convert("RGB") does. */
static void test_transparency(void **state)
{
    (void)state;
    static const unsigned char alphas[] = {0, 128, 255}, grey[] = {0, 1},
                               colour[] = {0, 1, 0, 2, 0, 3};
    png_kind indexed = {.width = 9,
                        .height = 5,
                        .colour = 3,
                        .depth = 4,
                        .palette = palette,
                        .palette_count = 16,
                        .trns = alphas,
                        .trns_size = sizeof alphas};
    png_kind one_grey = {
        .width = 9, .height = 5, .depth = 2, .trns = grey, .trns_size = sizeof grey};
    png_kind wide_grey = {
        .width = 9, .height = 5, .depth = 16, .trns = grey, .trns_size = sizeof grey};
    png_kind one_colour = {.width = 9,
                           .height = 5,
                           .colour = 2,
                           .depth = 16,
                           .trns = colour,
                           .trns_size = sizeof colour};
    check_kind(&indexed);
    check_kind(&one_grey);
    check_kind(&wide_grey);
    check_kind(&one_colour);
}

/* All 65536 values survive reading, writing and reading again. */
static void test_16_bits_exact(void **state)
{
    (void)state;
    png_kind kind = {.width = 256, .height = 256, .depth = 16};
    uint16_t *samples = malloc(65536 * sizeof *samples);
    for (size_t i = 0; i < 65536; i++)
        samples[i] = (uint16_t)i;
    size_t size;
    unsigned char *file = png_build(&kind, samples, &size);
    slr_image image, again;
    assert_int_equal(read_bytes(file, size, &image, NULL), SELORA_OK);
    void *written;
    size_t written_size;
    assert_int_equal(slr_png_write_memory(&image, 16, NULL, 0, &written, &written_size, NULL),
                     SELORA_OK);
    assert_int_equal(read_bytes(written, written_size, &again, NULL), SELORA_OK);
    for (size_t i = 0; i < 65536; i++) {
        assert_true(image.pixels[i] == (float)i / 65535.0f);
        assert_true(again.pixels[i] == image.pixels[i]);
        assert_int_equal(lrintf(image.pixels[i] * 65535.0f), i);
    }
    slr_image_free(&image);
    slr_image_free(&again);
    free(written);
    free(file);
    free(samples);
}

/* ---- damage ---- */

static unsigned char *small_file(int interlaced, size_t *size)
{
    uint16_t samples[12 * 7 * 3];
    for (size_t i = 0; i < 12 * 7 * 3; i++)
        samples[i] = (uint16_t)(i * 37 % 251);
    png_kind kind = {.width = 12, .height = 7, .colour = 2, .depth = 8, .interlaced = interlaced};
    return png_build(&kind, samples, size);
}

static void test_truncated_anywhere(void **state)
{
    (void)state;
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        size_t size;
        unsigned char *file = small_file(interlaced, &size);
        for (size_t length = 0; length <= size - 5;
             length++) /* the last 4: a checksum of nothing */
            assert_refused(file, length, "");
        free(file);
    }
}

/* Every bit flipped once: a picture or an error, never a crash; what the checksums cover is
 * refused. */
static void test_flipped_bits(void **state)
{
    (void)state;
    size_t size;
    unsigned char *file = small_file(0, &size);
    for (size_t i = 8; i < 8 * size; i++) {
        file[i / 8] ^= (unsigned char)(1u << i % 8);
        assert_refused(file, size, "");
        file[i / 8] ^= (unsigned char)(1u << i % 8);
    }
    free(file);
}

static void header_only(png_bytes *file, uint32_t width, uint32_t height, int depth, int colour)
{
    png_kind kind = {.width = 1, .height = 1, .depth = 8};
    uint16_t sample = 0;
    size_t size;
    unsigned char header[13] = {0}, *whole = png_build(&kind, &sample, &size);
    for (int i = 0; i < 4; i++) {
        header[i] = (unsigned char)(width >> (24 - 8 * i));
        header[4 + i] = (unsigned char)(height >> (24 - 8 * i));
    }
    header[8] = (unsigned char)depth;
    header[9] = (unsigned char)colour;
    png_add(file, "\x89PNG\r\n\x1a\n", 8);
    png_add_chunk(file, "IHDR", header, 13);
    png_add(file, whole + 8 + 25, size - 8 - 25);
    free(whole);
}

static void test_hostile_headers(void **state)
{
    (void)state;
    static const struct {
        uint32_t width, height;
        int depth, colour;
        const char *expected;
    } cases[] = {
        {0, 1, 8, 0, "empty"},
        {1, 0, 8, 0, "empty"},
        {0x80000000u, 1, 8, 0, "2147483648 x 1 pixels, at most"},
        {0xffffffffu, 0xffffffffu, 16, 6, "at most 16384 x 16384"},
        {0x7fffffffu, 0x7fffffffu, 16, 6, "at most 16384 x 16384"},
        {16385, 1, 8, 0, "16385 x 1 pixels, at most"},
        {16384, 16384, 8, 0, "134217728 in all"},
        {1, 1, 3, 0, "bit depth"},
        {1, 1, 16, 3, "bit depth"},
        {1, 1, 8, 5, "color type"},
        {1, 1, 8, 3, ""},         /* a palette picture without a palette */
        {4000, 4000, 16, 6, ""}, /* within the limits, with the pixels of a 1 x 1 picture */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        png_bytes file = {0};
        header_only(&file, cases[i].width, cases[i].height, cases[i].depth, cases[i].colour);
        assert_refused(file.data, file.size, cases[i].expected);
        free(file.data);
    }
    assert_refused("", 0, "is empty");
    assert_refused("GIF89a", 6, "GIF");
    assert_refused("hello", 5, "unknown format");
    assert_refused("\x89PNG\r\n\x1a\n", 8, "truncated");
}

static void test_callers_limits(void **state)
{
    (void)state;
    size_t size;
    unsigned char *file = small_file(0, &size);
    const slr_image_limits narrow = {11, 100, 10000}, few = {100, 100, 83}, enough = {12, 7, 84};
    slr_image image;
    slr_error err = {0};
    assert_int_equal(slr_image_read_memory(file, size, "t", &narrow, &image, &err),
                     SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "12 x 7 pixels, at most 11 x 100"));
    assert_int_equal(slr_image_read_memory(file, size, "t", &few, &image, &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_image_read_memory(file, size, "t", &enough, &image, &err), SELORA_OK);
    slr_image_free(&image);
    free(file);
}

/* ---- files and writing ---- */

static void test_file(void **state)
{
    (void)state;
    size_t size;
    unsigned char *file = small_file(0, &size);
    scratch_write("a.jpg", file, size); /* the name says nothing */
    scratch_write("cut.png", file, 40);
    slr_image image;
    slr_error err = {0};
    int width, height;
    assert_int_equal(slr_image_read(scratch_path("a.jpg"), NULL, &image, NULL), SELORA_OK);
    assert_int_equal(image.width, 12);
    slr_image_free(&image);
    assert_int_equal(slr_image_read_size(scratch_path("cut.png"), NULL, &width, &height, NULL),
                     SELORA_OK);
    assert_int_equal(width, 12);
    assert_int_equal(height, 7);
    assert_int_equal(slr_image_read(scratch_path("none.png"), NULL, &image, &err),
                     SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "none.png"));
    assert_int_equal(slr_image_read(scratch_path(""), NULL, &image, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "folder"));
    assert_int_equal(slr_image_read_size(scratch_path("none.png"), NULL, &width, &height, &err),
                     SELORA_BAD_INPUT);
    free(file);
}

static void test_write_rounds_and_clamps(void **state)
{
    (void)state;
    slr_image image, again;
    assert_int_equal(slr_image_new(7, 1, 1, &image, NULL), SELORA_OK);
    const float values[7] = {-1.0f,           NAN,      0.49f / 255.0f, 0.51f / 255.0f,
                             254.6f / 255.0f, INFINITY, -INFINITY};
    const float expected[7] = {0, 0, 0, 1, 255, 255, 0};
    memcpy(image.pixels, values, sizeof values);
    assert_int_equal(slr_png_write(scratch_path("a.png"), &image, 8, NULL, 0, NULL), SELORA_OK);
    assert_int_equal(slr_image_read(scratch_path("a.png"), NULL, &again, NULL), SELORA_OK);
    for (size_t i = 0; i < 7; i++)
        assert_true(again.pixels[i] == expected[i] / 255.0f);
    assert_int_equal(scratch_count(""), 1); /* nothing temporary stays */
    slr_image_free(&again);
    slr_error err = {0};
    assert_int_equal(slr_png_write(scratch_path("a.png"), &image, 4, NULL, 0, &err), SELORA_USAGE);
    assert_int_equal(slr_png_write(scratch_path("none/a.png"), &image, 8, NULL, 0, &err),
                     SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "none/a.png"));
    slr_image_free(&image);
}

static const unsigned char *find(const unsigned char *data, size_t size, const char *what,
                                 size_t length)
{
    return memmem(data, size, what, length);
}

static void test_texts(void **state)
{
    (void)state;
    static const slr_png_text texts[] = {{"Software", "selora"},
                                         {"settings", "{\"steps\": 50,\n \"seed\": 1}"},
                                         {"note", "M\xc3\xbcller"},
                                         {"empty", ""}};
    slr_image image, again;
    assert_int_equal(slr_image_new(3, 2, 3, &image, NULL), SELORA_OK);
    for (size_t i = 0; i < 18; i++)
        image.pixels[i] = (float)i / 17.0f;
    void *data;
    size_t size;
    slr_error err = {0};
    if (slr_png_write_memory(&image, 16, texts, 4, &data, &size, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    assert_non_null(find(data, size, "tEXtSoftware\0selora", 19));
    assert_non_null(find(data, size, "tEXtsettings\0{\"steps\": 50,\n \"seed\": 1}", 38));
    assert_non_null(find(data, size, "iTXtnote\0\0\0\0\0M\xc3\xbcller", 20));
    assert_null(find(data, size, "empty", 5));
    assert_int_equal(read_bytes(data, size, &again, NULL), SELORA_OK);
    for (size_t i = 0; i < 18; i++)
        assert_true(fabsf(again.pixels[i] - image.pixels[i]) <= 0.5f / 65535.0f);
    slr_image_free(&again);
    free(data);
    const slr_png_text nameless = {"", "x"};
    char long_key[81];
    memset(long_key, 'k', 80);
    long_key[80] = 0;
    const slr_png_text too_long = {long_key, "x"};
    assert_int_equal(slr_png_write_memory(&image, 8, &nameless, 1, &data, &size, &err),
                     SELORA_USAGE);
    assert_int_equal(slr_png_write_memory(&image, 8, &too_long, 1, &data, &size, &err),
                     SELORA_USAGE);
    slr_image_free(&image);
}

static void test_new_refuses(void **state)
{
    (void)state;
    slr_image image;
    assert_int_equal(slr_image_new(0, 1, 1, &image, NULL), SELORA_USAGE);
    assert_int_equal(slr_image_new(1, 1, 2, &image, NULL), SELORA_USAGE);
    assert_int_equal(slr_image_new(2147483647, 2147483647, 3, &image, NULL), SELORA_NO_RESOURCE);
    slr_image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_transparency),
        cmocka_unit_test(test_16_bits_exact),
        cmocka_unit_test(test_truncated_anywhere),
        cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_hostile_headers),
        cmocka_unit_test(test_callers_limits),
        cmocka_unit_test_setup_teardown(test_file, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_write_rounds_and_clamps, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_texts, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_new_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
