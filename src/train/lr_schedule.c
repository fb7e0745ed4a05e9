/* SPDX-License-Identifier: MIT */
#include "train/lr_schedule.h"

#include <math.h>
#include <string.h>

static const double PI = 3.14159265358979323846;
static const double POLYNOMIAL_END = 1e-7; /* lr_end of the original */

static const char *const names[] = {
    [SLR_LR_CONSTANT] = "constant",
    [SLR_LR_CONSTANT_WITH_WARMUP] = "constant_with_warmup",
    [SLR_LR_LINEAR] = "linear",
    [SLR_LR_COSINE] = "cosine",
    [SLR_LR_COSINE_WITH_RESTARTS] = "cosine_with_restarts",
    [SLR_LR_POLYNOMIAL] = "polynomial",
};

const char *slr_lr_kind_name(slr_lr_kind kind)
{
    return names[kind];
}

bool slr_lr_kind_named(const char *name, slr_lr_kind *kind)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            *kind = (slr_lr_kind)i;
            return true;
        }
    return false;
}

static double at_least_one(int64_t count)
{
    return count < 1 ? 1 : (double)count;
}

static double polynomial(const slr_lr_schedule *schedule, double progress, bool over)
{
    double end = schedule->base_lr > 0 ? POLYNOMIAL_END / schedule->base_lr : 0;
    double power = schedule->power > 0 ? schedule->power : 1;
    return over ? end : (1 - end) * pow(1 - progress, power) + end;
}

double slr_lr_factor(const slr_lr_schedule *schedule, int64_t index)
{
    if (schedule->kind == SLR_LR_CONSTANT)
        return 1;
    if (index < schedule->warmup)
        return (double)index / at_least_one(schedule->warmup);
    double progress =
        (double)(index - schedule->warmup) / at_least_one(schedule->steps - schedule->warmup);
    int cycles = schedule->cycles > 0 ? schedule->cycles : 1;
    switch (schedule->kind) {
    case SLR_LR_LINEAR:
        return fmax(0, (double)(schedule->steps - index) /
                           at_least_one(schedule->steps - schedule->warmup));
    case SLR_LR_COSINE: return fmax(0, 0.5 * (1 + cos(PI * progress)));
    case SLR_LR_COSINE_WITH_RESTARTS:
        return progress >= 1 ? 0 : fmax(0, 0.5 * (1 + cos(PI * fmod(cycles * progress, 1))));
    case SLR_LR_POLYNOMIAL: return polynomial(schedule, progress, index > schedule->steps);
    default: return 1;
    }
}
