/* SPDX-License-Identifier: MIT
 *
 * Between files and slots: the adapter that training leaves as one file that other tools load at the
 * right strength (safetensors in the diffusers layout, formats/format_diffusers.c), and files of
 * every format laid onto a model. Candidate rows are never written, nor are paths or captions.
 *
 *     slr_adapter_note note = {.method = "selora", .lambda = 1.3};
 *     SLR_TRY(slr_adapter_file_save(set, &note, "adapter.safetensors", err));
 *     SLR_TRY(slr_adapter_file_load("adapter.safetensors", record, NULL, &set, err));
 */
#ifndef SLR_ADAPTER_FILE_H
#define SLR_ADAPTER_FILE_H

#include "adapters/adapter_set.h"
#include "adapters/formats.h"
#include "graph/graph.h"

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

/* The pairs of a set, as they are now. slr_pairs_free() them, also after a failure. */
selora_status slr_pairs_of_set(const slr_adapter_set *set, const slr_adapter_note *note, slr_pairs *pairs,
                               slr_error *err);

/* Lays pairs onto the linear layers and convolutions of `model` (slr_model_record). Layers that the
 * model has not are added to `left_over`, with NULL they are an error, as pairs->left_over is;
 * whatever has another shape is one. Caller slr_adapter_set_free()s *set. */
selora_status slr_set_of_pairs(const slr_pairs *pairs, const char *path, const slr_graph *model,
                               slr_problems *left_over, slr_adapter_set **set, slr_error *err);
/* The same from a file or folder of any format. */
selora_status slr_adapter_file_load(const char *path, const slr_graph *model, slr_problems *left_over,
                                    slr_adapter_set **set, slr_error *err);

#endif
