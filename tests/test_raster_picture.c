/* SPDX-License-Identifier: MIT
 * PNG and JPEG as pictures of a data set: what their codecs let pass and a data set must not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>
#include <cmocka.h>

#include "medical/picture_colour.h"
#include "medical/picture_geometry.h"
#include "medical/raster_checks.h"
#include "support/picture_reference.h"
#include "support/png_builder.h"
#include "support/scratch.h"

/* ---- PNG ---- */

static void save_png(const char *name, const png_kind *kind, const uint16_t *samples)
{
    size_t size;
    unsigned char *bytes = png_build(kind, samples, &size);
    scratch_write(name, bytes, size);
    free(bytes);
}

static void test_grey_png(void **state)
{
    (void)state;
    static const int depths[] = {1, 2, 4, 8, 16};
    for (size_t d = 0; d < 5; d++) {
        slr_picture_facts facts;
        uint16_t samples[12], top = (uint16_t)((1u << depths[d]) - 1);
        for (int i = 0; i < 12; i++)
            samples[i] = (uint16_t)(i * top / 11);
        save_png("a.png", &(png_kind){.width = 4, .height = 3, .depth = depths[d]}, samples);
        slr_image image = picture_read("a.png", 0, NULL, &facts);
        assert_int_equal(facts.kind, SLR_KIND_PNG);
        assert_int_equal(facts.voi, SLR_VOI_NONE);
        assert_int_equal(facts.bits_stored, depths[d]);
        assert_int_equal(facts.warnings, 0);
        assert_int_equal(facts.source_width, 4);
        assert_int_equal(facts.height, 3);
        for (int i = 0; i < 12; i++)
            assert_true(fabs((double)image.pixels[i] - samples[i] / (double)top) < 1e-7);
        slr_image_free(&image);
    }
}

static void test_alpha(void **state)
{
    (void)state;
    slr_picture_facts facts;
    const uint16_t grey[] = {200, 255, 200, 128, 200, 0, 10, 255};
    save_png("grey.png", &(png_kind){.width = 4, .height = 1, .depth = 8, .colour = 4}, grey);
    slr_image image = picture_read("grey.png", 0, NULL, &facts);
    assert_int_equal(facts.see_through_pixels, 2);
    assert_true(facts.warnings & SLR_WARN_ALPHA);
    for (int i = 0; i < 4; i++)
        assert_true(fabs((double)image.pixels[i] - grey[2 * i] / 255.0 * grey[2 * i + 1] / 255.0) < 1e-6);
    slr_image_free(&image);
    const uint16_t wide[] = {60000, 100, 7, 65535, 60000, 100, 7, 32768};
    save_png("wide.png", &(png_kind){.width = 2, .height = 1, .depth = 16, .colour = 6}, wide);
    image = picture_read("wide.png", 0, NULL, &facts);
    assert_int_equal(facts.see_through_pixels, 1);
    for (int i = 0; i < 6; i++)
        assert_true(fabs((double)image.pixels[i] -
                         wide[i / 3 * 4 + i % 3] / 65535.0 * wide[i / 3 * 4 + 3] / 65535.0) < 1e-6);
    slr_image_free(&image);
    const uint16_t opaque[] = {1, 2, 3, 255, 100, 101, 102, 255};
    save_png("opaque.png", &(png_kind){.width = 2, .height = 1, .depth = 8, .colour = 6}, opaque);
    image = picture_read("opaque.png", 0, NULL, &facts);
    assert_int_equal(facts.see_through_pixels, 0);
    assert_int_equal(facts.warnings, 0);
    slr_image_free(&image);
}

/* Palettes and tRNS: the entries that are see-through go dark; what is left of grey is grey. */
static void test_transparent_entries(void **state)
{
    (void)state;
    slr_picture_facts facts;
    static const unsigned char palette[] = {10, 10, 10, 200, 200, 200, 90, 90, 90}, alphas[] = {255, 0},
                               key[] = {0, 77};
    const uint16_t indices[] = {0, 1, 2, 1};
    save_png("palette.png",
             &(png_kind){.width = 4,
                         .height = 1,
                         .depth = 8,
                         .colour = 3,
                         .palette = palette,
                         .palette_count = 3,
                         .trns = alphas,
                         .trns_size = 2},
             indices);
    slr_image image = picture_read("palette.png", 0, NULL, &facts);
    static const double expected[] = {10, 0, 90, 0};
    assert_int_equal(facts.see_through_pixels, 2);
    assert_int_equal(image.channels, 1);
    assert_int_equal(facts.colour, SLR_COLOUR_GREY_RGB);
    for (int i = 0; i < 4; i++)
        assert_true(fabs((double)image.pixels[i] - expected[i] / 255.0) < 1e-6);
    slr_image_free(&image);
    const uint16_t greys[] = {5, 77, 255, 77};
    save_png("key.png", &(png_kind){.width = 4, .height = 1, .depth = 8, .trns = key, .trns_size = 2}, greys);
    image = picture_read("key.png", 0, NULL, &facts);
    assert_int_equal(facts.see_through_pixels, 2);
    assert_true(image.pixels[1] == 0.0f && image.pixels[2] == 1.0f);
    slr_image_free(&image);
}

/* 12 bits in 16 look black: a warning, and one white for the whole set. */
static void test_dark_png(void **state)
{
    (void)state;
    slr_picture_facts facts;
    slr_medical_options options = slr_medical_options_default();
    const uint16_t samples[] = {0, 1000, 4095, 2000};
    save_png("dark.png", &(png_kind){.width = 4, .height = 1, .depth = 16}, samples);
    slr_image image = picture_read("dark.png", 0, NULL, &facts);
    assert_true(facts.warnings & SLR_WARN_DARK);
    assert_int_equal(facts.sample_max, 4095);
    slr_image_free(&image);
    options.png_max = 4095;
    image = picture_read("dark.png", 0, &options, &facts);
    for (int i = 0; i < 4; i++)
        assert_true(fabs((double)image.pixels[i] - samples[i] / 4095.0) < 1e-6);
    slr_image_free(&image);
    options.png_max = 2000;
    image = picture_read("dark.png", 0, &options, &facts);
    assert_true(image.pixels[2] == 1.0f);
    slr_image_free(&image);
    const uint16_t bright[] = {0, 16384, 3, 4};
    save_png("bright.png", &(png_kind){.width = 4, .height = 1, .depth = 16}, bright);
    image = picture_read("bright.png", 0, NULL, &facts);
    assert_false(facts.warnings & SLR_WARN_DARK);
    slr_image_free(&image);
}

static void test_png_chunks(void **state)
{
    (void)state;
    slr_raster_marks marks;
    slr_picture_facts facts;
    uint16_t sample = 9;
    size_t size;
    unsigned char *whole = png_build(&(png_kind){.width = 1, .height = 1, .depth = 16}, &sample, &size);
    png_bytes chunks = {0};
    png_add(&chunks, whole, 8 + 25);
    png_add_chunk(&chunks, "sBIT", "\x0c", 1);
    png_add_chunk(&chunks, "gAMA", "\0\0\xb1\x8f", 4);
    png_add(&chunks, whole + 33, size - 33);
    scratch_write("a.png", chunks.data, chunks.size);
    slr_image image = picture_read("a.png", 0, NULL, &facts);
    assert_int_equal(facts.significant_bits, 12);
    assert_true(facts.warnings & SLR_WARN_COLOUR_PROFILE);
    assert_true(facts.warnings & SLR_WARN_CONSTANT);
    slr_image_free(&image);
    for (size_t length = 0; length < chunks.size; length++) /* ends anywhere without reading on */
        slr_png_marks(chunks.data, length, &marks);
    free(whole);
    free(chunks.data);
}

/* ---- colour ---- */

static void check_colour(const uint16_t *samples, int count, slr_colour colour, double residual)
{
    slr_picture_facts facts;
    save_png("rgb.png", &(png_kind){.width = (uint32_t)count, .height = 1, .depth = 8, .colour = 2}, samples);
    slr_image image = picture_read("rgb.png", 0, NULL, &facts);
    assert_int_equal(facts.colour, colour);
    assert_true(fabs(facts.colour_residual - residual) < 1e-3);
    assert_int_equal(image.channels, colour == SLR_COLOUR_GREY_RGB ? 1 : 3);
    slr_image_free(&image);
}

static void test_colour(void **state)
{
    (void)state;
    uint16_t samples[3 * 20];
    for (int i = 0; i < 60; i++)
        samples[i] = (uint16_t)(10 * (i / 3));
    check_colour(samples, 20, SLR_COLOUR_GREY_RGB, 0);
    samples[1] += 2;
    check_colour(samples, 20, SLR_COLOUR_GREY_RGB, 2);
    samples[1] += 1;
    check_colour(samples, 20, SLR_COLOUR_TRUE, 3);
    samples[1] += 6;
    check_colour(samples, 20, SLR_COLOUR_ANNOTATED, 9); /* one pixel of twenty */
    samples[4] += 20;
    check_colour(samples, 20, SLR_COLOUR_ANNOTATED, 20);
    samples[7] += 20;
    check_colour(samples, 20, SLR_COLOUR_TRUE, 20); /* over a tenth */
    slr_medical_options options = slr_medical_options_default();
    options.grey_only = true;
    picture_refused("rgb.png", 0, &options, SLR_SKIP_COLOUR, "only grey was asked for");
    double rgb[3];
    slr_ybr_to_rgb(255, 128, 128, rgb);
    assert_true(rgb[0] == 255 && rgb[1] == 255 && rgb[2] == 255);
    slr_ybr_to_rgb(76.245, 84.972, 255.5, rgb); /* red */
    assert_true(fabs(rgb[0] - 255) < 0.1 && fabs(rgb[1]) < 0.3 && fabs(rgb[2]) < 0.1);
    slr_ybr_to_rgb(0, 0, 0, rgb);
    assert_true(rgb[0] == 0 && fabs(rgb[1] - 135.458816) < 1e-9 && rgb[2] == 0);
}

/* ---- JPEG ---- */

static unsigned char *make_jpeg(int width, int height, int format, int subsampling, unsigned long *size)
{
    unsigned char *pixels = calloc((size_t)(width * height), 4), *bytes = NULL;
    for (int i = 0; i < width * height * tjPixelSize[format]; i++)
        pixels[i] = (unsigned char)(i * 3);
    tjhandle encoder = tjInitCompress();
    *size = 0;
    assert_int_equal(
        tjCompress2(encoder, pixels, width, 0, height, format, &bytes, size, subsampling, 100, 0), 0);
    tjDestroy(encoder);
    free(pixels);
    return bytes;
}

/* A JPEG with this EXIF orientation, little or big end first. */
static void save_turned(const char *name, int orientation, bool big)
{
    unsigned long size;
    unsigned char *jpeg = make_jpeg(24, 8, TJPF_GRAY, TJSAMP_GRAY, &size);
    unsigned char exif[] = "\xff\xe1\0\x22"
                           "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\0\0\0\0\0\0\0\0";
    if (big)
        memcpy(exif + 10, "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0", 26);
    exif[10 + 18 + (big ? 1 : 0)] = (unsigned char)orientation;
    png_bytes file = {0};
    png_add(&file, jpeg, 2);
    png_add(&file, exif, 36);
    png_add(&file, jpeg + 2, size - 2);
    scratch_write(name, file.data, file.size);
    free(file.data);
    tjFree(jpeg);
}

static void test_exif(void **state)
{
    (void)state;
    slr_picture_facts facts;
    slr_medical_options options = slr_medical_options_default();
    for (int orientation = 1; orientation <= 8; orientation++) {
        options.exif_rotate = false;
        save_turned("a.jpg", orientation, orientation % 2 == 0);
        if (orientation > 1)
            picture_refused("a.jpg", 0, &options, SLR_SKIP_ORIENTATION, "--exif-rotate");
        options.exif_rotate = true;
        slr_image image = picture_read("a.jpg", 0, &options, &facts);
        assert_int_equal(image.width, orientation >= 5 ? 8 : 24);
        assert_int_equal((facts.warnings & SLR_WARN_TURNED) != 0, orientation > 1);
        assert_int_equal(facts.lossy, SLR_YES);
        slr_image_free(&image);
    }
    save_turned("a.jpg", 9, false); /* no orientation at all */
    slr_image image = picture_read("a.jpg", 0, NULL, &facts);
    slr_image_free(&image);
}

/* Where the stored upper left corner (a) and its neighbour (b) are to be seen, by the standard's table. */
static void test_turning(void **state)
{
    (void)state;
    static const struct {
        int ax, ay, bx, by;
    } seen[] = {{0, 0, 1, 0}, {2, 0, 1, 0}, {2, 1, 1, 1}, {0, 1, 1, 1},
                {0, 0, 0, 1}, {1, 0, 1, 1}, {1, 2, 1, 1}, {0, 2, 0, 1}};
    for (int orientation = 1; orientation <= 8; orientation++) {
        slr_image image;
        assert_int_equal(slr_image_new(3, 2, 1, &image, NULL), SELORA_OK);
        for (int i = 0; i < 6; i++)
            image.pixels[i] = (float)i;
        assert_int_equal(slr_picture_turn(&image, orientation, NULL), SELORA_OK);
        int o = orientation - 1;
        assert_true(image.pixels[seen[o].ay * image.width + seen[o].ax] == 0.0f);
        assert_true(image.pixels[seen[o].by * image.width + seen[o].bx] == 1.0f);
        slr_image_free(&image);
    }
}

static void test_jpeg_kinds(void **state)
{
    (void)state;
    slr_picture_facts facts;
    unsigned long size;
    unsigned char *jpeg = make_jpeg(16, 16, TJPF_CMYK, TJSAMP_444, &size);
    scratch_write("inks.jpg", jpeg, size);
    picture_refused("inks.jpg", 0, NULL, SLR_SKIP_COLOUR_MODEL, "CMYK");
    tjFree(jpeg);
    jpeg = make_jpeg(16, 16, TJPF_RGB, TJSAMP_444, &size);
    scratch_write("a.png", jpeg, size); /* by content, not by name */
    slr_image image = picture_read("a.png", 0, NULL, &facts);
    assert_int_equal(facts.kind, SLR_KIND_JPEG);
    slr_image_free(&image);
    unsigned char *frame = memmem(jpeg, size, "\xff\xc0", 2);
    assert_non_null(frame);
    frame[4] = 12; /* bits */
    scratch_write("deep.jpg", jpeg, size);
    picture_refused("deep.jpg", 0, NULL, SLR_SKIP_COLOUR_MODEL, "8 bits");
    frame[4] = 8;
    scratch_write("cut.jpg", jpeg, size / 2);
    picture_refused("cut.jpg", 0, NULL, SLR_SKIP_DAMAGED, "JPEG");
    slr_raster_marks marks;
    for (size_t length = 0; length < size; length++)
        slr_jpeg_marks(jpeg, length, &marks);
    tjFree(jpeg);
}

/* ---- files ---- */

static void test_other_files(void **state)
{
    (void)state;
    scratch_write("text", "patient,finding\n", 16);
    scratch_write("zero", "", 0);
    scratch_write("webp", "RIFF\0\0\0\0WEBPVP8 ", 16);
    picture_refused("text", 0, NULL, SLR_SKIP_FORMAT, "no known format");
    picture_refused("webp", 0, NULL, SLR_SKIP_FORMAT, "no known format");
    picture_refused("zero", 0, NULL, SLR_SKIP_UNREADABLE, "is empty");
    assert_int_equal(slr_medical_kind_of(scratch_path("text")), SLR_KIND_UNKNOWN);
    assert_int_equal(slr_medical_kind_of(scratch_path("none")), SLR_KIND_UNKNOWN);
    slr_medical *file;
    slr_picture_skip skip;
    slr_error err = {0};
    assert_int_not_equal(slr_medical_open(scratch_path("none"), &file, &skip, &err), SELORA_OK);
    assert_int_equal(skip, SLR_SKIP_UNREADABLE);
    assert_null(file);
    assert_null(strstr(err.message, "none"));
    assert_int_not_equal(slr_medical_open(scratch_path(""), &file, &skip, &err), SELORA_OK);
    const uint16_t samples[] = {1, 2};
    save_png("a.png", &(png_kind){.width = 2, .height = 1, .depth = 8}, samples);
    picture_refused("a.png", 1, NULL, SLR_SKIP_NO_FRAME, "frame 1");
    assert_int_equal(slr_medical_kind_of(scratch_path("a.png")), SLR_KIND_PNG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_grey_png),    TEST(test_alpha),      TEST(test_transparent_entries),
        TEST(test_dark_png),    TEST(test_png_chunks), TEST(test_colour),
        TEST(test_exif),        TEST(test_turning),    TEST(test_jpeg_kinds),
        TEST(test_other_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
