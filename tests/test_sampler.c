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

#include "diffusion/guidance.h"
#include "support/sampler_golden.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
enum { NUMBERS = 4 };

static slr_schedule schedule_with(const char *spacing, const char *prediction, const char *betas)
{
    static const char *const spacings[] = {"unset", "leading", "linspace", "trailing"};
    slr_scheduler_config config;
    slr_schedule schedule;
    slr_scheduler_config_sd15(&config);
    for (int i = 0; i < 4; i++)
        if (strcmp(spacing, spacings[i]) == 0)
            config.spacing = (slr_spacing)i;
    config.prediction =
        strcmp(prediction, "v_prediction") == 0 ? SLR_PREDICT_V : SLR_PREDICT_EPSILON;
    config.beta_schedule = strcmp(betas, "linear") == 0 ? SLR_BETA_LINEAR : SLR_BETA_SCALED_LINEAR;
    slr_schedule_init(&schedule, &config);
    return schedule;
}

static slr_schedule sd15(void)
{
    return schedule_with("unset", "epsilon", "scaled_linear");
}

/* The network of tools/make_sampler_golden.py. */
static selora_status answer(void *context, const slr_real *x, double t, slr_real *out,
                            slr_error *err)
{
    static const double shift[NUMBERS] = {0.1, -0.05, 0.02, 0.3};
    (void)err;
    for (int i = 0; i < NUMBERS; i++)
        out[i] = (slr_real)((0.9 - 0.4 * t / 1000) * x[i] + shift[i]);
    if (context)
        ++*(int *)context;
    return SELORA_OK;
}

static slr_sampler_kind kind_named(const char *name)
{
    slr_sampler_kind kind = SLR_SAMPLER_KINDS;
    assert_int_equal(slr_sampler_by_name(name, &kind, NULL), SELORA_OK);
    assert_string_equal(slr_sampler_name(kind), name);
    return kind;
}

static void test_timesteps(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(golden_timesteps); i++) {
        const struct golden_timesteps *golden = &golden_timesteps[i];
        slr_schedule schedule = schedule_with(golden->spacing, "epsilon", "scaled_linear");
        double *timesteps;
        int calls, place = 0;
        assert_int_equal(slr_sampler_timesteps(&schedule, kind_named(golden->sampler),
                                               golden->steps, &timesteps, &calls, NULL),
                         SELORA_OK);
        char *end;
        for (const char *at = golden->timesteps; *at; at = end, place++) {
            double expected = strtod(at, &end);
            if (place >= calls || fabs(timesteps[place] - expected) > 1e-8 * expected)
                fail_msg("%s %s %d: call %d", golden->sampler, golden->spacing, golden->steps,
                         place);
        }
        assert_int_equal(place, calls);
        free(timesteps);
    }
}

/* Every possible number of steps: in range, falling, as many as asked for; or refused. */
static void test_all_step_counts(void **state)
{
    (void)state;
    static const char *const spacings[] = {"leading", "linspace", "trailing"};
    for (int kind = 0; kind < SLR_SAMPLER_KINDS; kind++)
        for (int s = 0; s < 3; s++) {
            slr_schedule schedule = schedule_with(spacings[s], "epsilon", "scaled_linear");
            int refused = 0;
            for (int steps = 1; steps <= 1000; steps++) {
                double *t;
                int calls = 0;
                slr_error err = {0};
                if (slr_sampler_timesteps(&schedule, (slr_sampler_kind)kind, steps, &t, &calls,
                                          &err) != SELORA_OK) {
                    assert_int_equal(err.status, SELORA_USAGE);
                    assert_null(t);
                    refused++;
                    continue;
                }
                assert_int_equal(calls, steps + (kind == SLR_SAMPLER_PNDM && steps > 1));
                for (int i = 0; i < calls; i++) {
                    assert_true(t[i] >= 0 && t[i] <= 999);
                    assert_true(i == 0 || t[i] < t[i - 1] ||
                                (kind == SLR_SAMPLER_PNDM && i == 2 && t[2] == t[1]));
                }
                free(t);
            }
            /* leading begins at steps_offset, which leaves no room for 1000; dpmpp_2m counts one
             * point more */
            assert_int_equal(refused, kind == SLR_SAMPLER_DPMPP_2M ? 2 - s : s == 0);
        }
}

static void test_refused(void **state)
{
    (void)state;
    slr_schedule schedule = sd15();
    slr_error err = {0};
    double *timesteps;
    int calls;
    slr_sampler_kind kind;
    assert_int_equal(
        slr_sampler_timesteps(&schedule, SLR_SAMPLER_DDIM, 1001, &timesteps, &calls, &err),
        SELORA_USAGE);
    assert_string_equal(err.message, "1001 sampling steps are not possible; 1 to 1000 are");
    assert_int_equal(
        slr_sampler_timesteps(&schedule, SLR_SAMPLER_DDIM, 0, &timesteps, &calls, &err),
        SELORA_USAGE);
    assert_int_equal(
        slr_sampler_timesteps(&schedule, SLR_SAMPLER_DDIM, -3, &timesteps, &calls, &err),
        SELORA_USAGE);
    assert_int_equal(slr_sampler_by_name("heun", &kind, &err), SELORA_USAGE);
    schedule.config.unsupported_key[SLR_SAMPLER_EULER] = "use_karras_sigmas";
    assert_int_equal(
        slr_sampler_timesteps(&schedule, SLR_SAMPLER_EULER, 20, &timesteps, &calls, &err),
        SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "use_karras_sigmas"));
}

/* x as the script starts it. */
static void start(slr_real x[NUMBERS], double sigma)
{
    static const double noise[NUMBERS] = {0.5, -1.25, 2.0, 0.125};
    for (int i = 0; i < NUMBERS; i++)
        x[i] = (slr_real)(noise[i] * sigma);
}

static void test_samples(void **state)
{
    (void)state;
    double worst = 0;
    for (size_t i = 0; i < COUNT(golden_samples); i++) {
        const struct golden_sample *golden = &golden_samples[i];
        slr_schedule schedule =
            schedule_with(golden->spacing, golden->prediction, golden->beta_schedule);
        schedule.config.steps_offset = golden->steps_offset;
        schedule.config.set_alpha_to_one = golden->set_alpha_to_one;
        schedule.config.clip_range = golden->clip_sample;
        slr_denoiser network = {NULL, answer};
        slr_sampling how = {
            .sampler = kind_named(golden->sampler), .steps = golden->steps, .count = NUMBERS};
        double sigma = slr_sampler_init_noise_sigma(&schedule, how.sampler, how.steps), error = 0,
               size = 0;
        assert_true(fabs(sigma - golden->sigma) <
                    2e-6 * fmax(golden->sigma, 1)); /* 1 - a_0 cancels in single precision */
        slr_real x[NUMBERS];
        start(x, golden->sigma);
        assert_int_equal(slr_sample(&schedule, &how, &network, x, NULL), SELORA_OK);
        for (int j = 0; j < NUMBERS; j++) {
            error = fmax(error, fabs(x[j] - golden->x[j]));
            size = fmax(size, fabs(golden->x[j]));
        }
        worst = fmax(worst, error / size);
        if (!(error <= 1e-5 * size)) /* single precision of diffusers over 20 steps */
            fail_msg("%s %s %s %d: error %g of %g", golden->sampler, golden->spacing,
                     golden->prediction, golden->steps, error, size);
    }
    print_message("largest relative error %.2g\n", worst);
}

/* What a call saw. */
typedef struct watch {
    int calls, of, stop_at;
    slr_real first;
} watch;

static selora_status watch_call(void *context, int call, int calls, const slr_real *x,
                                slr_error *err)
{
    watch *w = context;
    assert_int_equal(call, w->calls);
    w->calls++;
    w->of = calls;
    w->first = x[0];
    return call == w->stop_at ? slr_fail(err, SELORA_INTERRUPTED, "stopped") : SELORA_OK;
}

static void test_callback(void **state)
{
    (void)state;
    slr_schedule schedule = sd15();
    for (int kind = 0; kind < SLR_SAMPLER_KINDS; kind++) {
        int network_calls = 0, all = kind == SLR_SAMPLER_PNDM ? 9 : 8;
        watch seen = {.stop_at = -1};
        slr_denoiser network = {&network_calls, answer};
        slr_sampling how = {(slr_sampler_kind)kind, 8, NUMBERS, watch_call, &seen};
        slr_real x[NUMBERS];
        start(x, 1);
        assert_int_equal(slr_sample(&schedule, &how, &network, x, NULL), SELORA_OK);
        assert_int_equal(seen.calls, all);
        assert_int_equal(seen.of, all);
        assert_int_equal(network_calls, all);
        assert_true(seen.first == x[0]);
        seen = (watch){.stop_at = 3};
        slr_error err = {0};
        assert_int_equal(slr_sample(&schedule, &how, &network, x, &err), SELORA_INTERRUPTED);
        assert_int_equal(seen.calls, 4);
        assert_string_equal(err.message, "stopped");
    }
}

static selora_status fail_at_third(void *context, const slr_real *x, double t, slr_real *out,
                                   slr_error *err)
{
    int *calls = context;
    if (++*calls == 3)
        return slr_fail(err, SELORA_NO_RESOURCE, "the network failed");
    return answer(NULL, x, t, out, err);
}

static selora_status not_finite(void *context, const slr_real *x, double t, slr_real *out,
                                slr_error *err)
{
    int *calls = context;
    SLR_TRY(answer(NULL, x, t, out, err));
    if (++*calls == 2)
        out[2] = NAN;
    return SELORA_OK;
}

static void test_failing_network(void **state)
{
    (void)state;
    slr_schedule schedule = sd15();
    for (int kind = 0; kind < SLR_SAMPLER_KINDS; kind++) {
        int calls = 0;
        slr_error err = {0};
        slr_denoiser network = {&calls, fail_at_third};
        slr_sampling how = {.sampler = (slr_sampler_kind)kind, .steps = 8, .count = NUMBERS};
        slr_real x[NUMBERS];
        start(x, 1);
        assert_int_equal(slr_sample(&schedule, &how, &network, x, &err), SELORA_NO_RESOURCE);
        assert_int_equal(calls, 3);
        calls = 0;
        network.predict = not_finite;
        start(x, 1);
        assert_int_equal(slr_sample(&schedule, &how, &network, x, &err), SELORA_NUMERIC);
        assert_int_equal(calls, 2);
        assert_non_null(strstr(err.message, "network call 2 of"));
    }
}

/* Of twice the batch: the first half answers 1, the second 3 x. */
static selora_status two_halves(void *context, const slr_real *x, double t, slr_real *out,
                                slr_error *err)
{
    (void)context, (void)t, (void)err;
    for (int i = 0; i < NUMBERS; i++) {
        assert_true(x[i] == x[NUMBERS + i]);
        out[i] = 1;
        out[NUMBERS + i] = 3 * x[i];
    }
    return SELORA_OK;
}

static void test_guidance(void **state)
{
    (void)state;
    slr_guidance guidance;
    slr_real x[NUMBERS] = {0, 1, -2, 4}, out[NUMBERS];
    assert_int_equal(
        slr_guidance_init(&guidance, (slr_denoiser){NULL, two_halves}, 7.5, NUMBERS, NULL),
        SELORA_OK);
    slr_denoiser denoiser = slr_guidance_denoiser(&guidance);
    assert_int_equal(denoiser.predict(denoiser.context, x, 10, out, NULL), SELORA_OK);
    for (int i = 0; i < NUMBERS; i++)
        assert_true(out[i] == (slr_real)(1 + 7.5 * (3 * x[i] - 1)));
    slr_guidance_free(&guidance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timesteps), cmocka_unit_test(test_all_step_counts),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_samples),
        cmocka_unit_test(test_callback),  cmocka_unit_test(test_failing_network),
        cmocka_unit_test(test_guidance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
