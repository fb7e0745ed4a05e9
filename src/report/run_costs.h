/* SPDX-License-Identifier: MIT
 *
 * RUN/costs.json: what a run has taken of its machine: seconds by kind of work, multiply-adds of a step, memory. Of all its
 * processes together when it was resumed.
 *
 *     slr_run_costs before, now;
 *     SLR_TRY(slr_run_costs_load("run", &before, err));           (zeros where there is no such file)
 *     SLR_TRY(slr_run_costs_save("run", &before, &now, err));     (both added up; as often as one likes)
 */
#ifndef SLR_RUN_COSTS_H
#define SLR_RUN_COSTS_H

#include <stdbool.h>

#include "train/step_costs.h"

typedef struct slr_run_costs {
    slr_step_costs steps;
    double opening, validating, saving; /* seconds: before the first step; of validations with pictures; of checkpoints */
    double planned_bytes, peak_bytes;   /* memory of the process as foreseen and as measured; the largest */
    int64_t processes;                  /* that have worked on the run */
    char machine[192];                  /* of the newest */
} slr_run_costs;

selora_status slr_run_costs_load(const char *folder, slr_run_costs *costs, slr_error *err);
selora_status slr_run_costs_save(const char *folder, const slr_run_costs *before, const slr_run_costs *now, slr_error *err);

#endif
