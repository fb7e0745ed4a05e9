/* SPDX-License-Identifier: MIT
 *
 * The one table of the names that adapter files give to tensors. Inside, a layer has one path:
 * "unet." or "text_encoder.text_model." and the module path of diffusers.
 *
 *     slr_key key;
 *     slr_key_read(SLR_NAMES_KOHYA, "lora_te_text_model_encoder_layers_0_mlp_fc1.alpha", &key);
 *     if (key.role == SLR_KEY_ALPHA) ... key.path ...
 */
#ifndef SLR_ADAPTER_NAMES_H
#define SLR_ADAPTER_NAMES_H

#include <stdbool.h>
#include <stddef.h>

enum { SLR_LAYER_PATH = 512 };

/* Families of names. */
typedef enum slr_names {
    SLR_NAMES_KOHYA,     /* lora_unet_MODULE.lora_down.weight, .alpha */
    SLR_NAMES_PEFT,      /* base_model.model.MODULE.lora_A.weight */
    SLR_NAMES_DIFFUSERS, /* unet.MODULE.lora_A.weight and its elder forms, also without "unet." */
    SLR_NAMES_PUBLISHED, /* MODULE.lora_A among the weights of a whole network */
    SLR_NAMES_KINDS
} slr_names;

typedef enum slr_key_role {
    SLR_KEY_UNKNOWN, /* not of this family */
    SLR_KEY_DOWN,    /* A */
    SLR_KEY_UP,      /* B */
    SLR_KEY_ALPHA,
    SLR_KEY_BESIDE, /* known not to belong to the adapter: base weights, temporary rows */
    SLR_KEY_REFUSED /* part of a form that selora does not apply: `reason` */
} slr_key_role;

typedef struct slr_key {
    slr_key_role role;
    char path[SLR_LAYER_PATH]; /* of DOWN, UP, ALPHA */
    bool text_long, text_short; /* of a text encoder, with and without "text_model." */
    bool bare;                  /* the module alone, where "unet." or "text_encoder." may stand before it */
    const char *reason;
} slr_key;

/* What a tensor's name says when it is read as one of the family. */
void slr_key_read(slr_names names, const char *name, slr_key *key);

/* Which family claims the name; false for none. */
bool slr_names_claim(const char *name, slr_names *names);

/* A name of another base model: what it is for ("SDXL"), NULL for none that is known. */
const char *slr_names_foreign(const char *name);

/* The forms that are written. `short_text`: text encoders without the level "text_model.", which
 * newer ones do not have. False when the name would be too long. */
bool slr_name_write(slr_names names, const char *path, bool short_text, slr_key_role role,
                    char name[SLR_LAYER_PATH + 64]);

/* The path after "unet." or "text_encoder."; with `short_text` also after "text_model.". */
const char *slr_module_of(const char *path, bool short_text);

/* "unet" or "text_encoder". */
const char *slr_component_of(const char *path);

#endif
