/* SPDX-License-Identifier: MIT
 *
 * Vision transformers: CLIP's image tower and DINOv2 (RAD-DINO). Both are pre-LN encoders over patches and a class
 * token; CLIP has a norm in front, a projection behind and quick GELU, DINOv2 scales what each block adds.
 */
#ifndef SLR_VIT_H
#define SLR_VIT_H

#include "models/clip_text.h"
#include "models/feature_builder.h"

/* The names that a file may use. */
typedef enum slr_vit_names {
    SLR_VIT_CLIP,   /* transformers' CLIPModel */
    SLR_VIT_DINOV2, /* transformers' Dinov2Model */
    SLR_VIT_BLOCKS  /* the authors' own and timm's: blocks.0.attn.qkv */
} slr_vit_names;

typedef struct slr_vit_config {
    slr_vit_names names;
    int64_t patch, width, mlp_width, grid; /* grid: patches along a side */
    int layers, heads;
    slr_activation activation;
    double norm_eps;
} slr_vit_config;

/* Reads sizes from the tensors, heads (default width / 64), activation and eps from config.json. The file's prefix is
 * found here. `side` 0: what the position embeddings are for. */
selora_status slr_vit_config_read(slr_feature_file *file, bool clip, int64_t side, slr_vit_config *config,
                                  slr_error *err);

/* patches (N, 1 + grid^2, 3 patch^2): zeros for the class token, then each patch as channel, row, column; `zeros` (N)
 * holds zeros, `ids` (N, 1 + grid^2) a zero and ones. Features (N, D). */
slr_tid slr_vit_build(slr_feature_builder *f, const slr_vit_config *config, slr_tid patches, slr_tid ids, slr_tid zeros);

/* CLIP's text tower with its projection: sizes as above; `ends` (N) are the places of the end-of-text tokens. */
selora_status slr_clip_text_config_from_file(const slr_feature_file *file, slr_clip_text_config *config,
                                             slr_error *err);
slr_tid slr_clip_text_build_projected(slr_feature_builder *f, const slr_clip_text_config *config, slr_tid ids,
                                      slr_tid ends);

#endif
