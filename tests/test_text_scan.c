/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/rng.h"
#include "prepare/text_scan.h"

/* What is found in a text: a letter for each place, in the order of the kinds. */
static void assert_found(const char *text, const char *expected)
{
    static const char letters[] = "dnpetra"; /* date, number, phone, e-mail, title, record number, age */
    slr_text_scan scan = {0};
    char found[64] = "";
    size_t length = 0;
    char *exact = malloc(strlen(text) + 1); /* without a NUL behind it: reading on would be seen */
    memcpy(exact, text, strlen(text));
    bool any = slr_text_scan_add(&scan, exact, strlen(text));
    free(exact);
    for (int kind = 0; kind < SLR_SCAN_KINDS; kind++) {
        assert_int_equal(scan.texts[kind], scan.found[kind] > 0);
        for (size_t i = 0; i < scan.found[kind]; i++)
            found[length++] = letters[kind];
    }
    if (strcmp(found, expected) != 0)
        fail_msg("'%s': found '%s', expected '%s'", text, found, expected);
    assert_int_equal(any, *expected != 0);
    assert_int_equal(scan.suspect, any);
    assert_int_equal(scan.scanned, 1);
}

static void test_dates(void **state)
{
    (void)state;
    static const char *const dates[] = {
        "3/14/2019",     "14/3/2019",       "14.03.19",    "2019-03-14",   "2019/3/4",     "seen 3-14-19.", "March 14",
        "Mar. 14, 2019", "14 March 2019",   "14-Mar-2019", "14th of May",  "May 2nd 2001", "SEPT 3",        "31 December",
        "(1/2/03)",
    };
    static const char *const others[] = {
        "may 2 cm",     "3/14",          "1.5 cm",     "2019",       "31/31/2019", "T4/T5", "L1-L2-L3", "marching 14", "5/45/2019",
        "0/1/2019",     "1/2/3",         "12/13/201",  "1.2.3.4",    "32 May-be",  "May",   "12 of 14", "1-2/2019",
        "Marc 14",      "a 3 x 4 x 5 mm",
    };
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++)
        assert_found(dates[i], "d");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_found(others[i], "");
    assert_found("1/2/2003 and 4/5/2006", "dd");
}

static void test_numbers(void **state)
{
    (void)state;
    assert_found("1234567", "n");
    assert_found("x12345678 y", "n");
    assert_found("123456", "");
    assert_found("12345 67", "");
    assert_found("(555) 123-4567", "p");
    assert_found("call 555-123-4567.", "p");
    assert_found("555.123.4567", "p");
    assert_found("555 123 4567", "p");
    assert_found("123-4567", "p");
    assert_found("+49 89 1234567", "np");
    assert_found("+1 (555) 123-4567", "p");
    assert_found("+12 mm", "");
    assert_found("10-123-4567", "");
    assert_found("123-45678", "");
    assert_found("a.b@c.org", "e");
    assert_found("a@b", "");
    assert_found("@home, 3 @ 5", "");
    assert_found("x_y@mail.example.com, z@q.de", "ee");
    assert_found("MRN 12345", "r");
    assert_found("mrn: 1", "r");
    assert_found("MRN1234567", "nr");
    assert_found("ID#77", "r");
    assert_found("Acc. No. 12-34", "r");
    assert_found("accession number 99", "r");
    assert_found("valid 12, accident 3, ID bracelet, accessory 2", "");
}

static void test_names_and_ages(void **state)
{
    (void)state;
    assert_found("Dr. Smith", "t");
    assert_found("discussed with Dr Smith and Mrs. Miller", "tt");
    assert_found("MR. SMITH", "t");
    assert_found("Prof. \xc3\x84gidius", "t");
    assert_found("MR brain, MS plaques, Dr. who", "");
    assert_found("the doctor, Mr", "");
    assert_found("93-year-old woman", "a");
    assert_found("93 y/o, 101 yo", "aa");
    assert_found("aged 95", "a");
    assert_found("age: 90", "a");
    assert_found("at the age of 91", "a");
    assert_found("93F", "");
    assert_found("89-year-old, 90+-year-old, 90 mm, 150 years, age:90+", "");
    assert_found("0.95 years, 192 years", "");
    assert_found("30-34-year-old male", "");
}

static void test_nothing_in_reports(void **state)
{
    (void)state;
    assert_found("The cardiomediastinal silhouette is normal in size. No focal consolidation, pneumothorax or large pleural "
                 "effusion. T-spine osteophytes. A 5 mm nodule in the right upper lobe, 1.2 x 3.4 cm.", "");
    assert_found("", "");
    slr_text_scan scan = {0};
    assert_true(slr_text_scan_add(&scan, "\0 1234567 \0", 11));
}

/* Any bytes: no read beyond the end (the sanitizers see it), counts that fit. */
static void test_noise(void **state)
{
    (void)state;
    static const char alphabet[] = "0123456789 /-.+()@aMrDIDy\xc3\xa4#:";
    slr_rng rng = slr_rng_at(4, SLR_STREAM_TEST, 0, 0);
    slr_text_scan scan = {0};
    for (int round = 0; round < 20000; round++) {
        size_t size = slr_rng_below(&rng, 24);
        char *text = malloc(size ? size : 1);
        for (size_t i = 0; i < size; i++)
            text[i] = alphabet[slr_rng_below(&rng, sizeof alphabet - 1)];
        slr_text_scan_add(&scan, text, size);
        free(text);
    }
    for (int kind = 0; kind < SLR_SCAN_KINDS; kind++)
        assert_true(scan.texts[kind] <= scan.found[kind] && scan.texts[kind] <= 20000);
    assert_int_equal(scan.scanned, 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_names_and_ages),
        cmocka_unit_test(test_nothing_in_reports),
        cmocka_unit_test(test_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
