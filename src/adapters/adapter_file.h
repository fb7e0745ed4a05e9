/* SPDX-License-Identifier: MIT
 *
 * The adapter as one file that other tools load at the right strength: safetensors in the
 * diffusers layout, ranks padded to the largest of each component, the scale folded into B, PEFT
 * metadata for a scale of 1. True ranks and scales stand in the header, so that selora reads back
 * what it trained. Candidate rows are never in it, nor are paths or captions.
 *
 *     slr_adapter_note note = {.method = "selora", .lambda = 1.3};
 *     SLR_TRY(slr_adapter_file_save(set, &note, "adapter.safetensors", err));
 *     SLR_TRY(slr_adapter_file_load("adapter.safetensors", record, &set, err));
 */
#ifndef SLR_ADAPTER_FILE_H
#define SLR_ADAPTER_FILE_H

#include "adapters/adapter_set.h"
#include "graph/graph.h"
#include "io/safetensors.h"

/* What the header says of the training; NULL and 0 are left out. */
typedef struct slr_adapter_note {
    const char *method;
    double lambda;
    int64_t steps;
    const char *model_sha256, *data_sha256;
} slr_adapter_note;

/* Written aside and renamed. SELORA_NUMERIC when a value is not finite. */
selora_status slr_adapter_file_save(const slr_adapter_set *set, const slr_adapter_note *note,
                                    const char *path, slr_error *err);

/* Reads diffusers files (selora's own and others', with or without metadata) and kohya files
 * onto the linear layers of `model` (slr_model_record). What does not fit is listed in one
 * error. Caller slr_adapter_set_free()s *set. */
selora_status slr_adapter_file_load(const char *path, const slr_graph *model, slr_adapter_set **set,
                                    slr_error *err);
/* The same from a file that is open. */
selora_status slr_adapter_file_read(const slr_safetensors *file, const slr_graph *model,
                                    slr_adapter_set **set, slr_error *err);

#endif
