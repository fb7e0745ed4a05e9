/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/rng.h"
#include "data/split.h"

/* Every item once, ascending within its part. */
static void assert_partition(const slr_split *split, uint32_t count)
{
    unsigned char *seen = calloc(count, 1);
    const uint32_t *const parts[3] = {split->train, split->validation, split->test};
    const size_t counts[3] = {split->train_count, split->validation_count, split->test_count};
    assert_int_equal(counts[0] + counts[1] + counts[2], count);
    for (int p = 0; p < 3; p++)
        for (size_t i = 0; i < counts[p]; i++) {
            assert_true(parts[p][i] < count);
            assert_true(i == 0 || parts[p][i] > parts[p][i - 1]);
            assert_int_equal(seen[parts[p][i]]++, 0);
        }
    free(seen);
}

static slr_split split_items(const uint32_t *groups, uint32_t count, uint64_t seed)
{
    slr_split split;
    assert_int_equal(slr_split_items(groups, count, seed, &split, NULL), SELORA_OK);
    assert_partition(&split, count);
    assert_true(split.train_count >= 1);
    return split;
}

/* sklearn.model_selection.train_test_split twice with test_size=0.2: the first 20 % up, of those 20
 * % up. */
static void test_sizes(void **state)
{
    (void)state;
    static const uint32_t cases[][4] = {
        {1, 1, 0, 0},       {2, 1, 1, 0},         {3, 2, 1, 0},           {5, 4, 1, 0},
        {6, 4, 1, 1},       {10, 8, 1, 1},        {11, 8, 2, 1},          {15, 12, 2, 1},
        {25, 20, 4, 1},     {26, 20, 4, 2},       {35, 28, 5, 2},         {100, 80, 16, 4},
        {243, 194, 39, 10}, {1000, 800, 160, 40}, {3301, 2640, 528, 133},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slr_split split = split_items(NULL, cases[i][0], 42);
        assert_int_equal(split.train_count, cases[i][1]);
        assert_int_equal(split.validation_count, cases[i][2]);
        assert_int_equal(split.test_count, cases[i][3]);
        slr_split_free(&split);
    }
    slr_split split;
    assert_int_equal(slr_split_items(NULL, 0, 1, &split, NULL), SELORA_USAGE);
}

static void test_seed(void **state)
{
    (void)state;
    slr_split a = split_items(NULL, 200, 1), b = split_items(NULL, 200, 1),
              c = split_items(NULL, 200, 2);
    assert_memory_equal(a.train, b.train, 200 * sizeof *a.train);
    assert_true(memcmp(a.train, c.train, 200 * sizeof *a.train) != 0);
    slr_split_free(&a);
    slr_split_free(&b);
    slr_split_free(&c);
    /* each item is held out about a fifth of the time */
    int held[50] = {0};
    for (uint64_t seed = 0; seed < 1000; seed++) {
        slr_split split = split_items(NULL, 50, seed);
        for (size_t i = 0; i < split.validation_count; i++)
            held[split.validation[i]]++;
        for (size_t i = 0; i < split.test_count; i++)
            held[split.test[i]]++;
        slr_split_free(&split);
    }
    for (int i = 0; i < 50; i++)
        assert_in_range(held[i], 140, 260); /* 200, standard deviation 13 */
}

static void assert_groups_whole(const slr_split *split, const uint32_t *groups, uint32_t count)
{
    unsigned char *side = calloc(count, 1);
    const uint32_t *const parts[3] = {split->train, split->validation, split->test};
    const size_t counts[3] = {split->train_count, split->validation_count, split->test_count};
    for (int p = 0; p < 3; p++)
        for (size_t i = 0; i < counts[p]; i++) {
            unsigned char *of = &side[groups[parts[p][i]]];
            assert_true(*of == 0 || *of == p + 1);
            *of = (unsigned char)(p + 1);
        }
    free(side);
}

/* Many draws of groups of uneven sizes: never cut, and the shares hold within half a large group.
 */
static void test_groups(void **state)
{
    (void)state;
    enum { ITEMS = 243, GROUPS = 71 };
    uint32_t groups[ITEMS];
    for (uint64_t seed = 0; seed < 200; seed++) {
        slr_rng rng = slr_rng_at(seed, SLR_STREAM_TEST, 0, 0);
        uint32_t sizes[ITEMS] = {0}, largest = 0;
        for (uint32_t i = 0; i < ITEMS; i++) {
            uint32_t a = slr_rng_below(&rng, GROUPS), b = slr_rng_below(&rng, GROUPS);
            groups[i] = a < b ? a : b; /* some are large, some small */
            largest = ++sizes[groups[i]] > largest ? sizes[groups[i]] : largest;
        }
        slr_split split = split_items(groups, ITEMS, seed);
        assert_groups_whole(&split, groups, ITEMS);
        assert_true(fabs((double)split.validation_count - 39) <= largest / 2.0);
        assert_true(fabs((double)split.test_count - 10) <= largest / 2.0);
        slr_split_free(&split);
    }
}

static void test_few_groups(void **state)
{
    (void)state;
    uint32_t groups[100];
    for (uint32_t kinds = 1; kinds <= 6; kinds++)
        for (uint64_t seed = 0; seed < 20; seed++) {
            for (uint32_t i = 0; i < 100; i++)
                groups[i] = 17 * (i % kinds); /* numbers need not be dense */
            slr_split split = split_items(groups, 100, seed);
            assert_groups_whole(&split, groups, 100);
            assert_true(kinds < 2 ? split.validation_count == 0 : split.validation_count > 0);
            assert_true(kinds < 3 ? split.test_count == 0 : split.test_count > 0);
            slr_split_free(&split);
        }
    /* one giant, some singles: the giant trains */
    for (uint32_t i = 0; i < 100; i++)
        groups[i] = i < 90 ? 0 : i;
    for (uint64_t seed = 0; seed < 20; seed++) {
        slr_split split = split_items(groups, 100, seed);
        assert_true(split.train_count >= 90 && split.validation_count > 0);
        assert_int_equal(split.train[0], 0);
        slr_split_free(&split);
    }
}

/* Groups of one item each are no groups. */
static void test_groups_of_one(void **state)
{
    (void)state;
    uint32_t groups[60];
    for (uint32_t i = 0; i < 60; i++)
        groups[i] = 59 - i;
    slr_split with = split_items(groups, 60, 9), without = split_items(NULL, 60, 9);
    assert_memory_equal(with.train, without.train, 60 * sizeof *with.train);
    slr_split_free(&with);
    slr_split_free(&without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),         cmocka_unit_test(test_seed),
        cmocka_unit_test(test_groups),        cmocka_unit_test(test_few_groups),
        cmocka_unit_test(test_groups_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
