/* SPDX-License-Identifier: MIT
 * Percentiles in two passes against sorting. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/rng.h"
#include "medical/float_ranks.h"

static int compare(const void *a, const void *b)
{
    return (*(const float *)a > *(const float *)b) - (*(const float *)a < *(const float *)b);
}

static void test_float_ranks(void **state)
{
    (void)state;
    enum { MOST = 3000 };
    static float values[MOST], sorted[MOST];
    static const double percents[] = {0.5, 50, 99.5};
    slr_float_ranks *ranks = malloc(sizeof *ranks);
    for (int trial = 0; trial < 60; trial++) {
        slr_rng rng = slr_rng_at(10, SLR_STREAM_TEST, (uint32_t)trial, 0);
        size_t n = trial < 3 ? (size_t)trial + 1 : 1 + slr_rng_below(&rng, MOST), finite = 0;
        for (size_t i = 0; i < n; i++) {
            float v = (float)slr_rng_below(&rng, trial % 2 ? 7 : 1u << 30) - 3.0f;
            values[i] = trial % 4 == 2 ? v * 1e-30f : trial % 4 == 3 ? -v : v;
            if (trial % 5 == 4 && i % 3 == 0)
                values[i] = i % 2 ? NAN : -INFINITY;
            if (isfinite(values[i]))
                sorted[finite++] = values[i];
        }
        qsort(sorted, finite, sizeof *sorted, compare);
        slr_float_ranks_begin(ranks);
        slr_float_ranks_upper(ranks, values, n / 2);
        slr_float_ranks_upper(ranks, values + n / 2, n - n / 2);
        slr_float_ranks_want(ranks, percents, 3);
        slr_float_ranks_lower(ranks, values, n);
        assert_int_equal(ranks->counted, finite);
        assert_int_equal(ranks->odd, n - finite);
        for (int p = 0; p < 3 && finite > 0; p++) {
            double rank = percents[p] / 100 * (double)(finite - 1);
            size_t i = (size_t)rank, next = i + 1 < finite ? i + 1 : i;
            double expected =
                (double)sorted[i] + (rank - (double)i) * ((double)sorted[next] - (double)sorted[i]);
            if (slr_float_ranks_get(ranks, p) != expected)
                fail_msg("trial %d: %.12g, expected %.12g", trial, slr_float_ranks_get(ranks, p), expected);
        }
        if (finite > 0)
            assert_true(ranks->least == sorted[0] && ranks->greatest == sorted[finite - 1]);
    }
    free(ranks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_float_ranks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
