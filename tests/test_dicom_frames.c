/* SPDX-License-Identifier: MIT
 * DICOM of several frames: functional groups, choice, fragments. */
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

#define ITEM(text) "(fffe,e000) na\n" text "(fffe,e00d) na\n"
#define SEQUENCE(tag, items) "(" tag ") SQ\n" items "(fffe,e0dd) na\n"
#define FRAME(centre, z)                                                                     \
    ITEM(SEQUENCE("0028,9132", ITEM("(0028,1050) DS [" centre "]\n(0028,1051) DS [1500]\n")) \
             SEQUENCE("0020,9113", ITEM("(0020,0032) DS [0\\0\\" z "]\n")))

static void make_enhanced(const char *name)
{
    uint16_t words[3 * PIXELS];
    for (int i = 0; i < 3 * PIXELS; i++)
        words[i] = (uint16_t)((dicom_ramp(i % PIXELS) + 100 * (i / PIXELS)) & 0xfff);
    picture_words("three.raw", words, 3 * PIXELS);
    dicom_fixture(
        name, "(0008,0016) UI =EnhancedMRImageStorage\n(0008,0060) CS [MR]\n(0028,0008) IS [3]\n"
              "(7fe0,0010) OW =three.raw\n" SEQUENCE(
                  "5200,9229", ITEM(SEQUENCE("0028,9145", ITEM("(0028,1052) DS [-100]\n(0028,1053) DS [2]\n"))
                                        SEQUENCE("0020,9116", ITEM("(0020,0037) DS [1\\0\\0\\0\\1\\0]\n"))
                                            SEQUENCE("0028,9110", ITEM("(0028,0030) DS [0.5\\0.5]\n"))))
                  SEQUENCE("5200,9230", FRAME("2000", "30") FRAME("3000", "10") FRAME("4000", "20")));
}

static void test_enhanced(void **state)
{
    (void)state;
    dicom_need("dump2dcm", "dcmcrle", "dcmcjpeg", "gdcmconv", NULL);
    static const double centres[] = {2000, 3000, 4000}, places[] = {30, 10, 20};
    static const char *const commands[] = {"cp a.dcm b.dcm", "dcmcrle a.dcm b.dcm",
                                           "dcmcjpeg +e1 a.dcm b.dcm", "gdcmconv --j2k a.dcm b.dcm"};
    make_enhanced("a.dcm");
    for (size_t c = 0; c < sizeof commands / sizeof *commands; c++) {
        assert_true(dicom_run("%s", commands[c]));
        for (int frame = 2; frame >= 0; frame--) {
            slr_picture_facts facts;
            slr_window window = {SLR_VOI_LINEAR, centres[frame], 1500};
            slr_image image = picture_read("b.dcm", frame, NULL, &facts);
            for (int i = 0; i < PIXELS; i++) {
                int stored = (dicom_ramp(i) + 100 * frame) & 0xfff;
                picture_near(image.pixels[i], slr_window_grey(&window, 2.0 * stored - 100.0), 1e-7,
                             (size_t)i);
            }
            assert_int_equal(facts.frames, 3);
            assert_true(facts.has_position && facts.has_orientation);
            assert_true(facts.position[2] == places[frame] && facts.orientation[4] == 1.0);
            assert_true(facts.spacing[0] == 0.5);
            slr_image_free(&image);
        }
        picture_refused("b.dcm", 3, NULL, SLR_SKIP_NO_FRAME, "frame 3");
    }
}

static void test_frame_choice(void **state)
{
    (void)state;
    dicom_need("dump2dcm", NULL);
    static const struct {
        const char *rule;
        int64_t frames[3];
        size_t count;
    } cases[] = {{"mid", {1}, 1},
                 {"all", {0, 1, 2}, 3},
                 {"every:2", {0, 2}, 2},
                 {"index:2", {2}, 1},
                 {"largest", {1}, 1}};
    slr_medical *file;
    slr_picture_skip skip;
    slr_error err = {0};
    uint16_t words[3 * PIXELS];
    for (size_t i = 0; i < 3 * PIXELS; i++) /* a half, a quarter and three quarters are empty */
        words[i] = (uint16_t)(i % 4 < (i / PIXELS == 0 ? 2u : i / PIXELS == 1 ? 1u : 3u) ? 0 : 500 + i);
    dicom_fixture("ramp.dcm", "");
    picture_words("three.raw", words, 3 * PIXELS);
    dicom_fixture("a.dcm", WINDOW "(0028,0008) IS [3]\n(7fe0,0010) OW =three.raw\n");
    assert_int_equal(slr_medical_open(scratch_path("a.dcm"), &file, NULL, &err), SELORA_OK);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        slr_medical_options options = slr_medical_options_default();
        int64_t *frames;
        size_t count;
        assert_int_equal(slr_medical_parse_slice(cases[c].rule, &options, &err), SELORA_OK);
        if (slr_medical_choose(file, &options, &frames, &count, &skip, &err) != SELORA_OK)
            fail_msg("%s: %s", cases[c].rule, err.message);
        assert_int_equal(count, cases[c].count);
        assert_memory_equal(frames, cases[c].frames, count * sizeof *frames);
        free(frames);
    }
    slr_medical_options options = slr_medical_options_default();
    int64_t *frames;
    size_t count;
    assert_int_equal(slr_medical_parse_slice("index:3", &options, &err), SELORA_OK);
    assert_int_equal(slr_medical_choose(file, &options, &frames, &count, &skip, &err), SELORA_BAD_INPUT);
    assert_int_equal(skip, SLR_SKIP_NO_FRAME);
    slr_medical_close(file);
    /* several frames and one window on top, no functional groups */
    slr_image image = picture_read("a.dcm", 1, NULL, NULL);
    slr_window window = {SLR_VOI_LINEAR, 2000, 1500};
    for (size_t i = 0; i < PIXELS; i++)
        picture_near(image.pixels[i], slr_window_grey(&window, words[PIXELS + i]), 1e-7, i);
    slr_image_free(&image);
}

/* Noise, so that a frame takes several fragments. */
static void test_fragments(void **state)
{
    (void)state;
    dicom_need("dump2dcm", "dcmcjpeg", "dcmcjpls", "dcmcrle", NULL);
    enum { NOISE = 2 * 128 * 128 };
    static uint16_t words[NOISE];
    uint32_t random = 1;
    for (size_t i = 0; i < NOISE; i++)
        words[i] = (uint16_t)((random = random * 1664525u + 1013904223u) >> 20);
    dicom_fixture("none.dcm", "");
    picture_words("noise.raw", words, NOISE);
    dicom_fixture("a.dcm", WINDOW "(0028,0008) IS [2]\n(0028,0010) US 128\n(0028,0011) US 128\n"
                                  "(7fe0,0010) OW =noise.raw\n");
    static const char *const commands[] = {"dcmcjpeg +e1 +fs 4 a.dcm b.dcm", "dcmcjpls +fs 4 a.dcm b.dcm",
                                           "dcmcjpeg +e1 +fs 4 -ot a.dcm b.dcm"};
    for (size_t c = 0; c < sizeof commands / sizeof *commands; c++) {
        if (!dicom_run("%s", commands[c]))
            fail_msg("%s fails", commands[c]);
        for (int frame = 1; frame >= 0; frame--) {
            slr_image expected = picture_read("a.dcm", frame, NULL, NULL);
            slr_image image = picture_read("b.dcm", frame, NULL, NULL);
            if (memcmp(image.pixels, expected.pixels, NOISE / 2 * sizeof *image.pixels) != 0)
                fail_msg("%s: frame %d differs", commands[c], frame);
            slr_image_free(&image);
            slr_image_free(&expected);
        }
    }
    if (dicom_run("dcmcrle +fs 4 a.dcm b.dcm"))
        picture_refused("b.dcm", 0, NULL, SLR_SKIP_DAMAGED, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_enhanced), TEST(test_frame_choice), TEST(test_fragments)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
