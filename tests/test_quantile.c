/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/quantile.h"

static void infinities_are_sorted_as_well(void **state)
{
    (void)state;
    double values[] = {3, INFINITY, -2, 3, -INFINITY, 0.5};
    const double expected[] = {-INFINITY, -2, 0.5, 3, 3, INFINITY};
    slr_sort_doubles(values, 6);
    for (int i = 0; i < 6; i++)
        assert_true(values[i] == expected[i]);
    slr_sort_doubles(NULL, 0);
}

static void between_two_values_a_line_is_drawn(void **state)
{
    (void)state;
    const double values[] = {1, 2, 4, 8};
    assert_true(slr_quantile(values, 4, 0) == 1 && slr_quantile(values, 4, 1) == 8);
    assert_true(slr_quantile(values, 4, 0.5) == 3 && slr_quantile(values, 3, 0.5) == 2);
    assert_true(slr_quantile(values, 4, 0.75) == 5);
    assert_true(slr_quantile(values, 1, 0.25) == 1 && isnan(slr_quantile(values, 0, 0.5)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(infinities_are_sorted_as_well),
        cmocka_unit_test(between_two_values_a_line_is_drawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
