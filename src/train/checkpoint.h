/* SPDX-License-Identifier: MIT
 *
 * The state of a run, kept in folders that appear whole: CHECKPOINTS/step-000400/ holds state.safetensors (adapters,
 * optimiser, method, average) and checkpoint.json (counters, SHA-256 of the state).
 *
 *     SLR_TRY(slr_checkpoint_write("run/checkpoints", trainer, &counters, 2, err));
 *     ...
 *     slr_checkpoint *found;
 *     SLR_TRY(slr_checkpoint_find("run/checkpoints", hooks, &found, err));     (NULL: there is none)
 *     if (found)
 *         SLR_TRY(slr_checkpoint_load(found, trainer, err));
 *     slr_checkpoint_free(found);
 */
#ifndef SLR_CHECKPOINT_H
#define SLR_CHECKPOINT_H

#include "core/hooks.h"
#include "train/trainer.h"

/* What a run counts beside the trainer. */
typedef struct slr_run_counters {
    int64_t step;
    int64_t validated_step; /* the last step that was validated; 0: none */
    int64_t best_step;      /* 0: none yet */
    double best_loss;       /* of it */
    int64_t log_bytes, rank_bytes; /* lengths of log.jsonl and ranks.csv at this step */
} slr_run_counters;

/* counters->step must be the trainer's. Written aside, fsynced, renamed; an older one of the same step is replaced. Then
 * all but the newest `keep` are removed. */
selora_status slr_checkpoint_write(const char *folder, const slr_trainer *trainer, const slr_run_counters *counters,
                                   int64_t keep, slr_error *err);

/* Removes checkpoints older than that of step `whole`, which is known to be whole, but for those among the newest `keep`. For a
 * run that goes on: the one that was killed may have written its last checkpoint and not come to this. */
selora_status slr_checkpoint_remove_old(const char *folder, int64_t whole, int64_t keep, slr_error *err);

typedef struct slr_checkpoint {
    char *path;
    slr_run_counters counters;
} slr_checkpoint;

/* The newest checkpoint that is whole; each damaged one that is newer is named in a warning. Removes what a killed
 * process left half-written. */
selora_status slr_checkpoint_find(const char *folder, const slr_hooks *hooks, slr_checkpoint **checkpoint,
                                  slr_error *err);
void slr_checkpoint_free(slr_checkpoint *checkpoint);
/* The steps of all checkpoints, ascending; free() them. A missing folder has none. Nothing is removed. */
selora_status slr_checkpoint_list(const char *folder, int64_t **steps, size_t *count, slr_error *err);
/* That of one step, which must be whole. */
selora_status slr_checkpoint_at(const char *folder, int64_t step, slr_checkpoint **checkpoint, slr_error *err);
/* Into a trainer of the same model and options that has not stepped. */
selora_status slr_checkpoint_load(const slr_checkpoint *checkpoint, slr_trainer *trainer, slr_error *err);

#endif
