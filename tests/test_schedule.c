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
    /* diffusers' values to the last bit */
    assert_true((float)a[0] == 0.9991499781608582f);
    assert_true((float)a[1] == 0.9982960224151611f);
    assert_true((float)a[250] == 0.67379230260849f);
    assert_true((float)a[500] == 0.27633246779441833f);
    assert_true((float)a[999] == 0.00466009508818388f);
    /* and near the exact ones */
    assert_true(fabs(a[0] - 0.99915) < 4e-8);
    assert_true(fabs(a[1] - 0.9982960278) < 1e-8);
    assert_true(fabs(a[250] - 0.6737926252) < 4e-7);
    assert_true(fabs(a[500] - 0.2763326838) < 4e-7);
    assert_true(fabs(a[999] - 0.0046600985) < 4e-7 * 0.1);
    slr_scheduler_config linear = schedule.config;
    linear.beta_schedule = SLR_BETA_LINEAR;
    slr_schedule_init(&schedule, &linear);
    assert_true((float)a[1] == 0.9982895255088806f);
    assert_true((float)a[999] == 0.0015789627796038985f);
    linear.beta_start = 0.0015;
    linear.beta_end = 0.0195;
    slr_schedule_init(&schedule, &linear);
    assert_true((float)a[250] == 0.3891453742980957f);
    assert_true((float)a[999] == 2.5692019335110672e-05f);
}

static void test_noise_and_target(void **state)
{
    (void)state;
    slr_schedule schedule = sd15();
    const slr_real x0[3] = {1, -2, 0.5}, noise[3] = {0.25, 1, -1};
    slr_real noisy[3], target[3];
    double a = sqrt(schedule.alphas_cumprod[500]), s = sqrt(1 - schedule.alphas_cumprod[500]);
    slr_schedule_add_noise(&schedule, 500, 3, x0, noise, noisy);
    slr_schedule_target(&schedule, 500, 3, x0, noise, target);
    for (int i = 0; i < 3; i++) {
        assert_true(fabs(noisy[i] - (a * x0[i] + s * noise[i])) < 1e-6);
        assert_true(target[i] == noise[i]);
    }
    schedule.config.prediction = SLR_PREDICT_V;
    slr_schedule_target(&schedule, 500, 3, x0, noise, target);
    for (int i = 0; i < 3; i++) {
        assert_true(fabs(target[i] - (a * noise[i] - s * x0[i])) < 1e-6);
        /* the two identities that samplers use */
        assert_true(fabs(a * target[i] + s * noisy[i] - noise[i]) < 1e-6);
        assert_true(fabs(a * noisy[i] - s * target[i] - x0[i]) < 1e-6);
    }
}

static void test_loss_weights(void **state)
{
    (void)state;
    slr_schedule schedule = sd15();
    double snr = slr_schedule_snr(&schedule, 999), low = slr_schedule_snr(&schedule, 0);
    assert_true(fabs(snr - 0.0046600985 / (1 - 0.0046600985)) < 1e-8);
    assert_true(fabs(low - 0.99915 / 0.00085) < 4e-5 * low);
    assert_true(slr_schedule_loss_weight(&schedule, 999, 5) == 1);
    assert_true(fabs(slr_schedule_loss_weight(&schedule, 0, 5) - 5 / low) < 1e-15);
    assert_true(slr_schedule_loss_weight(&schedule, 0, 0) == 1);
    assert_true(slr_schedule_loss_weight(&schedule, 0, -1) == 1);
    schedule.config.prediction = SLR_PREDICT_V;
    assert_true(fabs(slr_schedule_loss_weight(&schedule, 999, 5) - snr / (snr + 1)) < 1e-15);
    assert_true(fabs(slr_schedule_loss_weight(&schedule, 0, 5) - 5 / (low + 1)) < 1e-15);
}

static void test_sigmas(void **state)
{
    (void)state;
    slr_schedule schedule = sd15();
    double low = slr_schedule_sigma(&schedule, 978), high = slr_schedule_sigma(&schedule, 979);
    assert_true(fabs(slr_schedule_sigma(&schedule, 999) - 14.6146469) < 1e-5);
    assert_true(fabs(slr_schedule_sigma(&schedule, 978.25) - (0.75 * low + 0.25 * high)) < 1e-12);
    assert_true(fabs(slr_schedule_sigma(&schedule, 978.61224) - 12.9367771) < 1e-5);
    assert_true(fabs(slr_schedule_sigma(&schedule, 981) - 13.1204157) < 1e-5);
    assert_true(slr_schedule_alpha(&schedule, -1) == schedule.alphas_cumprod[0]);
    schedule.config.set_alpha_to_one = true;
    assert_true(slr_schedule_alpha(&schedule, -20) == 1);
    assert_true(slr_schedule_alpha(&schedule, 0) == schedule.alphas_cumprod[0]);
}

static selora_status read_config(const char *text, slr_scheduler_config *config, slr_error *err)
{
    scratch_write("scheduler_config.json", text, strlen(text));
    return slr_scheduler_config_read(scratch_path("scheduler_config.json"), config, err);
}

static void test_config(void **state)
{
    (void)state;
    slr_scheduler_config config;
    slr_error err = {0};
    assert_int_equal(slr_scheduler_config_read(NULL, &config, &err), SELORA_OK);
    assert_true(config.beta_start == 0.00085 && config.beta_end == 0.012);
    assert_int_equal(config.beta_schedule, SLR_BETA_SCALED_LINEAR);
    assert_int_equal(config.steps_offset, 1);
    assert_int_equal(config.spacing, SLR_SPACING_UNSET);
    assert_false(config.set_alpha_to_one);
    assert_true(config.clip_range == 0);
    assert_int_equal(read_config("{}", &config, &err), SELORA_OK);
    assert_int_equal(config.steps_offset, 1);
    assert_int_equal(config.spacing, SLR_SPACING_UNSET);
    /* published Stable Diffusion 1.5 */
    assert_int_equal(read_config("{\"_class_name\": \"PNDMScheduler\", \"_diffusers_version\": "
                                 "\"0.6.0\", \"beta_end\": 0.012, "
                                 "\"beta_schedule\": \"scaled_linear\", \"beta_start\": 0.00085, "
                                 "\"num_train_timesteps\": 1000, "
                                 "\"set_alpha_to_one\": false, \"skip_prk_steps\": true, "
                                 "\"steps_offset\": 1, \"trained_betas\": null, "
                                 "\"clip_sample\": false}",
                                 &config, &err),
                     SELORA_OK);
    /* everything changed */
    assert_int_equal(read_config("{\"beta_end\": 0.02, \"beta_schedule\": \"linear\", "
                                 "\"beta_start\": 0.0001, \"steps_offset\": 0, "
                                 "\"set_alpha_to_one\": true, \"prediction_type\": "
                                 "\"v_prediction\", \"timestep_spacing\": \"trailing\", "
                                 "\"clip_sample\": true, \"clip_sample_range\": 2.0}",
                                 &config, &err),
                     SELORA_OK);
    assert_true(config.beta_start == 0.0001 && config.beta_end == 0.02 && config.clip_range == 2);
    assert_int_equal(config.beta_schedule, SLR_BETA_LINEAR);
    assert_int_equal(config.prediction, SLR_PREDICT_V);
    assert_int_equal(config.spacing, SLR_SPACING_TRAILING);
    assert_int_equal(config.steps_offset, 0);
    assert_true(config.set_alpha_to_one);
}

static void test_config_of_other_classes(void **state)
{
    (void)state;
    slr_scheduler_config config;
    slr_error err = {0};
    /* as diffusers 0.42 writes DPMSolverMultistepScheduler, minus infinity included */
    assert_int_equal(read_config("{\"_class_name\": \"DPMSolverMultistepScheduler\", "
                                 "\"algorithm_type\": \"sde-dpmsolver++\", "
                                 "\"final_sigmas_type\": \"zero\", \"flow_shift\": 1.0, "
                                 "\"lambda_min_clipped\": -Infinity, "
                                 "\"solver_order\": 2, \"solver_type\": \"bh2\", \"thresholding\": "
                                 "false, \"use_karras_sigmas\": true, "
                                 "\"timestep_spacing\": \"leading\", \"variance_type\": null}",
                                 &config, &err),
                     SELORA_OK);
    assert_string_equal(config.unsupported_key[SLR_SAMPLER_DPMPP_2M], "use_karras_sigmas");
    assert_string_equal(config.unsupported_key[SLR_SAMPLER_EULER], "use_karras_sigmas");
    assert_null(config.unsupported_key[SLR_SAMPLER_PNDM]);
    assert_null(config.unsupported_key[SLR_SAMPLER_DDIM]);
    assert_int_equal(read_config("{\"thresholding\": true}", &config, &err), SELORA_OK);
    assert_string_equal(config.unsupported_key[SLR_SAMPLER_DDIM], "thresholding");
    assert_null(config.unsupported_key[SLR_SAMPLER_EULER]);
}

static void test_config_refused(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"{\"beta_schedule\": \"squaredcos_cap_v2\"}", "beta_schedule \"squaredcos_cap_v2\""},
        {"{\"prediction_type\": \"sample\"}", "prediction_type \"sample\""},
        {"{\"timestep_spacing\": \"even\"}", "timestep_spacing"},
        {"{\"trained_betas\": [0.1]}", "trained_betas"},
        {"{\"rescale_betas_zero_snr\": true}", "rescale_betas_zero_snr"},
        {"{\"num_train_timesteps\": 500}", "num_train_timesteps"},
        {"{\"steps_offset\": -1}", "steps_offset"},
        {"{\"beta_start\": 0}", "beta_start"},
        {"{\"beta_end\": \"x\"}", "beta_end"},
        {"{\"beta_start\": 0.1, \"beta_end\": 0.05}", "above beta_end"},
        {"{\"clip_sample\": 1}", "clip_sample"},
        {"{\"beta_start\": Infinity, \"beta_start\": 1}", "JSON"},
        {"[]", "not a JSON object"},
        {"{\"beta_start\": ", "JSON"},
        {"", "JSON"},
    };
    slr_scheduler_config config;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        slr_error err = {0};
        assert_int_equal(read_config(texts[i][0], &config, &err), SELORA_BAD_INPUT);
        if (!strstr(err.message, texts[i][1]))
            fail_msg("'%s' lacks '%s'", err.message, texts[i][1]);
    }
    slr_error err = {0};
    assert_int_equal(
        read_config("{\"prediction_type\": \"sample\", \"trained_betas\": []}", &config, &err),
        SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "prediction_type")); /* both in one go */
    assert_non_null(strstr(err.message, "trained_betas"));
    assert_int_equal(slr_scheduler_config_read(scratch_path("missing.json"), &config, &err),
                     SELORA_BAD_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alphas),
        cmocka_unit_test(test_noise_and_target),
        cmocka_unit_test(test_loss_weights),
        cmocka_unit_test(test_sigmas),
        cmocka_unit_test_setup_teardown(test_config, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_config_of_other_classes, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_config_refused, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
