/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "medical/slice_choice.h"

static void test_rules(void **state)
{
    (void)state;
    static const struct {
        slr_slice_rule rule;
        int64_t number, count, largest, first, last;
        size_t chosen; /* 0: refused */
    } cases[] = {
        {SLR_SLICE_MID, 0, 1, 0, 0, 0, 1},     {SLR_SLICE_MID, 0, 10, 0, 5, 5, 1},
        {SLR_SLICE_MID, 0, 11, 0, 5, 5, 1},    {SLR_SLICE_ALL, 0, 4, 0, 0, 3, 4},
        {SLR_SLICE_EVERY, 3, 10, 0, 0, 9, 4},  {SLR_SLICE_EVERY, 3, 9, 0, 0, 6, 3},
        {SLR_SLICE_EVERY, 100, 9, 0, 0, 0, 1}, {SLR_SLICE_INDEX, 8, 9, 0, 8, 8, 1},
        {SLR_SLICE_INDEX, 9, 9, 0, 0, 0, 0},   {SLR_SLICE_LARGEST, 0, 9, 4, 4, 4, 1},
        {SLR_SLICE_EVERY, 0, 9, 0, 0, 0, 0},   {SLR_SLICE_ALL, 0, 0, 0, 0, 0, 0},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        slr_medical_options options = {.slice = cases[c].rule, .slice_number = cases[c].number};
        int64_t *chosen;
        size_t count;
        selora_status status =
            slr_slice_choose(&options, cases[c].count, cases[c].largest, &chosen, &count, NULL);
        assert_int_equal(status, cases[c].chosen ? SELORA_OK : SELORA_BAD_INPUT);
        assert_int_equal(count, cases[c].chosen);
        if (count > 0) {
            assert_int_equal(chosen[0], cases[c].first);
            assert_int_equal(chosen[count - 1], cases[c].last);
        }
        free(chosen);
    }
}

static slr_picture_facts placed(double x, double y, double z)
{
    return (slr_picture_facts){.has_position = true,
                               .has_orientation = true,
                               .position = {x, y, z},
                               .orientation = {1, 0, 0, 0, 0, -1}}; /* coronal: the normal is +y */
}

static void test_series(void **state)
{
    (void)state;
    slr_picture_facts slices[6];
    const slr_picture_facts *list[6];
    size_t order[6];
    slr_series_problems problems;
    static const double depths[] = {30, -10, 5, 5.0002, 0, 20};
    for (int i = 0; i < 6; i++) {
        slices[i] = placed(100 - i, depths[i], i); /* what lies in the plane does not matter */
        list[i] = &slices[i];
    }
    slices[4].has_position = false;
    assert_int_equal(slr_series_order(list, 6, order, &problems, NULL), SELORA_OK);
    static const size_t expected[] = {1, 2, 3, 5, 0, 4};
    assert_memory_equal(order, expected, sizeof expected);
    assert_int_equal(problems.equal, 1);
    assert_int_equal(problems.unplaced, 1);
    assert_int_equal(problems.turned, 0);
    slices[5].orientation[4] = 1; /* axial */
    slices[5].orientation[5] = 0;
    assert_int_equal(slr_series_order(list, 6, order, &problems, NULL), SELORA_OK);
    assert_int_equal(problems.turned, 1);
}

static void test_volume_percentile(void **state)
{
    (void)state;
    slr_volume_counts *counts = calloc(1, sizeof *counts);
    counts->low = -1024;
    counts->high = 3071;
    assert_int_equal(slr_volume_bin(counts, -1e9), 0);
    assert_int_equal(slr_volume_bin(counts, 1e9), SLR_VOLUME_BINS - 1);
    assert_true(slr_volume_bin(counts, 0) < slr_volume_bin(counts, 1));
    counts->bins[7] = 4;
    counts->bins[70] = 96;
    assert_int_equal(slr_volume_percentile_bin(counts, 3), 7);
    assert_int_equal(slr_volume_percentile_bin(counts, 5), 70);
    free(counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rules), cmocka_unit_test(test_series),
                                       cmocka_unit_test(test_volume_percentile)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
