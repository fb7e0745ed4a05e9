/* SPDX-License-Identifier: MIT */
#include "models/model_config.h"

#include <string.h>

/* One config file being read. */
typedef struct reader {
    const json_t *root;
    const char *file;
    slr_problems *problems;
} reader;

static const char *type_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "a list";
    case JSON_STRING: return "a text";
    case JSON_INTEGER:
    case JSON_REAL: return "a number";
    case JSON_NULL: return "null";
    default: return "true or false";
    }
}

static const json_t *member(const reader *r, const char *key)
{
    const json_t *value = json_object_get(r->root, key);
    return value && !json_is_null(value) ? value : NULL;
}

static int64_t read_int(const reader *r, const char *key, int64_t fallback, int64_t low,
                        int64_t high)
{
    const json_t *value = member(r, key);
    if (!value)
        return fallback;
    if (!json_is_integer(value)) {
        slr_problems_add(r->problems, "%s: %s is %s, a whole number is expected", r->file, key,
                         type_of(value));
        return fallback;
    }
    int64_t number = json_integer_value(value);
    if (number < low || number > high) {
        slr_problems_add(r->problems, "%s: %s is %lld, supported are %lld to %lld", r->file, key,
                         (long long)number, (long long)low, (long long)high);
        return fallback;
    }
    return number;
}

static double read_number(const reader *r, const char *key, double fallback, double low,
                          double high)
{
    const json_t *value = member(r, key);
    if (!value)
        return fallback;
    double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= low && number <= high)) {
        slr_problems_add(r->problems, "%s: %s is not a number from %g to %g", r->file, key, low,
                         high);
        return fallback;
    }
    return number;
}

static bool read_bool(const reader *r, const char *key, bool fallback)
{
    const json_t *value = member(r, key);
    if (!value)
        return fallback;
    if (!json_is_boolean(value)) {
        slr_problems_add(r->problems, "%s: %s is %s, true or false is expected", r->file, key,
                         type_of(value));
        return fallback;
    }
    return json_is_true(value);
}

/* A list of sizes; the count is returned, 0 after a problem. */
static int read_sizes(const reader *r, const char *key, int64_t *sizes, int most,
                      const int64_t *fallback, int fallback_count)
{
    const json_t *value = member(r, key);
    if (!value) {
        memcpy(sizes, fallback, (size_t)fallback_count * sizeof *sizes);
        return fallback_count;
    }
    size_t count = json_array_size(value);
    if (count < 1 || count > (size_t)most) {
        slr_problems_add(r->problems, "%s: %s must be a list of 1 to %d numbers", r->file, key,
                         most);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(value, i);
        sizes[i] = json_integer_value(item);
        if (!json_is_integer(item) || sizes[i] < 1 || sizes[i] > 65536) {
            slr_problems_add(r->problems,
                             "%s: %s holds something that is not a size from 1 to 65536", r->file,
                             key);
            return 0;
        }
    }
    return (int)count;
}

/* True for texts equal to `wanted` and for a missing or null key when `wanted` is the default. */
static void require_text(const reader *r, const char *key, const char *wanted)
{
    const json_t *value = member(r, key);
    if (value && (!json_is_string(value) || strcmp(json_string_value(value), wanted) != 0))
        slr_problems_add(r->problems, "%s: %s = %s is not supported (only \"%s\" is)", r->file, key,
                         json_is_string(value) ? json_string_value(value) : type_of(value), wanted);
}

/* The key must be missing or have the JSON value written in `wanted`. An explicit null is a value:
 * without a mid_block_type there is no middle block. */
static void require_value(const reader *r, const char *key, const char *wanted)
{
    const json_t *value = json_object_get(r->root, key);
    if (!value)
        return;
    json_t *expected = json_loads(wanted, JSON_DECODE_ANY, NULL);
    bool equal = json_equal(value, expected) ||
                 (json_is_number(value) && json_is_number(expected) &&
                  json_number_value(value) == json_number_value(expected));
    json_decref(expected);
    if (!equal)
        slr_problems_add(r->problems, "%s: %s has a value that is not supported (only %s is)",
                         r->file, key, wanted);
}

/* One key and the only value that is supported. */
typedef struct fixed_key {
    const char *key, *value;
} fixed_key;

static void require_all(const reader *r, const fixed_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        require_value(r, keys[i].key, keys[i].value);
}

static const fixed_key unet_fixed[] = {
    {"dual_cross_attention", "false"},
    {"only_cross_attention", "false"},
    {"class_embed_type", "null"},
    {"num_class_embeds", "null"},
    {"addition_embed_type", "null"},
    {"encoder_hid_dim", "null"},
    {"encoder_hid_dim_type", "null"},
    {"resnet_time_scale_shift", "\"default\""},
    {"time_embedding_type", "\"positional\""},
    {"time_embedding_dim", "null"},
    {"time_embedding_act_fn", "null"},
    {"timestep_post_act", "null"},
    {"time_cond_proj_dim", "null"},
    {"conv_in_kernel", "3"},
    {"conv_out_kernel", "3"},
    {"transformer_layers_per_block", "1"},
    {"reverse_transformer_layers_per_block", "null"},
    {"attention_type", "\"default\""},
    {"cross_attention_norm", "null"},
    {"resnet_skip_time_act", "false"},
    {"resnet_out_scale_factor", "1.0"},
    {"class_embeddings_concat", "false"},
    {"mid_block_only_cross_attention", "null"},
    {"addition_time_embed_dim", "null"},
    {"projection_class_embeddings_input_dim", "null"},
    {"num_attention_heads", "null"},
    {"dropout", "0.0"},
    {"downsample_padding", "1"},
    {"mid_block_scale_factor", "1"},
    {"center_input_sample", "false"},
    {"mid_block_type", "\"UNetMidBlock2DCrossAttn\""},
};

/* act_fn: SiLU under its two names. */
static void require_silu(const reader *r)
{
    const json_t *value = member(r, "act_fn");
    if (value && !(json_is_string(value) && strcmp(json_string_value(value), "swish") == 0))
        require_text(r, "act_fn", "silu");
}

/* Block types: true for `with`, false for `without`, in order. */
static void read_block_types(const reader *r, const char *key, const char *with,
                             const char *without, int levels, bool *attention)
{
    const json_t *list = member(r, key);
    if (!list)
        return;
    if (!json_is_array(list) || (int)json_array_size(list) != levels) {
        slr_problems_add(r->problems, "%s: %s must list %d blocks, as block_out_channels does",
                         r->file, key, levels);
        return;
    }
    for (int i = 0; i < levels; i++) {
        const char *type = json_string_value(json_array_get(list, (size_t)i));
        if (!type || (strcmp(type, with) != 0 && strcmp(type, without) != 0))
            slr_problems_add(r->problems, "%s: %s: %s is not supported (only %s and %s are)",
                             r->file, key, type ? type : "an entry that is no text", with, without);
        else
            attention[i] = strcmp(type, with) == 0;
    }
}

static void read_heads(const reader *r, slr_unet_config *config)
{
    const json_t *value = member(r, "attention_head_dim");
    int64_t heads[SLR_UNET_MAX_LEVELS];
    if (json_is_array(value)) {
        int count = read_sizes(r, "attention_head_dim", heads, SLR_UNET_MAX_LEVELS, NULL, 0);
        if (count != 0 && count != config->levels)
            slr_problems_add(r->problems, "%s: attention_head_dim must be a number or a list of %d",
                             r->file, config->levels);
        for (int i = 0; i < config->levels; i++)
            config->heads[i] = count == config->levels ? (int)heads[i] : 1;
    } else {
        int64_t all = read_int(r, "attention_head_dim", 8, 1, 4096);
        for (int i = 0; i < config->levels; i++)
            config->heads[i] = (int)all;
    }
}

static void check_unet_sizes(const reader *r, const slr_unet_config *config)
{
    for (int i = 0; i < config->levels; i++) {
        if (config->channels[i] % config->groups != 0)
            slr_problems_add(r->problems,
                             "%s: block_out_channels %lld does not divide into norm_num_groups %d",
                             r->file, (long long)config->channels[i], config->groups);
        bool attends = config->down_attention[i] || config->up_attention[config->levels - 1 - i] ||
                       i == config->levels - 1;
        if (attends && config->channels[i] % config->heads[i] != 0)
            slr_problems_add(
                r->problems,
                "%s: block_out_channels %lld does not divide into attention_head_dim = %d heads",
                r->file, (long long)config->channels[i], config->heads[i]);
    }
}

void slr_unet_config_read(const json_t *root, const char *file, slr_unet_config *config,
                          slr_problems *problems)
{
    reader r = {root, file, problems};
    slr_unet_config_sd15(config);
    require_text(&r, "_class_name", "UNet2DConditionModel");
    int64_t defaults[4];
    memcpy(defaults, config->channels, sizeof defaults);
    config->levels =
        read_sizes(&r, "block_out_channels", config->channels, SLR_UNET_MAX_LEVELS, defaults, 4);
    if (config->levels == 0) {
        slr_unet_config_sd15(config);
        return;
    }
    for (int i = 0; i < config->levels; i++) {
        config->down_attention[i] = i + 1 < config->levels;
        config->up_attention[i] = i > 0;
    }
    if (config->levels != 4 && (!member(&r, "down_block_types") || !member(&r, "up_block_types")))
        slr_problems_add(problems,
                         "%s: down_block_types and up_block_types are needed for %d levels", file,
                         config->levels);
    read_block_types(&r, "down_block_types", "CrossAttnDownBlock2D", "DownBlock2D", config->levels,
                     config->down_attention);
    read_block_types(&r, "up_block_types", "CrossAttnUpBlock2D", "UpBlock2D", config->levels,
                     config->up_attention);
    config->in_channels = read_int(&r, "in_channels", 4, 1, 64);
    config->out_channels = read_int(&r, "out_channels", 4, 1, 64);
    if (config->in_channels != config->out_channels)
        slr_problems_add(problems,
                         "%s: in_channels %lld is not supported (inpainting and editing models are "
                         "not; %lld is expected)",
                         file, (long long)config->in_channels, (long long)config->out_channels);
    config->layers_per_block = (int)read_int(&r, "layers_per_block", 2, 1, 16);
    config->sample_size = json_is_array(json_object_get(root, "sample_size")) ? 64 : read_int(&r, "sample_size", 64, 1, 8192);
    config->cross_attention_width = read_int(&r, "cross_attention_dim", 1280, 1, 65536);
    config->groups = (int)read_int(&r, "norm_num_groups", 32, 1, 65536);
    config->norm_eps = read_number(&r, "norm_eps", 1e-5, 1e-12, 1e-1);
    config->linear_projection = read_bool(&r, "use_linear_projection", false);
    config->flip_sin_to_cos = read_bool(&r, "flip_sin_to_cos", true);
    config->freq_shift = read_number(&r, "freq_shift", 0, 0, 1);
    read_heads(&r, config);
    require_silu(&r);
    require_all(&r, unet_fixed, sizeof unet_fixed / sizeof *unet_fixed);
    check_unet_sizes(&r, config);
}

static const fixed_key vae_fixed[] = {
    {"mid_block_add_attention", "true"}, {"latents_mean", "null"}, {"latents_std", "null"},
    {"shift_factor", "null"},
};

static void require_block_types(const reader *r, const char *key, const char *type, int levels)
{
    const json_t *list = member(r, key);
    bool fits = !list || (int)json_array_size(list) == levels;
    for (size_t i = 0; list && i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        fits = fits && text && strcmp(text, type) == 0;
    }
    if (!fits)
        slr_problems_add(r->problems, "%s: %s must be %d times %s", r->file, key, levels, type);
}

void slr_vae_config_read(const json_t *root, const char *file, slr_vae_config *config,
                         slr_problems *problems)
{
    reader r = {root, file, problems};
    slr_vae_config_sd15(config);
    require_text(&r, "_class_name", "AutoencoderKL");
    const int64_t defaults[] = {64};
    config->levels =
        read_sizes(&r, "block_out_channels", config->channels, SLR_VAE_MAX_LEVELS, defaults, 1);
    if (config->levels == 0) {
        slr_vae_config_sd15(config);
        return;
    }
    config->in_channels = read_int(&r, "in_channels", 3, 3, 3);
    config->out_channels = read_int(&r, "out_channels", 3, 3, 3);
    config->latent_channels = read_int(&r, "latent_channels", 4, 1, 64);
    config->layers_per_block = (int)read_int(&r, "layers_per_block", 1, 1, 16);
    config->groups = (int)read_int(&r, "norm_num_groups", 32, 1, 65536);
    config->scaling_factor = read_number(&r, "scaling_factor", 0.18215, 1e-6, 1e6);
    config->quant_conv = read_bool(&r, "use_quant_conv", true);
    config->post_quant_conv = read_bool(&r, "use_post_quant_conv", true);
    require_silu(&r);
    require_block_types(&r, "down_block_types", "DownEncoderBlock2D", config->levels);
    require_block_types(&r, "up_block_types", "UpDecoderBlock2D", config->levels);
    require_all(&r, vae_fixed, sizeof vae_fixed / sizeof *vae_fixed);
    for (int i = 0; i < config->levels; i++)
        if (config->channels[i] % config->groups != 0)
            slr_problems_add(problems,
                             "%s: block_out_channels %lld does not divide into norm_num_groups %d",
                             file, (long long)config->channels[i], config->groups);
}

void slr_clip_text_config_read(const json_t *root, const char *file, slr_clip_text_config *config,
                               slr_problems *problems)
{
    reader r = {root, file, problems};
    slr_clip_text_config_sd15(config);
    const json_t *inner = json_object_get(root, "text_config"); /* a whole CLIPModel's config */
    if (json_is_object(inner))
        r.root = inner;
    else
        require_text(&r, "model_type", "clip_text_model");
    config->vocabulary = read_int(&r, "vocab_size", 49408, 2, 1 << 24);
    config->positions = read_int(&r, "max_position_embeddings", 77, 2, 4096);
    config->width = read_int(&r, "hidden_size", 512, 1, 65536);
    config->mlp_width = read_int(&r, "intermediate_size", 2048, 1, 262144);
    config->layers = (int)read_int(&r, "num_hidden_layers", 12, 1, 256);
    config->heads = (int)read_int(&r, "num_attention_heads", 8, 1, 4096);
    config->norm_eps = read_number(&r, "layer_norm_eps", 1e-5, 1e-12, 1e-1);
    const json_t *act = member(&r, "hidden_act");
    const char *name = act ? json_string_value(act) : "quick_gelu";
    if (name && strcmp(name, "gelu") == 0)
        config->activation = SLR_ACT_GELU;
    else if (name && strcmp(name, "quick_gelu") == 0)
        config->activation = SLR_ACT_QUICK_GELU;
    else
        slr_problems_add(problems,
                         "%s: hidden_act = %s is not supported (only quick_gelu and gelu are)",
                         file, name ? name : type_of(act));
    if (config->width % config->heads != 0)
        slr_problems_add(problems,
                         "%s: hidden_size %lld does not divide into num_attention_heads %d", file,
                         (long long)config->width, config->heads);
}

void slr_unet_config_sd15(slr_unet_config *config)
{
    *config = (slr_unet_config){
        .in_channels = 4,
        .out_channels = 4,
        .levels = 4,
        .channels = {320, 640, 1280, 1280},
        .down_attention = {true, true, true, false},
        .up_attention = {false, true, true, true},
        .sample_size = 64,
        .heads = {8, 8, 8, 8},
        .layers_per_block = 2,
        .cross_attention_width = 768,
        .groups = 32,
        .norm_eps = 1e-5,
        .linear_projection = false,
        .flip_sin_to_cos = true,
        .freq_shift = 0,
    };
}

void slr_vae_config_sd15(slr_vae_config *config)
{
    *config = (slr_vae_config){
        .in_channels = 3, .out_channels = 3, .latent_channels = 4, .levels = 4,
        .channels = {128, 256, 512, 512}, .layers_per_block = 2, .groups = 32,
        .scaling_factor = 0.18215, .quant_conv = true, .post_quant_conv = true,
    };
}

void slr_clip_text_config_sd15(slr_clip_text_config *config)
{
    *config = (slr_clip_text_config){
        .vocabulary = 49408, .positions = 77, .width = 768, .mlp_width = 3072, .layers = 12,
        .heads = 12, .activation = SLR_ACT_QUICK_GELU, .norm_eps = 1e-5,
    };
}
