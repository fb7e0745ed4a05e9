/* SPDX-License-Identifier: MIT
 *
 * What one run of a sweep has come to: RUN/outcome.json, written when the run is over, so that its being there says that
 * the run need not be repeated.
 *
 *     json_t *outcome;
 *     SLR_TRY(slr_sweep_outcome_load(run, &outcome, err));              (NULL: not over)
 *     SLR_TRY(slr_sweep_outcome_save(run, &end, &outcome, err));
 */
#ifndef SLR_SWEEP_OUTCOME_H
#define SLR_SWEEP_OUTCOME_H

#include "api/sweep_plan.h"

/* What is not in the run's own files. */
typedef struct slr_sweep_end {
    const char *failure;                /* NULL; or why it ended early: a loss that is no number */
    size_t planned_bytes, peak_bytes;   /* memory as foreseen, as measured; 0: not known */
    int64_t parameters_at_start;
} slr_sweep_end;

/* SELORA_USAGE when the run is over and was another one: its options differ from the plan's. Over with fewer steps than
 * wanted counts as not over. */
selora_status slr_sweep_outcome_load(const slr_sweep_run *run, json_t **outcome, slr_error *err);
selora_status slr_sweep_outcome_save(const slr_sweep_run *run, const slr_sweep_end *end, json_t **outcome, slr_error *err);

#endif
