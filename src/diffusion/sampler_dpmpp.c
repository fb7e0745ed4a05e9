/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "diffusion/sampler_kinds.h"

/* One point of the path: x = a image + s noise. */
typedef struct level {
    double a, s, lambda; /* lambda = ln(a / s) */
} level;

static level level_at(const slr_sampler_run *run, int call)
{
    if (call == run->calls)
        return (level){.a = 1, .s = 0, .lambda = INFINITY};
    double sigma = slr_schedule_sigma(run->schedule, run->timesteps[call]);
    double a = 1 / sqrt(sigma * sigma + 1);
    return (level){.a = a, .s = sigma * a, .lambda = -log(sigma)};
}

/* What the network's answer says about the image, in place. */
static void to_image(const slr_sampler_run *run, level at, const slr_real *x, slr_real *answer)
{
    bool is_v = run->schedule->config.prediction == SLR_PREDICT_V;
    for (int64_t i = 0; i < run->count; i++)
        answer[i] =
            (slr_real)(is_v ? at.a * x[i] - at.s * answer[i] : (x[i] - at.s * answer[i]) / at.a);
}

selora_status slr_sampler_run_dpmpp(const slr_sampler_run *run, slr_real *x, slr_error *err)
{
    slr_real *images = slr_sampler_scratch(run, 2, err);
    if (!images)
        return SELORA_NO_RESOURCE;
    selora_status status = SELORA_OK;
    level before = {0};
    for (int call = 0; status == SELORA_OK && call < run->calls; call++) {
        slr_real *image = images + (call % 2) * run->count,
                 *previous = images + ((call + 1) % 2) * run->count;
        level at = level_at(run, call), next = level_at(run, call + 1);
        status = slr_sampler_predict(run, call, x, image, err);
        if (status != SELORA_OK)
            break;
        to_image(run, at, x, image);
        /* First order at both ends; between them the image is extrapolated to the middle of the
         * step. */
        bool second_order = call > 0 && call + 1 < run->calls;
        double h = next.lambda - at.lambda;
        double slope = second_order ? 0.5 * h / (at.lambda - before.lambda) : 0;
        double keep = next.s / at.s, add = -next.a * expm1(-h);
        for (int64_t i = 0; i < run->count; i++) {
            double target = image[i] + slope * ((double)image[i] - previous[i]);
            x[i] = (slr_real)(keep * x[i] + add * target);
        }
        before = at;
        status = slr_sampler_after_call(run, call, x, err);
    }
    free(images);
    return status;
}
