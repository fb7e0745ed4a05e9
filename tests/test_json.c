/* SPDX-License-Identifier: MIT */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "io/json.h"
#include "support/scratch.h"

static json_t *parse(const char *text)
{
    json_t *root;
    slr_error err = {0};
    assert_int_equal(slr_json_load_memory(text, strlen(text), "t.json", &root, &err), SELORA_OK);
    return root;
}

static void assert_refused(const char *text, size_t size, const char *expected)
{
    json_t *root = (json_t *)(uintptr_t)1;
    slr_error err = {0};
    assert_int_equal(slr_json_load_memory(text, size, "t.json", &root, &err), SELORA_BAD_INPUT);
    assert_null(root);
    assert_int_equal(strncmp(err.message, "t.json: ", 8), 0);
    if (!strstr(err.message, expected))
        fail_msg("'%s' lacks '%s'", err.message, expected);
    for (const char *at = err.message; *at; at++)
        assert_true(*at >= 0x20 && *at < 0x7f); /* one line, nothing for the terminal to act on */
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"", "line 1"},
        {"  ", "line"},
        {"{\"a\": 1,\n \"b\": }", "line 2"},
        {"{\"a\": 1, \"a\": 1}", "duplicate object key"},
        {"{} {}", "end of file expected"},
        {"{\"a\": NaN}", "invalid token"},
        {"{\"a\": Infinity}", "invalid token"},
        {"{\"a\": -Infinity}", "invalid token"},
        {"{\"a\": 1e999}", "overflow"},
        {"{\"a\": 9223372036854775808}", "too big"},
        {"{\"a\": \"x\\u0000y\"}", "\\u0000"},
        {"{\"a\\u0000b\": 1}", "\\u0000"},
        {"{\"a\": \"\xff\xfe\"}", "decode"},
        {"{\"a\": \"\xed\xa0\x80\"}", "decode"},
        {"{\"a\": \"\\ud800\"}", "Unicode"},
        {"{'a': 1}", "line 1"},
        {"{\"a\": 01}", "line 1"},
        {"{\"a\": 1,}", "line 1"},
        {"\x1b[31mred", "line 1"},
        {"5", "line 1"},
        {"[1, 2", "line 1"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_refused(texts[i][0], strlen(texts[i][0]), texts[i][1]);
    assert_refused("{\"a\": \"x\0y\"}", 12, "line 1");
    assert_refused("{}\0", 3, "line 1");
}

static void test_nesting(void **state)
{
    (void)state;
    size_t depth = 200000;
    char *text = malloc(2 * depth);
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    assert_refused(text, 2 * depth, "depth");
    json_t *root;
    assert_int_equal(slr_json_load_memory(text + depth - 2000, 4000, "t.json", &root, NULL), SELORA_OK);
    json_decref(root);
    free(text);
}

static void test_members(void **state)
{
    (void)state;
    slr_error err = {0};
    json_t *root = parse("\xef\xbb\xbf{\"int\": 7, \"real\": 0.5, \"yes\": true, \"text\": \"\xc3\xa9\", \"none\": null}");
    int64_t whole = 3;
    double number = 2;
    bool flag = false;
    const char *text = "default";
    assert_int_equal(slr_json_int(root, "f", "int", 7, 7, &whole, &err), SELORA_OK);
    assert_int_equal(whole, 7);
    assert_int_equal(slr_json_double(root, "f", "real", 0.5, 0.5, &number, &err), SELORA_OK);
    assert_true(number == 0.5);
    assert_int_equal(slr_json_double(root, "f", "int", 0, 10, &number, &err), SELORA_OK);
    assert_true(number == 7);
    assert_int_equal(slr_json_bool(root, "f", "yes", &flag, &err), SELORA_OK);
    assert_true(flag);
    assert_int_equal(slr_json_string(root, "f", "text", &text, &err), SELORA_OK);
    assert_string_equal(text, "\xc3\xa9");
    whole = 3;
    text = "default";
    assert_int_equal(slr_json_int(root, "f", "none", 0, 1, &whole, &err), SELORA_OK);
    assert_int_equal(slr_json_int(root, "f", "missing", 0, 1, &whole, &err), SELORA_OK);
    assert_int_equal(whole, 3);
    assert_int_equal(slr_json_string(root, "f", "none", &text, &err), SELORA_OK);
    assert_string_equal(text, "default");
    assert_int_equal(slr_json_int_required(root, "f", "int", 0, 10, &whole, &err), SELORA_OK);
    assert_int_equal(whole, 7);
    assert_int_equal(slr_json_string_required(root, "f", "text", &text, &err), SELORA_OK);
    json_decref(root);
}

static void test_members_refused(void **state)
{
    (void)state;
    slr_error err = {0};
    json_t *root = parse("{\"int\": 7, \"real\": 0.5, \"text\": \"x\", \"none\": null}"), *list = parse("[1]");
    int64_t whole = 3;
    double number = 2;
    bool flag = true;
    const char *text = "default";
    assert_int_equal(slr_json_int(root, "f", "int", 0, 6, &whole, &err), SELORA_BAD_INPUT);
    assert_string_equal(err.message, "f: int is 7, allowed are 0 to 6");
    assert_int_equal(slr_json_int(root, "f", "real", 0, 6, &whole, &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_json_double(root, "f", "real", 0.6, 1, &number, &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_json_double(root, "f", "text", 0, 1, &number, &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_json_bool(root, "f", "int", &flag, &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_json_string(root, "f", "int", &text, &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_json_int_required(root, "f", "none", 0, 6, &whole, &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_json_string_required(root, "f", "missing", &text, &err), SELORA_BAD_INPUT);
    assert_string_equal(err.message, "f: missing is missing");
    assert_int_equal(slr_json_int(list, "f", "int", 0, 6, &whole, &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_json_int_required(list, "f", "int", 0, 6, &whole, &err), SELORA_BAD_INPUT);
    assert_true(whole == 3 && number == 2 && flag);
    assert_string_equal(text, "default");
    json_decref(root);
    json_decref(list);
}

static void test_text(void **state)
{
    (void)state;
    json_t *root = parse("{\"z\":0.1,\"a\":[1,-2.0,1e-7,true,null],\"empty\":{},\"none\":[],\"t\":\"\\\"\\n\xc3\xa9\"}");
    char *text = slr_json_text(root, 2);
    assert_string_equal(text, "{\n  \"z\": 0.1,\n  \"a\": [\n    1,\n    -2.0,\n    1e-07,\n    true,\n    null\n  ],\n"
                              "  \"empty\": {},\n  \"none\": [],\n  \"t\": \"\\\"\\n\xc3\xa9\"\n}");
    free(text);
    text = slr_json_text(root, 0);
    assert_string_equal(text, "{\"z\": 0.1, \"a\": [1, -2.0, 1e-07, true, null], \"empty\": {}, \"none\": [], "
                              "\"t\": \"\\\"\\n\xc3\xa9\"}");
    free(text);
    json_decref(root);
}

static void test_reals_come_back(void **state)
{
    (void)state;
    const double values[] = {0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, -0.0, 123456789012345680.0, 4.35, 1e22};
    for (int round = 0; round < 2; round++) {
        if (round == 1 && !setlocale(LC_NUMERIC, "de_DE.UTF-8"))
            break; /* not installed here */
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            json_t *list = json_pack("[f]", values[i]);
            char *text = slr_json_text(list, 0);
            json_t *back = parse(text);
            double value = json_real_value(json_array_get(back, 0));
            assert_true(json_is_real(json_array_get(back, 0)));
            assert_memory_equal(&value, &values[i], sizeof value);
            json_decref(back);
            free(text);
            json_decref(list);
        }
    }
    setlocale(LC_NUMERIC, "C");
}

static void test_files(void **state)
{
    (void)state;
    slr_error err = {0};
    json_t *root = parse("{\"a\": 1}"), *back;
    assert_int_equal(slr_json_save_file(root, scratch_path("a.json"), &err), SELORA_OK);
    size_t size;
    char *data = scratch_read("a.json", &size);
    assert_string_equal(data, "{\n  \"a\": 1\n}\n");
    free(data);
    assert_int_equal(slr_json_load_file(scratch_path("a.json"), 100, &back, &err), SELORA_OK);
    assert_true(json_equal(root, back));
    json_decref(back);
    json_decref(root);
    assert_int_equal(slr_json_load_file(scratch_path("a.json"), 5, &back, &err), SELORA_BAD_INPUT);
    assert_null(back);
    assert_int_equal(slr_json_load_file(scratch_path("missing"), 5, &back, &err), SELORA_BAD_INPUT);
    assert_int_equal(slr_json_load_file(scratch_path(""), 5, &back, &err), SELORA_BAD_INPUT);
    scratch_write("empty.json", "", 0);
    assert_int_equal(slr_json_load_file(scratch_path("empty.json"), 5, &back, &err), SELORA_BAD_INPUT);
    assert_null(back);
}

/* What Python's json writes although JSON has no word for it. */
static void test_python(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"{\"a\": -Infinity, \"b\": [Infinity]}", "{\"a\": null     , \"b\": [null    ]}"},
        {"{\"-Infinity\": \"x\\\"Infinity\"}", NULL},
        {"{\"n\": 1000000000000000019884624838656}", "{\"n\": 999999999999999999             }"},
        {"{\"n\": 123456789012345678}", NULL},
        {"{\"n\": 0.1000000000000000055511151231257827, \"m\": 1e-1000000000000000000000}", NULL},
        {"{\"n\": 1000000000000000019884624838656.5}", NULL},
        {"{\"n\": \"1000000000000000019884624838656\"}", NULL},
        {"-Infinit", NULL},
        {"\"\\", NULL},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *text = strdup(texts[i][0]);
        slr_json_tame_python(text, strlen(text));
        assert_string_equal(text, texts[i][1] ? texts[i][1] : texts[i][0]);
        free(text);
    }
}

static void members_of_results(void **state)
{
    (void)state;
    json_t *o = json_object();
    slr_json_put_number(o, "a", 0.1);
    slr_json_put_number(o, "b", NAN);
    slr_json_put_number(o, "c", -INFINITY);
    slr_json_put_count(o, "d", 7);
    slr_json_put_text(o, "e", "");
    slr_json_put_text(o, "f", "x");
    char *text = slr_json_text(o, 0);
    assert_string_equal(text, "{\"a\": 0.1, \"b\": null, \"c\": null, \"d\": 7, \"f\": \"x\"}");
    free(text);
    json_decref(o);
}

static void values_as_plain_text(void **state)
{
    (void)state;
    static const char *const expected[] = {"a \"b\"", "true", "-12", "1.1", "2.0", "[1, 2]"};
    json_t *list = parse("[\"a \\\"b\\\"\", true, -12, 1.1, 2.0, [1, 2]]");
    for (size_t i = 0; i < json_array_size(list); i++) {
        char *text = slr_json_plain_text(json_array_get(list, i));
        assert_string_equal(text, expected[i]);
        free(text);
    }
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_python),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_members_refused),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_reals_come_back),
        cmocka_unit_test_setup_teardown(test_files, scratch_setup, scratch_teardown),
        cmocka_unit_test(members_of_results),
        cmocka_unit_test(values_as_plain_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
