/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/rng.h"
#include "core/utf8.h"
#include "io/csv.h"
#include "support/scratch.h"

typedef selora_status parser(const char *, size_t, const char *, slr_table **, slr_error *);

static slr_table *parse_with(parser *parse, const char *text)
{
    slr_table *table;
    slr_error err = {0};
    if (parse(text, strlen(text), "t", &table, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return table;
}

/* `expected`: header and rows joined, cells by |, rows by /. */
static void assert_table(parser *parse, const char *text, const char *expected)
{
    slr_table *table = parse_with(parse, text);
    char found[4096] = "";
    for (int c = 0; c < slr_table_columns(table); c++) {
        strcat(found, c ? "|" : "");
        strcat(found, slr_table_column_name(table, c));
    }
    for (size_t r = 0; r < slr_table_rows(table); r++)
        for (int c = 0; c < slr_table_columns(table); c++) {
            strcat(found, c ? "|" : "/");
            strcat(found, slr_table_cell(table, r, c));
        }
    assert_string_equal(found, expected);
    slr_table_free(table);
}

static void assert_refused_n(parser *parse, const char *text, size_t size, const char *expected)
{
    slr_table *table = (slr_table *)(uintptr_t)1;
    slr_error err = {0};
    char *exact = malloc(size ? size : 1);
    memcpy(exact, text, size);
    assert_int_equal(parse(exact, size, "t", &table, &err), SELORA_BAD_INPUT);
    free(exact);
    assert_null(table);
    if (strncmp(err.message, "t: ", 3) != 0 || !strstr(err.message, expected))
        fail_msg("'%s' lacks '%s'", err.message, expected);
}

static void assert_refused(parser *parse, const char *text, const char *expected)
{
    assert_refused_n(parse, text, strlen(text), expected);
}

/* ---- CSV ---- */

static void test_csv(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a,b\n1,2\n3,4\n", "a|b/1|2/3|4"},
        {"a,b\r\n1,2\r\n3,4", "a|b/1|2/3|4"},
        {"a,b\r1,2\r3,4\r", "a|b/1|2/3|4"},
        {"\xef\xbb\xbf"
         "a,b\n1,2",
         "a|b/1|2"},
        {"a\n", "a"},
        {"a", "a"},
        {"a,b\n\"x,y\",\"he said \"\"no\"\"\"\n", "a|b/x,y|he said \"no\""},
        {"a,b\n\"two\nlines\",\"two\r\nlines\"\n", "a|b/two\nlines|two\r\nlines"},
        {"a,b\n\"\",2\n", "a|b/|2"},
        {"a,b\n1,\n,2\n", "a|b/1|/|2"},
        {"a,b\n\n1,2\n\n,\n\r\n3,4\n,,,\n", "a|b/1|2/3|4"}, /* blank rows are nothing */
        {"\n\na,b\n1,2\n", "a|b/1|2"},
        {"a,b\n 1 , 2 \n", "a|b/ 1 | 2 "},   /* blanks are part of a field */
        {"a,b\nx\"y,5\"\n", "a|b/x\"y|5\""}, /* quotes inside a bare field are themselves */
        {",b\n0,2\n", "|b/0|2"},             /* the nameless index of a data frame */
        {"a,b\n\"\"\"\",\"\"\"x\"\"\"\n", "a|b/\"|\"x\""},
        {"a,b\nM\xc3\xbcller,\xe6\xad\xa3\xe5\xb8\xb8\n",
         "a|b/M\xc3\xbcller|\xe6\xad\xa3\xe5\xb8\xb8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_table(slr_table_parse_csv, cases[i][0], cases[i][1]);
}

static void test_csv_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "is empty"},
        {"\xef\xbb\xbf", "is empty"},
        {"\n\n\r\n", "is empty"},
        {"a,b\n1\n", "line 2: 1 fields, the header has 2"},
        {"a,b\n\"x\ny\",2\n1,2,3\n", "line 4: 3 fields, the header has 2"},
        {"a,b\n1,\"open\nmore\nmore", "line 2: the quote that opens here is never closed"},
        {"a,b\n1,\"x\"y\n", "line 2: text after a closing quote"},
        {"a,b,a\n1,2,3\n", "same name (columns 1 and 3)"},
        {"a,b\n1,\xff\n", "line 2: not UTF-8 (byte 3 of the line)"},
        {"a,b\n1,\xc3", "line 2: not UTF-8"},
        {"a,b\n\n1,\xed\xa0\x80\n", "line 3: not UTF-8"},
        {"\xff\xfe"
         "a",
         "UTF-16"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(slr_table_parse_csv, cases[i][0], cases[i][1]);
    assert_refused_n(slr_table_parse_csv, "a\0b", 3, "NUL");
    /* all ragged rows in one go */
    assert_refused(slr_table_parse_csv, "a,b\n1\n1,2\n1,2,3\n", "2 problems");
    assert_refused(slr_table_parse_csv, "a,b\n1\n1,2\n1,2,3\n", "line 4");
    char *wide = malloc(3000);
    memset(wide, ',', 3000);
    wide[0] = 'a';
    assert_refused_n(slr_table_parse_csv, wide, 3000, "3000 columns");
    free(wide);
}

static void test_csv_lines(void **state)
{
    (void)state;
    slr_table *table =
        parse_with(slr_table_parse_csv, "a\r\n1\r\n\"x\r\ny\rz\n\"\r\n\r\n2\r\n3\r\n");
    static const size_t expected[] = {2, 3, 8, 9};
    assert_int_equal(slr_table_rows(table), 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(slr_table_line(table, i), expected[i]);
    assert_int_equal(slr_table_column(table, "a"), 0);
    assert_int_equal(slr_table_column(table, "b"), -1);
    assert_string_equal(slr_table_cell(table, 0, -1), "");
    slr_table_free(table);
}

/* What is written is read back, whatever the text. */
static void test_csv_round_trip(void **state)
{
    (void)state;
    static const char alphabet[] = "ab,\"\r\n ;'\t";
    char texts[200][12];
    slr_rng rng = slr_rng_at(3, SLR_STREAM_TEST, 0, 0);
    FILE *file = fopen(scratch_path("t.csv"), "wb");
    fputs("k,v\n", file);
    for (size_t i = 0; i < 200; i++) {
        size_t length = slr_rng_below(&rng, 11);
        for (size_t c = 0; c < length; c++)
            texts[i][c] = alphabet[slr_rng_below(&rng, sizeof alphabet - 1)];
        texts[i][length] = 0;
        slr_csv_write_field(file, "x");
        putc(',', file);
        slr_csv_write_field(file, texts[i]);
        putc('\n', file);
    }
    fclose(file);
    slr_table *table;
    assert_int_equal(slr_table_read_csv(scratch_path("t.csv"), &table, NULL), SELORA_OK);
    assert_int_equal(slr_table_rows(table), 200);
    for (size_t i = 0; i < 200; i++)
        assert_string_equal(slr_table_cell(table, i, 1), texts[i]);
    slr_table_free(table);
    slr_error err = {0};
    assert_int_equal(slr_table_read_csv(scratch_path("none.csv"), &table, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "none.csv"));
}

/* ---- JSON Lines ---- */

static void test_jsonl(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"a\": \"x\", \"b\": \"y\"}\n{\"a\": \"z\", \"b\": \"w\"}\n", "a|b/x|y/z|w"},
        {"{\"a\": \"x\"}\r\n\r\n  \n{\"b\": \"y\"}", "a|b/x|/|y"},
        {"\xef\xbb\xbf{\"a\": 1}", "a/1"},
        {"{\"i\": -12, \"r\": 0.1, \"t\": true, \"f\": false, \"n\": null, \"e\": \"\"}",
         "i|r|t|f|n|e/-12|0.1|true|false||"},
        {"{\"a\": \"l1\\nl2, \\\"q\\\" \\u00fc\"}", "a/l1\nl2, \"q\" \xc3\xbc"},
        {"{\"a\": [1, \"x\"], \"b\": {\"c\": 2}}", "a|b/[1, \"x\"]|{\"c\": 2}"},
        {"{}\n{\"a\": 1}", "a//1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_table(slr_table_parse_jsonl, cases[i][0], cases[i][1]);
    slr_table *table =
        parse_with(slr_table_parse_jsonl, "{\"a\": \"x\", \"b\": 1}\n\n{\"a\": [2], \"b\": 1}\n");
    assert_true(slr_table_is_nested(table, 0));
    assert_false(slr_table_is_nested(table, 1));
    assert_false(slr_table_is_nested(table, -1));
    assert_int_equal(slr_table_line(table, 1), 3);
    slr_table_free(table);
}

static void test_jsonl_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "is empty"},
        {"\n \n", "is empty"},
        {"{\"a\": 1}\n{\"a\": }\n", "row on line 2: not valid JSON"},
        {"{\"a\": 1}\n\n[1]\n", "row on line 3: an object"},
        {"{\"a\": 1} {\"a\": 2}\n", "row on line 1"},
        {"{\n\"a\": 1}\n", "row on line 1"},
        {"{\"a\": 1, \"a\": 2}\n", "duplicate"},
        {"{\"a\": \"\\u0000\"}\n", "row on line 1"},
        {"{\"a\": \"\xff\"}\n", "not UTF-8"},
        {"null\n", "row on line 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(slr_table_parse_jsonl, cases[i][0], cases[i][1]);
    assert_refused_n(slr_table_parse_jsonl, "{}\0", 3, "NUL");
    char *keys = malloc(40000);
    size_t size = 0;
    for (int i = 0; i < 1100; i++)
        size += (size_t)sprintf(keys + size, "{\"key%d\": 1}\n", i);
    assert_refused_n(slr_table_parse_jsonl, keys, size, "more than 1024 different keys");
    free(keys);
}

static void test_jsonl_file(void **state)
{
    (void)state;
    slr_table *table;
    scratch_write("t.jsonl", "{\"a\": 1}\n", 9);
    assert_int_equal(slr_table_read_jsonl(scratch_path("t.jsonl"), &table, NULL), SELORA_OK);
    assert_string_equal(slr_table_cell(table, 0, 0), "1");
    slr_table_free(table);
}

/* ---- UTF-8 ---- */

static void test_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t valid;
    } cases[] = {
        {"abc", 3},
        {"\xc3\xa4", 2},
        {"\xc3", 0},
        {"a\xc3", 1},
        {"\xc0\x80", 0},
        {"\xc1\xbf", 0},
        {"\xe0\x80\x80", 0},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xed\xa0\x80", 0},
        {"\xef\xbf\xbf", 3},
        {"\xf0\x8f\xbf\xbf", 0},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\xf4\x90\x80\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"\xe6\xad", 0},
        {"\xe6\xad\x2f", 0},
        {"\x80", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(slr_utf8_valid(cases[i].text, strlen(cases[i].text)), cases[i].valid);
    assert_true(slr_utf8_is_printable("M\xc3\xbcller 1"));
    assert_false(slr_utf8_is_printable("a\x1b[31m"));
    assert_false(slr_utf8_is_printable("a\xc2\x9b"));
    assert_false(slr_utf8_is_printable("a\x7f"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_csv_refused),
        cmocka_unit_test(test_csv_lines),
        cmocka_unit_test_setup_teardown(test_csv_round_trip, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_jsonl),
        cmocka_unit_test(test_jsonl_refused),
        cmocka_unit_test_setup_teardown(test_jsonl_file, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
