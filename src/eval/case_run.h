/* SPDX-License-Identifier: MIT
 *
 * Runs a reference case: its inputs through the engine, its outputs into a report.
 *
 *     slr_case_run run = {.c = c, .model = model, .backend = slr_backend_cpu(), .threads = 2,
 * .report = &report}; SLR_TRY(slr_case_run_any(&run, err));
 */
#ifndef SLR_CASE_RUN_H
#define SLR_CASE_RUN_H

#include "adapters/adapter_set.h"
#include "core/hooks.h"
#include "eval/case_report.h"
#include "graph/backend.h"

typedef struct slr_case_run {
    const slr_reference_case *c;
    const slr_model *model;
    const slr_backend *backend;
    int threads;
    const slr_hooks *hooks;    /* may be NULL */
    slr_adapter_set *adapters; /* of a sample case without its own; may be NULL */
    slr_case_report *report;
} slr_case_run;

/* SELORA_OK whether the tensors agree or not: report->failed tells. */
selora_status slr_case_run_any(const slr_case_run *run, slr_error *err);

/* One function for each kind. */
selora_status slr_case_run_tokenizer(const slr_case_run *run, slr_error *err);
selora_status slr_case_run_text_encoder(const slr_case_run *run, slr_error *err);
selora_status slr_case_run_unet(const slr_case_run *run, slr_error *err);
selora_status slr_case_run_vae_encode(const slr_case_run *run, slr_error *err);
selora_status slr_case_run_vae_decode(const slr_case_run *run, slr_error *err);
selora_status slr_case_run_train_step(const slr_case_run *run, slr_error *err);
selora_status slr_case_run_schedule(const slr_case_run *run, slr_error *err);
selora_status slr_case_run_sample(const slr_case_run *run, slr_error *err);
selora_status slr_case_run_adam(const slr_case_run *run, slr_error *err);
selora_status slr_case_run_features(const slr_case_run *run, slr_error *err);

/* SELORA_NO_RESOURCE when a case needs more memory than there is. */
selora_status slr_case_check_memory(const slr_case_run *run, size_t bytes, slr_error *err);
/* The model's noise schedule. */
selora_status slr_case_schedule(const slr_case_run *run, slr_schedule *schedule, slr_error *err);

#endif
