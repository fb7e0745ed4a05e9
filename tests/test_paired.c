/* SPDX-License-Identifier: MIT
 * Quantiles of Student's t and intervals of paired differences. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/paired.h"

/* scipy.stats.t.ppf */
static void test_quantiles(void **state)
{
    (void)state;
    const struct {
        double p, freedom, t;
    } table[] = {{0.975, 1, 12.706204736432095}, {0.975, 2, 4.302652729911275},   {0.975, 3, 3.182446305284263},
                 {0.975, 4, 2.776445105197793},  {0.975, 10, 2.2281388519649385}, {0.975, 30, 2.0422724563012373},
                 {0.975, 100, 1.983971518523552}, {0.95, 5, 2.015048372669157},   {0.995, 7, 3.4994832973505026},
                 {0.5, 4, 0}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_float_equal(slr_student_quantile(table[i].p, table[i].freedom), table[i].t, 1e-9 * (1 + table[i].t));
}

static void test_intervals(void **state)
{
    (void)state;
    const double d[4] = {1, 2, 3, 6};
    slr_paired paired = slr_paired_of(d, 4);
    assert_int_equal(paired.count, 4);
    assert_float_equal(paired.mean, 3, 1e-15);
    /* s = sqrt(14/3), half = t(3) s / 2 */
    double half = 3.182446305284263 * sqrt(14.0 / 3) / 2;
    assert_float_equal(paired.low, 3 - half, 1e-9);
    assert_float_equal(paired.high, 3 + half, 1e-9);
    paired = slr_paired_of(d, 2);
    assert_float_equal(paired.mean, 1.5, 1e-15);
    assert_true(isnan(paired.low) && isnan(paired.high));
    paired = slr_paired_of(d, 0);
    assert_true(isnan(paired.mean));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_intervals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
