/* SPDX-License-Identifier: MIT
 * DICOM files of every variant as pictures, against dcm2pnm where it is right and against the formulas. */
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

#define SHAPE(what) "(2050,0020) CS [" what "]\n"
#define VOI_LUT(descriptor, data)                                                            \
    "(0028,3010) SQ\n(fffe,e000) na\n(0028,3002) " descriptor "\n(0028,3006) OW =" data "\n" \
    "(fffe,e00d) na\n(fffe,e0dd) na\n"

/* ---- against dcm2pnm ---- */

/* At most one level apart, and in at most one in a hundred pixels: at a window's upper end. Of a table with
 * `lut_bits` the upper 8 bits are shown; inverted tables dcm2pnm rounds in a way of its own. */
static void check_reference(const char *name, const char *reference_options,
                            const slr_medical_options *options, int lut_bits)
{
    slr_picture_facts facts;
    int width, height, apart = 0;
    slr_image image = picture_read(name, 0, options, &facts);
    uint8_t *expected = dcm2pnm_picture(name, reference_options, &width, &height);
    assert_int_equal(image.width, width);
    assert_int_equal(image.height, height);
    assert_int_equal(image.channels, 1);
    for (int i = 0; i < width * height; i++) {
        double y = (double)image.pixels[i];
        int level =
            lut_bits ? (int)lrint(y * ((1 << lut_bits) - 1)) >> (lut_bits - 8) : (int)floor(255.0 * y + 1e-5);
        if (abs(level - expected[i]) > 1)
            fail_msg("%s, pixel %d: %d (%.9g), dcm2pnm has %d", name, i, level, y, expected[i]);
        apart += level != expected[i];
    }
    if (apart > width * height / 100 && !(facts.inverted && lut_bits))
        fail_msg("%s: %d of %d pixels are a level from dcm2pnm's", name, apart, width * height);
    free(expected);
    slr_image_free(&image);
}

static void test_windows(void **state)
{
    (void)state;
    dicom_need("dump2dcm", "dcm2pnm", NULL);
    dicom_fixture("linear.dcm", WINDOW);
    check_reference("linear.dcm", "+Wi 1", NULL, 0);
    dicom_fixture("sigmoid.dcm", WINDOW "(0028,1056) CS [SIGMOID]\n");
    check_reference("sigmoid.dcm", "+Wi 1", NULL, 0);
    dicom_fixture("negative.dcm", INVERTED WINDOW);
    check_reference("negative.dcm", "+Wi 1", NULL, 0);
    dicom_fixture("inverse.dcm", SHAPE("INVERSE") WINDOW);
    check_reference("inverse.dcm", "+Wi 1", NULL, 0);
    dicom_fixture("both.dcm", INVERTED SHAPE("INVERSE") WINDOW);
    check_reference("both.dcm", "+Wi 1", NULL, 0);
}

/* dcm2pnm 3.6.7 does not know LINEAR_EXACT: against the formula. */
static void test_linear_exact(void **state)
{
    (void)state;
    dicom_need("dump2dcm", NULL);
    dicom_fixture("exact.dcm", WINDOW "(0028,1056) CS [LINEAR_EXACT]\n");
    slr_image image = picture_read("exact.dcm", 0, NULL, NULL);
    for (int i = 0; i < PIXELS; i++) {
        double x = dicom_ramp(i), y = (x - 2000.0) / 1500.0 + 0.5;
        picture_near(image.pixels[i], y < 0.0 ? 0.0 : y > 1.0 ? 1.0 : y, 1e-7, (size_t)i);
    }
    slr_image_free(&image);
}

/* A ramp that falls in some places, so that a table is seen to be looked up. */
static void write_tables(void)
{
    uint16_t wide[2329], narrow_words[256];
    uint8_t narrow[256];
    for (size_t i = 0; i < 2329; i++)
        wide[i] = (uint16_t)((i * i * 7 + 28 * i) & 0xffff);
    for (size_t i = 0; i < 256; i++)
        narrow_words[i] = narrow[i] = (uint8_t)(i * 5 + i / 3);
    picture_words("wide.raw", wide, 2329);
    picture_words("narrow_words.raw", narrow_words, 256);
    scratch_write("narrow.raw", narrow, sizeof narrow);
}

static void test_voi_luts(void **state)
{
    (void)state;
    dicom_need("dump2dcm", "dcm2pnm", NULL);
    write_tables();
    dicom_fixture("wide.dcm", VOI_LUT("US 2329\\1426\\16", "wide.raw"));
    check_reference("wide.dcm", "+Wl 1", NULL, 16);
    dicom_fixture("negative.dcm", INVERTED VOI_LUT("US 2329\\1426\\16", "wide.raw"));
    slr_image negative = picture_read("negative.dcm", 0, NULL, NULL);
    slr_image positive = picture_read("wide.dcm", 0, NULL, NULL);
    for (size_t i = 0; i < PIXELS; i++)
        picture_near(negative.pixels[i], 1.0 - (double)positive.pixels[i], 1e-7, i);
    slr_image_free(&negative);
    slr_image_free(&positive);
    check_reference("negative.dcm", "+Wl 1", NULL, 16);
    dicom_fixture("words.dcm", VOI_LUT("US 256\\1000\\8", "narrow_words.raw"));
    dicom_fixture("bytes.dcm", VOI_LUT("US 256\\1000\\8", "narrow.raw"));
    check_reference("words.dcm", "+Wl 1", NULL, 8);
    check_reference("bytes.dcm", "+Wl 1", NULL, 8);
}

/* A table before a window, the one asked for of several, the first one where it is not there. */
static void test_voi_choice(void **state)
{
    (void)state;
    dicom_need("dump2dcm", "dcm2pnm", NULL);
    slr_medical_options options = slr_medical_options_default();
    slr_picture_facts facts;
    write_tables();
    dicom_fixture("both.dcm", WINDOW VOI_LUT("US 2329\\1426\\16", "wide.raw"));
    slr_image image = picture_read("both.dcm", 0, NULL, &facts);
    assert_int_equal(facts.voi, SLR_VOI_LUT);
    slr_image_free(&image);
    dicom_fixture("three.dcm", "(0028,1050) DS [2000\\1000\\3000]\n(0028,1051) DS [1500\\500\\300]\n");
    for (options.voi_item = 0; options.voi_item < 3; options.voi_item++) {
        char which[16];
        snprintf(which, sizeof which, "+Wi %d", options.voi_item + 1);
        check_reference("three.dcm", which, &options, 0);
    }
    image = picture_read("three.dcm", 0, &options, &facts); /* the fourth */
    assert_int_equal(facts.voi_choices, 3);
    assert_true(facts.warnings & SLR_WARN_LUT_ITEM);
    assert_true(facts.voi_low == 1250 && facts.voi_high == 2749);
    slr_image_free(&image);
    options.has_window = true;
    options.window_centre = 300;
    options.window_width = 100;
    image = picture_read("both.dcm", 0, &options, &facts);
    assert_int_equal(facts.voi, SLR_VOI_USER);
    slr_window window = {SLR_VOI_LINEAR, 300, 100};
    for (int i = 0; i < PIXELS; i++)
        picture_near(image.pixels[i], slr_window_grey(&window, dicom_ramp(i)), 1e-7, (size_t)i);
    slr_image_free(&image);
    options.window_named = true; /* Hounsfield units: not for this kind of picture */
    image = picture_read("both.dcm", 0, &options, &facts);
    assert_int_equal(facts.voi, SLR_VOI_LUT);
    slr_image_free(&image);
}

static void test_impossible_windows(void **state)
{
    (void)state;
    dicom_need("dump2dcm", NULL);
    static const char *const lines[] = {
        "(0028,1050) DS [2000]\n(0028,1051) DS [0]\n", "(0028,1050) DS [2000]\n(0028,1051) DS [-5]\n",
        "(0028,1050) DS [2000]\n", "(0028,1050) DS [2000]\n(0028,1051) DS [wide]\n",
        "(0028,1050) DS [2000]\n(0028,1051) DS [0.5]\n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        slr_picture_facts facts;
        dicom_fixture("odd.dcm", lines[i]);
        slr_image image = picture_read("odd.dcm", 0, NULL, &facts);
        assert_int_equal(facts.voi, SLR_VOI_PERCENTILE);
        assert_true(facts.warnings & SLR_WARN_WINDOW_IGNORED);
        slr_image_free(&image);
    }
}

static void test_neither(void **state)
{
    (void)state;
    dicom_need("dump2dcm", "dcm2pnm", NULL);
    slr_medical_options options = slr_medical_options_default();
    slr_picture_facts facts;
    dicom_fixture("plain.dcm", "");
    slr_image image = picture_read("plain.dcm", 0, NULL, &facts);
    assert_int_equal(facts.voi, SLR_VOI_PERCENTILE);
    double low = dicom_ramp(1) + 0.275 * (dicom_ramp(2) - dicom_ramp(1)); /* 0.5 % of 255 steps */
    double high = dicom_ramp(253) + 0.725 * (dicom_ramp(254) - dicom_ramp(253));
    picture_near((float)facts.voi_low, low, 1e-3, 0);
    picture_near((float)facts.voi_high, high, 1e-3, 0);
    for (int i = 0; i < PIXELS; i++)
        picture_near(image.pixels[i], fmin(1.0, fmax(0.0, (dicom_ramp(i) - low) / (high - low))), 1e-6,
                     (size_t)i);
    slr_image_free(&image);
    options.no_voi = SLR_NO_VOI_MINMAX;
    check_reference("plain.dcm", "+Wm", &options, 0);
    options.no_voi = SLR_NO_VOI_FULL;
    image = picture_read("plain.dcm", 0, &options, &facts);
    assert_int_equal(facts.voi, SLR_VOI_FULL);
    for (int i = 0; i < PIXELS; i++)
        picture_near(image.pixels[i], dicom_ramp(i) / 4095.0, 1e-7, (size_t)i);
    slr_image_free(&image);
}

/* ---- presentation ---- */

static void test_inverted_once(void **state)
{
    (void)state;
    dicom_need("dump2dcm", NULL);
    static const struct {
        const char *lines;
        bool inverted, conflict;
    } cases[] = {
        {WINDOW, false, false},
        {WINDOW INVERTED, true, false},
        {WINDOW SHAPE("INVERSE"), true, true},
        {WINDOW INVERTED SHAPE("INVERSE"), true, false},
        {WINDOW INVERTED SHAPE("IDENTITY"), false, true},
        {WINDOW SHAPE("IDENTITY"), false, false},
    };
    dicom_fixture("upright.dcm", WINDOW);
    slr_image upright = picture_read("upright.dcm", 0, NULL, NULL);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        slr_picture_facts facts;
        dicom_fixture("case.dcm", cases[c].lines);
        slr_image image = picture_read("case.dcm", 0, NULL, &facts);
        assert_int_equal(facts.inverted, cases[c].inverted);
        assert_int_equal((facts.warnings & SLR_WARN_SHAPE_CONFLICT) != 0, cases[c].conflict);
        for (size_t i = 0; i < PIXELS; i++)
            picture_near(image.pixels[i],
                         cases[c].inverted ? 1.0 - (double)upright.pixels[i] : (double)upright.pixels[i],
                         1e-7, i);
        slr_image_free(&image);
    }
    slr_image_free(&upright);
}

/* ---- stored values ---- */

/* Signed values with a slope and padding: background black, also where the presentation is inverted. */
static void test_signed_ct(void **state)
{
    (void)state;
    dicom_need("dump2dcm", NULL);
    slr_picture_facts facts;
    slr_medical_options options = slr_medical_options_default();
    uint16_t words[PIXELS];
    for (int i = 0; i < PIXELS; i++)
        words[i] = (uint16_t)(i % 5 == 0 ? -2048 : 10 * i - 1500);
    dicom_fixture("bare.dcm", "");
    picture_words("ct.raw", words, PIXELS);
    static const char lines[] =
        "(0008,0060) CS [CT]\n(0028,0101) US 16\n(0028,0102) US 15\n(0028,0103) US 1\n"
        "(0028,0120) %s\n(0028,1052) DS [-24]\n(0028,1053) DS [1.5E0 ]\n"
        "(0028,1050) DS [-600]\n(0028,1051) DS [1500]\n%s(7fe0,0010) OW =ct.raw\n";
    static const char *const paddings[] = {"SS -2048", "US 63488"}, *const shapes[] = {"", INVERTED};
    slr_window window = {SLR_VOI_LINEAR, -600, 1500};
    for (int c = 0; c < 4; c++) {
        char text[1024];
        snprintf(text, sizeof text, lines, paddings[c % 2], shapes[c / 2]);
        dicom_fixture("ct.dcm", text);
        slr_image image = picture_read("ct.dcm", 0, NULL, &facts);
        assert_int_equal(facts.padding_pixels, 52);
        assert_true(facts.has_padding && facts.is_signed);
        for (int i = 0; i < PIXELS; i++) {
            double y = slr_window_grey(&window, (int16_t)words[i] * 1.5 - 24);
            picture_near(image.pixels[i], i % 5 == 0 ? 0.0 : c / 2 ? 1.0 - y : y, 1e-7, (size_t)i);
        }
        slr_image_free(&image);
    }
    options.keep_padding = true;
    slr_image image = picture_read("ct.dcm", 0, &options, &facts);
    picture_near(image.pixels[0], 1.0, 0, 0); /* the value as any other, inverted */
    slr_image_free(&image);
    assert_int_equal(slr_medical_parse_window("lung", &options, NULL), SELORA_OK);
    image = picture_read("ct.dcm", 0, &options, &facts);
    assert_int_equal(facts.voi, SLR_VOI_USER); /* this one is CT */
    slr_image_free(&image);
}

/* The same picture: at the top of its words, under old overlays, with a trailer, without a preamble. */
static void test_same_picture(void **state)
{
    (void)state;
    dicom_need("dump2dcm", "dcmconv", NULL);
    uint16_t high[PIXELS], overlaid[PIXELS];
    for (int i = 0; i < PIXELS; i++) {
        high[i] = (uint16_t)(dicom_ramp(i) << 4);
        overlaid[i] = (uint16_t)(dicom_ramp(i) | (i % 3 << 12));
    }
    dicom_fixture("a.dcm", WINDOW);
    picture_words("high.raw", high, PIXELS);
    picture_words("overlaid.raw", overlaid, PIXELS);
    scratch_write("trailer.raw", "\0\0\0\0\0\0\0\0", 8);
    dicom_fixture("high.dcm", WINDOW "(0028,0102) US 15\n(7fe0,0010) OW =high.raw\n");
    dicom_fixture("overlaid.dcm", WINDOW "(7fe0,0010) OW =overlaid.raw\n");
    dicom_fixture("trailer.dcm", WINDOW "(fffc,fffc) OB =trailer.raw\n");
    assert_true(dicom_run("dcmconv -F a.dcm bare.dcm"));
    assert_true(dicom_run("dcmconv +ti a.dcm implicit.dcm && dcmconv +tb a.dcm big.dcm && "
                          "dcmconv +td a.dcm deflated.dcm"));
    static const char *const names[] = {"high.dcm",     "overlaid.dcm", "trailer.dcm", "bare.dcm",
                                        "implicit.dcm", "big.dcm",      "deflated.dcm"};
    slr_image expected = picture_read("a.dcm", 0, NULL, NULL);
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        slr_image image = picture_read(names[n], 0, NULL, NULL);
        if (memcmp(image.pixels, expected.pixels, PIXELS * sizeof *image.pixels) != 0)
            fail_msg("%s differs", names[n]);
        slr_image_free(&image);
    }
    slr_image_free(&expected);
}

/* Lossless codings give the same greys, lossy ones are near. */
static void test_codings(void **state)
{
    (void)state;
    dicom_need("dump2dcm", "dcmcjpeg", "dcmcjpls", "dcmcrle", "gdcmconv", NULL);
    static const struct {
        const char *command;
        double tolerance; /* greys */
        slr_answer lossy;
    } codings[] = {
        {"dcmcrle a.dcm b.dcm", 0, SLR_ABSENT},
        {"dcmcjpeg +e1 a.dcm b.dcm", 0, SLR_ABSENT},
        {"dcmcjpeg +el +sv 6 a.dcm b.dcm", 0, SLR_ABSENT},
        {"dcmcjpls a.dcm b.dcm", 0, SLR_ABSENT},
        {"dcmcjpls +en +md 2 a.dcm b.dcm", 2.01 / 1499, SLR_YES},
        {"gdcmconv --j2k a.dcm b.dcm", 0, SLR_ABSENT},
        {"gdcmconv --j2k --lossy --irreversible a.dcm b.dcm", 0.1, SLR_YES},
        {"dcmcjpeg +ee a.dcm b.dcm", 0.1, SLR_YES},
    };
    dicom_fixture("a.dcm", WINDOW);
    slr_image expected = picture_read("a.dcm", 0, NULL, NULL);
    for (size_t c = 0; c < sizeof codings / sizeof *codings; c++) {
        slr_picture_facts facts;
        if (!dicom_run("%s", codings[c].command))
            fail_msg("%s fails", codings[c].command);
        slr_image image = picture_read("b.dcm", 0, NULL, &facts);
        for (size_t i = 0; i < PIXELS; i++)
            picture_near(image.pixels[i], (double)expected.pixels[i], codings[c].tolerance, i);
        if (facts.lossy != codings[c].lossy && facts.lossy != SLR_NO)
            fail_msg("%s: lossy is %d", codings[c].command, facts.lossy);
        slr_image_free(&image);
    }
    slr_image_free(&expected);
}

/* The header holds against a codestream that says otherwise; it is told. */
static void test_other_sign(void **state)
{
    (void)state;
    dicom_need("dump2dcm", "gdcmconv", "dcmodify", NULL);
    slr_picture_facts facts;
    dicom_fixture("a.dcm", WINDOW);
    assert_true(dicom_run("gdcmconv --j2k a.dcm b.dcm"));
    slr_image image = picture_read("b.dcm", 0, NULL, &facts);
    assert_false(facts.warnings & SLR_WARN_SIGN);
    slr_image_free(&image);
    assert_true(dicom_run("dcmodify -nb -m '(0028,0103)=1' b.dcm"));
    image = picture_read("b.dcm", 0, NULL, &facts);
    assert_true(facts.is_signed && facts.warnings & SLR_WARN_SIGN);
    slr_image_free(&image);
}

/* ---- geometry ---- */

static void test_square_pixels(void **state)
{
    (void)state;
    dicom_need("dump2dcm", NULL);
    slr_picture_facts facts;
    static const struct {
        const char *lines;
        int width, height;
        bool odd;
    } cases[] = {
        {WINDOW "(0028,0030) DS [0.5\\0.5]\n", 16, 16, false},
        {WINDOW "(0028,0030) DS [1.0\\0.5]\n", 16, 32, false}, /* rows are further apart */
        {WINDOW "(0018,1164) DS [0.2\\0.5]\n", 40, 16, false},
        {WINDOW "(0028,0034) IS [3\\2]\n", 16, 24, false},
        {WINDOW "(0028,0030) DS [0\\0.5]\n", 16, 16, true},
        {WINDOW "(0028,0030) DS [100\\1]\n", 16, 16, true},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        dicom_fixture("spaced.dcm", cases[c].lines);
        slr_image image = picture_read("spaced.dcm", 0, NULL, &facts);
        assert_int_equal(image.width, cases[c].width);
        assert_int_equal(image.height, cases[c].height);
        assert_int_equal(facts.width, cases[c].width);
        assert_int_equal(facts.source_width, 16);
        assert_int_equal((facts.warnings & SLR_WARN_NO_SQUARE) != 0, cases[c].odd);
        slr_image_free(&image);
    }
}

static void test_blackout(void **state)
{
    (void)state;
    dicom_need("dump2dcm", NULL);
    slr_medical_options options = slr_medical_options_default();
    assert_int_equal(slr_medical_parse_blackout("2,3,4,5", &options, NULL), SELORA_OK);
    assert_int_equal(slr_medical_parse_blackout("14,14,100,100", &options, NULL), SELORA_OK);
    assert_int_equal(slr_medical_parse_blackout("500,1,1,1", &options, NULL), SELORA_OK);
    dicom_fixture("a.dcm", WINDOW INVERTED);
    slr_image whole = picture_read("a.dcm", 0, NULL, NULL), image = picture_read("a.dcm", 0, &options, NULL);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            bool black = (x >= 2 && x < 6 && y >= 3 && y < 8) || (x >= 14 && y >= 14);
            assert_true(image.pixels[SIDE * y + x] == (black ? 0.0f : whole.pixels[SIDE * y + x]));
        }
    slr_image_free(&whole);
    slr_image_free(&image);
}

/* ---- what is left out ---- */

static void test_skipped(void **state)
{
    (void)state;
    dicom_need("dump2dcm", NULL);
    slr_medical_options all = slr_medical_options_default();
    all.localizers = all.for_processing = all.allow_burned_in = true;
    static const struct {
        const char *lines;
        slr_picture_skip skip;
        const char *text;
        bool kept; /* when asked for */
    } cases[] = {
        {"(0008,0008) CS [ORIGINAL\\PRIMARY\\LOCALIZER]\n", SLR_SKIP_LOCALIZER, "--localizers", true},
        {"(0008,0068) CS [FOR PROCESSING]\n", SLR_SKIP_FOR_PROCESSING, "--for-processing", true},
        {"(0028,0301) CS [YES]\n", SLR_SKIP_BURNED_IN, "--allow-burned-in", true},
        {"-(7fe0,0010)\n", SLR_SKIP_NO_PIXELS, "(7FE0,0010)", false},
        {"-(7fe0,0010)\n(0008,0016) UI [1.2.840.10008.5.1.4.1.1.104.1]\n", SLR_SKIP_PDF, "document", false},
        {"(0028,0100) US 32\n(0028,0101) US 32\n(0028,0102) US 31\n", SLR_SKIP_WIDE_BITS, "(0028,0100)",
         false},
        {"(0028,0100) US 1\n(0028,0101) US 1\n(0028,0102) US 0\n", SLR_SKIP_ONE_BIT, "(0028,0100)", false},
        {"(0028,0010) US 17\n", SLR_SKIP_DAMAGED, "(7FE0,0010)", false},
        {"(0028,1053) DS [0]\n", SLR_SKIP_VALUES, "(0028,1053)", false},
        {"(0028,1053) DS [steep]\n", SLR_SKIP_VALUES, "(0028,1053)", false},
        {VOI_LUT("US 100\\0\\16", "p12.raw"), SLR_SKIP_VALUES, "(0028,3010) VOI LUT: 100 entries", false},
        {VOI_LUT("US 256\\0\\20", "p12.raw"), SLR_SKIP_VALUES, "(0028,3010)", false},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        dicom_fixture("skipped.dcm", cases[c].lines);
        picture_refused("skipped.dcm", 0, NULL, cases[c].skip, cases[c].text);
        if (cases[c].kept) {
            slr_image image = picture_read("skipped.dcm", 0, &all, NULL);
            slr_image_free(&image);
        } else {
            picture_refused("skipped.dcm", 0, &all, cases[c].skip, cases[c].text);
        }
    }
}

/* ---- facts ---- */

static void test_facts(void **state)
{
    (void)state;
    dicom_need("dump2dcm", NULL);
    slr_picture_facts facts;
    dicom_fixture("a.dcm", WINDOW "(0008,0060) CS [DX]\n(0018,5101) CS [PA]\n(0020,0062) CS [U]\n"
                                  "(0018,0015) CS [chest]\n(0010,0040) CS [F]\n(0010,1010) AS [045Y]\n"
                                  "(0008,0008) CS [ORIGINAL\\PRIMARY\\AXIAL]\n(0010,0020) LO [P 17]\n"
                                  "(0020,000e) UI [1.2.3]\n(0012,0062) CS [YES]\n(0028,2110) CS [00]\n"
                                  "(0028,0301) CS [NO]\n(0028,1054) LO [US]\n(0018,0050) DS [2.5]\n");
    slr_image image = picture_read("a.dcm", 0, NULL, &facts);
    slr_image_free(&image);
    assert_string_equal(facts.modality, "DX");
    assert_string_equal(facts.view_position, "PA");
    assert_string_equal(facts.laterality, "U");
    assert_string_equal(facts.body_part, "CHEST");
    assert_string_equal(facts.sex, "F");
    assert_string_equal(facts.age, "045Y");
    assert_string_equal(facts.image_type, "AXIAL");
    assert_string_equal(facts.photometric, "MONOCHROME2");
    assert_string_equal(facts.rescale_type, "US");
    assert_string_equal(facts.transfer_syntax, "1.2.840.10008.1.2.1");
    assert_string_equal(facts.patient_id, "P 17");
    assert_string_equal(facts.series_uid, "1.2.3");
    assert_int_equal(facts.deidentified, SLR_YES);
    assert_int_equal(facts.burned_in, SLR_NO);
    assert_int_equal(facts.lossy, SLR_NO);
    assert_int_equal(facts.bits_stored, 12);
    assert_true(facts.slice_thickness == 2.5);
    assert_int_equal(facts.warnings, 0);
}

/* What is no code, sex or age does not get through, however it got into the file. */
static void test_free_text_stays(void **state)
{
    (void)state;
    dicom_need("dump2dcm", NULL);
    slr_picture_facts facts;
    dicom_fixture("a.dcm",
                  WINDOW "(0008,0060) CS [US]\n(0018,5101) CS [Mueller^Anna]\n"
                         "(0018,0015) CS [Dr. Smith's patient]\n(0010,0040) CS [ANNA]\n"
                         "(0010,1010) AS [1974]\n(0020,0060) CS [MUELLER]\n"
                         "(0010,0020) LO [an identifier that is much longer than the 64 characters that are "
                         "allowed, once]\n");
    slr_image image = picture_read("a.dcm", 0, NULL, &facts);
    slr_image_free(&image);
    assert_string_equal(facts.view_position, "");
    assert_string_equal(facts.body_part, "");
    assert_string_equal(facts.sex, "");
    assert_string_equal(facts.age, "");
    assert_string_equal(facts.laterality, "");
    assert_int_equal(strlen(facts.patient_id), 64);
    assert_null(strstr(facts.patient_id, "identifier"));
    assert_int_equal(facts.burned_in, SLR_ABSENT);
    assert_true(facts.warnings & SLR_WARN_BURNED_IN);
}

/* Facts without decoding say the same, and fail in the same places. */
static void test_facts_alone(void **state)
{
    (void)state;
    dicom_need("dump2dcm", NULL);
    slr_medical_options options = slr_medical_options_default();
    slr_picture_facts facts;
    slr_medical *file;
    slr_error err = {0};
    dicom_fixture("a.dcm", WINDOW INVERTED "(0028,0120) US 5\n");
    assert_int_equal(slr_medical_open(scratch_path("a.dcm"), &file, NULL, &err), SELORA_OK);
    assert_int_equal(slr_medical_kind(file), SLR_KIND_DICOM);
    assert_int_equal(slr_medical_facts(file, 0, &options, &facts, &err), SELORA_OK);
    assert_true(facts.inverted && facts.has_padding);
    assert_int_equal(facts.voi, SLR_VOI_WINDOW);
    assert_int_equal(slr_medical_facts(file, 1, &options, &facts, &err), SELORA_BAD_INPUT);
    assert_int_equal(facts.skip, SLR_SKIP_NO_FRAME);
    assert_int_equal(slr_medical_facts(file, -1, &options, &facts, &err), SELORA_BAD_INPUT);
    slr_medical_close(file);
    dicom_fixture("b.dcm", "(0028,1053) DS [0]\n");
    assert_int_equal(slr_medical_open(scratch_path("b.dcm"), &file, NULL, &err), SELORA_OK);
    assert_int_equal(slr_medical_facts(file, 0, &options, &facts, &err), SELORA_BAD_INPUT);
    assert_int_equal(facts.skip, SLR_SKIP_VALUES);
    slr_medical_close(file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_windows),      TEST(test_linear_exact),
        TEST(test_voi_luts),     TEST(test_voi_choice),
        TEST(test_neither),      TEST(test_inverted_once),
        TEST(test_signed_ct),    TEST(test_impossible_windows),
        TEST(test_same_picture), TEST(test_codings),
        TEST(test_other_sign),   TEST(test_square_pixels),
        TEST(test_blackout),     TEST(test_skipped),
        TEST(test_facts),        TEST(test_free_text_stays),
        TEST(test_facts_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
