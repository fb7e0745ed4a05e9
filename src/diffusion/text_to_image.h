/* SPDX-License-Identifier: MIT
 *
 * Prompts in, pictures out: a model's tokenizer, schedule and pipeline held together.
 *
 *     slr_text_to_image *artist;
 *     SLR_TRY(slr_text_to_image_new(model, adapters, &(slr_text_to_image_options){.backend = backend, .threads = 2,
 *             .batch = 1, .width = 512, .height = 512, .sampler = SLR_SAMPLER_PNDM, .steps = 50, .guidance = 7.5,
 *             .negative = ""}, &artist, err));
 *     SLR_TRY(slr_text_to_image_allocate(artist, err));
 *     SLR_TRY(slr_text_to_image_draw(artist, &prompt, &index, 1, seed, pixels, NULL, NULL, err));
 *     slr_text_to_image_free(artist);
 */
#ifndef SLR_TEXT_TO_IMAGE_H
#define SLR_TEXT_TO_IMAGE_H

#include "diffusion/pipeline.h"

typedef struct slr_text_to_image_options {
    const slr_backend *backend;
    int threads;
    int batch;         /* pictures computed together, at most */
    int width, height; /* of the pictures, multiples of the VAE's factor */
    slr_sampler_kind sampler;
    int steps;
    double guidance; /* 1 and below: one network row a picture */
    const char *negative; /* "" for none; copied */
} slr_text_to_image_options;

typedef struct slr_text_to_image slr_text_to_image;

/* Opens tokenizer and scheduler of the model, plans everything. `adapters` may be NULL; they stay as they are while the
 * artist lives, who remembers what the text encoder said. */
selora_status slr_text_to_image_new(const slr_model *model, slr_adapter_set *adapters,
                                    const slr_text_to_image_options *options, slr_text_to_image **artist,
                                    slr_error *err);
void slr_text_to_image_free(slr_text_to_image *artist);
size_t slr_text_to_image_bytes(const slr_text_to_image *artist); /* working memory */
selora_status slr_text_to_image_allocate(slr_text_to_image *artist, slr_error *err);

/* Whether `prompt` is longer than the text encoder sees. */
bool slr_text_to_image_cuts(const slr_text_to_image *artist, const char *prompt);

/* Draws `count` <= batch pictures into pixels (count, height, width, 3), 0..1. Picture i starts from noise of
 * (seed, indices[i]). after_call as in slr_sampling, may be NULL. */
selora_status slr_text_to_image_draw(slr_text_to_image *artist, const char *const *prompts,
                                     const uint32_t *indices, int count, uint64_t seed, float *pixels,
                                     selora_status (*after_call)(void *context, int call, int calls,
                                                                 const slr_real *x, slr_error *err),
                                     void *context, slr_error *err);

#endif
