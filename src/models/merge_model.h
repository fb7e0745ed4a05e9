/* SPDX-License-Identifier: MIT
 *
 * A copy of a model with adapters folded into its weights: a diffusers folder, or one LDM file with text encoder, U-Net
 * and VAE. Only one tensor at a time is in memory.
 *
 *     slr_merge_job job = {.model = model, .sets = sets, .set_count = 2, .threads = 2};
 *     SLR_TRY(slr_merge_model(&job, "merged", err));                    (or "merged.safetensors")
 *
 * In a folder, shards stay as they are, and every file that holds no weights is copied byte for byte, except that local
 * paths are dropped from configs and that a tokenizer gets the files that older readers insist on.
 */
#ifndef SLR_MERGE_MODEL_H
#define SLR_MERGE_MODEL_H

#include "adapters/adapter_set.h"
#include "core/hooks.h"
#include "models/model.h"

typedef struct slr_merge_job {
    const slr_model *model; /* opened from files; its weights need not have been read */
    const char *config;     /* the diffusers folder that the rest of a folder comes from, for a single file's model */
    slr_adapter_set *const *sets;
    int set_count;
    bool convert;     /* all three networks to `dtype`, under plain names; else weights and names stay as stored */
    slr_dtype dtype;  /* F32, F16, BF16 */
    int threads;
    const slr_hooks *hooks;
    const char *model_sha256, *merged; /* for the headers; NULL: not there */
} slr_merge_job;

/* `out`, a folder or a name that ends in .safetensors, must not exist; it appears whole or not at all. SELORA_NUMERIC
 * when a merged weight is not finite in its type. */
selora_status slr_merge_model(const slr_merge_job *job, const char *out, slr_error *err);

#endif
