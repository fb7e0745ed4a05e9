/* SPDX-License-Identifier: MIT
 *
 * AutoencoderKL: images (N,H,W,3) in [-1, 1] to latent moments and back. Latents of the diffusion model are
 * scaling_factor times what the encoder gives.
 */
#ifndef SLR_VAE_H
#define SLR_VAE_H

#include "models/layers.h"

enum { SLR_VAE_MAX_LEVELS = 8 };

typedef struct slr_vae_config {
    int64_t in_channels, out_channels, latent_channels;
    int levels;
    int64_t channels[SLR_VAE_MAX_LEVELS];
    int layers_per_block;
    int groups;
    double scaling_factor;
    bool quant_conv, post_quant_conv;
} slr_vae_config;

/* Image side over latent side: 2^(levels-1). */
int slr_vae_factor(const slr_vae_config *config);

/* image (N,H,W,3) -> moments (N,h,w,2L): mean in the first L channels, log variance (not yet clamped to [-30, 20]) in the
 * last L. The builder stands at "vae". */
slr_tid slr_vae_build_encoder(slr_builder *b, const slr_vae_config *config, slr_tid image);

/* latent (N,h,w,L), already divided by scaling_factor -> image (N,H,W,3), not clamped. */
slr_tid slr_vae_build_decoder(slr_builder *b, const slr_vae_config *config, slr_tid latent);

#endif
