/* SPDX-License-Identifier: MIT
 *
 * Has caused bugs elsewhere: a padding mask (Stable Diffusion uses none), the penultimate layer (SD 2 only),
 * GELU where the config says quick_gelu.
 */
#include "models/clip_text.h"

static slr_tid self_attention(slr_builder *b, const slr_clip_text_config *config, slr_tid x)
{
    int mark = slr_enter(b, "self_attn");
    slr_tid q = slr_layer_linear(b, x, "q_proj", config->width, true);
    slr_tid k = slr_layer_linear(b, x, "k_proj", config->width, true);
    slr_tid v = slr_layer_linear(b, x, "v_proj", config->width, true);
    x = slr_graph_attention(b->graph, q, k, v, config->heads, true, b->path);
    x = slr_layer_linear(b, x, "out_proj", config->width, true);
    slr_leave(b, mark);
    return x;
}

static slr_tid layer(slr_builder *b, const slr_clip_text_config *config, slr_tid x)
{
    slr_tid h = slr_layer_norm(b, x, "layer_norm1", config->norm_eps);
    x = slr_graph_add(b->graph, x, self_attention(b, config, h), b->path);
    h = slr_layer_norm(b, x, "layer_norm2", config->norm_eps);
    h = slr_layer_linear(b, h, "mlp.fc1", config->mlp_width, true);
    h = slr_graph_activation(b->graph, h, config->activation, slr_path(b, "mlp"));
    h = slr_layer_linear(b, h, "mlp.fc2", config->width, true);
    return slr_graph_keep(b->graph, slr_graph_add(b->graph, x, h, b->path));
}

slr_tid slr_clip_text_build(slr_builder *b, const slr_clip_text_config *config, slr_tid ids)
{
    int mark = slr_enter(b, "text_model");
    char position_path[sizeof b->joined];
    const char *joined = slr_path(b, "embeddings.position_embedding");
    for (size_t i = 0; i < sizeof position_path; i++)
        position_path[i] = joined[i];
    slr_tid x = slr_graph_embedding(b->graph, ids, slr_path(b, "embeddings.token_embedding"),
                                    config->vocabulary, position_path, config->positions, config->width);
    for (int i = 0; i < config->layers; i++) {
        int inner = slr_enter(b, "encoder.layers.%d", i);
        x = layer(b, config, x);
        slr_leave(b, inner);
    }
    x = slr_layer_norm(b, x, "final_layer_norm", config->norm_eps);
    slr_leave(b, mark);
    return x;
}
