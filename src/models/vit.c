/* SPDX-License-Identifier: MIT
 *
 * Has caused bugs elsewhere: CLIP's pre_layrnorm (so spelled) has no counterpart in DINOv2; the class token is
 * taken after the last norm in both; only CLIP's patches have no bias; LayerNorm's eps differs (1e-5, 1e-6).
 */
#include "models/vit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_SIDE = 2048, MAX_PATCH = 64, MAX_WIDTH = 8192 };

/* Where things are called differently; NULL: there is none. */
typedef struct names {
    const char *class_token, *positions, *patch, *pre_norm, *layer;
    const char *norm1, *q, *k, *v, *qkv, *out, *scale1, *norm2, *scale2, *norm, *projection;
    bool patch_bias;
} names;

static const names all_names[] = {
    [SLR_VIT_CLIP] = {.class_token = "embeddings.class_embedding",
                      .positions = "embeddings.position_embedding.weight",
                      .patch = "embeddings.patch_embedding",
                      .pre_norm = "pre_layrnorm",
                      .layer = "encoder.layers.%d",
                      .norm1 = "layer_norm1",
                      .q = "self_attn.q_proj",
                      .k = "self_attn.k_proj",
                      .v = "self_attn.v_proj",
                      .out = "self_attn.out_proj",
                      .norm2 = "layer_norm2",
                      .norm = "post_layernorm",
                      .projection = "visual_projection"},
    [SLR_VIT_DINOV2] = {.class_token = "embeddings.cls_token",
                        .positions = "embeddings.position_embeddings",
                        .patch = "embeddings.patch_embeddings.projection",
                        .layer = "encoder.layer.%d",
                        .norm1 = "norm1",
                        .q = "attention.attention.query",
                        .k = "attention.attention.key",
                        .v = "attention.attention.value",
                        .out = "attention.output.dense",
                        .scale1 = "layer_scale1.lambda1",
                        .norm2 = "norm2",
                        .scale2 = "layer_scale2.lambda1",
                        .norm = "layernorm",
                        .patch_bias = true},
    [SLR_VIT_BLOCKS] = {.class_token = "cls_token",
                        .positions = "pos_embed",
                        .patch = "patch_embed.proj",
                        .layer = "blocks.%d",
                        .norm1 = "norm1",
                        .qkv = "attn.qkv",
                        .out = "attn.proj",
                        .scale1 = "ls1.gamma",
                        .norm2 = "norm2",
                        .scale2 = "ls2.gamma",
                        .norm = "norm",
                        .patch_bias = true},
};

static selora_status read_activation(const slr_feature_file *file, const char *section, slr_activation fallback,
                                     slr_activation *activation, slr_error *err)
{
    const char *name = slr_feature_file_config_text(file, section, "hidden_act", NULL);
    *activation = fallback;
    if (!name)
        return SELORA_OK;
    if (strcmp(name, "quick_gelu") == 0)
        *activation = SLR_ACT_QUICK_GELU;
    else if (strcmp(name, "gelu") == 0)
        *activation = SLR_ACT_GELU;
    else
        return slr_fail(err, SELORA_BAD_INPUT,
                        "config.json beside %s: hidden_act is %.60s, supported are quick_gelu and gelu",
                        slr_safetensors_path(file->tensors), name);
    return SELORA_OK;
}

static selora_status fail_sizes(const slr_feature_file *file, const char *what, int64_t found, const char *expected,
                                slr_error *err)
{
    return slr_fail(err, SELORA_BAD_INPUT, "%s: %s %lld, expected %s", slr_safetensors_path(file->tensors), what,
                    (long long)found, expected);
}

/* The sizes that stand in the tensors; `own` are the positions that are stored. */
static int64_t read_tensors(const slr_feature_file *file, const names *n, slr_vit_config *config)
{
    char name[192], format[192];
    const slr_stored_tensor *class_token = slr_feature_file_find(file, n->class_token);
    const slr_stored_tensor *positions = slr_feature_file_find(file, n->positions);
    config->width = class_token ? slr_stored_count(class_token) : 1;
    snprintf(name, sizeof name, "%s.weight", n->patch);
    config->patch = slr_feature_file_size(file, name, 3);
    snprintf(format, sizeof format, "%s.%s.weight", n->layer, n->norm1);
    config->layers = slr_feature_file_count(file, format);
    snprintf(format, sizeof format, "%s.mlp.fc1.weight", n->layer);
    snprintf(name, sizeof name, format, 0);
    config->mlp_width = slr_feature_file_size(file, name, 0);
    return positions && config->width > 0 ? slr_stored_count(positions) / config->width : 0;
}

static selora_status check_sizes(const slr_feature_file *file, int64_t positions, int64_t side,
                                 const slr_vit_config *config, slr_error *err)
{
    int64_t grid = (int64_t)lrint(sqrt((double)(positions > 0 ? positions - 1 : 0)));
    if (config->width < 1 || config->width > MAX_WIDTH)
        return fail_sizes(file, "the width is", config->width, "1 to 8192", err);
    if (config->patch < 1 || config->patch > MAX_PATCH)
        return fail_sizes(file, "the side of a patch is", config->patch, "1 to 64", err);
    if (grid < 1 || grid * grid + 1 != positions)
        return fail_sizes(file, "positions:", positions, "a square grid and one for the class token", err);
    if (config->layers < 1)
        return fail_sizes(file, "layers:", config->layers, "at least one", err);
    if (config->heads < 1 || config->width % config->heads != 0)
        return fail_sizes(file, "heads:", config->heads,
                          "a divisor of the width (num_attention_heads of config.json, else width / 64)", err);
    if (side % config->patch != 0 || side > MAX_SIDE || grid * config->patch > MAX_SIDE)
        return fail_sizes(file, "the side of a patch is", config->patch,
                          "one that divides the side of the picture, which is at most 2048", err);
    return SELORA_OK;
}

selora_status slr_vit_config_read(slr_feature_file *file, bool clip, int64_t side, slr_vit_config *config,
                                  slr_error *err)
{
    const char *section = clip ? "vision_config" : NULL;
    *config = (slr_vit_config){.names = SLR_VIT_CLIP, .norm_eps = clip ? 1e-5 : 1e-6};
    if (!clip)
        config->names = slr_feature_file_anchor(file, all_names[SLR_VIT_DINOV2].class_token) ? SLR_VIT_DINOV2
                                                                                              : SLR_VIT_BLOCKS;
    const names *n = &all_names[config->names];
    if (!slr_feature_file_anchor(file, n->class_token))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: no tensor %s; expected the names of %s",
                        slr_safetensors_path(file->tensors), clip ? n->class_token : "embeddings.cls_token or cls_token",
                        clip ? "transformers' CLIPModel" : "transformers' Dinov2Model or of DINOv2's authors");
    int64_t positions = read_tensors(file, n, config);
    config->heads = (int)slr_feature_file_config_int(file, section, "num_attention_heads", config->width / 64);
    config->norm_eps = slr_feature_file_config_number(file, section, "layer_norm_eps", config->norm_eps);
    SLR_TRY(read_activation(file, section, clip ? SLR_ACT_QUICK_GELU : SLR_ACT_GELU, &config->activation, err));
    SLR_TRY(check_sizes(file, positions, side, config, err));
    config->grid = side ? side / config->patch : (int64_t)lrint(sqrt((double)(positions - 1)));
    return SELORA_OK;
}

/* A linear map, times the layer scale `scale` where there is one. */
static slr_tid linear(slr_feature_builder *f, slr_tid x, const char *name, int64_t out, const char *scale)
{
    if (scale) {
        slr_recipe recipe = {.kind = SLR_RECIPE_SCALE};
        snprintf(recipe.source, sizeof recipe.source, "%s", slr_feature_path(f, name));
        snprintf(recipe.other, sizeof recipe.other, "%s", slr_feature_path(f, scale));
        slr_feature_recipe(f, name, recipe);
    }
    return slr_graph_linear(f->b.graph, x, slr_path(&f->b, name), out, true);
}

/* Part 0, 1, 2 of the joint map: q, k, v. */
static slr_tid third(slr_feature_builder *f, slr_tid x, const char *joint, int part, int64_t width)
{
    char name[64];
    slr_recipe recipe = {.kind = SLR_RECIPE_THIRD, .part = part};
    snprintf(recipe.source, sizeof recipe.source, "%s", slr_feature_path(f, joint));
    snprintf(name, sizeof name, "%s.%c", joint, "qkv"[part]);
    slr_feature_recipe(f, name, recipe);
    return slr_graph_linear(f->b.graph, x, slr_path(&f->b, name), width, true);
}

/* One layer. Of the last one only the class token is wanted: `first` (N) then says which row that is, else it is -1. */
static slr_tid layer(slr_feature_builder *f, const slr_vit_config *config, slr_tid x, slr_tid first)
{
    const names *n = &all_names[config->names];
    slr_graph *g = f->b.graph;
    slr_tid h = slr_layer_norm(&f->b, x, n->norm1, config->norm_eps), ask = h;
    if (first >= 0) {
        ask = slr_graph_pick(g, h, first, f->b.path);
        x = slr_graph_pick(g, x, first, f->b.path);
    }
    slr_tid q = n->qkv ? third(f, ask, n->qkv, 0, config->width) : linear(f, ask, n->q, config->width, NULL);
    slr_tid k = n->qkv ? third(f, h, n->qkv, 1, config->width) : linear(f, h, n->k, config->width, NULL);
    slr_tid v = n->qkv ? third(f, h, n->qkv, 2, config->width) : linear(f, h, n->v, config->width, NULL);
    h = slr_graph_attention(g, q, k, v, config->heads, false, f->b.path);
    x = slr_graph_add(g, x, linear(f, h, n->out, config->width, n->scale1), f->b.path);
    h = slr_layer_norm(&f->b, x, n->norm2, config->norm_eps);
    h = linear(f, h, "mlp.fc1", config->mlp_width, NULL);
    h = slr_graph_activation(g, h, config->activation, slr_path(&f->b, "mlp"));
    return slr_graph_add(g, x, linear(f, h, "mlp.fc2", config->width, n->scale2), f->b.path);
}

/* The class token and the bias of the patches as a table of two rows, and what is added at each place. */
static slr_tid embed(slr_feature_builder *f, const slr_vit_config *config, slr_tid ids)
{
    const names *n = &all_names[config->names];
    slr_recipe tokens = {.kind = SLR_RECIPE_TOKENS}, positions = {.kind = SLR_RECIPE_POSITIONS};
    snprintf(tokens.source, sizeof tokens.source, "%s", n->class_token);
    if (n->patch_bias)
        snprintf(tokens.other, sizeof tokens.other, "%s.bias", n->patch);
    snprintf(positions.source, sizeof positions.source, "%s", n->positions);
    slr_feature_recipe(f, "tokens", tokens);
    slr_feature_recipe(f, "positions", positions);
    return slr_graph_embedding(f->b.graph, ids, SLR_FEATURE_COMPONENT ".tokens", 2, SLR_FEATURE_COMPONENT ".positions",
                               config->grid * config->grid + 1, config->width);
}

slr_tid slr_vit_build(slr_feature_builder *f, const slr_vit_config *config, slr_tid patches, slr_tid ids, slr_tid zeros)
{
    const names *n = &all_names[config->names];
    slr_graph *g = f->b.graph;
    slr_tid x = slr_graph_linear(g, patches, slr_path(&f->b, n->patch), config->width, false);
    x = slr_graph_add(g, x, embed(f, config, ids), f->b.path);
    if (n->pre_norm)
        x = slr_layer_norm(&f->b, x, n->pre_norm, config->norm_eps);
    for (int i = 0; i < config->layers; i++) {
        int mark = slr_enter(&f->b, n->layer, i);
        x = layer(f, config, x, i + 1 == config->layers ? zeros : -1);
        slr_leave(&f->b, mark);
    }
    x = slr_layer_norm(&f->b, x, n->norm, config->norm_eps);
    int64_t dim = config->width;
    if (n->projection) {
        dim = slr_feature_size(f, "visual_projection.weight", 0);
        x = slr_graph_linear(g, x, slr_path(&f->b, n->projection), dim, false);
    }
    return slr_graph_reshape(g, x, 2, (int64_t[]){slr_shape(&f->b, x)[0], dim});
}

/* ---- CLIP's text tower ---- */

selora_status slr_clip_text_config_from_file(const slr_feature_file *file, slr_clip_text_config *config, slr_error *err)
{
    static const char tokens[] = "text_model.embeddings.token_embedding.weight";
    *config = (slr_clip_text_config){
        .vocabulary = slr_feature_file_size(file, tokens, 0),
        .width = slr_feature_file_size(file, tokens, 1),
        .positions = slr_feature_file_size(file, "text_model.embeddings.position_embedding.weight", 0),
        .mlp_width = slr_feature_file_size(file, "text_model.encoder.layers.0.mlp.fc1.weight", 0),
        .layers = slr_feature_file_count(file, "text_model.encoder.layers.%d.layer_norm1.weight"),
        .norm_eps = slr_feature_file_config_number(file, "text_config", "layer_norm_eps", 1e-5),
    };
    config->heads = (int)slr_feature_file_config_int(file, "text_config", "num_attention_heads", config->width / 64);
    if (!slr_feature_file_find(file, tokens))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: no %s: the file has no text tower, so texts cannot be scored",
                        slr_safetensors_path(file->tensors), tokens);
    return read_activation(file, "text_config", SLR_ACT_QUICK_GELU, &config->activation, err);
}

slr_tid slr_clip_text_build_projected(slr_feature_builder *f, const slr_clip_text_config *config, slr_tid ids,
                                      slr_tid ends)
{
    slr_tid x = slr_clip_text_build(&f->b, config, ids);
    x = slr_graph_pick(f->b.graph, x, ends, slr_path(&f->b, "text_model.pooled"));
    int64_t dim = slr_feature_size(f, "text_projection.weight", 0);
    x = slr_graph_linear(f->b.graph, x, slr_path(&f->b, "text_projection"), dim, false);
    return slr_graph_reshape(f->b.graph, x, 2, (int64_t[]){slr_shape(&f->b, x)[0], dim});
}
