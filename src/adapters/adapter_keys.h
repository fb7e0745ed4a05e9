/* SPDX-License-Identifier: MIT
 *
 * Under which names adapter files store the pair of a layer.
 *
 *     slr_adapter_style style;
 *     SLR_TRY(slr_adapter_style_of(file, &style, err));
 *     slr_adapter_keys keys = slr_adapter_keys_find(file, style, "unet.mid_block...to_q");
 *     if (keys.a) ...
 */
#ifndef SLR_ADAPTER_KEYS_H
#define SLR_ADAPTER_KEYS_H

#include "io/safetensors.h"

typedef enum slr_adapter_style {
    SLR_ADAPTER_DIFFUSERS, /* unet.MODULE.lora_A.weight and its elder forms */
    SLR_ADAPTER_KOHYA      /* lora_unet_MODULE.lora_down.weight, .alpha */
} slr_adapter_style;

/* The tensors of one layer; twin_*: the same once more under the text encoder's other layout.
 * NULL: not there. */
typedef struct slr_adapter_keys {
    const slr_stored_tensor *a, *b, *alpha;
    const slr_stored_tensor *twin_a, *twin_b, *twin_alpha;
} slr_adapter_keys;

/* By the first name that tells; SELORA_BAD_INPUT for files that are no adapter or one of another
 * kind. */
selora_status slr_adapter_style_of(const slr_safetensors *file, slr_adapter_style *style,
                                   slr_error *err);

slr_adapter_keys slr_adapter_keys_find(const slr_safetensors *file, slr_adapter_style style,
                                       const char *path);

/* Why a tensor cannot be used, for lists of what did not fit. */
const char *slr_adapter_key_problem(const char *name);

#endif
