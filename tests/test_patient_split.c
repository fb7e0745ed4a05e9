/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/rng.h"
#include "data/split_file.h"
#include "prepare/patient_split.h"
#include "support/scratch.h"

enum { MANY = 3000, CAPACITY = 7470 };

typedef struct world {
    slr_split_picture pictures[CAPACITY];
    char patients[CAPACITY][16], names[CAPACITY][16];
    slr_side sides[CAPACITY];
    slr_clusters clusters;
    slr_split_report report;
    size_t count;
} world;

/* Picture i belongs to patient i / each. */
static void fill(world *w, size_t count, size_t each)
{
    memset(w, 0, sizeof *w);
    w->count = count;
    for (size_t i = 0; i < count; i++) {
        snprintf(w->patients[i], sizeof w->patients[i], "P%zu", i / each % CAPACITY);
        snprintf(w->names[i], sizeof w->names[i], "picture %zu", i % CAPACITY);
        w->pictures[i] = (slr_split_picture){.patient = w->patients[i], .picture = w->names[i]};
    }
    assert_int_equal(slr_clusters_new(count, &w->clusters, NULL), SELORA_OK);
}

static selora_status try_split(world *w, slr_patient_split_options options, slr_error *err)
{
    return slr_patient_split(&options, w->pictures, w->count, &w->clusters, w->sides, &w->report, err);
}

static void split(world *w, slr_patient_split_options options)
{
    slr_error err = {0};
    if (try_split(w, options, &err) != SELORA_OK)
        fail_msg("%s", err.message);
}

static void done(world *w)
{
    slr_split_report_free(&w->report);
    slr_clusters_free(&w->clusters);
}

/* SHA-256("42\n" + patient), the first 16 digits as a fraction, computed with Python's hashlib. */
static void test_hash_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *patient;
        slr_side side;
    } cases[] = {
        {"P001", SLR_SIDE_TRAIN},      /* 0.0938 */
        {"P004", SLR_SIDE_TRAIN},      /* 0.7360 */
        {"P005", SLR_SIDE_TEST},       /* 0.9752 */
        {"P006", SLR_SIDE_VALIDATION}, /* 0.8395 */
        {"P010", SLR_SIDE_VALIDATION}, /* 0.8542 */
        {"p1", SLR_SIDE_VALIDATION},   /* 0.8498 */
        {"p2", SLR_SIDE_TRAIN},        /* 0.0002 */
    };
    world *w = malloc(sizeof *w);
    size_t count = sizeof cases / sizeof *cases;
    fill(w, count, 1);
    for (size_t i = 0; i < count; i++)
        w->pictures[i].patient = cases[i].patient;
    split(w, (slr_patient_split_options){.seed = 42});
    for (size_t i = 0; i < count; i++)
        assert_int_equal(w->sides[i], cases[i].side);
    done(w);
    /* a picture of an unknown patient counts by its own name */
    fill(w, 1, 1);
    w->pictures[0] = (slr_split_picture){.patient = "", .picture = "P005"};
    split(w, (slr_patient_split_options){.seed = 42});
    assert_int_equal(w->sides[0], SLR_SIDE_TEST);
    assert_int_equal(w->report.unknown, 1);
    done(w);
    free(w);
}

/* Files that come later, before, between, and other orders move nobody. */
static void test_hash_is_stable(void **state)
{
    (void)state;
    world *small = malloc(sizeof *small), *large = malloc(sizeof *large);
    fill(small, 1000, 3);
    fill(large, MANY, 3);
    for (size_t i = 0; i < MANY; i++) /* backwards: the patients of `small` come last, with others between */
        large->pictures[i].patient = large->patients[MANY - 1 - i];
    slr_patient_split_options options = {.seed = 7, .shares = {8, 1, 1}};
    split(small, options);
    split(large, options);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(small->sides[i], large->sides[MANY - 1 - i]);
    /* shares hold on average */
    assert_in_range(large->report.pictures[SLR_SIDE_TRAIN], 2250, 2550);
    assert_in_range(large->report.pictures[SLR_SIDE_VALIDATION], 210, 390);
    assert_int_equal(large->report.pictures[SLR_SIDE_NONE], MANY);
    assert_int_equal(large->report.patients[SLR_SIDE_NONE], MANY / 3);
    assert_int_equal(large->report.patients_on_two_sides, 0);
    assert_int_equal(large->report.largest_patient, 3);
    done(small);
    done(large);
    free(small);
    free(large);
}

static void test_seed(void **state)
{
    (void)state;
    world *a = malloc(sizeof *a), *b = malloc(sizeof *b);
    size_t moved = 0;
    fill(a, 500, 1);
    fill(b, 500, 1);
    split(a, (slr_patient_split_options){.seed = 1});
    split(b, (slr_patient_split_options){.seed = 2});
    for (size_t i = 0; i < 500; i++)
        moved += a->sides[i] != b->sides[i];
    assert_in_range(moved, 100, 220); /* 2 * 0.8 * 0.2 of all and more */
    done(a);
    done(b);
    free(a);
    free(b);
}

/* Copies and reports hold patients together; nothing that belongs together is cut, whatever the rule. */
static void test_nothing_is_cut(void **state)
{
    (void)state;
    world *w = malloc(sizeof *w);
    slr_rng rng = slr_rng_at(5, SLR_STREAM_TEST, 0, 0);
    for (int round = 0; round < 40; round++) {
        size_t count = 1 + slr_rng_below(&rng, 300);
        fill(w, count, 1 + slr_rng_below(&rng, 4));
        for (size_t i = 0; i < count / 4; i++)
            slr_clusters_join(&w->clusters, slr_rng_below(&rng, (uint32_t)count),
                              slr_rng_below(&rng, (uint32_t)count));
        for (size_t i = 0; i < count / 5; i++)
            w->pictures[slr_rng_below(&rng, (uint32_t)count)].patient = NULL;
        split(w, (slr_patient_split_options){.seed = 3,
              .rule = round % 2 ? SLR_SPLIT_EXACT : SLR_SPLIT_HASH});
        for (size_t i = 0; i < count; i++) {
            assert_in_range(w->sides[i], SLR_SIDE_TRAIN, SLR_SIDE_TEST);
            for (size_t k = 0; k < i; k++) {
                bool patient = w->pictures[i].patient && w->pictures[k].patient &&
                               strcmp(w->pictures[i].patient, w->pictures[k].patient) == 0;
                if (patient || slr_clusters_root(&w->clusters,
                                                 (uint32_t)i) == slr_clusters_root(&w->clusters, (uint32_t)k))
                    assert_int_equal(w->sides[i], w->sides[k]);
            }
        }
        assert_int_equal(w->report.patients_on_two_sides, 0);
        done(w);
    }
    free(w);
}

static void assert_sizes(const world *w, size_t train, size_t validation, size_t test)
{
    assert_int_equal(w->report.pictures[SLR_SIDE_TRAIN], train);
    assert_int_equal(w->report.pictures[SLR_SIDE_VALIDATION], validation);
    assert_int_equal(w->report.pictures[SLR_SIDE_TEST], test);
}

static void test_exact_sizes(void **state)
{
    (void)state;
    static const size_t cases[][5] = {
        /* pictures, of a patient, train, validation, test */
        {100, 1, 80, 16, 4}, {100, 2, 80, 16, 4}, {7470, 1, 5976, 1195, 299}, {1, 1, 1, 0, 0},
        {2, 1, 1, 1, 0},     {6, 1, 4, 1, 1},     {200, 100, 100, 100, 0},    {300, 100, 200, 100, 0},
        {400, 100, 300, 100, 0},
    };
    world *w = malloc(sizeof *w);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fill(w, cases[i][0], cases[i][1]);
        split(w, (slr_patient_split_options){.rule = SLR_SPLIT_EXACT, .seed = 11});
        assert_sizes(w, cases[i][2], cases[i][3], cases[i][4]);
        done(w);
    }
    fill(w, 90, 1);
    split(w, (slr_patient_split_options){.rule = SLR_SPLIT_EXACT, .shares = {1, 2, 0}});
    assert_sizes(w, 30, 60, 0);
    done(w);
    /* the order is that of the hashes: P2 .. P9 of seed 42 and not the first ones listed */
    fill(w, 10, 1);
    split(w, (slr_patient_split_options){.rule = SLR_SPLIT_EXACT, .seed = 42});
    slr_side first = w->sides[0];
    size_t same = 0;
    for (size_t i = 0; i < 8; i++)
        same += w->sides[i] == first;
    assert_true(same < 8);
    done(w);
    free(w);
}

static void test_stratified(void **state)
{
    (void)state;
    world *w = malloc(sizeof *w);
    slr_error err = {0};
    fill(w, 1000, 2);
    for (size_t i = 0; i < 1000; i++) /* a tenth of the patients is ill */
        w->pictures[i].label = i / 2 % 10 == 0 ? "effusion" : i % 200 == 3 ? NULL : "normal";
    assert_int_equal(try_split(w, (slr_patient_split_options){.rule = SLR_SPLIT_HASH, .stratify = true},
                               &err), SELORA_USAGE);
    assert_non_null(strstr(err.message, "--split exact"));
    slr_split_report_free(&w->report);
    split(w, (slr_patient_split_options){.stratify = true, .seed = 5});
    assert_sizes(w, 800, 160, 40);
    assert_int_equal(w->report.label_count, 3);
    assert_string_equal(w->report.labels[0].label, "");
    assert_string_equal(w->report.labels[1].label, "effusion");
    assert_int_equal(w->report.labels[1].pictures[SLR_SIDE_NONE], 100);
    assert_in_range(w->report.labels[1].pictures[SLR_SIDE_TRAIN], 78, 82);
    assert_in_range(w->report.labels[1].pictures[SLR_SIDE_VALIDATION], 14, 18);
    assert_in_range(w->report.labels[1].pictures[SLR_SIDE_TEST], 2, 6);
    assert_int_equal(w->report.labels[2].pictures[SLR_SIDE_NONE], 895);
    done(w);
    free(w);
}

/* An earlier split stays; what it parted must not meet. */
static void test_known_sides(void **state)
{
    (void)state;
    world *w = malloc(sizeof *w);
    slr_error err = {0};
    fill(w, 100, 2);
    w->pictures[10].known = SLR_SIDE_TEST;
    w->pictures[21].known = SLR_SIDE_VALIDATION;
    for (int rule = SLR_SPLIT_HASH; rule <= SLR_SPLIT_EXACT; rule++) {
        split(w, (slr_patient_split_options){.rule = rule});
        assert_int_equal(w->sides[10], SLR_SIDE_TEST);
        assert_int_equal(w->sides[11], SLR_SIDE_TEST);
        assert_int_equal(w->sides[20], SLR_SIDE_VALIDATION);
        slr_split_report_free(&w->report);
    }
    assert_true(w->report.pictures[SLR_SIDE_TRAIN] == 0); /* freed: zeroed */
    slr_clusters_join(&w->clusters, 20, 10);
    assert_int_equal(try_split(w, (slr_patient_split_options){0}, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "pictures 11 (test) and 22 (validation)"));
    done(w);
    free(w);
}

/* A patient of an earlier run, of whom the key alone is known, and of this one. */
static void test_keys(void **state)
{
    (void)state;
    world *w = malloc(sizeof *w);
    fill(w, 4, 1);
    w->pictures[0] = (slr_split_picture){.key = "k1", .picture = "a", .known = SLR_SIDE_TEST};
    w->pictures[1] = (slr_split_picture){.key = "k1", .patient = "P1", .picture = "b"};
    w->pictures[2] = (slr_split_picture){.key = "k2", .patient = "P2", .picture = "c"};
    w->pictures[3] = (slr_split_picture){.key = "", .picture = "d"};
    split(w, (slr_patient_split_options){0});
    assert_int_equal(w->sides[1], SLR_SIDE_TEST);
    assert_int_equal(w->report.patients[SLR_SIDE_NONE], 3);
    assert_int_equal(w->report.unknown, 1);
    assert_int_equal(w->report.largest_patient, 2);
    assert_int_equal(w->report.patients_on_two_sides, 0);
    done(w);
    free(w);
}

/* The count of patients on two sides is one. */
static void test_leaks_are_counted(void **state)
{
    (void)state;
    const slr_split_picture pictures[] = {{.patient = "a"}, {.patient = "b"}, {.patient = "a"}, {.picture = "x"},
                                          {.patient = "b"}, {.key = "c"},     {.key = "c"},     {.picture = "x"}};
    const slr_side sides[] = {SLR_SIDE_TRAIN, SLR_SIDE_TEST, SLR_SIDE_TRAIN,      SLR_SIDE_TRAIN,
                              SLR_SIDE_TEST,  SLR_SIDE_TEST, SLR_SIDE_VALIDATION, SLR_SIDE_TEST};
    slr_split_report report = {0};
    assert_int_equal(slr_split_report_fill(pictures, sides, 8, &report, NULL), SELORA_OK);
    assert_int_equal(report.patients_on_two_sides, 1);
    assert_int_equal(report.unknown, 2);
    slr_split_report_free(&report);
}

static void test_shares(void **state)
{
    (void)state;
    double shares[3];
    slr_error err = {0};
    assert_int_equal(slr_split_shares_parse("80/16/4", shares, NULL), SELORA_OK);
    assert_float_equal(shares[0], 0.8, 1e-12);
    assert_float_equal(shares[2], 0.04, 1e-12);
    assert_int_equal(slr_split_shares_parse("0.9,0.1", shares, NULL), SELORA_OK);
    assert_float_equal(shares[1], 0.1, 1e-12);
    assert_float_equal(shares[2], 0, 0);
    static const char *const bad[] = {"", "80", "0/1/1", "1/2/3/4", "a/b", "80/-1/1", "80/16/", "nan/1/1", "inf/1/1",
                                     "80 16"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(slr_split_shares_parse(bad[i], shares, &err), SELORA_USAGE);
}

/* ---- split.csv ---- */

static void assert_refused(const char *text, const char *expected)
{
    slr_split_file *file;
    slr_error err = {0};
    assert_int_equal(slr_split_file_parse(text, strlen(text), "split.csv", &file, &err), SELORA_BAD_INPUT);
    assert_null(file);
    if (!strstr(err.message, expected) || strstr(err.message, "SECRET"))
        fail_msg("'%s' lacks '%s'", err.message, expected);
}

static void test_split_file(void **state)
{
    (void)state;
    slr_split_row rows[] = {{SLR_SIDE_TRAIN, "0123456789abcdef"}, {SLR_SIDE_TEST, "ffffffffffffffff"}};
    slr_split_file *file;
    slr_error err = {0};
    assert_int_equal(slr_split_file_read(scratch_path("split.csv"), &file, &err), SELORA_OK);
    assert_null(file);
    assert_int_equal(slr_split_file_write(scratch_path("split.csv"), rows, 2, true, &err), SELORA_OK);
    size_t size;
    char *text = scratch_read("split.csv", &size);
    assert_string_equal(text, "row,side,patient\n1,train,0123456789abcdef\n2,test,ffffffffffffffff\n");
    free(text);
    assert_int_equal(slr_split_file_read(scratch_path("split.csv"), &file, &err), SELORA_OK);
    assert_int_equal(file->count, 2);
    assert_true(file->by_patient);
    assert_int_equal(file->rows[1].side, SLR_SIDE_TEST);
    assert_string_equal(file->rows[1].key, "ffffffffffffffff");
    slr_split_file_free(file);
    static const char other[] = "image,split\na.png,train\nb.png\n"; /* another program's, ragged too */
    assert_int_equal(slr_split_file_parse(other, strlen(other), "split.csv", &file, &err), SELORA_OK);
    assert_null(file);
    assert_refused("row,side,patient\n2,train,0123456789abcdef\n", "line 2: column row: 1 was expected");
    assert_refused("row,side,patient\n1,SECRET,0123456789abcdef\n", "line 2: column side");
    assert_refused("row,side,patient\n1,train,SECRET\n", "line 2: column patient: 16 hex digits");
    assert_refused("row,side,picture\r\n1,train,0123456789abcdeF\r\n", "column picture");
    assert_refused("row,side,patient\n1,train,0123456789abcdef,\n", "4 fields");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_vectors), cmocka_unit_test(test_hash_is_stable),
        cmocka_unit_test(test_seed),         cmocka_unit_test(test_nothing_is_cut),
        cmocka_unit_test(test_exact_sizes),  cmocka_unit_test(test_stratified),
        cmocka_unit_test(test_known_sides),  cmocka_unit_test(test_keys),
        cmocka_unit_test(test_leaks_are_counted), cmocka_unit_test(test_shares),
        cmocka_unit_test_setup_teardown(test_split_file, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
