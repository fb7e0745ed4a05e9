/* SPDX-License-Identifier: MIT
 *
 * A reference case: one safetensors file with inputs and with the outputs that the reference
 * implementation gave for them (docs/verify.md). Opening checks all of it: every name and key of
 * the kind, no others, types, shapes, the model's sizes, finite inputs.
 *
 *     slr_reference_case *c;
 *     SLR_TRY(slr_reference_case_open("unet.safetensors", model, &c, err));
 *     int64_t batch = slr_case_size(c, 'N');
 *     slr_case_read(c, "in.timestep", SLR_CASE_PLAIN, values);
 *     slr_reference_case_close(c);
 */
#ifndef SLR_REFERENCE_CASE_H
#define SLR_REFERENCE_CASE_H

#include "diffusion/schedule.h"
#include "io/safetensors.h"
#include "models/model.h"

typedef enum slr_case_kind {
    SLR_CASE_TOKENIZER,
    SLR_CASE_TEXT_ENCODER,
    SLR_CASE_UNET,
    SLR_CASE_VAE_ENCODE,
    SLR_CASE_VAE_DECODE,
    SLR_CASE_TRAIN_STEP,
    SLR_CASE_SCHEDULE,
    SLR_CASE_SAMPLE,
    SLR_CASE_ADAM,
    SLR_CASE_FEATURES,
    SLR_CASE_KINDS
} slr_case_kind;

typedef struct slr_reference_case {
    slr_safetensors *file;
    slr_case_kind kind;
    const char *kind_name;
    int64_t sizes[128]; /* by letter, see slr_case_size() */
    int expected;       /* tensors to compare */
    /* metadata of the kinds that have it */
    slr_sampler_kind sampler;
    int steps;
    double guidance, scale;
    double lr, beta1, beta2, eps, weight_decay;
    json_t *texts; /* of a tokenizer case: a list of texts */
    const char *extractor, *weights; /* of a features case: name, and a file beside the case; owned by the file */
} slr_reference_case;

/* `model` is only read while opening; NULL: features cases alone are opened. */
selora_status slr_reference_case_open(const char *path, const slr_model *model,
                                      slr_reference_case **result, slr_error *err);
/* The same over memory that outlives the case: fuzzing, tests. */
selora_status slr_reference_case_open_memory(const void *data, size_t size, const char *name,
                                             const slr_model *model, slr_reference_case **result,
                                             slr_error *err);
void slr_reference_case_close(slr_reference_case *c); /* NULL is legal */

/* A size by its letter: N batch, H W space of in.sample, in.latents, in.latent or in.image, h w of
 * what the VAE encoder gives, T tokens, D text width, K length of an adam case, M timesteps or
 * optimiser steps. */
int64_t slr_case_size(const slr_reference_case *c, char letter);
const slr_stored_tensor *slr_case_find(const slr_reference_case *c, const char *name); /* or NULL */
bool slr_case_has_adapters(const slr_reference_case *c); /* of its own */

/* How the engine lays out what a case stores. */
typedef enum slr_case_layout {
    SLR_CASE_PLAIN,     /* the same order */
    SLR_CASE_MAP,       /* (N,C,H,W) in the case, (N,H,W,C) in the engine */
    SLR_CASE_TRANSPOSED /* (rows, columns) in the case, (columns, rows) in the engine */
} slr_case_layout;

/* Where element `index` of the case lies in the engine's order. */
int64_t slr_case_engine_index(const slr_stored_tensor *tensor, slr_case_layout layout,
                              int64_t index);
/* The whole tensor in the engine's layout. */
void slr_case_read(const slr_reference_case *c, const char *name, slr_case_layout layout,
                   slr_real *values);

#endif
