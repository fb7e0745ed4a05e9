/* SPDX-License-Identifier: MIT
 *
 * Has caused bugs elsewhere: all norms have eps 1e-6 (the U-Net's 1e-5); down-sampling pads right and bottom
 * only; the middle attention has one head; half precision overflows.
 */
#include "models/vae.h"

static const double norm_eps = 1e-6;

int slr_vae_factor(const slr_vae_config *config)
{
    return 1 << (config->levels - 1);
}

static slr_tid resnet(slr_builder *b, const slr_vae_config *config, slr_tid x, int index, int64_t channels)
{
    int mark = slr_enter(b, "resnets.%d", index);
    x = slr_layer_resnet(b, x, -1, channels, config->groups, norm_eps);
    slr_leave(b, mark);
    return x;
}

static slr_tid mid_attention(slr_builder *b, const slr_vae_config *config, slr_tid x)
{
    const int64_t *shape = slr_shape(b, x);
    int64_t map[4] = {shape[0], shape[1], shape[2], shape[3]};
    int mark = slr_enter(b, "attentions.0");
    slr_tid h = slr_layer_group_norm(b, x, "group_norm", config->groups, norm_eps, false);
    h = slr_graph_reshape(b->graph, h, 3, (int64_t[]){map[0], map[1] * map[2], map[3]});
    h = slr_layer_attention(b, h, h, 1, true);
    h = slr_graph_reshape(b->graph, h, 4, map);
    x = slr_graph_add(b->graph, x, h, b->path);
    slr_leave(b, mark);
    return x;
}

static slr_tid mid_block(slr_builder *b, const slr_vae_config *config, slr_tid x)
{
    int64_t channels = config->channels[config->levels - 1];
    int mark = slr_enter(b, "mid_block");
    x = resnet(b, config, x, 0, channels);
    x = mid_attention(b, config, x);
    x = resnet(b, config, x, 1, channels);
    slr_leave(b, mark);
    return x;
}

slr_tid slr_vae_build_encoder(slr_builder *b, const slr_vae_config *config, slr_tid image)
{
    int mark = slr_enter(b, "encoder");
    slr_tid x = slr_layer_conv(b, image, "conv_in", config->channels[0], 3);
    for (int level = 0; level < config->levels; level++) {
        int inner = slr_enter(b, "down_blocks.%d", level);
        for (int j = 0; j < config->layers_per_block; j++)
            x = resnet(b, config, x, j, config->channels[level]);
        if (level + 1 < config->levels)
            x = slr_graph_conv2d(b->graph, x, slr_path(b, "downsamplers.0.conv"),
                                 config->channels[level], 3, 2, (slr_pads){0, 0, 1, 1});
        slr_leave(b, inner);
    }
    x = mid_block(b, config, x);
    x = slr_layer_group_norm(b, x, "conv_norm_out", config->groups, norm_eps, true);
    x = slr_layer_conv(b, x, "conv_out", 2 * config->latent_channels, 3);
    slr_leave(b, mark);
    if (config->quant_conv)
        x = slr_layer_conv(b, x, "quant_conv", 2 * config->latent_channels, 1);
    return x;
}

slr_tid slr_vae_build_decoder(slr_builder *b, const slr_vae_config *config, slr_tid latent)
{
    slr_tid x = latent;
    if (config->post_quant_conv)
        x = slr_layer_conv(b, x, "post_quant_conv", config->latent_channels, 1);
    int mark = slr_enter(b, "decoder");
    x = slr_layer_conv(b, x, "conv_in", config->channels[config->levels - 1], 3);
    x = mid_block(b, config, x);
    for (int index = 0; index < config->levels; index++) {
        int level = config->levels - 1 - index;
        int inner = slr_enter(b, "up_blocks.%d", index);
        for (int j = 0; j <= config->layers_per_block; j++)
            x = resnet(b, config, x, j, config->channels[level]);
        if (level > 0) {
            const int64_t *shape = slr_shape(b, x);
            x = slr_graph_upsample(b->graph, x, 2 * shape[1], 2 * shape[2], b->path);
            x = slr_layer_conv(b, x, "upsamplers.0.conv", config->channels[level], 3);
        }
        slr_leave(b, inner);
    }
    x = slr_layer_group_norm(b, x, "conv_norm_out", config->groups, norm_eps, true);
    x = slr_layer_conv(b, x, "conv_out", config->out_channels, 3);
    slr_leave(b, mark);
    return x;
}
