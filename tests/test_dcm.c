/* SPDX-License-Identifier: MIT
 * The DICOM boundary on files that other programs wrote: every transfer syntax, frames in fragments, header
 * values. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/dicom_fixtures.h"
#include "support/scratch.h"

/* ---- the plain fixture ---- */

static void check_ramp(const char *name, const char *uid)
{
    char model[SLR_DCM_MODEL];
    slr_dcm_desc desc;
    slr_dcm *dcm = dicom_open(name);
    slr_dcm_describe(dcm, &desc);
    assert_string_equal(desc.refusal, "");
    assert_string_equal(desc.transfer_syntax, uid);
    assert_int_equal(desc.rows, 16);
    assert_int_equal(desc.columns, 16);
    assert_int_equal(desc.frames, 1);
    assert_int_equal(desc.samples, 1);
    assert_int_equal(desc.bits_allocated, 16);
    assert_int_equal(desc.bits_stored, 12);
    assert_int_equal(desc.high_bit, 11);
    assert_false(desc.is_signed);
    assert_int_equal(desc.frame_bytes, 512);
    uint16_t *words = dicom_frame(dcm, 0, model);
    assert_string_equal(model, "MONOCHROME2");
    for (int i = 0; i < 256; i++)
        assert_int_equal(words[i], dicom_ramp(i));
    free(words);
    slr_dcm_close(dcm);
}

static void test_lossless_syntaxes(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"cp x.dcm y.dcm", "1.2.840.10008.1.2.1"},
        {"dcmconv +ti x.dcm y.dcm", "1.2.840.10008.1.2"},
        {"dcmconv +td x.dcm y.dcm", "1.2.840.10008.1.2.1.99"},
        {"dcmconv +tb x.dcm y.dcm", "1.2.840.10008.1.2.2"},
        {"dcmconv -F +te x.dcm y.dcm", "1.2.840.10008.1.2.1"},
        {"dcmconv -F +ti x.dcm y.dcm", "1.2.840.10008.1.2"},
        {"dcmconv -F +tb x.dcm y.dcm", "1.2.840.10008.1.2.2"},
        {"dcmcrle x.dcm y.dcm", "1.2.840.10008.1.2.5"},
        {"dcmcjpeg +el +sv 1 x.dcm y.dcm", "1.2.840.10008.1.2.4.57"},
        {"dcmcjpeg +el +sv 6 x.dcm y.dcm", "1.2.840.10008.1.2.4.57"},
        {"dcmcjpeg +el +sv 7 x.dcm y.dcm", "1.2.840.10008.1.2.4.57"},
        {"dcmcjpeg +e1 x.dcm y.dcm", "1.2.840.10008.1.2.4.70"},
        {"dcmcjpls x.dcm y.dcm", "1.2.840.10008.1.2.4.80"},
        {"gdcmconv --j2k x.dcm y.dcm", "1.2.840.10008.1.2.4.90"},
        {"gdcmconv --jpegls x.dcm y.dcm", "1.2.840.10008.1.2.4.80"},
        {"gdcmconv --rle x.dcm y.dcm", "1.2.840.10008.1.2.5"},
    };
    dicom_need("dump2dcm", "dcmconv", "dcmcrle", "dcmcjpeg", "dcmcjpls", "gdcmconv", NULL);
    dicom_fixture("x.dcm", "");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!dicom_run("rm -f y.dcm; %s", cases[i][0]))
            fail_msg("%s", cases[i][0]);
        check_ramp("y.dcm", cases[i][1]);
    }
}

/* Both files' first frames as whole numbers; the largest difference. */
static int compare_frames(const char *name, const char *expected_name)
{
    char model[SLR_DCM_MODEL], expected_model[SLR_DCM_MODEL];
    slr_dcm_desc desc, expected_desc;
    slr_dcm *dcm = dicom_open(name), *expected_dcm = dicom_open(expected_name);
    slr_dcm_describe(dcm, &desc);
    slr_dcm_describe(expected_dcm, &expected_desc);
    assert_int_equal(desc.frame_bytes, expected_desc.frame_bytes);
    void *pixels = dicom_frame(dcm, 0, model), *expected = dicom_frame(expected_dcm, 0, expected_model);
    assert_string_equal(model, expected_model);
    int worst = 0, words = desc.bits_allocated == 16;
    for (size_t i = 0; i < desc.frame_bytes / (words ? 2 : 1); i++) {
        int a = words ? ((uint16_t *)pixels)[i] : ((uint8_t *)pixels)[i];
        int b = words ? ((uint16_t *)expected)[i] : ((uint8_t *)expected)[i];
        worst = abs(a - b) > worst ? abs(a - b) : worst;
    }
    free(pixels);
    free(expected);
    slr_dcm_close(dcm);
    slr_dcm_close(expected_dcm);
    return worst;
}

static void test_lossy_syntaxes(void **state)
{
    (void)state;
    dicom_need("dump2dcm", "dcmcjpeg", "dcmcjpls", "dcmdjpeg", "dcmdjpls", "gdcmconv", NULL);
    dicom_fixture("x.dcm", "");
    assert_true(dicom_run("dcmcjpeg +eb x.dcm a.dcm && dcmdjpeg a.dcm b.dcm"));
    assert_int_equal(compare_frames("a.dcm", "b.dcm"), 0);
    assert_true(dicom_run("dcmcjpeg +ee x.dcm a.dcm && dcmdjpeg a.dcm b.dcm"));
    assert_int_equal(compare_frames("a.dcm", "b.dcm"), 0);
    assert_true(dicom_run("dcmcjpls +en +md 2 x.dcm a.dcm && dcmdjpls a.dcm b.dcm"));
    assert_int_equal(compare_frames("a.dcm", "b.dcm"), 0);
    assert_in_range(compare_frames("a.dcm", "x.dcm"), 0, 2);
    assert_true(dicom_run("gdcmconv --j2k --lossy --irreversible x.dcm a.dcm && gdcmconv --raw a.dcm b.dcm"));
    assert_int_equal(compare_frames("a.dcm", "b.dcm"), 0);
}

/* ---- signs, colours, odd sizes ---- */

static void write_bytes(const char *name, size_t count, unsigned step)
{
    uint8_t *raw = malloc(count);
    for (size_t i = 0; i < count; i++)
        raw[i] = (uint8_t)(i * step + i / 31);
    scratch_write(name, raw, count);
    free(raw);
}

/* Lossless conversions of x.dcm must decode to what x.dcm holds. */
static void check_conversions(const char *const *conversions)
{
    for (; *conversions; conversions++) {
        if (!dicom_run("rm -f y.dcm; %s x.dcm y.dcm", *conversions))
            fail_msg("%s", *conversions);
        if (compare_frames("y.dcm", "x.dcm") != 0)
            fail_msg("%s: other pixels", *conversions);
    }
}

static const char *const lossless[] = {"dcmconv +ti", "dcmconv +tb",    "dcmconv +td",
                                       "dcmcrle",     "dcmcjpeg +e1",   "dcmcjpeg +el +sv 4",
                                       "dcmcjpls",    "gdcmconv --j2k", NULL};

static void test_signed_pixels(void **state)
{
    (void)state;
    char model[SLR_DCM_MODEL];
    dicom_need("dump2dcm", "dcmconv", "dcmcrle", "dcmcjpeg", "dcmcjpls", "gdcmconv", NULL);
    int16_t values[256];
    for (int i = 0; i < 256; i++)
        values[i] = (int16_t)(37 * i - 5000);
    scratch_write("signed.raw", values, sizeof values);
    dicom_fixture("x.dcm",
                  "(0028,0101) US 16\n(0028,0102) US 15\n(0028,0103) US 1\n(7fe0,0010) OW =signed.raw\n");
    slr_dcm *dcm = dicom_open("x.dcm");
    int16_t *words = dicom_frame(dcm, 0, model);
    assert_memory_equal(words, values, sizeof values);
    free(words);
    slr_dcm_close(dcm);
    check_conversions(lossless);
}

static void test_colour_bytes(void **state)
{
    (void)state;
    char model[SLR_DCM_MODEL];
    dicom_need("dump2dcm", "dcmconv", "dcmcrle", "dcmcjpeg", "dcmcjpls", "gdcmconv", NULL);
    write_bytes("rgb.raw", 15 * 13 * 3 + 1, 5); /* an odd number of bytes and its pad byte */
#define RGB_LINES                                                                                            \
    "(0028,0002) US 3\n(0028,0004) CS [RGB]\n(0028,0010) US 13\n(0028,0011) US 15\n(0028,0100) US 8\n"       \
    "(0028,0101) US 8\n(0028,0102) US 7\n(7fe0,0010) OB =rgb.raw\n"
    dicom_fixture("x.dcm", RGB_LINES "(0028,0006) US 0\n");
    check_conversions(lossless);
    dicom_fixture("planes.dcm", RGB_LINES "(0028,0006) US 1\n");
    slr_dcm *dcm = dicom_open("planes.dcm");
    uint8_t *pixels = dicom_frame(dcm, 0, model);
    assert_string_equal(model, "RGB");
    for (size_t i = 0; i < 15 * 13; i++)
        for (size_t c = 0; c < 3; c++) {
            size_t at = c * 15 * 13 + i;
            assert_int_equal(pixels[3 * i + c], (uint8_t)(at * 5 + at / 31));
        }
    free(pixels);
    slr_dcm_close(dcm);
    assert_true(dicom_run("cp planes.dcm x.dcm"));
    check_conversions(lossless);
}

static void test_grey_bytes(void **state)
{
    (void)state;
    dicom_need("dump2dcm", "dcmconv", "dcmcrle", "dcmcjpeg", "dcmcjpls", "gdcmconv", NULL);
    write_bytes("grey.raw", 15 * 13 + 1, 3);
    dicom_fixture("x.dcm", "(0028,0010) US 13\n(0028,0011) US 15\n(0028,0100) US 8\n(0028,0101) US 8\n"
                           "(0028,0102) US 7\n(7fe0,0010) OB =grey.raw\n");
    check_conversions(lossless);
}

static void test_ybr(void **state)
{
    (void)state;
    char model[SLR_DCM_MODEL];
    dicom_need("dump2dcm", "dcmcjpeg", "dcmdjpeg", NULL);
    write_bytes("ybr.raw", 16 * 16 * 2, 3);
    dicom_fixture("packed.dcm",
                  "(0028,0002) US 3\n(0028,0004) CS [YBR_FULL_422]\n(0028,0006) US 0\n(0028,0100) US 8\n"
                  "(0028,0101) US 8\n(0028,0102) US 7\n(7fe0,0010) OB =ybr.raw\n");
    slr_dcm *dcm = dicom_open("packed.dcm");
    uint8_t *pixels = dicom_frame(dcm, 0, model);
    assert_string_equal(model, "YBR_FULL_422");
    assert_int_equal(pixels[511], (uint8_t)(511 * 3 + 511 / 31));
    free(pixels);
    slr_dcm_close(dcm);
    /* JPEG of colours is YBR inside and comes out as RGB */
    write_bytes("rgb.raw", 16 * 16 * 3, 1);
    dicom_fixture("rgb.dcm", "(0028,0002) US 3\n(0028,0004) CS [RGB]\n(0028,0006) US 0\n(0028,0100) US 8\n"
                             "(0028,0101) US 8\n(0028,0102) US 7\n(7fe0,0010) OB =rgb.raw\n");
    assert_true(dicom_run("dcmcjpeg +eb rgb.dcm a.dcm && dcmdjpeg a.dcm b.dcm"));
    dcm = dicom_open("a.dcm");
    slr_dcm_desc desc;
    slr_dcm_describe(dcm, &desc);
    assert_string_equal(desc.photometric, "YBR_FULL_422");
    free(dicom_frame(dcm, 0, model));
    assert_string_equal(model, "RGB");
    slr_dcm_close(dcm);
    assert_int_equal(compare_frames("a.dcm", "b.dcm"), 0);
}

/* ---- frames ---- */

static uint32_t noise(uint32_t i)
{
    i = (i ^ 61) ^ (i >> 16);
    i *= 9;
    i ^= i >> 4;
    i *= 0x27d4eb2d;
    return i ^ i >> 15;
}

/* Two or three 128 x 128 frames of noise: they fill several fragments. */
static void noise_fixture(const char *name, int frames)
{
    char lines[256];
    size_t count = (size_t)frames * 128 * 128;
    uint16_t *raw = malloc(count * sizeof *raw);
    for (size_t i = 0; i < count; i++)
        raw[i] = (uint16_t)(noise((uint32_t)i) & 0xfff);
    scratch_write("noise.raw", raw, count * sizeof *raw);
    free(raw);
    snprintf(lines, sizeof lines,
             "(0028,0008) IS [%d]\n(0028,0010) US 128\n(0028,0011) US 128\n(7fe0,0010) OW =noise.raw\n",
             frames);
    dicom_fixture(name, lines);
}

static void check_noise(const char *name, uint32_t frames, const uint32_t *order)
{
    char model[SLR_DCM_MODEL];
    slr_dcm_desc desc;
    slr_dcm *dcm = dicom_open(name);
    slr_dcm_describe(dcm, &desc);
    assert_int_equal(desc.frames, frames);
    for (uint32_t k = 0; k < frames; k++) {
        uint16_t *words = dicom_frame(dcm, order[k], model);
        for (uint32_t i = 0; i < 128 * 128; i++)
            if (words[i] != (noise(order[k] * 128 * 128 + i) & 0xfff))
                fail_msg("%s: frame %u, pixel %u", name, (unsigned)order[k], (unsigned)i);
        free(words);
    }
    slr_dcm_close(dcm);
}

static void test_frames_in_fragments(void **state)
{
    (void)state;
    static const uint32_t orders[][3] = {{0, 1, 2}, {2, 0, 1}, {1, 1, 0}};
    static const char *const conversions[] = {"cp",
                                              "dcmconv +tb",
                                              "dcmconv +td",
                                              "dcmcrle",
                                              "dcmcjpeg +e1",
                                              "dcmcjpeg +e1 +fs 4",
                                              "dcmcjpeg +e1 +fs 4 -ot",
                                              "dcmcjpls +fs 4",
                                              "dcmcjpls +fs 4 -ot",
                                              "gdcmconv --j2k"};
    dicom_need("dump2dcm", "dcmconv", "dcmcrle", "dcmcjpeg", "dcmcjpls", "gdcmconv", NULL);
    noise_fixture("x.dcm", 3);
    for (size_t i = 0; i < sizeof conversions / sizeof *conversions; i++) {
        if (!dicom_run("rm -f y.dcm; %s x.dcm y.dcm", conversions[i]))
            fail_msg("%s", conversions[i]);
        for (int o = 0; o < 3; o++)
            check_noise("y.dcm", 3, orders[o]);
    }
    char model[SLR_DCM_MODEL];
    uint16_t pixels[128 * 128];
    slr_error err = {0};
    slr_dcm *dcm = dicom_open("y.dcm");
    assert_int_equal(slr_dcm_frame(dcm, 3, pixels, sizeof pixels, model, &err), SELORA_BAD_INPUT);
    assert_string_equal(err.message, "(0028,0008) Number of Frames: found 3, wanted was frame 3");
    slr_dcm_close(dcm);
}

static void test_rle_in_fragments(void **state)
{
    (void)state;
    char model[SLR_DCM_MODEL];
    uint16_t pixels[128 * 128];
    slr_error err = {0};
    dicom_need("dump2dcm", "dcmcrle", NULL);
    noise_fixture("x.dcm", 2);
    assert_true(dicom_run("dcmcrle +fs 4 x.dcm y.dcm"));
    slr_dcm *dcm = dicom_open("y.dcm");
    assert_int_equal(slr_dcm_frame(dcm, 0, pixels, sizeof pixels, model, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "expected 2 (RLE has one fragment a frame)"));
    slr_dcm_close(dcm);
}

/* ---- header values ---- */

static void test_values(void **state)
{
    (void)state;
    double v[4];
    char text[64];
    uint8_t bytes[8];
    dicom_need("dump2dcm", "dcmconv", NULL);
    scratch_write("lut.raw", "\x01\x02\x03\x04", 4);
    dicom_fixture("a.dcm",
                  "(0008,0060) CS [CR]\n"
                  "(0010,0010) PN [Doe^Jane  ]\n"
                  "(0028,1050) DS [ 2.5e1\\-7 \\+.5]\n"
                  "(0028,1051) DS [wide]\n"
                  "(0028,1053) DS\n"
                  "(0028,0120) SS -2000\n"
                  "(0028,3010) SQ\n(fffe,e000) na\n(0028,3002) US 4096\\0\\8\n(0028,3006) OW =lut.raw\n"
                  "(fffe,e00d) na\n(fffe,e000) na\n(0028,3002) US 2\\7\\16\n(0028,3006) US 1\\65535\n"
                  "(fffe,e00d) na\n(fffe,e0dd) na\n");
    for (int pass = 0; pass < 3; pass++) {
        static const char *const syntaxes[] = {"+te", "+tb", "+td"};
        assert_true(dicom_run("dcmconv %s a.dcm b.dcm", syntaxes[pass]));
        slr_dcm *dcm = dicom_open("b.dcm");
        assert_int_equal(slr_dcm_doubles(dcm, "0028,1050", v, 4), 3);
        assert_true(v[0] == 25 && v[1] == -7 && v[2] == 0.5);
        assert_int_equal(slr_dcm_doubles(dcm, "0028,1050", v, 1), 3);
        assert_int_equal(slr_dcm_doubles(dcm, "0028,1051", v, 4), -2);
        assert_int_equal(slr_dcm_doubles(dcm, "0028,1052", v, 4), -1);
        assert_int_equal(slr_dcm_doubles(dcm, "0028,1053", v, 4), 0);
        assert_int_equal(slr_dcm_doubles(dcm, "0028,0120", v, 4), 1);
        assert_true(v[0] == -2000);
        assert_int_equal(slr_dcm_doubles(dcm, "0008,0060", v, 4), -2);
        assert_int_equal(slr_dcm_items(dcm, "0028,3010"), 2);
        assert_int_equal(slr_dcm_items(dcm, "0028,3000"), -1);
        assert_int_equal(slr_dcm_items(dcm, "0008,0060"), -2);
        assert_int_equal(slr_dcm_doubles(dcm, "0028,3010", v, 4), -2);
        assert_int_equal(slr_dcm_doubles(dcm, "0028,3010[0]/0028,3002", v, 4), 3);
        assert_true(v[0] == 4096 && v[1] == 0 && v[2] == 8);
        assert_int_equal(slr_dcm_bytes(dcm, "0028,3010[0]/0028,3006", bytes, 8), 4);
        assert_memory_equal(bytes, "\x01\x02\x03\x04", 4);
        assert_int_equal(slr_dcm_doubles(dcm, "0028,3010[1]/0028,3006", v, 4), 2);
        assert_true(v[0] == 1 && v[1] == 65535);
        assert_int_equal(slr_dcm_doubles(dcm, "0028,3010[2]/0028,3006", v, 4), -1);
        assert_int_equal(slr_dcm_text(dcm, "0010,0010", text, sizeof text), 8);
        assert_string_equal(text, "Doe^Jane");
        assert_int_equal(slr_dcm_text(dcm, "0010,0010", text, 4), 8);
        assert_string_equal(text, "Doe");
        assert_int_equal(slr_dcm_text(dcm, "0010,0020", text, sizeof text), -1);
        assert_int_equal(slr_dcm_text(dcm, "7fe0,0010", text, sizeof text), -2);
        assert_int_equal(slr_dcm_text(dcm, "nonsense", text, sizeof text), -1);
        slr_dcm_close(dcm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lossless_syntaxes, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_lossy_syntaxes, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_signed_pixels, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_colour_bytes, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_grey_bytes, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_ybr, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_frames_in_fragments, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_rle_in_fragments, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_values, scratch_setup, scratch_teardown),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    slr_dcm_shutdown();
    return failed;
}
