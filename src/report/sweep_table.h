/* SPDX-License-Identifier: MIT
 *
 * The comparison of a sweep from its rows, one object a run: means of each arm over seeds, and differences paired by seed.
 *
 *     json_t *rows = ...;                                  ("run", "arm", "compared_with", "seed", results)
 *     json_t *comparison = slr_sweep_comparison(rows);
 *     SLR_TRY(slr_sweep_table_write(rows, "sweep/sweep.csv", err));
 */
#ifndef SLR_SWEEP_TABLE_H
#define SLR_SWEEP_TABLE_H

#include <jansson.h>

#include "core/status.h"

/* {"arms": [...], "pairs": [...]}; each pair says what its arm's best validation loss is less that of "compared_with",
 * over the seeds at which both have one. NULL when memory lacks. */
json_t *slr_sweep_comparison(const json_t *rows);

/* A line a run: every member that is no object; written whole or not at all. */
selora_status slr_sweep_table_write(const json_t *rows, const char *path, slr_error *err);

#endif
