/* SPDX-License-Identifier: MIT
 * Blanks and XXXX, templates, words of headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "prepare/header_words.h"
#include "prepare/prompt_clean.h"
#include "prepare/prompt_template.h"

static void test_blanks(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"  ", ""},
        {" a\r\nb\tc  d ", "a b c d"},
        {"No  acute.\n\nHeart normal .", "No acute. Heart normal ."},
        {"a\xc2\xa0\xc2\xa0" "b\x01" "c\x7f", "a b c"},
        {"M\xc3\xbcller, A B", "M\xc3\xbcller, A B"},
        {"\xc2", "\xc2"}, /* the half of a character at the end */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        strcpy(text, cases[i][0]);
        slr_prompt_blanks(text);
        assert_string_equal(text, cases[i][1]);
    }
}

static void test_xxxx(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count;
        const char *dropped;
    } cases[] = {
        {"No acute disease.", 0, "No acute disease."},
        {"XXXX", 1, ""},
        {"XXXX XXXX are clear.", 2, "are clear."},
        {"The XXXX examination  consists of XXXX and lateral.", 2, "The examination consists of and lateral."},
        {"seen in XXXX. XXXX, no", 2, "seen in . , no"}, /* punctuation stays where it is */
        {"XXXX-year-old", 1, "-year-old"},
        {"XXXXX is one, XXX none, xxxx none", 1, "is one, XXX none, xxxx none"},
        {"aXXXX XXXXb 1XXXX XXXX\xc3\xa4", 0, "aXXXX XXXXb 1XXXX XXXX\xc3\xa4"},
        {"(XXXX)XXXX", 2, "()"},
        {"XXXXXXXXXXXX end XXXX", 2, "end"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[80];
        strcpy(text, cases[i].text);
        assert_int_equal(slr_xxxx_count(text), cases[i].count);
        slr_xxxx_drop(text);
        assert_string_equal(text, cases[i].dropped);
    }
}

/* ---- templates ---- */

/* Values of fields a b c d e in the order of their first appearance; "-" is missing. */
static void assert_filled(const char *pattern, const char *a, const char *b, const char *c,
                          const char *expected,
                          size_t expected_missing)
{
    slr_prompt_template *template;
    slr_error err = {0};
    size_t missing;
    char *text;
    const char *values[8] = {*a == '-' ? NULL : a, *b == '-' ? NULL : b, *c == '-' ? "" : c};
    if (slr_prompt_template_new(pattern, &template, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    assert_true(slr_prompt_template_fields(template) <= 3);
    assert_int_equal(slr_prompt_template_fill(template, values, &text, &missing, &err), SELORA_OK);
    slr_prompt_blanks(text);
    assert_string_equal(text, expected);
    assert_int_equal(missing, expected_missing);
    free(text);
    slr_prompt_template_free(template);
}

static void test_template(void **state)
{
    (void)state;
    assert_filled("{text}", "all clear", "", "", "all clear", 0);
    assert_filled("{text}", "-", "", "", "", 1);
    /* a part goes with its comma, at the beginning, in the middle, at the end */
    assert_filled("{m}, {v} view, findings: {f}", "DX", "PA", "clear", "DX, PA view, findings: clear", 0);
    assert_filled("{m}, {v} view, findings: {f}", "-", "PA", "clear", "PA view, findings: clear", 1);
    assert_filled("{m}, {v} view, findings: {f}", "DX", "-", "clear", "DX, findings: clear", 1);
    assert_filled("{m}, {v} view, findings: {f}", "DX", "PA", "-", "DX, PA view", 1);
    assert_filled("{m}, {v} view, findings: {f}", "-", "-", "clear", "findings: clear", 2);
    assert_filled("{m}, {v} view, findings: {f}", "-", "-", "-", "", 3);
    /* where a part keeps a field, the words of the other go */
    assert_filled("{age}-year-old {sex}, {f}", "32", "male", "x", "32-year-old male, x", 0);
    assert_filled("{age}-year-old {sex}, {f}", "-", "male", "x", "male, x", 1);
    assert_filled("{age}-year-old {sex}, {f}", "32", "-", "x", "32-year-old, x", 1);
    assert_filled("{age}-year-old {sex}, {f}", "-", "-", "x", "x", 2);
    assert_filled("age: {age} sex: {sex}", "-", "male", "", "sex: male", 1);
    assert_filled("age: {age} sex: {sex}", "32", "-", "", "age: 32", 1);
    /* the form of the Montgomery set, with and without blanks */
    assert_filled("age:{a}, gender:{g}, findings:{f}", "32", "Male", "a, b",
                  "age:32, gender:Male, findings:a, b", 0);
    assert_filled("age:{a},gender:{g},findings:{f}", "32", "-", "y", "age:32,findings:y", 1);
    /* parts without fields stay, commas inside values are none of ours, braces */
    assert_filled("chest x-ray, {v} view", "-", "", "", "chest x-ray", 1);
    assert_filled("chest x-ray, {v} view, frontal", "-", "", "", "chest x-ray, frontal", 1);
    assert_filled("{{x}} {a}", "v,,w", "", "", "{x} v,,w", 0);
    assert_filled("{a}{b}", "x", "-", "", "", 1); /* one word: it lacks a part of itself */
    assert_filled("{a}, {a}", "x", "", "", "x, x", 0);
    assert_filled("a,,b", "", "", "", "a,,b", 0);
    assert_filled("", "", "", "", "", 0);
    assert_filled("{a} {f}.", "x", "-", "", "x", 1);
}

static void test_template_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a {b", "{ at character 3 is never closed"}, {"{a{b}}", "never closed"}, {"a } b", "} at character 3 closes nothing"},
        {"{}", "names no field"},                     {"\xff", "not UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slr_prompt_template *template;
        slr_error err = {0};
        assert_int_equal(slr_prompt_template_new(cases[i][0], &template, &err), SELORA_USAGE);
        assert_null(template);
        if (!strstr(err.message, cases[i][1]))
            fail_msg("'%s' lacks '%s'", err.message, cases[i][1]);
    }
    char *many = malloc(6000);
    memset(many, 'a', 5999);
    many[5999] = 0;
    slr_prompt_template *template;
    assert_int_equal(slr_prompt_template_new(many, &template, NULL), SELORA_USAGE);
    size_t size = 0;
    for (int i = 0; i < 65; i++)
        size += (size_t)sprintf(many + size, "{f%d}", i);
    assert_int_equal(slr_prompt_template_new(many, &template, NULL), SELORA_USAGE);
    free(many);
}

/* ---- words of headers ---- */

static void test_terms(void **state)
{
    (void)state;
    assert_string_equal(slr_view_name("PA"), "PA");
    assert_string_equal(slr_view_name(" ll "), "LL");
    assert_string_equal(slr_view_words("LL"), "left lateral");
    assert_string_equal(slr_view_words("AP"), "AP");
    assert_string_equal(slr_view_words("LATERAL"), "lateral");
    assert_null(slr_view_name("SMITH"));
    assert_null(slr_view_name(""));
    assert_null(slr_view_name(NULL));
    assert_null(slr_view_name("PAX"));
    assert_null(slr_view_name("P"));
    assert_string_equal(slr_modality_name("DX"), "DX");
    assert_null(slr_modality_name("DOE^JOHN"));
    assert_string_equal(slr_sex_words(slr_sex_name("F ")), "female");
    assert_string_equal(slr_laterality_words("R"), "right");
    char words[SLR_BODY_PART_WORDS];
    assert_true(slr_body_part_words("CHEST", words));
    assert_string_equal(words, "chest");
    assert_true(slr_body_part_words(slr_body_part_name("CSPINE"), words));
    assert_string_equal(words, "cervical spine");
    assert_false(slr_body_part_words("PLANTED", words));
}

static void test_caption_views(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"Xray Chest PA and Lateral", NULL},        {"PA view of the chest", "PA"}, {"AP portable", "AP"},
        {"lateral view", "LATERAL"},                {"left lateral", "LL"},         {"Right LAT.", "RL"},
        {"Chest, 2 views", NULL},                   {"", NULL},                     {"PAP smear, collateral", NULL},
        {"Xray Chest PA and Lateral AP", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *view = slr_view_in_caption(cases[i][0]);
        if (cases[i][1])
            assert_string_equal(view, cases[i][1]);
        else
            assert_null(view);
    }
    assert_null(slr_view_in_caption(NULL));
}

static void test_ages(void **state)
{
    (void)state;
    static const struct {
        const char *value, *bucket, *exact;
    } cases[] = {
        {"032Y", "30-34", "32"}, {"000Y", "0-4", "0"},   {"089Y", "85-89", "89"}, {"090Y", "90+", "90+"},
        {"099Y", "90+", "90+"},  {"006M", "0-4", "0"},   {"036M", "0-4", "3"},    {"010W", "0-4", "0"},
        {"003D", "0-4", "0"},    {"32", "30-34", "32"},  {"32.9", "30-34", "32"}, {" 7y ", "5-9", "7"},
        {"35Y", "35-39", "35"},  {"34", "30-34", "34"},  {"110", "90+", "90+"},   {"012M", "0-4", "1"},
        {"32 ", "30-34", "32"},  {"999M", "80-84", "83"},
    };
    static const char *const bad[] = {"", "old", "-3", "Y", "32Q", "19620314", "151", "32YY", "3 2", "1e9", "32.", "."};
    char text[SLR_AGE_TEXT];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!slr_age_words(cases[i].value, false, text))
            fail_msg("%s is an age", cases[i].value);
        assert_string_equal(text, cases[i].bucket);
        assert_true(slr_age_words(cases[i].value, true, text));
        assert_string_equal(text, cases[i].exact);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (slr_age_words(bad[i], false, text))
            fail_msg("%s is no age, and became %s", bad[i], text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blanks),           cmocka_unit_test(test_xxxx),
        cmocka_unit_test(test_template),         cmocka_unit_test(test_template_refused),
        cmocka_unit_test(test_terms),            cmocka_unit_test(test_caption_views),
        cmocka_unit_test(test_ages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
