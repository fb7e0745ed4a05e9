/* SPDX-License-Identifier: MIT
 * Each trap is planted in a set that has none, and found; nothing is found where nothing is planted. */
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
#include "prepare/association.h"
#include "prepare/traps.h"

enum { COUNT = 60, TEXT = 24 };

/* A set without traps: every text, file and hash differs, two labels that nothing tells. */
typedef struct plain_set {
    slr_trap_picture pictures[COUNT];
    char texts[COUNT][TEXT], files[COUNT][TEXT], patients[COUNT][TEXT];
    const char *cells[COUNT];
    slr_trap_set set;
} plain_set;

static const char *cell(const void *context, size_t picture, int column)
{
    (void)column;
    return ((const plain_set *)context)->cells[picture];
}

static const char *column_name(const void *context, int column)
{
    (void)context;
    (void)column;
    return "scanner";
}

static int setup(void **state)
{
    plain_set *s = calloc(1, sizeof *s);
    slr_rng rng = slr_rng_at(5, SLR_STREAM_SPLIT, 0, 0);
    for (int i = 0; i < COUNT; i++) {
        slr_trap_picture *p = &s->pictures[i];
        snprintf(s->texts[i], TEXT, "text %d", i);
        snprintf(s->files[i], TEXT, "file %d", i);
        snprintf(s->patients[i], TEXT, "patient %d", i / 2);
        s->cells[i] = slr_rng_u32(&rng) & 1 ? "A" : "B";
        *p = (slr_trap_picture){.text = s->texts[i],
                                .label = i % 2 ? "ill" : "well",
                                .patient = s->patients[i],
                                .file = s->files[i],
                                .pixels = s->files[i],
                                .type = "PNG, 8 bit, grey",
                                .near = (uint64_t)slr_rng_u32(&rng) << 32 | slr_rng_u32(&rng) | 1,
                                .width = 100,
                                .height = 120,
                                .side = i < COUNT / 2 ? SLR_SIDE_TRAIN : SLR_SIDE_TEST,
                                .measured = true,
                                .measures = {.sharpness = 0.01 + 1e-4 * (slr_rng_u32(&rng) & 255),
                                             .blockiness = 1,
                                             .zeros = 0.1,
                                             .frame = -1}};
    }
    s->set = (slr_trap_set){.pictures = s->pictures,
                            .count = COUNT,
                            .columns = 1,
                            .cell = cell,
                            .column_name = column_name,
                            .context = s};
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

/* Finds `kind` with that severity and count, and no other trap but those of `also` (bits). */
static slr_trap find(plain_set *s, slr_trap_kind kind, slr_trap_severity severity, size_t count,
                     unsigned also)
{
    slr_traps traps;
    assert_int_equal(slr_traps_find(&s->set, &traps, NULL), SELORA_OK);
    for (int k = 0; k < SLR_TRAPS; k++)
        if (k != (int)kind && !(also >> k & 1) && traps.found[k].severity != SLR_TRAP_NONE)
            fail_msg("%s was not planted: %s", slr_trap_id(k), traps.found[k].text);
    assert_int_equal(traps.found[kind].severity, severity);
    assert_int_equal(traps.found[kind].count, count);
    return traps.found[kind];
}

static void test_nothing(void **state)
{
    slr_traps traps;
    plain_set *s = *state;
    assert_int_equal(slr_traps_find(&s->set, &traps, NULL), SELORA_OK);
    for (int k = 0; k < SLR_TRAPS; k++) {
        if (traps.found[k].severity != SLR_TRAP_NONE)
            fail_msg("%s: %s", slr_trap_id(k), traps.found[k].text);
        assert_non_null(slr_trap_id(k));
        assert_true(strlen(slr_trap_advice(k)) > 10);
    }
    assert_int_equal(traps.errors + traps.warnings, 0);
    s->set.count = 0;
    assert_int_equal(slr_traps_find(&s->set, &traps, NULL), SELORA_OK);
    assert_int_equal(traps.errors + traps.warnings, 0);
}

static void test_labels(void **state)
{
    plain_set *s = *state;
    for (int i = 1; i < COUNT / 2; i += 2) /* half of the ill ones come from another scanner */
        s->pictures[i].width = s->pictures[i].height = 112;
    find(s, SLR_TRAP_SIZE_LABEL, SLR_TRAP_WARNING, COUNT, 0);
    for (int i = 0; i < COUNT; i++) {
        s->pictures[i].width = 100;
        s->pictures[i].height = 120;
        s->pictures[i].measures.sharpness *= i % 2 ? 0.5 : 1;
    }
    find(s, SLR_TRAP_BLUR_LABEL, SLR_TRAP_WARNING, COUNT, 0);
    for (int i = 0; i < COUNT; i++) {
        s->pictures[i].measures.sharpness = 0.02;
        s->cells[i] = i % 2 ? "A" : "B";
    }
    slr_trap trap = find(s, SLR_TRAP_COLUMN_LABEL, SLR_TRAP_WARNING, COUNT, 0);
    assert_non_null(strstr(trap.text, "scanner"));
    for (int i = 0; i < 12; i += 2) /* a fifth of the others have it, too */
        s->cells[i] = "A";
    find(s, SLR_TRAP_COLUMN_LABEL, SLR_TRAP_NONE, 0, 0);
}

/* Without labels a few prompts stand for them. */
static void test_prompts_as_labels(void **state)
{
    plain_set *s = *state;
    for (int i = 0; i < COUNT; i++) {
        s->pictures[i].label = NULL;
        s->pictures[i].text = i % 2 ? "pneumonia" : "clear";
        s->pictures[i].width = i % 2 ? 100 : 110;
    }
    find(s, SLR_TRAP_SIZE_LABEL, SLR_TRAP_WARNING, COUNT, 1u << SLR_TRAP_SAME_PROMPT);
}

/* Numbers that tell a label need not be categories; a column of different numbers tells nothing by itself. */
static void test_number_columns(void **state)
{
    plain_set *s = *state;
    static char numbers[COUNT][TEXT];
    for (int i = 0; i < COUNT; i++) {
        snprintf(numbers[i], TEXT, "%d", 1000 + 7 * i);
        s->cells[i] = numbers[i];
    }
    find(s, SLR_TRAP_COLUMN_LABEL, SLR_TRAP_NONE, 0, 0);
    for (int i = 0; i < COUNT; i++)
        snprintf(numbers[i], TEXT, "%d", (i % 2 ? 5000 : 1000) + 7 * i);
    find(s, SLR_TRAP_COLUMN_LABEL, SLR_TRAP_WARNING, COUNT, 0);
}

static void test_copies(void **state)
{
    plain_set *s = *state;
    s->pictures[4].file = s->pictures[4].pixels = s->pictures[2].file;
    slr_trap trap = find(s, SLR_TRAP_DUPLICATES, SLR_TRAP_WARNING, 1, 0);
    assert_int_equal(trap.rows[0], 5);
    s->pictures[9].pixels = s->pictures[2].pixels;
    s->pictures[11].near = s->pictures[2].near ^ 0x1008;
    find(s, SLR_TRAP_DUPLICATES, SLR_TRAP_WARNING, 3, 0);
    s->pictures[COUNT - 1].near = s->pictures[2].near ^ 0x3;
    trap = find(s, SLR_TRAP_SPLIT_COPIES, SLR_TRAP_ERROR, 1, 1u << SLR_TRAP_DUPLICATES);
    assert_int_equal(trap.rows[0], COUNT);
}

static void test_patients(void **state)
{
    plain_set *s = *state;
    s->pictures[COUNT - 2].patient = "patient 3";
    slr_trap trap = find(s, SLR_TRAP_SPLIT_PATIENTS, SLR_TRAP_ERROR, 1, 0);
    assert_int_equal(trap.rows[0], COUNT - 1);
    s->pictures[COUNT - 2].patient = s->pictures[0].patient = "";
    find(s, SLR_TRAP_SPLIT_PATIENTS, SLR_TRAP_NONE, 0, 0);
}

static void test_pixels(void **state)
{
    plain_set *s = *state;
    slr_trap_picture plain = s->pictures[7];
    s->pictures[7].measures.residual = 200;
    find(s, SLR_TRAP_COLOUR, SLR_TRAP_WARNING, 1, 0);
    s->pictures[7] = plain;
    s->pictures[7].type = "JPEG, 8 bit, true colour";
    slr_trap trap = find(s, SLR_TRAP_TYPES, SLR_TRAP_NOTE, 1, 0);
    assert_int_equal(trap.rows[0], 8);
    assert_non_null(strstr(trap.text, "59 PNG"));
    s->pictures[7] = plain;
    s->pictures[7].measures.blockiness = 1.6;
    find(s, SLR_TRAP_SCREENSHOTS, SLR_TRAP_WARNING, 1, 0);
    s->pictures[7] = plain;
    s->pictures[7].measures.frame = 1;
    find(s, SLR_TRAP_FIGURES, SLR_TRAP_WARNING, 1, 0);
    s->pictures[7].measures.frame = 0; /* black is the rule */
    find(s, SLR_TRAP_FIGURES, SLR_TRAP_NONE, 0, 0);
    s->pictures[7].width = 400;
    find(s, SLR_TRAP_FIGURES, SLR_TRAP_WARNING, 1, 1u << SLR_TRAP_SIZE_LABEL);
    s->pictures[7] = plain;
    s->pictures[7].width = 120; /* lying, as others stand */
    s->pictures[7].height = 100;
    find(s, SLR_TRAP_FIGURES, SLR_TRAP_NONE, 0, 0);
    s->pictures[7] = plain;
    s->pictures[7].measures.zeros = 0.8;
    find(s, SLR_TRAP_BACKGROUND, SLR_TRAP_NOTE, 1, 0);
    s->pictures[7].constant = true;
    find(s, SLR_TRAP_CONSTANT, SLR_TRAP_WARNING, 1, 0);
}

static void test_burned_in(void **state)
{
    plain_set *s = *state;
    s->pictures[3].measures.marks = 4;
    find(s, SLR_TRAP_BURNED_IN, SLR_TRAP_NOTE, 1, 0);
    s->pictures[4].modality = "US";
    s->pictures[5].modality = "DX";
    find(s, SLR_TRAP_BURNED_IN, SLR_TRAP_NOTE, 2, 0);
    s->pictures[4].burned_in = "no";
    s->pictures[6].burned_in = "yes";
    find(s, SLR_TRAP_BURNED_IN, SLR_TRAP_WARNING, 2, 0);
}

static void test_texts(void **state)
{
    plain_set *s = *state;
    s->pictures[3].text = s->pictures[8].text;
    find(s, SLR_TRAP_SAME_PROMPT, SLR_TRAP_NOTE, 2, 0);
    s->pictures[3].view = "PA";
    s->pictures[8].view = "LATERAL";
    find(s, SLR_TRAP_VIEWS, SLR_TRAP_WARNING, 2, 1u << SLR_TRAP_SAME_PROMPT);
    s->pictures[3].report = s->pictures[8].report = "12";
    s->pictures[3].text = "PA view, clear";
    s->pictures[8].text = "clear";
    slr_trap trap = find(s, SLR_TRAP_VIEWS, SLR_TRAP_WARNING, 1, 0);
    assert_int_equal(trap.rows[0], 9);
    s->pictures[8].text = "Lateral view, clear";
    find(s, SLR_TRAP_VIEWS, SLR_TRAP_NONE, 0, 0);
}

static void test_others(void **state)
{
    plain_set *s = *state;
    s->set.missing = 2;
    find(s, SLR_TRAP_MISSING, SLR_TRAP_WARNING, 2, 0);
    s->set.missing = 0;
    for (int i = 0; i < 51; i++) {
        s->pictures[i].modality = "MR";
        s->pictures[i].body_part = "HEAD";
        s->pictures[i].series = "one";
    }
    find(s, SLR_TRAP_FACES, SLR_TRAP_WARNING, 51, 0);
    s->pictures[0].series = "two";
    find(s, SLR_TRAP_FACES, SLR_TRAP_NONE, 0, 0);
}

/* Tails as R's pchisq(x, df, lower.tail = FALSE) has them. */
static void test_chi_square(void **state)
{
    (void)state;
    const double cases[][3] = {{3.841458820694124, 1, 0.05},  {6.634896601021213, 1, 0.01},
                               {18.30703805327515, 10, 0.05}, {2, 2, 0.36787944117144233},
                               {0.5, 5, 0.992122547},         {200, 100, 1.0e-8 * 0.8}};
    for (size_t i = 0; i < 5; i++)
        assert_true(fabs(slr_chi_square_tail(cases[i][0], cases[i][1]) - cases[i][2]) < 1e-6);
    assert_true(slr_chi_square_tail(0, 3) == 1);
    const uint32_t table[] = {10, 20, 30, 20, 20, 20}; /* chi-square 5.8333, two degrees: exp(-x/2) */
    double chi = 0;
    for (int r = 0; r < 2; r++)
        for (int c = 0; c < 3; c++) {
            double column = table[c] + table[3 + c], expected = 60.0 * column / 120;
            chi += (table[3 * r + c] - expected) * (table[3 * r + c] - expected) / expected;
        }
    assert_true(fabs(slr_independence_p(table, 2, 3) - exp(-chi / 2)) < 1e-12);
    const uint32_t empty[] = {5, 0, 7, 0};
    assert_true(slr_independence_p(empty, 2, 2) == 1);
}

static void test_separation(void **state)
{
    (void)state;
    double auc;
    const double scores[] = {0.1, 0.4, 0.35, 0.8};
    const unsigned char classes[] = {0, 0, 1, 1};
    assert_int_equal(slr_separation(scores, classes, 4, 0, &auc, NULL), SELORA_OK);
    assert_true(fabs(auc - 0.75) < 1e-12); /* scikit-learn's example */
    const double equal[] = {1, 1, 1, 1};
    assert_int_equal(slr_separation(equal, classes, 4, 1, &auc, NULL), SELORA_OK);
    assert_true(auc == 0.5);
    const unsigned char others[] = {1, 1, 0, 0};
    assert_int_equal(slr_separation(scores, others, 4, 1, &auc, NULL), SELORA_OK);
    assert_true(fabs(auc - 0.75) < 1e-12);
}

/* The measures themselves, on pictures that are made for them. */
static slr_image picture(int width, int height)
{
    slr_image image;
    assert_int_equal(slr_image_new(width, height, 1, &image, NULL), SELORA_OK);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            image.pixels[y * width + x] =
                (float)(0.4 + 0.2 * sin(0.13 * x) * cos(0.11 * y) + 0.05 * sin(1.9 * x + 2.3 * y));
    return image;
}

static slr_picture_measures measure(const slr_image *image)
{
    slr_picture_measures m;
    assert_int_equal(slr_picture_measure(image, &m, NULL), SELORA_OK);
    return m;
}

static void test_measures(void **state)
{
    (void)state;
    enum { W = 320, H = 256 };
    slr_image image = picture(W, H);
    slr_picture_measures plain = measure(&image), m;
    assert_true(plain.blockiness > 0.9 && plain.blockiness < 1.1);
    assert_true(plain.frame < 0 && plain.zeros == 0 && plain.marks == 0 && plain.residual == 0);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            image.pixels[y * W + x] +=
                (x / 8 + y / 8) % 2 ? 0.15f : 0; /* steps at the edges of blocks alone */
    assert_true(measure(&image).blockiness > 1.25);
    image.height = 127; /* too few edges to tell */
    assert_true(measure(&image).blockiness == 1);
    slr_image_free(&image);

    image = picture(W, H);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            if (x < 6 || y < 6 || x >= W - 6 || y >= H - 6)
                image.pixels[y * W + x] = 1;
    m = measure(&image);
    assert_true(m.frame > 0.99 && m.marks == 0);
    for (int k = 0; k < 3; k++)
        for (int y = 20; y < 30; y++)
            for (int x = 0; x < 4; x++)
                image.pixels[y * W + 20 + 12 * k + x] = 1;
    assert_int_equal(measure(&image).marks, 3);
    for (int y = 90; y < 100; y++) /* in the middle: the body */
        image.pixels[y * W + 150] = image.pixels[y * W + 151] = image.pixels[y * W + 152] = 1;
    assert_int_equal(measure(&image).marks, 3);
    slr_image_free(&image);

    image = picture(W, H);
    for (int y = 1; y + 1 < H; y++) /* blurred */
        for (int x = 1; x + 1 < W; x++)
            image.pixels[y * W + x] = 0.25f * (image.pixels[y * W + x - 1] + image.pixels[y * W + x + 1] +
                                               image.pixels[(y - 1) * W + x] + image.pixels[(y + 1) * W + x]);
    assert_true(measure(&image).sharpness < 0.8 * plain.sharpness);
    memset(image.pixels, 0, W * H / 2 * sizeof *image.pixels);
    assert_true(fabs(measure(&image).zeros - 0.5) < 1e-6);
    slr_image_free(&image);

    slr_picture_measures back;
    char text[SLR_MEASURES_TEXT];
    slr_picture_measures_text(&m, text);
    assert_true(slr_picture_measures_parse(text, &back));
    assert_int_equal(back.marks, m.marks);
    assert_true(fabs(back.sharpness - m.sharpness) < 1e-4 * m.sharpness);
    assert_false(slr_picture_measures_parse("", &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_labels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_prompts_as_labels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_number_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_patients, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pixels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_burned_in, setup, teardown),
        cmocka_unit_test_setup_teardown(test_texts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_others, setup, teardown),
        cmocka_unit_test(test_chi_square),
        cmocka_unit_test(test_separation),
        cmocka_unit_test(test_measures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
