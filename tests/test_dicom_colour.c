/* SPDX-License-Identifier: MIT
 * DICOM in colour: planes, chroma, palettes, against the formulas. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "medical/voi.h"
#include "support/dicom_fixtures.h"
#include "support/picture_reference.h"
#include "support/scratch.h"

static void write_rgb(const char *name, bool planar, bool grey)
{
    uint8_t bytes[3 * PIXELS];
    for (size_t i = 0; i < PIXELS; i++)
        for (size_t c = 0; c < 3; c++)
            bytes[planar ? c * PIXELS + i : 3 * i + c] =
                (uint8_t)(grey ? i / 2 + c % 2 : (i * (c + 3) + 40 * c) & 0xff);
    scratch_write(name, bytes, sizeof bytes);
}

#define COLOUR(model, planar, raw)                                                                \
    "(0028,0002) US 3\n(0028,0004) CS [" model "]\n(0028,0006) US " planar "\n(0028,0100) US 8\n" \
    "(0028,0101) US 8\n(0028,0102) US 7\n(7fe0,0010) OB =" raw "\n"

static void test_rgb(void **state)
{
    (void)state;
    dicom_need("dump2dcm", NULL);
    slr_medical_options options = slr_medical_options_default();
    slr_picture_facts facts;
    options.grey_only = true;
    write_rgb("pixels.raw", false, false);
    write_rgb("planes.raw", true, false);
    write_rgb("grey.raw", false, true);
    dicom_fixture("pixels.dcm", COLOUR("RGB", "0", "pixels.raw"));
    dicom_fixture("planes.dcm", COLOUR("RGB", "1", "planes.raw"));
    dicom_fixture("grey.dcm", COLOUR("RGB", "0", "grey.raw"));
    static const char *const names[] = {"pixels.dcm", "planes.dcm"};
    for (size_t n = 0; n < 2; n++) {
        slr_image image = picture_read(names[n], 0, NULL, &facts);
        assert_int_equal(image.channels, 3);
        assert_int_equal(facts.colour, SLR_COLOUR_TRUE);
        for (size_t i = 0; i < PIXELS; i++)
            for (size_t c = 0; c < 3; c++)
                picture_near(image.pixels[3 * i + c], (double)((i * (c + 3) + 40 * c) & 0xff) / 255.0, 1e-7,
                             i);
        slr_image_free(&image);
        picture_refused(names[n], 0, &options, SLR_SKIP_COLOUR, "only grey was asked for");
    }
    slr_image image = picture_read("grey.dcm", 0, &options, &facts);
    assert_int_equal(image.channels, 1);
    assert_int_equal(facts.colour, SLR_COLOUR_GREY_RGB);
    for (size_t i = 0; i < PIXELS; i++)
        picture_near(image.pixels[i], ((double)(i / 2) + 0.587) / 255.0, 1e-7, i);
    slr_image_free(&image);
}

static void test_ybr(void **state)
{
    (void)state;
    dicom_need("dump2dcm", NULL);
    uint8_t whole[3 * PIXELS], shared[2 * PIXELS];
    for (size_t i = 0; i < PIXELS; i++) {
        whole[3 * i] = (uint8_t)i;
        whole[3 * i + 1] = (uint8_t)(7 * (i / 2));
        whole[3 * i + 2] = (uint8_t)(255 - 3 * (i / 2));
        shared[i / 2 * 4 + i % 2] = whole[3 * i];
        shared[i / 2 * 4 + 2] = whole[3 * i + 1];
        shared[i / 2 * 4 + 3] = whole[3 * i + 2];
    }
    scratch_write("whole.raw", whole, sizeof whole);
    scratch_write("shared.raw", shared, sizeof shared);
    dicom_fixture("whole.dcm", COLOUR("YBR_FULL", "0", "whole.raw"));
    dicom_fixture("shared.dcm", COLOUR("YBR_FULL_422", "0", "shared.raw"));
    slr_image a = picture_read("whole.dcm", 0, NULL, NULL), b = picture_read("shared.dcm", 0, NULL, NULL);
    for (size_t i = 0; i < PIXELS; i++) {
        double y = whole[3 * i], cb = whole[3 * i + 1] - 128.0, cr = whole[3 * i + 2] - 128.0;
        double rgb[3] = {y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb};
        for (size_t c = 0; c < 3; c++) {
            picture_near(a.pixels[3 * i + c], fmin(255.0, fmax(0.0, rgb[c])) / 255.0, 1e-6, i);
            assert_true(a.pixels[3 * i + c] == b.pixels[3 * i + c]);
        }
    }
    slr_image_free(&a);
    slr_image_free(&b);
    dicom_fixture("other.dcm", COLOUR("HSV", "0", "whole.raw"));
    picture_refused("other.dcm", 0, NULL, SLR_SKIP_COLOUR_MODEL, "(0028,0004)");
}

static void test_palette(void **state)
{
    (void)state;
    dicom_need("dump2dcm", NULL);
    static const char *const palettes =
        "(0028,0004) CS [PALETTE COLOR]\n(0028,1101) US 200\\1000\\16\n(0028,1102) US 200\\1000\\16\n"
        "(0028,1103) US 200\\1000\\16\n(0028,1201) OW =r.raw\n(0028,1202) OW =g.raw\n(0028,1203) OW =b.raw\n";
    uint16_t entries[3][200];
    for (size_t i = 0; i < 200; i++)
        for (size_t c = 0; c < 3; c++)
            entries[c][i] = (uint16_t)(i * 321 * (c + 1));
    picture_words("r.raw", entries[0], 200);
    picture_words("g.raw", entries[1], 200);
    picture_words("b.raw", entries[2], 200);
    dicom_fixture("palette.dcm", palettes);
    slr_image image = picture_read("palette.dcm", 0, NULL, NULL);
    assert_int_equal(image.channels, 3);
    for (int i = 0; i < PIXELS; i++) {
        int at = dicom_ramp(i) - 1000;
        at = at < 0 ? 0 : at > 199 ? 199 : at;
        for (size_t c = 0; c < 3; c++)
            picture_near(image.pixels[3 * (size_t)i + c], entries[c][at] / 65535.0, 1e-7, (size_t)i);
    }
    slr_image_free(&image);
    char lines[1024];
    snprintf(lines, sizeof lines, "%s(0028,1221) OW =r.raw\n", palettes);
    dicom_fixture("segmented.dcm", lines);
    picture_refused("segmented.dcm", 0, NULL, SLR_SKIP_COLOUR_MODEL, "segmented");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_rgb), TEST(test_ybr), TEST(test_palette)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
