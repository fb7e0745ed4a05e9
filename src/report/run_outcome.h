/* SPDX-License-Identifier: MIT
 *
 * How a run has gone so far, from RUN/log.jsonl: losses, validation, times of steps.
 *
 *     slr_run_outcome outcome;
 *     SLR_TRY(slr_run_outcome_read("run", &outcome, err));
 *     printf("%.4f\n", outcome.best_loss);
 */
#ifndef SLR_RUN_OUTCOME_H
#define SLR_RUN_OUTCOME_H

#include <stdbool.h>

#include "core/status.h"

/* Numbers that there are none of are NaN. */
typedef struct slr_run_outcome {
    int64_t steps;                                     /* done */
    double first_loss, last_loss;                      /* means over the first and the last tenth of them */
    double median_seconds, p95_seconds, total_seconds; /* of steps, fetching their pictures included */
    int64_t best_step, last_validation_step;
    double best_loss, last_validation_loss;
    bool diverged; /* the last validation loss is over twice the best one, or not a number */
} slr_run_outcome;

/* Lines that cannot be read, such as one that is cut off, are passed over; without a log there are 0 steps. */
selora_status slr_run_outcome_read(const char *folder, slr_run_outcome *outcome, slr_error *err);

#endif
