/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "eval/image_set.h"
#include "io/image.h"
#include "support/png_builder.h"
#include "support/scratch.h"

static slr_image_set *open_set(const char *name, const slr_image_set_options *options)
{
    slr_image_set *set;
    slr_error err = {0};
    if (slr_image_set_open(scratch_path(name), options, NULL, &set, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return set;
}

static void open_fails(const char *name, const slr_image_set_options *options, selora_status status,
                       const char *says)
{
    slr_image_set *set;
    slr_error err = {0};
    assert_int_equal(slr_image_set_open(scratch_path(name), options, NULL, &set, &err), status);
    assert_null(set);
    if (!strstr(err.message, says))
        fail_msg("\"%s\" was expected in: %s", says, err.message);
}

/* Sample (y, x, c) of a picture made by write_png(). */
static uint16_t sample(int y, int x, int c, int bits)
{
    return (uint16_t)((unsigned)(y * 37 + x * 11 + c * 5 + (y * x) % 7) % (1u << bits));
}

static void write_png(const char *name, int width, int height, int depth, int colour, int shift)
{
    int samples = png_samples(colour);
    uint16_t *values = calloc((size_t)(width * height * samples), sizeof *values);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < samples; c++)
                values[(y * width + x) * samples + c] = sample(y + shift, x, c, depth);
    png_kind kind = {.width = (uint32_t)width, .height = (uint32_t)height, .depth = depth, .colour = colour};
    size_t size;
    unsigned char *file = png_build(&kind, values, &size);
    scratch_write(name, file, size);
    free(file);
    free(values);
}

static void make_folder(const char *name)
{
    assert_int_equal(mkdir(scratch_path(name), 0755), 0);
}

static void test_plain(void **state)
{
    (void)state;
    make_folder("p");
    write_png("p/b.png", 9, 7, 8, 0, 0);
    write_png("p/a.png", 20, 31, 16, 2, 1);
    slr_image_set *set = open_set("p", NULL);
    assert_int_equal(slr_image_set_count(set), 2);
    const slr_image_item *a = slr_image_set_item(set, 0), *b = slr_image_set_item(set, 1);
    assert_int_equal(a->row, 1);
    assert_int_equal(a->width, 20);
    assert_int_equal(a->height, 31);
    assert_int_equal(a->channels, 3);
    assert_int_equal(a->bits, 16);
    assert_int_equal(b->channels, 1);
    assert_int_equal(b->bits, 8);
    assert_false(a->lossy || a->source_lossy);
    assert_int_equal(a->group, 0);
    assert_int_equal(b->group, 1);
    assert_int_equal(a->prompt_id, -1);
    assert_string_equal(a->prompt, "");
    assert_int_equal(slr_image_set_groups(set), 2);
    assert_int_equal(slr_image_set_prompts(set), 0);
    assert_false(slr_image_set_has_patients(set) || slr_image_set_is_synthetic(set));
    assert_string_equal(slr_image_set_source(set), "");
    assert_string_equal(slr_image_set_window_rule(set), "");
    assert_string_equal(slr_image_set_window_counts(set), "");
    slr_image_set_free(set);
}

static void write_text(const char *name, const char *text)
{
    scratch_write(name, text, strlen(text));
}

static void test_generated(void **state)
{
    (void)state;
    make_folder("g");
    for (int i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "g/%06d.png", i);
        write_png(name, 8, 8, 8, 2, i);
    }
    write_png("g/grid.png", 16, 16, 8, 2, 0);
    write_text("g/metadata.csv", "file_name,text,seed,index\n000000.png,\"a, b\",7,0\n000001.png,c,7,1\n"
                                 "000002.png,\"a, b\",7,2\n000003.png,,7,3\n");
    slr_image_set *set = open_set("g", NULL);
    static const int groups[] = {0, 1, 0, 2}, prompts[] = {0, 1, 0, -1};
    assert_int_equal(slr_image_set_count(set), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(slr_image_set_item(set, i)->group, groups[i]);
        assert_int_equal(slr_image_set_item(set, i)->prompt_id, prompts[i]);
    }
    assert_string_equal(slr_image_set_item(set, 2)->prompt, "a, b");
    assert_string_equal(slr_image_set_cell(set, 2, "index"), "2");
    assert_int_equal(slr_image_set_groups(set), 3);
    assert_int_equal(slr_image_set_prompts(set), 2);
    assert_true(slr_image_set_is_synthetic(set));
    assert_false(slr_image_set_has_patients(set));
    assert_string_equal(slr_image_set_source(set), "synthetic");
    slr_image_set_free(set);
}

static void test_patients_and_sides(void **state)
{
    (void)state;
    make_folder("d");
    char name[32];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "d/%d.png", i);
        write_png(name, 8, 8, 8, 0, i);
    }
    write_text("d/metadata.csv", "file_name,text,patient,picture,voi,lossy\n"
                                 "0.png,a,00000000000000aa,1000000000000000,lut,no\n"
                                 "1.png,b,00000000000000bb,1000000000000001,window,yes\n"
                                 "2.png,a,00000000000000cc,1000000000000002,window,no\n"
                                 "3.png,c,,1000000000000003,lut,\n"
                                 "4.png,a,00000000000000bb,1000000000000004,window,no\n");
    write_text("d/split.csv", "row,side,patient\n1,train,00000000000000aa\n2,test,00000000000000bb\n"
                              "3,train,00000000000000cc\n4,test,1000000000000003\n5,test,00000000000000bb\n");
    write_text("d/manifest.json",
               "{\"settings\": {\"window\": \"40/400\", \"padding\": \"keep\", \"no-voi\": null}}");
    slr_image_set *set = open_set("d", &(slr_image_set_options){.side = SLR_SIDE_TEST, .threads = 3});
    static const int rows[] = {2, 4, 5}, groups[] = {0, 1, 0}, prompts[] = {0, 1, 2};
    assert_int_equal(slr_image_set_count(set), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(slr_image_set_item(set, i)->row, rows[i]);
        assert_int_equal(slr_image_set_item(set, i)->group, groups[i]);
        assert_int_equal(slr_image_set_item(set, i)->prompt_id, prompts[i]);
        assert_int_equal(slr_image_set_item(set, i)->side, SLR_SIDE_TEST);
        assert_int_equal(slr_image_set_item(set, i)->source_lossy, i == 0);
    }
    assert_true(slr_image_set_has_patients(set));
    assert_string_equal(slr_image_set_source(set), "real-test");
    assert_string_equal(slr_image_set_window_rule(set), "window 40/400, else percentile, padding keep");
    assert_string_equal(slr_image_set_window_counts(set), "window 2, lut 1");
    slr_image_set_free(set);
    set = open_set("d", &(slr_image_set_options){.side = SLR_SIDE_TRAIN, .threads = 1});
    assert_int_equal(slr_image_set_count(set), 2);
    assert_string_equal(slr_image_set_source(set), "real-train");
    slr_image_set_free(set);
    open_fails("d", &(slr_image_set_options){.side = SLR_SIDE_VALIDATION}, SELORA_BAD_INPUT, "validation");
    open_fails("d", &(slr_image_set_options){.group_column = "who"}, SELORA_BAD_INPUT, "no column who");
}

static void test_refusals(void **state)
{
    (void)state;
    make_folder("e");
    open_fails("e", NULL, SELORA_BAD_INPUT, "no pictures");
    open_fails("absent", NULL, SELORA_BAD_INPUT, "absent");
    write_text("file", "x");
    open_fails("file", NULL, SELORA_BAD_INPUT, "is a file");
    write_png("e/a.png", 8, 8, 8, 0, 0);
    write_text("e/b.png", "\x89PNG\r\n\x1a\n and no more");
    write_text("e/c.jpg", "\xff\xd8\xff nothing");
    open_fails("e", NULL, SELORA_BAD_INPUT, "row 2");
    open_fails("e", NULL, SELORA_BAD_INPUT, "row 3");
    open_fails("e", &(slr_image_set_options){.side = SLR_SIDE_TEST}, SELORA_BAD_INPUT, "says no sides");
    write_text("e/d.tif", "II");
    open_fails("e", NULL, SELORA_BAD_INPUT, "picture 4: PNG and JPEG are read");
}

/* The same pixels in other formats are the same picture; one step of one sample is another. */
static void test_hash(void **state)
{
    (void)state;
    make_folder("h");
    uint16_t grey8[6] = {0, 1, 77, 128, 254, 255}, grey16[6], rgb8[18], other[6];
    for (int i = 0; i < 6; i++) {
        grey16[i] = (uint16_t)(grey8[i] * 257);
        other[i] = (uint16_t)(grey16[i] + (i == 3));
        rgb8[3 * i] = rgb8[3 * i + 1] = rgb8[3 * i + 2] = grey8[i];
    }
    const struct {
        const char *name;
        const uint16_t *values;
        uint32_t width, height;
        int depth, colour;
    } files[] = {{"h/0.png", grey8, 3, 2, 8, 0},
                 {"h/1.png", grey16, 3, 2, 16, 0},
                 {"h/2.png", rgb8, 3, 2, 8, 2},
                 {"h/3.png", other, 3, 2, 16, 0},
                 {"h/4.png", grey8, 2, 3, 8, 0}};
    for (size_t i = 0; i < 5; i++) {
        png_kind kind = {
            files[i].width, files[i].height, files[i].depth, files[i].colour, false, NULL, 0, NULL, 0};
        size_t size;
        unsigned char *file = png_build(&kind, files[i].values, &size);
        scratch_write(files[i].name, file, size);
        free(file);
    }
    slr_image_set *set = open_set("h", NULL), *again = open_set("h", &(slr_image_set_options){.threads = 3});
    const char *hash = slr_image_set_item(set, 0)->sha256;
    assert_int_equal(strlen(hash), 64);
    assert_string_equal(slr_image_set_item(set, 1)->sha256, hash);
    assert_string_equal(slr_image_set_item(set, 2)->sha256, hash);
    assert_string_not_equal(slr_image_set_item(set, 3)->sha256, hash);
    assert_string_not_equal(slr_image_set_item(set, 4)->sha256, hash);
    assert_string_equal(slr_image_set_sha256(set), slr_image_set_sha256(again));
    slr_image_set_free(set);
    slr_image_set_free(again);
}

/* 200 pixels: 195 grey, 4 with a residual of 40, one of 100. Rank 197.01 of the sorted ones is 40. */
static void test_colour(void **state)
{
    (void)state;
    make_folder("c");
    uint16_t values[600];
    for (int i = 0; i < 200; i++)
        for (int c = 0; c < 3; c++)
            values[3 * i + c] = (uint16_t)(100 + (c == 1 ? i < 195 ? 0 : i < 199 ? 40 : -100 : 0));
    png_kind kind = {.width = 20, .height = 10, .depth = 8, .colour = 2};
    size_t size;
    unsigned char *file = png_build(&kind, values, &size);
    scratch_write("c/0.png", file, size);
    free(file);
    write_png("c/1.png", 20, 10, 16, 0, 0);
    slr_image_set *set = open_set("c", NULL);
    assert_true(fabs(slr_image_set_item(set, 0)->colour_mean - 260.0 / 200) < 1e-12);
    assert_true(fabs(slr_image_set_item(set, 0)->colour_p99 - 40) < 1e-12);
    assert_true(slr_image_set_item(set, 1)->colour_p99 == 0);
    /* Of all 400: rank 395.01 is between the 5 coloured ones' first two. */
    slr_colour_residual all = slr_image_set_colour(set);
    assert_true(fabs(all.mean - 260.0 / 400) < 1e-12);
    assert_true(fabs(all.p99 - 40) < 1e-12);
    slr_image_set_free(set);
}

/* Squares of any picture: sizes of one pixel, odd and long ones, 1 to 16 bits, with alpha. */
static void test_squares(void **state)
{
    (void)state;
    static const int kinds[][4] = {{1, 1, 8, 0},   {1, 1, 16, 2},  {3, 301, 16, 0}, {257, 2, 8, 6},
                                   {40, 30, 1, 0}, {33, 33, 8, 4}, {32, 32, 8, 0}};
    enum { KINDS = sizeof kinds / sizeof *kinds, SIDE = 32 };
    static float grey[SIDE * SIDE], rgb[SIDE * SIDE * 3];
    make_folder("s");
    for (int i = 0; i < KINDS; i++) {
        char name[32];
        snprintf(name, sizeof name, "s/%d.png", i);
        write_png(name, kinds[i][0], kinds[i][1], kinds[i][2], kinds[i][3], 3);
    }
    slr_image_set *set = open_set("s", NULL);
    for (size_t i = 0; i < KINDS; i++) {
        slr_error err = {0};
        assert_int_equal(slr_image_set_grey(set, i, SIDE, grey, &err), SELORA_OK);
        assert_int_equal(slr_image_set_rgb(set, i, SIDE, rgb, &err), SELORA_OK);
        for (int k = 0; k < SIDE * SIDE; k++) {
            assert_true(grey[k] >= 0 && grey[k] <= 1);
            double mixed =
                0.299 * (double)rgb[3 * k] + 0.587 * (double)rgb[3 * k + 1] + 0.114 * (double)rgb[3 * k + 2];
            if (kinds[i][3] != 6) /* colours of this one overshoot, each apart */
                assert_true(fabs(mixed - (double)grey[k]) < 2e-6);
        }
    }
    /* At its own size a picture is itself. */
    for (int k = 0; k < SIDE * SIDE; k++)
        assert_true(fabs((double)grey[k] - sample(k / SIDE + 3, k % SIDE, 0, 8) / 255.0) < 1e-6);
    slr_error err = {0};
    assert_int_equal(slr_image_set_grey(set, 0, 0, grey, &err), SELORA_USAGE);
    slr_image_set_free(set);
}

/* A wide picture of 16 bits: its centre, antialiased, as PIL has it (mode F, resize to 16 x 8, bicubic,
 * columns 4 to 11). */
static void test_centre(void **state)
{
    (void)state;
    static const double expected[][8] = {
        {0.3859816, 0.4395835, 0.5097817, 0.5482148, 0.6320858, 0.6592657, 0.7578888, 0.7312026},
        {0.5694469, 0.6019721, 0.6890651, 0.7160280, 0.8073747, 0.7676564, 0.7869156, 0.6006710},
        {0.7827150, 0.7348122, 0.7427181, 0.6880995, 0.4791263, 0.5590745, 0.1650324, 0.1440057}};
    static const int lines[] = {0, 3, 7};
    static uint16_t values[30 * 60];
    float grey[64], rounded[64];
    make_folder("w");
    for (int i = 0; i < 30 * 60; i++)
        values[i] = (uint16_t)((i / 60) * 997 + (i % 60) * 1013 + (i / 60) * (i % 60) % 7 * 3000);
    png_kind kind = {.width = 60, .height = 30, .depth = 16, .colour = 0};
    size_t size;
    unsigned char *file = png_build(&kind, values, &size);
    scratch_write("w/0.png", file, size);
    free(file);
    slr_image_set *set = open_set("w", NULL);
    slr_error err = {0};
    assert_int_equal(slr_image_set_grey(set, 0, 8, grey, &err), SELORA_OK);
    for (int i = 0; i < 3; i++)
        for (int x = 0; x < 8; x++)
            assert_true(fabs((double)grey[8 * lines[i] + x] - expected[i][x]) < 1e-6);
    /* Kept ones are the same bits; rounding makes them anew. */
    assert_int_equal(slr_image_set_keep(set, 8, 3, NULL, &err), SELORA_OK);
    assert_int_equal(rename(scratch_path("w/0.png"), scratch_path("w/away")), 0);
    assert_int_equal(slr_image_set_grey(set, 0, 8, rounded, &err), SELORA_OK);
    assert_int_equal(slr_image_set_grey(set, 0, 7, rounded, &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_image_set_grey(set, 0, 8, rounded, &err), SELORA_OK);
    assert_int_equal(rename(scratch_path("w/away"), scratch_path("w/0.png")), 0);
    assert_memory_equal(grey, rounded, sizeof grey);
    assert_false(slr_image_set_is_8_bit(set));
    slr_image_set_round_to_8(set);
    assert_true(slr_image_set_is_8_bit(set));
    assert_int_equal(slr_image_set_grey(set, 0, 8, rounded, &err), SELORA_OK);
    assert_memory_not_equal(grey, rounded, sizeof grey);
    for (int i = 0; i < 64; i++)
        assert_true(fabs((double)grey[i] - (double)rounded[i]) < 0.6 / 255);
    slr_image_set_free(set);
}

int main(void)
{
#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_plain),    SCRATCH_TEST(test_generated), SCRATCH_TEST(test_patients_and_sides),
        SCRATCH_TEST(test_refusals), SCRATCH_TEST(test_hash),      SCRATCH_TEST(test_colour),
        SCRATCH_TEST(test_squares),  SCRATCH_TEST(test_centre),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
