/* SPDX-License-Identifier: MIT
 *
 * The parts of `selora audit`: what it works on, and each of its tests.
 */
#ifndef SLR_AUDIT_RUN_H
#define SLR_AUDIT_RUN_H

#include "api/audit_groups.h"
#include "api/audit_pictures.h"
#include "eval/audit_result.h"

typedef struct slr_audit_run {
    selora_context *context;
    const selora_audit_options *options;
    selora_train_options training; /* as run.json has them, with what has moved since */
    slr_train_job job;
    slr_adapter_set *set;
    char *cache, *out, *folder; /* RUN/cache; where audit.json goes; the folder of pictures in it */
    slr_audit_result *result;
} slr_audit_run;

/* Members and others, by loss; then the same for each checkpoint. */
selora_status slr_audit_run_membership(slr_audit_run *run, slr_error *err);
/* Copies among synthetic pictures, and training prompts drawn again. Writes the nearest pairs. */
selora_status slr_audit_run_copies(slr_audit_run *run, slr_error *err);
selora_status slr_audit_run_own_prompts(slr_audit_run *run, slr_error *err);
/* SELORA_OK and nothing to do without extractors. */
selora_status slr_audit_run_features(slr_audit_run *run, const char *synthetic, slr_error *err);

/* Counts training pictures by how many share their prompt. */
selora_status slr_audit_count_repeats(const slr_audit_run *run, slr_audit_space *space, slr_error *err);

#endif
