/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diffusion/sampler_kinds.h"

enum { HISTORY = 4, KEPT = 4, REPEATED = 5, STATES = 6 };

/* Weights of the newest answers, newest first (Adams-Bashforth of order 1 to 4). */
static const double weights[HISTORY][HISTORY] = {
    {1},
    {3.0 / 2, -1.0 / 2},
    {23.0 / 12, -16.0 / 12, 5.0 / 12},
    {55.0 / 24, -59.0 / 24, 37.0 / 24, -9.0 / 24},
};
/* Of the repeated step and the first. */
static const double repeated_weights[HISTORY] = {1.0 / 2, 1.0 / 2};

/* Equation 11 of the paper from `from` to `to`. The answers are combined before v becomes epsilon,
 * as diffusers has it. */
static void step(const slr_sampler_run *run, int from, int to,
                 const slr_real *const answers[HISTORY], const double w[HISTORY],
                 const slr_real *start, slr_real *x)
{
    bool is_v = run->schedule->config.prediction == SLR_PREDICT_V;
    double alpha = slr_schedule_alpha(run->schedule, from),
           next = slr_schedule_alpha(run->schedule, to);
    double a = sqrt(alpha), s = sqrt(1 - alpha);
    double keep = sqrt(next / alpha);
    double take = (next - alpha) / (alpha * sqrt(1 - next) + sqrt(alpha * (1 - alpha) * next));
    for (int64_t i = 0; i < run->count; i++) {
        double eps = 0;
        for (int j = 0; j < HISTORY && answers[j]; j++)
            eps += w[j] * answers[j][i];
        if (is_v)
            eps = a * eps + s * start[i];
        x[i] = (slr_real)(keep * start[i] - take * eps);
    }
}

selora_status slr_sampler_run_pndm(const slr_sampler_run *run, slr_real *x, slr_error *err)
{
    slr_real *states = slr_sampler_scratch(run, STATES, err);
    if (!states)
        return SELORA_NO_RESOURCE;
    selora_status status = SELORA_OK;
    slr_real *kept = states + KEPT * run->count;
    int stored = 0; /* answers in the ring so far */
    for (int call = 0; status == SELORA_OK && call < run->calls; call++) {
        const slr_real *answers[HISTORY] = {NULL};
        bool repeated = call == 1;
        int t = (int)run->timesteps[call];
        slr_real *answer = states + (repeated ? REPEATED : stored % HISTORY) * run->count;
        status = slr_sampler_predict(run, call, x, answer, err);
        if (status != SELORA_OK)
            break;
        if (repeated) {
            answers[0] = answer;
            answers[1] = states;
            step(run, t + run->stride, t, answers, repeated_weights, kept, x);
        } else {
            if (call == 0)
                memcpy(kept, x, (size_t)run->count * sizeof *x);
            stored++;
            int used = stored < HISTORY ? stored : HISTORY;
            for (int j = 0; j < used; j++)
                answers[j] = states + (stored - 1 - j) % HISTORY * run->count;
            step(run, t, t - run->stride, answers, weights[used - 1], x, x);
        }
        status = slr_sampler_after_call(run, call, x, err);
    }
    free(states);
    return status;
}
