/* SPDX-License-Identifier: MIT
 *
 * UNet2DConditionModel of the Stable Diffusion 1.x layout: the denoiser.
 */
#ifndef SLR_UNET_H
#define SLR_UNET_H

#include "models/layers.h"

enum { SLR_UNET_MAX_LEVELS = 8 };

typedef struct slr_unet_config {
    int64_t in_channels, out_channels;
    int64_t sample_size; /* side of the latents the model was made for; any other works too */
    int levels;
    int64_t channels[SLR_UNET_MAX_LEVELS]; /* block_out_channels */
    bool down_attention[SLR_UNET_MAX_LEVELS]; /* CrossAttnDownBlock2D, from the input side */
    bool up_attention[SLR_UNET_MAX_LEVELS];   /* CrossAttnUpBlock2D, in the order of up_blocks */
    int heads[SLR_UNET_MAX_LEVELS]; /* attention_head_dim: the NUMBER of heads, a name with history */
    int layers_per_block;
    int64_t cross_attention_width;
    int groups;
    double norm_eps;
    bool linear_projection; /* proj_in, proj_out as linear layers instead of 1x1 convolutions */
    bool flip_sin_to_cos;
    double freq_shift;
} slr_unet_config;

/* sample (N,H,W,4), timestep (N), states (N,T,D) -> prediction (N,H,W,4). The builder stands at "unet". H and W are free:
 * up-sampling goes to the size of the skip it meets. */
slr_tid slr_unet_build(slr_builder *b, const slr_unet_config *config, slr_tid sample, slr_tid timestep,
                       slr_tid states);

#endif
