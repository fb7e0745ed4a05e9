/* SPDX-License-Identifier: MIT
 *
 * One canonical name for every weight ("unet.", "text_encoder.text_model.", "vae." + the module
 * path of current diffusers), and the names under which files of all generations store it.
 */
#ifndef SLR_WEIGHT_NAMES_H
#define SLR_WEIGHT_NAMES_H

#include <stdbool.h>

#include "models/unet.h"
#include "models/vae.h"

enum { SLR_STORED_NAME = 256, SLR_MAX_STORED_NAMES = 3 };

/* What a file's names depend on. */
typedef struct slr_name_rules {
    bool single_file; /* LDM names with their three prefixes */
    int unet_layers_per_block;
    bool unet_up_attention[SLR_UNET_MAX_LEVELS];
    int vae_levels;
} slr_name_rules;

/* The stored names to try for a canonical one, most likely first; returns how many. */
int slr_stored_names(const slr_name_rules *rules, const char *canonical,
                     char names[SLR_MAX_STORED_NAMES][SLR_STORED_NAME]);

/* True for tensors that belong to no network and may be skipped (position_ids, LDM buffers,
 * averaged copies). */
bool slr_stored_name_is_ignorable(bool single_file, const char *stored);

#endif
