/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "eval/feature_set.h"
#include "io/safetensors.h"
#include "support/scratch.h"

static void make_set(slr_feature_set *set)
{
    assert_int_equal(slr_feature_set_new(4, 3, set, NULL), SELORA_OK);
    for (size_t i = 0; i < 12; i++)
        set->values[i] = sin(1.7 * (double)i) * pow(10, (double)i - 6);
    int32_t groups[4] = {0, 1, 0, 2};
    memcpy(set->groups, groups, sizeof groups);
    set->rows[2] = 70;
    strcpy(set->extractor, "clip");
    strcpy(set->preproc, "clip-224");
    strcpy(set->source, "synthetic");
}

static void test_round_trips(void **state)
{
    (void)state;
    static const char *const names[] = {"a.safetensors", "a.csv", "a.npy"};
    for (int kind = 0; kind < 3; kind++) {
        slr_feature_set set, again;
        slr_error err = {0};
        make_set(&set);
        assert_int_equal(slr_feature_set_write(&set, scratch_path(names[kind]), &err), SELORA_OK);
        assert_int_equal(slr_feature_set_read(scratch_path(names[kind]), &again, &err), SELORA_OK);
        assert_int_equal(again.count, 4);
        assert_int_equal(again.dim, 3);
        for (size_t i = 0; i < 12; i++)
            assert_true(again.values[i] == (kind == 0 ? (double)(float)set.values[i] : set.values[i]));
        if (kind < 2) {
            assert_memory_equal(again.rows, set.rows, 4 * sizeof *set.rows);
            assert_memory_equal(again.groups, set.groups, 4 * sizeof *set.groups);
        }
        const char *why;
        assert_int_equal(slr_feature_set_alike(&set, &again, &why), kind == 0);
        if (kind)
            assert_string_equal(why, "extractor");
        slr_feature_set_free(&set);
        slr_feature_set_free(&again);
    }
}

/* A version `version` file with that header and `count` doubles 0.5, 1.5 .. */
static size_t npy(unsigned char *file, int version, const char *dict, size_t count, int element)
{
    size_t length = strlen(dict), begin = version == 1 ? 10 : 12;
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (unsigned char)version;
    file[7] = 0;
    for (size_t i = 0; i < begin - 8; i++)
        file[8 + i] = (unsigned char)(length >> (8 * i));
    memcpy(file + begin, dict, length);
    for (size_t i = 0; i < count; i++) {
        double wide = (double)i + 0.5;
        float narrow = (float)wide;
        memcpy(file + begin + length + i * (size_t)element, element == 8 ? (void *)&wide : (void *)&narrow, (size_t)element);
    }
    return begin + length + count * (size_t)element;
}

typedef struct npy_case {
    int version;
    const char *dict;
    size_t count;
    int element;
    const char *message; /* NULL: read */
} npy_case;

static const npy_case npy_cases[] = {
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }   \n", 6, 8, NULL},
    {2, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 6, 4, NULL},
    {3, "{'shape': (2, 3), 'fortran_order': False, 'descr': '<f4'}", 6, 4, NULL},
    {4, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }\n", 6, 8, "version 4"},
    {1, "{'descr': '>f8', 'fortran_order': False, 'shape': (2, 3), }\n", 6, 8, "'>f8'"},
    {1, "{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }\n", 6, 8, "'|O'"},
    {1, "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }\n", 6, 8, "ascontiguousarray"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (6,), }\n", 6, 8, "two axes"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2, 3), }\n", 6, 8, "two axes"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 4), }\n", 6, 8, "48 bytes of numbers"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }\n", 6, 8, "48 bytes of numbers"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 3), }\n", 0, 8, "0 rows of 3"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }\n", 6, 8, "48 bytes"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999, 3), }\n", 6, 8, "two axes"},
    {1, "{'descr': '<f8', 'shape': (2, 3), }\n", 6, 8, "lacks"},
};

static void test_npy(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof npy_cases / sizeof *npy_cases; i++) {
        const npy_case *c = &npy_cases[i];
        unsigned char file[256];
        size_t size = npy(file, c->version, c->dict, c->count, c->element);
        slr_feature_set set;
        slr_error err = {0};
        selora_status status = slr_feature_set_parse_npy(file, size, "x.npy", &set, &err);
        if (c->message) {
            assert_int_equal(status, SELORA_BAD_INPUT);
            assert_non_null(strstr(err.message, c->message));
        } else {
            assert_int_equal(status, SELORA_OK);
            assert_true(set.count == 2 && set.dim == 3 && set.values[5] == 5.5);
            for (size_t cut = 0; cut < size; cut++) {
                slr_feature_set none;
                assert_int_equal(slr_feature_set_parse_npy(file, cut, "x.npy", &none, &err), SELORA_BAD_INPUT);
            }
        }
        slr_feature_set_free(&set);
    }
}

typedef struct csv_case {
    const char *text, *message;
} csv_case;

static const csv_case csv_cases[] = {
    {"a,b\n1,2\n3,4.5e0\n", NULL},
    {"\xef\xbb\xbf\"a\",\"b\"\r\n\"1\", 2 \r\n3,4.5\r\n\r\n", NULL},
    {"a,row,b,group\n1,1,2,smith\n3,9,4.5,jones", NULL},
    {"a,b\n1,nan\n3,4\n", "line 2, column 2: found \"nan\""},
    {"a,b\n1,2\n3,1e999\n", "not a finite"},
    {"a,b\n1,2\n3\n", "line 3 does not have the 2 cells"},
    {"a,b\n1,2\n3,4,5\n", "line 3 does not have the 2 cells"},
    {"a,b\n1,2\nx.png,4\n", "line 3, column 1: found \"x.png\""},
    {"a,b\n", "0 rows"},
    {"", "no name"},
    {",a\n0,1\n", "without it"},
    {"0.25,1.5\n0.5,1.5\n", "header"},
    {"row,group\n1,2\n", "of 0 features"},
    {"row,a\n-1,2\n", "line 2, column 1"},
    {"a,b\n\"1,2\n3,4\n", "not closed"},
    {"a,b\n0x10,2\n", "found \"0x10\""},
};

static void test_csv(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof csv_cases / sizeof *csv_cases; i++) {
        slr_feature_set set;
        slr_error err = {0};
        selora_status status =
            slr_feature_set_parse_csv(csv_cases[i].text, strlen(csv_cases[i].text), "x.csv", &set, &err);
        if (csv_cases[i].message) {
            assert_int_equal(status, SELORA_BAD_INPUT);
            if (!strstr(err.message, csv_cases[i].message))
                fail_msg("case %zu: %s", i, err.message);
        } else {
            assert_int_equal(status, SELORA_OK);
            assert_true(set.count == 2 && set.dim == 2 && set.values[0] == 1 && set.values[3] == 4.5);
            assert_true(set.groups[0] == 0 && set.groups[1] == 1);
        }
        slr_feature_set_free(&set);
    }
    slr_feature_set set;
    assert_int_equal(slr_feature_set_parse_csv("f,group\n1,b\n2,a\n3,b\n", 20, "x.csv", &set, NULL), SELORA_OK);
    assert_true(set.groups[0] == 0 && set.groups[1] == 1 && set.groups[2] == 0);
    slr_feature_set_free(&set);
}

static void test_wide_csv(void **state)
{
    (void)state;
    slr_feature_set set, again;
    assert_int_equal(slr_feature_set_new(2, 4096, &set, NULL), SELORA_OK);
    set.values[5000] = -1.25e-300;
    assert_int_equal(slr_feature_set_write(&set, scratch_path("wide.csv"), NULL), SELORA_OK);
    assert_int_equal(slr_feature_set_read(scratch_path("wide.csv"), &again, NULL), SELORA_OK);
    assert_true(again.dim == 4096 && again.values[5000] == -1.25e-300);
    slr_feature_set_free(&set);
    slr_feature_set_free(&again);
}

static void test_refused_containers(void **state)
{
    (void)state;
    float values[6] = {1, 2, 3, 4, 5, NAN};
    int64_t rows[3] = {1, 2, 3}, shape[2] = {2, 3}, three = 3;
    static const char *const wanted[] = {"not a finite", "no tensor `features`", "`row` is not a list of 2", "format \"other\""};
    for (int kind = 0; kind < 4; kind++) {
        slr_safetensors_writer *writer = slr_safetensors_writer_new();
        slr_error err = {0};
        slr_feature_set set;
        values[5] = kind == 0 ? NAN : 6;
        slr_safetensors_writer_tensor(writer, kind == 1 ? "x" : "features", SLR_DTYPE_F32, 2, shape, values, NULL);
        if (kind == 2)
            slr_safetensors_writer_tensor(writer, "row", SLR_DTYPE_I64, 1, &three, rows, NULL);
        if (kind == 3)
            slr_safetensors_writer_metadata(writer, "format", "other", NULL);
        assert_int_equal(slr_safetensors_writer_save(writer, scratch_path("bad.safetensors"), &err), SELORA_OK);
        slr_safetensors_writer_free(writer);
        assert_int_equal(slr_feature_set_read(scratch_path("bad.safetensors"), &set, &err), SELORA_BAD_INPUT);
        if (!strstr(err.message, wanted[kind]))
            fail_msg("%s", err.message);
    }
    slr_feature_set set;
    assert_int_equal(slr_feature_set_read("x.txt", &set, NULL), SELORA_USAGE);
    assert_int_equal(slr_feature_set_read(scratch_path("none.npy"), &set, NULL), SELORA_BAD_INPUT);
}

static void test_take(void **state)
{
    (void)state;
    slr_feature_set set, some;
    size_t chosen[2] = {3, 0};
    make_set(&set);
    assert_int_equal(slr_feature_set_take(&set, chosen, 2, &some, NULL), SELORA_OK);
    assert_true(some.count == 2 && some.groups[0] == 0 && some.groups[1] == 1 && some.rows[0] == 4);
    assert_memory_equal(some.values, set.values + 9, 3 * sizeof(double));
    assert_string_equal(some.extractor, "clip");
    slr_feature_set_free(&set);
    slr_feature_set_free(&some);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trips, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_npy),
        cmocka_unit_test(test_csv),
        cmocka_unit_test_setup_teardown(test_wide_csv, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_refused_containers, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
