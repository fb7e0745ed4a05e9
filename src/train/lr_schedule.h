/* SPDX-License-Identifier: MIT
 *
 * Learning-rate schedules: the formulas of diffusers.optimization.get_scheduler.
 *
 *     slr_lr_schedule schedule = {.kind = SLR_LR_COSINE, .warmup = 100, .steps = 1000};
 *     double lr = base * slr_lr_factor(&schedule, step - 1);     (steps of training count from 1)
 */
#ifndef SLR_LR_SCHEDULE_H
#define SLR_LR_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum slr_lr_kind {
    SLR_LR_CONSTANT,
    SLR_LR_CONSTANT_WITH_WARMUP,
    SLR_LR_LINEAR,
    SLR_LR_COSINE,
    SLR_LR_COSINE_WITH_RESTARTS,
    SLR_LR_POLYNOMIAL
} slr_lr_kind;

typedef struct slr_lr_schedule {
    slr_lr_kind kind;
    int64_t warmup, steps;
    int cycles;     /* restarts; 0: one */
    double power;   /* polynomial; 0: one */
    double base_lr; /* polynomial: it ends at 1e-7, whatever the base; 0 ends at 0 */
} slr_lr_schedule;

/* What the base rate is multiplied by at the optimiser step with this index, from 0. */
double slr_lr_factor(const slr_lr_schedule *schedule, int64_t index);

const char *slr_lr_kind_name(slr_lr_kind kind); /* "cosine_with_restarts" */
bool slr_lr_kind_named(const char *name, slr_lr_kind *kind);

#endif
