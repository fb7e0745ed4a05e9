/* SPDX-License-Identifier: MIT
 *
 * The config.json files of a diffusers folder, honoured key by key: a key that changes the network and has a
 * value selora does not support is refused by its name.
 */
#ifndef SLR_MODEL_CONFIG_H
#define SLR_MODEL_CONFIG_H

#include <jansson.h>

#include "core/problems.h"
#include "models/clip_text.h"
#include "models/unet.h"
#include "models/vae.h"

/* `file` names the file in messages; every problem goes into the list. A missing key has the default that diffusers and
 * transformers give it. */
void slr_unet_config_read(const json_t *root, const char *file, slr_unet_config *config,
                          slr_problems *problems);
void slr_vae_config_read(const json_t *root, const char *file, slr_vae_config *config,
                         slr_problems *problems);
void slr_clip_text_config_read(const json_t *root, const char *file, slr_clip_text_config *config,
                               slr_problems *problems);

/* The configuration of Stable Diffusion 1.x, for single files that carry none and for benchmarks. */
void slr_unet_config_sd15(slr_unet_config *config);
void slr_vae_config_sd15(slr_vae_config *config);
void slr_clip_text_config_sd15(slr_clip_text_config *config);

#endif
