/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/memory.h"
#include "core/rng.h"
#include "prepare/duplicates.h"

static slr_duplicate_counts join(const slr_picture_print *prints, size_t count, slr_clusters *clusters)
{
    slr_duplicate_counts counts;
    assert_int_equal(slr_clusters_new(count, clusters, NULL), SELORA_OK);
    assert_int_equal(slr_duplicates_join(prints, count, clusters, &counts, NULL), SELORA_OK);
    return counts;
}

static void test_kinds(void **state)
{
    (void)state;
    const slr_picture_print prints[] = {
        {"f1", "p1", 0x0f}, {"f2", "p2", 0xff00}, {"f1", "p1", 0x0f},   /* the same file */
        {"f3", "p2", 0xff00},                                           /* the same pixels in another file */
        {"f4", "p4", 0xff00 ^ 0x8000000000040003u},                     /* four bits from the two before */
        {"f5", "p5", 0x1f001f00000000},                                 /* like nothing */
        {"", "", 0},        {NULL, NULL, 0},                            /* nothing is known: like nothing */
        {"f6", "p6", 0},
    };
    static const uint32_t roots[] = {0, 1, 0, 1, 1, 5, 6, 7, 8};
    slr_clusters clusters;
    slr_duplicate_counts counts = join(prints, 9, &clusters);
    for (uint32_t i = 0; i < 9; i++)
        assert_int_equal(slr_clusters_root(&clusters, i), roots[i]);
    assert_int_equal(counts.files, 1);
    assert_int_equal(counts.pixels, 1);
    assert_int_equal(counts.near, 1);
    assert_int_equal(counts.clusters, 2);
    assert_int_equal(counts.largest, 3);
    slr_clusters_free(&clusters);
}

/* Against all pairs, with hashes that crowd around the limit. */
static void test_near_finds_all(void **state)
{
    (void)state;
    enum { COUNT = 600 };
    static slr_picture_print prints[COUNT];
    slr_rng rng = slr_rng_at(8, SLR_STREAM_TEST, 0, 0);
    slr_clusters found, expected;
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            uint64_t hash = (uint64_t)slr_rng_u32(&rng) << 32 | slr_rng_u32(&rng);
            if (i >= 200) { /* 1 to 6 bits from an earlier one */
                hash = prints[slr_rng_below(&rng, 200)].near;
                for (uint32_t flips = 1 + slr_rng_below(&rng, 6); flips > 0; flips--)
                    hash ^= 1ull << slr_rng_below(&rng, 64);
            }
            prints[i] = (slr_picture_print){.near = hash};
        }
        assert_int_equal(slr_clusters_new(COUNT, &expected, NULL), SELORA_OK);
        size_t joins = 0;
        for (uint32_t i = 0; i < COUNT; i++)
            for (uint32_t k = 0; k < i; k++)
                if (__builtin_popcountll(prints[i].near ^ prints[k].near) <= SLR_NEAR_BITS)
                    joins += slr_clusters_join(&expected, i, k);
        slr_duplicate_counts counts = join(prints, COUNT, &found);
        assert_true(joins > 200 && joins < 400);
        assert_int_equal(counts.near, joins);
        for (uint32_t i = 0; i < COUNT; i++)
            assert_int_equal(slr_clusters_root(&found, i), slr_clusters_root(&expected, i));
        slr_clusters_free(&found);
        slr_clusters_free(&expected);
    }
}

/* Joins of before stay, and are not counted. */
static void test_joins_add_up(void **state)
{
    (void)state;
    const slr_picture_print prints[] = {{.file = "a"}, {.file = "b"}, {.file = "b"}, {.file = "c"}};
    slr_clusters clusters;
    slr_duplicate_counts counts;
    assert_int_equal(slr_clusters_new(4, &clusters, NULL), SELORA_OK);
    slr_clusters_join(&clusters, 0, 1);
    slr_clusters_join(&clusters, 1, 2);
    assert_int_equal(slr_duplicates_join(prints, 4, &clusters, &counts, NULL), SELORA_OK);
    assert_int_equal(counts.files, 1);
    assert_int_equal(counts.largest, 2);
    assert_int_equal(slr_clusters_root(&clusters, 2), 0);
    assert_int_equal(slr_clusters_root(&clusters, 3), 3);
    slr_clusters_free(&clusters);
}

static uint64_t hash_of(int width, int height, int channels, double (*value)(double, double))
{
    slr_image image;
    assert_int_equal(slr_image_new(width, height, channels, &image, NULL), SELORA_OK);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < channels; c++)
                image.pixels[(y * width + x) * channels + c] =
                    (float)value((x + 0.5) / width, (y + 0.5) / height);
    uint64_t hash = slr_difference_hash(&image);
    slr_image_free(&image);
    return hash;
}

static double rising(double x, double y)
{
    (void)y;
    return x;
}

static double falling(double x, double y)
{
    return 1 - x - 0 * y;
}

static double half_rising(double x, double y)
{
    return y < 0.5 ? x : 1 - x;
}

static double blobs(double x, double y)
{
    double a = (x - 0.3) * (x - 0.3) + (y - 0.6) * (y - 0.6), b = (x - 0.7) * (x - 0.7) + (y - 0.2) * (y - 0.2);
    return 0.5 / (1 + 30 * a) + 0.4 / (1 + 60 * b);
}

static double brighter_blobs(double x, double y)
{
    return 0.1 + 0.8 * blobs(x, y);
}

static void test_difference_hash(void **state)
{
    (void)state;
    assert_true(hash_of(90, 80, 1, rising) == UINT64_MAX);
    assert_true(hash_of(90, 80, 1, falling) == 0);
    assert_true(hash_of(90, 80, 3, half_rising) == 0xffffffffu);
    assert_true(hash_of(1, 1, 1, rising) == 0);
    assert_true(hash_of(3, 200, 1, rising) != 0); /* fewer columns than cells */
    /* sizes, colours, contrast do not matter */
    uint64_t hash = hash_of(256, 256, 1, blobs);
    assert_true(__builtin_popcountll(hash ^ hash_of(512, 512, 3, blobs)) <= 1);
    assert_true(__builtin_popcountll(hash ^ hash_of(300, 300, 1, brighter_blobs)) <= SLR_NEAR_BITS);
    assert_true(__builtin_popcountll(hash ^ hash_of(256, 256, 1, half_rising)) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_near_finds_all),
        cmocka_unit_test(test_joins_add_up),
        cmocka_unit_test(test_difference_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
