/* SPDX-License-Identifier: MIT
 *
 * What grows while a run goes on: log.jsonl (a line a step, a line a validation), ranks.csv (a line for every layer at every
 * probe), and the same as events for TensorBoard.
 *
 *     slr_run_log *log;
 *     SLR_TRY(slr_run_log_open("run", &counters, hooks, &log, err));   (zeros: a new run)
 *     SLR_TRY(slr_run_log_step(log, &result, epoch, seconds, images_per_second, err));
 *     slr_run_log_lengths(log, &log_bytes, &rank_bytes);
 *     SLR_TRY(slr_run_log_sync(log, err));                             (on disk before a checkpoint names the lengths)
 *     slr_run_log_close(log);
 *
 * A resumed run is cut back to what its checkpoint's counters name, so that its files hold each step once.
 */
#ifndef SLR_RUN_LOG_H
#define SLR_RUN_LOG_H

#include "report/picture_grid.h"
#include "train/checkpoint.h"

typedef struct slr_run_log slr_run_log;

selora_status slr_run_log_open(const char *folder, const slr_run_counters *counters, const slr_hooks *hooks,
                               slr_run_log **log, slr_error *err);
void slr_run_log_close(slr_run_log *log);

/* The options of a new run, for TensorBoard, without paths and prompts. A run that goes on has them already. */
selora_status slr_run_log_options(slr_run_log *log, const selora_option *list, size_t count, const void *options,
                                  slr_error *err);

/* Probes go here while a step runs; a failure to write them is reported by the next call. */
slr_rank_log slr_run_log_ranks(slr_run_log *log);

selora_status slr_run_log_step(slr_run_log *log, const slr_train_result *result, int64_t epoch, double seconds,
                               double samples_per_second, slr_error *err);
selora_status slr_run_log_validation(slr_run_log *log, int64_t step, double loss, bool best, slr_error *err);
/* The pictures of a validation, for TensorBoard. */
selora_status slr_run_log_samples(slr_run_log *log, int64_t step, const slr_picture_grid *grid, slr_error *err);
/* Bytes written so far. */
void slr_run_log_lengths(const slr_run_log *log, int64_t *log_bytes, int64_t *rank_bytes);
selora_status slr_run_log_sync(slr_run_log *log, slr_error *err);

#endif
