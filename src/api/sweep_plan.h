/* SPDX-License-Identifier: MIT
 *
 * The runs of a sweep: every combination of the training options that have several values, and their controls.
 *
 *     slr_sweep_plan plan;
 *     SLR_TRY(slr_sweep_plan_make(&plan, context, options, err));
 *     for (size_t i = 0; i < plan.count; i++) ... plan.runs[i].options ...
 *     slr_sweep_plan_free(&plan);
 *
 * A run is named by what makes it differ ("lambda-1.1_seed-2"), so a sweep that gets more values keeps the runs it has.
 */
#ifndef SLR_SWEEP_PLAN_H
#define SLR_SWEEP_PLAN_H

#include <jansson.h>

#include "api/context.h"
#include "api/sweep_axes.h"

typedef enum slr_sweep_control {
    SLR_CONTROL_NONE,
    SLR_CONTROL_STATIC, /* plain LoRA that starts with the ranks that the run has ended with */
    SLR_CONTROL_RANDOM, /* plain LoRA, as many parameters, ranks dealt out by chance */
    SLR_CONTROL_UNIFORM /* plain LoRA, as many parameters, the same rank everywhere */
} slr_sweep_control;
const char *slr_sweep_control_name(slr_sweep_control control);

typedef struct slr_sweep_run {
    char *name;   /* folder in OUT */
    char *arm;    /* the name without the seed: runs of one arm differ in their seeds alone */
    char *folder; /* OUT/name */
    char *pattern; /* OUT/patterns/name.json, of controls; made when `parent` is done */
    slr_sweep_control control;
    size_t parent; /* of controls: the place of the run whose ranks they compare with */
    json_t *varied; /* option -> value, of the options that have several values */
    selora_train_options options;
} slr_sweep_run;

typedef struct slr_sweep_plan {
    slr_sweep_run *runs; /* in the order in which they run: all arms at the first seed, then at the next */
    size_t count, capacity;
    slr_sweep_axes axes;
} slr_sweep_plan;

/* SELORA_USAGE or SELORA_BAD_INPUT names the option or member that makes no sense. Zeroed on failure. */
selora_status slr_sweep_plan_make(slr_sweep_plan *plan, selora_context *context, const selora_sweep_options *options,
                                  slr_error *err);
void slr_sweep_plan_free(slr_sweep_plan *plan);

#endif
