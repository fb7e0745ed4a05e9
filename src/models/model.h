/* SPDX-License-Identifier: MIT
 *
 * A whole Stable Diffusion 1.x-layout model: configs, checked weights, and where tokenizer and scheduler lie.
 *
 *     slr_model *model;
 *     SLR_TRY(slr_model_open("models/tiny", &(slr_model_options){0}, &model, err));
 *     ...
 *     slr_model_free(model);
 */
#ifndef SLR_MODEL_H
#define SLR_MODEL_H

#include "graph/weights.h"
#include "models/model_config.h"
#include "models/model_hash.h"
#include "models/weight_files.h"
#include "models/weight_names.h"

typedef struct slr_model_options {
    const char *variant;   /* "fp16" and the like; NULL: plain files, then fp16 */
    const char *tokenizer; /* folder or file; needed with a single file, overrides the folder's own */
    const char *config;    /* for a single file: a diffusers folder whose config.json files describe it;
                            * NULL: the configuration of Stable Diffusion 1.x */
    slr_weight_policy weights;
    bool hashed;           /* slr_model_hash() will be asked: it is computed while the weights are read */
    bool configs_only;     /* weights are neither opened nor checked */
    bool files_only;       /* weights are found and their shapes checked, but not read: no graph can be planned */
} slr_model_options;

typedef struct slr_model {
    char *path;
    bool single_file;
    char *tokenizer_path; /* folder or file, NULL when a single file came without one */
    char *scheduler_path; /* scheduler_config.json, NULL for a single file without config */
    slr_unet_config unet;
    slr_vae_config vae;
    slr_clip_text_config text;
    slr_weight_store *weights;
    struct slr_model_files *files;
    slr_model_hash_job *hash; /* or NULL */
} slr_model;

/* Opens and checks everything: each expected tensor present with its shape, nothing unexpected. All problems are
 * listed in one error. */
selora_status slr_model_open(const char *path, const slr_model_options *options, slr_model **model,
                             slr_error *err);
enum { SLR_MODEL_TEXT = 1, SLR_MODEL_UNET = 2, SLR_MODEL_VAE = 4, SLR_MODEL_WHOLE = 7 };
/* A model of the given configs with random weights (fan-in scaled) for some of its parts, for benchmarks and tests. */
selora_status slr_model_random(const slr_unet_config *unet, const slr_vae_config *vae,
                               const slr_clip_text_config *text, uint64_t seed, unsigned parts,
                               slr_weight_policy weights, slr_model **model, slr_error *err);
void slr_model_free(slr_model *model);

/* SHA-256 over the weight files, in a fixed order, as 64 hex digits; "random" for a random model. */
selora_status slr_model_hash(const slr_model *model, char hex[65], slr_error *err);

/* The mapped files of "unet", "text_encoder" or "vae"; of a single file: its own, for every component. */
const slr_weight_files *slr_model_weight_files(const slr_model *model, const char *component);

/* The stored tensor of a weight by its canonical name ("unet.conv_in.weight"), NULL where there is none. */
const slr_stored_tensor *slr_model_stored(const slr_model *model, const char *canonical);
/* What names of the model's weights depend on, in its own files or in files of the other kind. */
slr_name_rules slr_model_name_rules(const slr_model *model, bool single_file);

/* Records every component once at its smallest size: the linear layers that adapters may join and all weights. */
slr_graph *slr_model_record(const slr_model *model, bool with_vae);
/* Parameters of one component ("unet", "text_encoder", "vae"). */
int64_t slr_model_parameters(const slr_model *model, const char *component);

#endif
