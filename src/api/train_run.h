/* SPDX-License-Identifier: MIT
 *
 * A training run in its folder: begun or resumed, stepped, validated, saved.
 *
 *     SLR_TRY(slr_train_run_check_folder(options, err));          (before anything that takes long)
 *     ... open the job ...
 *     SLR_TRY(slr_train_run(&job, err));
 *
 * RUN/run.json               what made the run
 * RUN/log.jsonl, ranks.csv   what happened; RUN/events.out.tfevents.* the same for TensorBoard
 * RUN/costs.json             what it took: time, memory, multiply-adds
 * RUN/report.html            all of it as one page, at the end
 * RUN/checkpoints/           to resume from
 * RUN/samples/step-N.png     pictures of each validation
 * RUN/adapter.safetensors    the best adapter by validation loss; RUN/last.safetensors the last
 * RUN/audit.json             whether training pictures can be told from others
 * RUN/cache/                 latents of the pictures (owner only)
 * RUN/lock                   held while a process works here
 */
#ifndef SLR_TRAIN_RUN_H
#define SLR_TRAIN_RUN_H

#include "api/train_job.h"

/* Refuses a folder that holds a run already (without --resume) or that cannot be written. Makes nothing. */
selora_status slr_train_run_check_folder(const selora_train_options *options, slr_error *err);

/* SELORA_INTERRUPTED after the running step and a checkpoint when the hooks ask for it. */
selora_status slr_train_run(slr_train_job *job, slr_error *err);

#endif
