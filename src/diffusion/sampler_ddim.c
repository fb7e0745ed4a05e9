/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "diffusion/sampler_kinds.h"

static void step(const slr_schedule *schedule, int from, int to, int64_t count,
                 const slr_real *answer, slr_real *x)
{
    bool is_v = schedule->config.prediction == SLR_PREDICT_V;
    double alpha = slr_schedule_alpha(schedule, from), next = slr_schedule_alpha(schedule, to);
    double a = sqrt(alpha), s = sqrt(1 - alpha), next_a = sqrt(next), next_s = sqrt(1 - next);
    double range = schedule->config.clip_range;
    for (int64_t i = 0; i < count; i++) {
        double eps = is_v ? a * answer[i] + s * x[i] : answer[i];
        double image = is_v ? a * x[i] - s * answer[i] : (x[i] - s * eps) / a;
        if (range > 0)
            image = fmin(fmax(image, -range), range);
        x[i] = (slr_real)(next_a * image + next_s * eps);
    }
}

selora_status slr_sampler_run_ddim(const slr_sampler_run *run, slr_real *x, slr_error *err)
{
    slr_real *answer = slr_sampler_scratch(run, 1, err);
    if (!answer)
        return SELORA_NO_RESOURCE;
    selora_status status = SELORA_OK;
    for (int call = 0; status == SELORA_OK && call < run->calls; call++) {
        int t = (int)run->timesteps[call];
        status = slr_sampler_predict(run, call, x, answer, err);
        if (status != SELORA_OK)
            break;
        step(run->schedule, t, t - run->stride, run->count, answer, x);
        status = slr_sampler_after_call(run, call, x, err);
    }
    free(answer);
    return status;
}
