/* SPDX-License-Identifier: MIT
 *
 * The CLIP text encoder: pre-LN transformer, causal, no padding mask; Stable Diffusion uses the last hidden
 * state after final_layer_norm.
 */
#ifndef SLR_CLIP_TEXT_H
#define SLR_CLIP_TEXT_H

#include "models/layers.h"

typedef struct slr_clip_text_config {
    int64_t vocabulary, positions; /* vocab_size, max_position_embeddings */
    int64_t width, mlp_width;      /* hidden_size, intermediate_size */
    int layers, heads;
    slr_activation activation; /* hidden_act: quick_gelu or gelu */
    double norm_eps;
} slr_clip_text_config;

/* ids (N, T) -> last hidden state (N, T, D). The builder stands at the component "text_encoder". */
slr_tid slr_clip_text_build(slr_builder *b, const slr_clip_text_config *config, slr_tid ids);

#endif
