/* SPDX-License-Identifier: MIT
 *
 * Has caused bugs elsewhere: attention_head_dim is the number of heads; the Transformer2DModel norm has eps 1e-6,
 * the resnet norms norm_eps; skips are concatenated after the running map; cosines come before sines;
 * sizes that do not halve evenly (28, 14, 7, 4) up-sample to the skip's size, not by two.
 */
#include "models/unet.h"

static const double transformer_norm_eps = 1e-6; /* Transformer2DModel.norm */
static const double block_norm_eps = 1e-5;       /* BasicTransformerBlock.norm1-3 */

enum { MAX_SKIPS = SLR_UNET_MAX_LEVELS * 17 + 1 };

/* What every block needs, and the stack of skips. */
typedef struct unet {
    slr_builder *b;
    const slr_unet_config *config;
    slr_tid time;   /* SiLU of the time embedding (N, E) */
    slr_tid states; /* (N, T, D) */
    slr_tid skips[MAX_SKIPS];
    int skip_count;
} unet;

static slr_tid transformer_block(unet *u, slr_tid x, int heads)
{
    slr_builder *b = u->b;
    int64_t width = slr_shape(b, x)[2];
    int mark = slr_enter(b, "transformer_blocks.0");
    slr_tid h = slr_layer_norm(b, x, "norm1", block_norm_eps);
    int inner = slr_enter(b, "attn1");
    h = slr_layer_attention(b, h, h, heads, false);
    slr_leave(b, inner);
    x = slr_graph_add(b->graph, x, h, b->path);
    h = slr_layer_norm(b, x, "norm2", block_norm_eps);
    inner = slr_enter(b, "attn2");
    h = slr_layer_attention(b, h, u->states, heads, false);
    slr_leave(b, inner);
    x = slr_graph_add(b->graph, x, h, b->path);
    h = slr_layer_norm(b, x, "norm3", block_norm_eps);
    h = slr_layer_linear(b, h, "ff.net.0.proj", 8 * width, true);
    h = slr_graph_geglu(b->graph, h, slr_path(b, "ff.net.0"));
    h = slr_layer_linear(b, h, "ff.net.2", width, true);
    x = slr_graph_add(b->graph, x, h, b->path);
    slr_leave(b, mark);
    return x;
}

/* Transformer2DModel: norm, proj_in, one block over the pixels as tokens, proj_out, + input. */
static slr_tid spatial_transformer(unet *u, slr_tid x, int heads)
{
    slr_builder *b = u->b;
    const int64_t *shape = slr_shape(b, x);
    int64_t map[4] = {shape[0], shape[1], shape[2], shape[3]};
    int64_t tokens[3] = {map[0], map[1] * map[2], map[3]};
    bool linear = u->config->linear_projection;
    slr_tid h = slr_layer_group_norm(b, x, "norm", u->config->groups, transformer_norm_eps, false);
    if (!linear)
        h = slr_layer_conv(b, h, "proj_in", map[3], 1);
    h = slr_graph_reshape(b->graph, h, 3, tokens);
    if (linear)
        h = slr_layer_linear(b, h, "proj_in", map[3], true);
    h = transformer_block(u, h, heads);
    if (linear)
        h = slr_layer_linear(b, h, "proj_out", map[3], true);
    h = slr_graph_reshape(b->graph, h, 4, map);
    if (!linear)
        h = slr_layer_conv(b, h, "proj_out", map[3], 1);
    return slr_graph_keep(b->graph, slr_graph_add(b->graph, x, h, b->path));
}

static slr_tid resnet(unet *u, slr_tid x, int index, int64_t channels)
{
    int mark = slr_enter(u->b, "resnets.%d", index);
    x = slr_layer_resnet(u->b, x, u->time, channels, u->config->groups, u->config->norm_eps);
    slr_leave(u->b, mark);
    return x;
}

static slr_tid attention(unet *u, slr_tid x, int index, int heads)
{
    int mark = slr_enter(u->b, "attentions.%d", index);
    x = spatial_transformer(u, x, heads);
    slr_leave(u->b, mark);
    return x;
}

static void push_skip(unet *u, slr_tid x)
{
    slr_graph_keep(u->b->graph, x);
    if (u->skip_count < MAX_SKIPS)
        u->skips[u->skip_count++] = x;
    else
        slr_graph_fail(u->b->graph, SELORA_BAD_INPUT, "unet config: layers_per_block is too large");
}

static slr_tid down_block(unet *u, slr_tid x, int level)
{
    const slr_unet_config *config = u->config;
    int mark = slr_enter(u->b, "down_blocks.%d", level);
    for (int j = 0; j < config->layers_per_block; j++) {
        x = resnet(u, x, j, config->channels[level]);
        if (config->down_attention[level])
            x = attention(u, x, j, config->heads[level]);
        push_skip(u, x);
    }
    if (level + 1 < config->levels) {
        x = slr_graph_conv2d(u->b->graph, x, slr_path(u->b, "downsamplers.0.conv"),
                             config->channels[level], 3, 2, (slr_pads){1, 1, 1, 1});
        push_skip(u, x);
    }
    slr_leave(u->b, mark);
    return x;
}

static slr_tid mid_block(unet *u, slr_tid x)
{
    int last = u->config->levels - 1;
    int mark = slr_enter(u->b, "mid_block");
    x = resnet(u, x, 0, u->config->channels[last]);
    x = attention(u, x, 0, u->config->heads[last]);
    x = resnet(u, x, 1, u->config->channels[last]);
    slr_leave(u->b, mark);
    return x;
}

static slr_tid up_block(unet *u, slr_tid x, int index)
{
    slr_builder *b = u->b;
    const slr_unet_config *config = u->config;
    int level = config->levels - 1 - index;
    int mark = slr_enter(b, "up_blocks.%d", index);
    for (int j = 0; j <= config->layers_per_block; j++) {
        slr_tid skip = u->skip_count > 0 ? u->skips[--u->skip_count] : -1;
        x = slr_graph_concat(b->graph, x, skip, b->path);
        x = resnet(u, x, j, config->channels[level]);
        if (config->up_attention[index])
            x = attention(u, x, j, config->heads[level]);
    }
    if (level > 0) {
        const int64_t *size = slr_shape(b, u->skip_count > 0 ? u->skips[u->skip_count - 1] : -1);
        x = slr_graph_upsample(b->graph, x, size[1], size[2], b->path);
        x = slr_graph_keep(b->graph, slr_layer_conv(b, x, "upsamplers.0.conv", config->channels[level], 3));
    }
    slr_leave(b, mark);
    return x;
}

static slr_tid time_embedding(slr_builder *b, const slr_unet_config *config, slr_tid timestep)
{
    int64_t width = config->channels[0];
    slr_tid t = slr_graph_timestep(b->graph, timestep, width, config->flip_sin_to_cos,
                                   config->freq_shift, slr_path(b, "time_proj"));
    t = slr_layer_linear(b, t, "time_embedding.linear_1", 4 * width, true);
    t = slr_graph_activation(b->graph, t, SLR_ACT_SILU, slr_path(b, "time_embedding.act"));
    t = slr_layer_linear(b, t, "time_embedding.linear_2", 4 * width, true);
    /* Every resnet begins with SiLU of the embedding: computed once. */
    return slr_graph_activation(b->graph, t, SLR_ACT_SILU, slr_path(b, "time_embedding"));
}

slr_tid slr_unet_build(slr_builder *b, const slr_unet_config *config, slr_tid sample, slr_tid timestep,
                       slr_tid states)
{
    unet u = {.b = b, .config = config, .states = states};
    u.time = time_embedding(b, config, timestep);
    slr_tid x = slr_layer_conv(b, sample, "conv_in", config->channels[0], 3);
    push_skip(&u, x);
    for (int level = 0; level < config->levels; level++)
        x = down_block(&u, x, level);
    x = mid_block(&u, x);
    for (int index = 0; index < config->levels; index++)
        x = up_block(&u, x, index);
    x = slr_layer_group_norm(b, x, "conv_norm_out", config->groups, config->norm_eps, true);
    return slr_layer_conv(b, x, "conv_out", config->out_channels, 3);
}
