/* SPDX-License-Identifier: MIT
 *
 * What steps of training have cost: seconds by kind of work, counted by the plan's own clocks, and the multiply-adds of the
 * newest step, counted from shapes and ranks.
 *
 *     slr_step_work before = slr_step_work_of(plan);
 *     ... the runs of a step ...
 *     slr_step_costs_add(&costs, &before, plan);
 */
#ifndef SLR_STEP_COSTS_H
#define SLR_STEP_COSTS_H

#include "graph/plan.h"

/* A convolution counts as the direct one. */
typedef struct slr_step_macs {
    double forward, recompute, backward; /* of the frozen network */
    double adapter; /* all passes of the acting rows */
    double probe;   /* of the candidate rows that the step showed; 0 in most steps */
} slr_step_macs;

/* Of all runs of a plan since its profile was reset. */
typedef struct slr_step_work {
    double forward, recompute, backward; /* seconds in ops of the frozen network */
    double adapter;                      /* in low-rank ops, candidate rows with them */
    slr_step_macs macs;
} slr_step_work;
slr_step_work slr_step_work_of(const slr_plan *plan);

typedef struct slr_step_costs {
    int64_t steps;
    slr_step_work work;   /* seconds of all steps; macs of the newest */
    double method;        /* seconds of scores, decisions, growing, graphs recorded anew, second passes */
    double all;           /* seconds of whole steps */
    slr_step_macs probed; /* of the newest step that showed candidates; zeros when there was none */
} slr_step_costs;

/* Adds what `plan` has done since `before`. */
void slr_step_costs_add(slr_step_costs *costs, const slr_step_work *before, const slr_plan *plan);

#endif
