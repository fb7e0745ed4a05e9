/* SPDX-License-Identifier: MIT
 *
 * A complete but very small model with random weights, in memory or as a diffusers folder on disk: latents have half
 * the pictures' side, texts are 12 tokens of a byte-level vocabulary.
 *
 *     slr_model *model = tiny_model(1);
 *     tiny_folder_write(scratch_path("model"), 1);          (the same weights)
 */
#ifndef TINY_FOLDER_H
#define TINY_FOLDER_H

#include "models/model.h"

enum { TINY_TOKENS = 12, TINY_VOCABULARY = 515, TINY_FACTOR = 2 };

void tiny_configs(slr_unet_config *unet, slr_vae_config *vae, slr_clip_text_config *text);
/* Ends the test program when it cannot be made. slr_model_free() it. */
slr_model *tiny_model(uint64_t seed);
/* `folder` must not exist. Ends the test program on failure. */
void tiny_folder_write(const char *folder, uint64_t seed);

#endif
