/* SPDX-License-Identifier: MIT
 *
 * How long the runs of a sweep will take: a step of each kind of run is timed, on made-up latents, and nothing is written.
 *
 *     slr_sweep_estimate estimate = {0};
 *     SLR_TRY(slr_sweep_estimate_run(&estimate, context, &run, err));
 *     printf("%.0f s\n", estimate.seconds);
 *     slr_sweep_estimate_free(&estimate);
 */
#ifndef SLR_SWEEP_ESTIMATE_H
#define SLR_SWEEP_ESTIMATE_H

#include "api/sweep_plan.h"

/* Keeps what was measured for the next run of the same kind. */
typedef struct slr_sweep_estimate {
    double seconds;      /* of the run: steps, validations, sample grids; not the encoding of pictures */
    double step_seconds;
    int64_t steps;
    struct slr_step_kind *kinds;
    size_t count, capacity;
} slr_sweep_estimate;

selora_status slr_sweep_estimate_run(slr_sweep_estimate *estimate, selora_context *context, const slr_sweep_run *run,
                                     slr_error *err);
void slr_sweep_estimate_free(slr_sweep_estimate *estimate);

#endif
