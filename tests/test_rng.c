/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "core/rng.h"

/* Known answers of Philox 4x32-10 from the Random123 distribution (kat_vectors). */
static void test_philox_known_answers(void **state)
{
    (void)state;
    uint32_t out[4];
    const uint32_t zero[4] = {0, 0, 0, 0};
    slr_philox4x32(zero, zero, out);
    const uint32_t expect_zero[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    assert_memory_equal(out, expect_zero, sizeof out);
    const uint32_t ones[4] = {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff};
    slr_philox4x32(ones, ones, out);
    const uint32_t expect_ones[4] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
    assert_memory_equal(out, expect_ones, sizeof out);
    const uint32_t counter[4] = {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344};
    const uint32_t key[2] = {0xa4093822, 0x299f31d0};
    slr_philox4x32(key, counter, out);
    const uint32_t expect_pi[4] = {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
    assert_memory_equal(out, expect_pi, sizeof out);
}

static void test_streams_do_not_overlap(void **state)
{
    (void)state;
    slr_rng a = slr_rng_at(1, SLR_STREAM_NOISE, 3, 0);
    slr_rng b = slr_rng_at(1, SLR_STREAM_TIMESTEP, 3, 0);
    slr_rng c = slr_rng_at(1, SLR_STREAM_NOISE, 4, 0);
    slr_rng d = slr_rng_at(1, SLR_STREAM_NOISE, 3, 0);
    uint32_t first = slr_rng_u32(&a);
    assert_int_not_equal(first, slr_rng_u32(&b));
    assert_int_not_equal(first, slr_rng_u32(&c));
    assert_int_equal(first, slr_rng_u32(&d));
}

static void test_normal_moments(void **state)
{
    (void)state;
    slr_rng rng = slr_rng_at(42, SLR_STREAM_TEST, 0, 0);
    double sum = 0, squares = 0;
    const int count = 200000;
    for (int i = 0; i < count; i++) {
        double z = slr_rng_normal(&rng);
        sum += z;
        squares += z * z;
    }
    assert_true(fabs(sum / count) < 3 / sqrt(count));
    assert_true(fabs(squares / count - 1) < 3 * sqrt(2.0 / count));
}

static void test_permutation_is_one(void **state)
{
    (void)state;
    uint32_t order[97];
    unsigned char seen[97] = {0};
    slr_rng rng = slr_rng_at(7, SLR_STREAM_DATA_ORDER, 0, 0);
    slr_rng_permutation(&rng, order, 97);
    for (int i = 0; i < 97; i++) {
        assert_true(order[i] < 97 && !seen[order[i]]);
        seen[order[i]] = 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox_known_answers),
        cmocka_unit_test(test_streams_do_not_overlap),
        cmocka_unit_test(test_normal_moments),
        cmocka_unit_test(test_permutation_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
