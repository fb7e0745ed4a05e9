/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "diffusion/sampler_kinds.h"

selora_status slr_sampler_run_euler(const slr_sampler_run *run, slr_real *x, slr_error *err)
{
    const slr_schedule *schedule = run->schedule;
    bool is_v = schedule->config.prediction == SLR_PREDICT_V;
    slr_real *input = slr_sampler_scratch(run, 2, err);
    if (!input)
        return SELORA_NO_RESOURCE;
    selora_status status = SELORA_OK;
    slr_real *answer = input + run->count;
    for (int call = 0; status == SELORA_OK && call < run->calls; call++) {
        bool last = call + 1 == run->calls;
        double sigma = slr_schedule_sigma(schedule, run->timesteps[call]);
        double next = last ? 0 : slr_schedule_sigma(schedule, run->timesteps[call + 1]);
        double a = 1 / sqrt(sigma * sigma + 1),
               s = sigma * a; /* x = noise scaled to variance 1 times 1 / a */
        for (int64_t i = 0; i < run->count; i++)
            input[i] = (slr_real)(a * x[i]);
        status = slr_sampler_predict(run, call, input, answer, err);
        if (status != SELORA_OK)
            break;
        for (int64_t i = 0; i < run->count; i++) {
            double eps = is_v ? a * answer[i] + s * (a * x[i]) : answer[i];
            x[i] = (slr_real)(x[i] + (next - sigma) * eps);
        }
        status = slr_sampler_after_call(run, call, x, err);
    }
    free(input);
    return status;
}
