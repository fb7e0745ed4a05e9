/* SPDX-License-Identifier: MIT
 *
 * One weight file of a merged model, collected tensor by tensor and then written.
 *
 *     slr_merge_run run;
 *     SLR_TRY(slr_merge_run_begin(&run, job, true, err));
 *     slr_merged_file file;
 *     SLR_TRY(slr_merged_file_begin(&file, &run, 700, err));
 *     SLR_TRY(slr_merged_file_stored(&file, source, err)); ...
 *     SLR_TRY(slr_merged_file_write(&file, "unet/diffusion_pytorch_model.safetensors", err));
 *     slr_merged_file_end(&file);                                   (also after a failure)
 */
#ifndef SLR_MERGED_FILE_H
#define SLR_MERGED_FILE_H

#include <jansson.h>

#include "models/merge_model.h"
#include "models/merged_tensor.h"

/* A weight of the model and where its files hold it. */
typedef struct slr_base_weight {
    const slr_stored_tensor *tensor;
    const slr_weight_spec *spec;
} slr_base_weight;

/* What all files of a job share. */
typedef struct slr_merge_run {
    const slr_merge_job *job;
    slr_graph *graph;         /* owns the specs */
    slr_base_weight *weights; /* by the address of the tensor */
    size_t count;
    slr_task task;
    int64_t done;
} slr_merge_run;

/* Finds all weights; a layer of an adapter that has none is an error. `with_vae`: it will be written, too. End it also after a failure. */
selora_status slr_merge_run_begin(slr_merge_run *run, const slr_merge_job *job, bool with_vae, slr_error *err);
void slr_merge_run_end(slr_merge_run *run);

typedef struct slr_merged_file {
    slr_merge_run *run;
    slr_safetensors_writer *writer;
    struct slr_merged_part *parts; /* what the writer's makers are given */
    size_t count, capacity;
    json_t *map;      /* for the index of shards: name -> file, filled when `shard` is set */
    const char *shard;
    uint64_t bytes;
} slr_merged_file;

selora_status slr_merged_file_begin(slr_merged_file *file, slr_merge_run *run, size_t most, slr_error *err);
void slr_merged_file_end(slr_merged_file *file);

/* All tensors of a stored file under their own names; text encoders get the level "text_model." where it is missing,
 * averaged copies of weights are left out: they would be those of the model as it was. */
selora_status slr_merged_file_stored(slr_merged_file *file, const slr_safetensors *source, bool is_text, slr_error *err);
/* The weights of a component, NULL for all, under the names that diffusers or (single_file) LDM use now. */
selora_status slr_merged_file_weights(slr_merged_file *file, const char *component, bool single_file, slr_error *err);

selora_status slr_merged_file_write(slr_merged_file *file, const char *path, slr_error *err);

#endif
