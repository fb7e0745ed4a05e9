/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "diffusion/sampler.h"
#include "support/scratch.h"

static slr_schedule sd15(void)
{
    slr_scheduler_config config;
    slr_schedule schedule;
    slr_scheduler_config_sd15(&config);
    slr_schedule_init(&schedule, &config);
    return schedule;
}

static void test_alphas(void **state)
{
    (void)state;
    slr_schedule schedule = sd15();
    const double *a = schedule.alphas_cumprod;
    assert_true(fabs(a[0] - 0.99915) < 1e-12);
    assert_true(fabs(a[1] - 0.9982960278) < 1e-10);
    assert_true(fabs(a[250] - 0.6737926252) < 1e-10);
    assert_true(fabs(a[500] - 0.2763326838) < 1e-10);
    assert_true(fabs(a[999] - 0.0046600985) < 1e-10);
    /* and near enough to the single precision of diffusers */
    assert_true(fabs(a[250] - 0.6737923) < 1e-6);
    assert_true(fabs(a[500] - 0.27633247) < 1e-6);
    assert_true(fabs(a[999] - 0.004660095) < 1e-6 * 0.00466);
    schedule.config.beta_schedule = SLR_BETA_LINEAR;
    slr_scheduler_config linear = schedule.config;
    slr_schedule_init(&schedule, &linear);
    assert_true(fabs(schedule.alphas_cumprod[1] - (1 - 0.00085) * (1 - (0.00085 + (0.012 - 0.00085) / 999))) < 1e-15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alphas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
