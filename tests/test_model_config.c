/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "models/model_config.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
typedef enum component { UNET, VAE, TEXT } component;

/* Reads `text` as the config of a component; the problems stand in `problems`. */
static void read_text(component kind, const char *text, slr_unet_config *unet, slr_vae_config *vae,
                      slr_clip_text_config *clip, slr_problems *problems)
{
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    memset(problems, 0, sizeof *problems);
    if (kind == UNET)
        slr_unet_config_read(root, "config.json", unet, problems);
    else if (kind == VAE)
        slr_vae_config_read(root, "config.json", vae, problems);
    else
        slr_clip_text_config_read(root, "config.json", clip, problems);
    json_decref(root);
}

static slr_unet_config read_unet(const char *text)
{
    slr_unet_config config;
    slr_problems problems;
    read_text(UNET, text, &config, NULL, NULL, &problems);
    if (problems.count)
        fail_msg("%s", problems.text);
    return config;
}

static slr_vae_config read_vae(const char *text)
{
    slr_vae_config config;
    slr_problems problems;
    read_text(VAE, text, NULL, &config, NULL, &problems);
    if (problems.count)
        fail_msg("%s", problems.text);
    return config;
}

static slr_clip_text_config read_clip(const char *text)
{
    slr_clip_text_config config;
    slr_problems problems;
    read_text(TEXT, text, NULL, NULL, &config, &problems);
    if (problems.count)
        fail_msg("%s", problems.text);
    return config;
}

static void assert_same_unet(const slr_unet_config *a, const slr_unet_config *b)
{
    assert_int_equal(a->in_channels, b->in_channels);
    assert_int_equal(a->out_channels, b->out_channels);
    assert_int_equal(a->levels, b->levels);
    for (int i = 0; i < a->levels; i++) {
        assert_int_equal(a->channels[i], b->channels[i]);
        assert_int_equal(a->down_attention[i], b->down_attention[i]);
        assert_int_equal(a->up_attention[i], b->up_attention[i]);
        assert_int_equal(a->heads[i], b->heads[i]);
    }
    assert_int_equal(a->layers_per_block, b->layers_per_block);
    assert_int_equal(a->cross_attention_width, b->cross_attention_width);
    assert_int_equal(a->groups, b->groups);
    assert_true(a->norm_eps == b->norm_eps);
    assert_int_equal(a->linear_projection, b->linear_projection);
    assert_int_equal(a->flip_sin_to_cos, b->flip_sin_to_cos);
    assert_true(a->freq_shift == b->freq_shift);
}

/* The keys of the published folder, and those that current diffusers adds to them. */
#define SD15_UNET                                                                                  \
    "\"_class_name\": \"UNet2DConditionModel\", \"_diffusers_version\": \"0.6.0\", \"act_fn\": "   \
    "\"silu\", "                                                                                   \
    "\"attention_head_dim\": 8, \"block_out_channels\": [320, 640, 1280, 1280], "                  \
    "\"center_input_sample\": false, "                                                             \
    "\"cross_attention_dim\": 768, \"down_block_types\": [\"CrossAttnDownBlock2D\", "              \
    "\"CrossAttnDownBlock2D\", "                                                                   \
    "\"CrossAttnDownBlock2D\", \"DownBlock2D\"], \"downsample_padding\": 1, \"flip_sin_to_cos\": " \
    "true, \"freq_shift\": 0, "                                                                    \
    "\"in_channels\": 4, \"layers_per_block\": 2, \"mid_block_scale_factor\": 1, \"norm_eps\": "   \
    "1e-05, "                                                                                      \
    "\"norm_num_groups\": 32, \"out_channels\": 4, \"sample_size\": 64, \"up_block_types\": "      \
    "[\"UpBlock2D\", "                                                                             \
    "\"CrossAttnUpBlock2D\", \"CrossAttnUpBlock2D\", \"CrossAttnUpBlock2D\"]"
#define NEW_UNET                                                                                   \
    "\"_name_or_path\": \"x\", \"addition_embed_type\": null, \"addition_embed_type_num_heads\": " \
    "64, "                                                                                         \
    "\"addition_time_embed_dim\": null, \"attention_type\": \"default\", \"class_embed_type\": "   \
    "null, "                                                                                       \
    "\"class_embeddings_concat\": false, \"conv_in_kernel\": 3, \"conv_out_kernel\": 3, "          \
    "\"cross_attention_norm\": null, "                                                             \
    "\"dropout\": 0.0, \"dual_cross_attention\": false, \"encoder_hid_dim\": null, "               \
    "\"encoder_hid_dim_type\": null, "                                                             \
    "\"mid_block_only_cross_attention\": null, \"mid_block_type\": \"UNetMidBlock2DCrossAttn\", "  \
    "\"num_attention_heads\": "                                                                    \
    "null, \"num_class_embeds\": null, \"only_cross_attention\": false, "                          \
    "\"projection_class_embeddings_input_dim\": null, "                                            \
    "\"resnet_out_scale_factor\": 1.0, \"resnet_skip_time_act\": false, "                          \
    "\"resnet_time_scale_shift\": \"default\", "                                                   \
    "\"reverse_transformer_layers_per_block\": null, \"time_cond_proj_dim\": null, "               \
    "\"time_embedding_act_fn\": null, "                                                            \
    "\"time_embedding_dim\": null, \"time_embedding_type\": \"positional\", "                      \
    "\"timestep_post_act\": null, "                                                                \
    "\"transformer_layers_per_block\": 1, \"upcast_attention\": false, "                           \
    "\"use_linear_projection\": false"

static void test_unet_sd15(void **state)
{
    (void)state;
    slr_unet_config sd15, read;
    slr_unet_config_sd15(&sd15);
    read = read_unet("{" SD15_UNET "}");
    assert_same_unet(&read, &sd15);
    read = read_unet("{" SD15_UNET ", " NEW_UNET "}");
    assert_same_unet(&read, &sd15);
    read = read_unet("{\"cross_attention_dim\": 768}"); /* everything else is the default */
    assert_same_unet(&read, &sd15);
}

static void test_unet_free_keys(void **state)
{
    (void)state;
    slr_unet_config config =
        read_unet("{\"block_out_channels\": [32, 64], \"down_block_types\": [\"DownBlock2D\", "
                  "\"CrossAttnDownBlock2D\"], "
                  "\"up_block_types\": [\"CrossAttnUpBlock2D\", \"UpBlock2D\"], "
                  "\"layers_per_block\": 1, \"attention_head_dim\": [2, 4], "
                  "\"cross_attention_dim\": 24, \"norm_num_groups\": 8, \"use_linear_projection\": "
                  "true, \"norm_eps\": 1e-6, "
                  "\"act_fn\": \"swish\", \"flip_sin_to_cos\": false, \"freq_shift\": 1, "
                  "\"upcast_attention\": true, \"sample_size\": [7, 9]}");
    const slr_unet_config expected = {.in_channels = 4,
                                      .out_channels = 4,
                                      .levels = 2,
                                      .channels = {32, 64},
                                      .down_attention = {false, true},
                                      .up_attention = {true, false},
                                      .heads = {2, 4},
                                      .layers_per_block = 1,
                                      .cross_attention_width = 24,
                                      .groups = 8,
                                      .norm_eps = 1e-6,
                                      .linear_projection = true,
                                      .flip_sin_to_cos = false,
                                      .freq_shift = 1};
    assert_same_unet(&config, &expected);
}

static void test_vae(void **state)
{
    (void)state;
    slr_vae_config sd15, read;
    slr_vae_config_sd15(&sd15);
    read = read_vae("{\"_class_name\": \"AutoencoderKL\", \"act_fn\": \"silu\", "
                    "\"block_out_channels\": [128, 256, 512, 512], "
                    "\"down_block_types\": [\"DownEncoderBlock2D\", \"DownEncoderBlock2D\", "
                    "\"DownEncoderBlock2D\", "
                    "\"DownEncoderBlock2D\"], \"in_channels\": 3, \"latent_channels\": 4, "
                    "\"layers_per_block\": 2, "
                    "\"norm_num_groups\": 32, \"out_channels\": 3, \"sample_size\": 512, "
                    "\"up_block_types\": [\"UpDecoderBlock2D\", "
                    "\"UpDecoderBlock2D\", \"UpDecoderBlock2D\", \"UpDecoderBlock2D\"]}");
    assert_int_equal(read.levels, 4);
    assert_memory_equal(read.channels, sd15.channels, sizeof read.channels);
    assert_int_equal(read.layers_per_block, 2);
    assert_true(read.scaling_factor == 0.18215); /* absent in very old files */
    assert_true(read.quant_conv && read.post_quant_conv);
    read = read_vae(
        "{\"block_out_channels\": [16, 32], \"down_block_types\": [\"DownEncoderBlock2D\", "
        "\"DownEncoderBlock2D\"], "
        "\"up_block_types\": [\"UpDecoderBlock2D\", \"UpDecoderBlock2D\"], \"scaling_factor\": "
        "0.13, \"force_upcast\": false, "
        "\"latents_mean\": null, \"latents_std\": null, \"shift_factor\": null, "
        "\"mid_block_add_attention\": true, "
        "\"use_quant_conv\": false, \"use_post_quant_conv\": false, \"norm_num_groups\": 4}");
    assert_int_equal(read.levels, 2);
    assert_int_equal(read.layers_per_block, 1);
    assert_int_equal(read.groups, 4);
    assert_true(read.scaling_factor == 0.13);
    assert_false(read.quant_conv || read.post_quant_conv);
}

static void test_text(void **state)
{
    (void)state;
    slr_clip_text_config config =
        read_clip("{\"architectures\": [\"CLIPTextModel\"], \"attention_dropout\": 0.0, "
                  "\"bos_token_id\": 0, \"dropout\": 0.0, "
                  "\"eos_token_id\": 2, \"hidden_act\": \"quick_gelu\", \"hidden_size\": 768, "
                  "\"initializer_factor\": 1.0, "
                  "\"initializer_range\": 0.02, \"intermediate_size\": 3072, \"layer_norm_eps\": "
                  "1e-05, \"max_position_embeddings\": 77, "
                  "\"model_type\": \"clip_text_model\", \"num_attention_heads\": 12, "
                  "\"num_hidden_layers\": 12, \"pad_token_id\": 1, "
                  "\"projection_dim\": 768, \"torch_dtype\": \"float32\", \"vocab_size\": 49408}");
    slr_clip_text_config sd15;
    slr_clip_text_config_sd15(&sd15);
    assert_int_equal(config.vocabulary, sd15.vocabulary);
    assert_int_equal(config.positions, sd15.positions);
    assert_int_equal(config.width, sd15.width);
    assert_int_equal(config.mlp_width, sd15.mlp_width);
    assert_int_equal(config.layers, sd15.layers);
    assert_int_equal(config.heads, sd15.heads);
    assert_int_equal(config.activation, sd15.activation);
    assert_true(config.norm_eps == sd15.norm_eps);
    config = read_clip("{\"hidden_act\": \"gelu\", \"hidden_size\": 64, \"num_attention_heads\": "
                       "4, \"intermediate_size\": 96, "
                       "\"num_hidden_layers\": 3, \"vocab_size\": 1000, "
                       "\"max_position_embeddings\": 32, \"layer_norm_eps\": 1e-6}");
    assert_int_equal(config.activation, SLR_ACT_GELU);
    assert_int_equal(config.width, 64);
    assert_int_equal(config.mlp_width, 96);
    assert_int_equal(config.layers, 3);
    assert_int_equal(config.heads, 4);
    assert_int_equal(config.vocabulary, 1000);
    assert_int_equal(config.positions, 32);
    assert_true(config.norm_eps == 1e-6);
    config = read_clip("{\"model_type\": \"clip\", \"text_config\": {\"model_type\": "
                       "\"clip_text_model\", \"hidden_size\": 32}}");
    assert_int_equal(config.width, 32);
}

static void assert_refused(component kind, const char *text, const char *expected, int count)
{
    slr_unet_config unet;
    slr_vae_config vae;
    slr_clip_text_config clip;
    slr_problems problems;
    read_text(kind, text, &unet, &vae, &clip, &problems);
    if (problems.count != count || !strstr(problems.text, expected) ||
        strncmp(problems.text, "config.json: ", 13) != 0)
        fail_msg("%s: %d problems: '%s' lacks '%s'", text, problems.count, problems.text, expected);
}

/* Every key that changes the network, in a value that selora does not have. */
static void test_unet_refused(void **state)
{
    (void)state;
    static const char *const members[] = {
        "\"dual_cross_attention\": true",
        "\"only_cross_attention\": true",
        "\"only_cross_attention\": [true, true, true, false]",
        "\"class_embed_type\": \"timestep\"",
        "\"num_class_embeds\": 10",
        "\"addition_embed_type\": \"text_time\"",
        "\"encoder_hid_dim\": 64",
        "\"encoder_hid_dim_type\": \"text_proj\"",
        "\"resnet_time_scale_shift\": \"scale_shift\"",
        "\"time_embedding_type\": \"fourier\"",
        "\"time_embedding_dim\": 512",
        "\"time_embedding_act_fn\": \"silu\"",
        "\"timestep_post_act\": \"silu\"",
        "\"time_cond_proj_dim\": 256",
        "\"conv_in_kernel\": 1",
        "\"conv_out_kernel\": 1",
        "\"transformer_layers_per_block\": 2",
        "\"transformer_layers_per_block\": [1, 2, 10]",
        "\"reverse_transformer_layers_per_block\": [1]",
        "\"attention_type\": \"gated\"",
        "\"cross_attention_norm\": \"layer_norm\"",
        "\"resnet_skip_time_act\": true",
        "\"resnet_out_scale_factor\": 1.5",
        "\"class_embeddings_concat\": true",
        "\"mid_block_only_cross_attention\": true",
        "\"addition_time_embed_dim\": 256",
        "\"projection_class_embeddings_input_dim\": 2816",
        "\"num_attention_heads\": 8",
        "\"dropout\": 0.1",
        "\"downsample_padding\": 0",
        "\"mid_block_scale_factor\": 2",
        "\"center_input_sample\": true",
        "\"mid_block_type\": \"UNetMidBlock2D\"",
        "\"mid_block_type\": null",
        "\"act_fn\": \"gelu\"",
        "\"_class_name\": \"UNet2DModel\"",
        "\"cross_attention_dim\": [768, 768, 768, 768]",
        "\"cross_attention_dim\": 0",
        "\"cross_attention_dim\": \"768\"",
        "\"layers_per_block\": [1, 2, 2, 2]",
        "\"layers_per_block\": 0",
        "\"layers_per_block\": 1000000",
        "\"norm_num_groups\": 0",
        "\"norm_eps\": 0",
        "\"norm_eps\": \"1e-5\"",
        "\"use_linear_projection\": 1",
        "\"block_out_channels\": []",
        "\"block_out_channels\": 320",
        "\"block_out_channels\": [320, -640, 1280, 1280]",
        "\"block_out_channels\": [320, 640.5, 1280, 1280]",
        "\"block_out_channels\": [1, 2, 3, 4, 5, 6, 7, 8, 9]",
        "\"down_block_types\": [\"DownBlock2D\"]",
        "\"down_block_types\": \"DownBlock2D\"",
        "\"up_block_types\": [\"UpBlock2D\", \"UpBlock2D\", \"UpBlock2D\", \"AttnUpBlock2D\"]",
        "\"up_block_types\": [1, \"UpBlock2D\", \"UpBlock2D\", \"UpBlock2D\"]",
        "\"attention_head_dim\": [8, 8]",
        "\"attention_head_dim\": 0",
        "\"in_channels\": 9",
        "\"flip_sin_to_cos\": \"yes\"",
        "\"freq_shift\": 2",
    };
    for (size_t i = 0; i < COUNT(members); i++) {
        char text[400], key[64];
        snprintf(text, sizeof text, "{\"cross_attention_dim\": 768, %s}", members[i]);
        if (strncmp(members[i], "\"cross_attention_dim", 20) == 0)
            snprintf(text, sizeof text, "{%s}", members[i]);
        snprintf(key, sizeof key, "%.*s", (int)strcspn(members[i] + 1, "\""), members[i] + 1);
        assert_refused(UNET, text, key, 1);
    }
    /* sizes that do not divide */
    assert_refused(UNET, "{\"block_out_channels\": [320, 640, 1280, 1290]}",
                   "1290 does not divide into norm_num_groups 32", 2);
    assert_refused(UNET, "{\"attention_head_dim\": 7}",
                   "320 does not divide into attention_head_dim = 7 heads", 4);
    /* heads of a level without attention do not matter */
    slr_unet_config config = read_unet(
        "{\"block_out_channels\": [32, 64], \"down_block_types\": [\"DownBlock2D\", "
        "\"CrossAttnDownBlock2D\"], \"up_block_types\": [\"CrossAttnUpBlock2D\", \"UpBlock2D\"], "
        "\"attention_head_dim\": [5, 4]}");
    assert_int_equal(config.heads[1], 4);
    /* fewer levels need their types */
    assert_refused(UNET, "{\"block_out_channels\": [32, 64]}",
                   "down_block_types and up_block_types are needed", 1);
    /* all in one go */
    assert_refused(UNET, "{\"dropout\": 0.5, \"act_fn\": \"relu\", \"layers_per_block\": 0}",
                   "act_fn", 3);
}

static void test_vae_refused(void **state)
{
    (void)state;
    static const char *const members[] = {
        "\"_class_name\": \"VQModel\"",
        "\"in_channels\": 1",
        "\"out_channels\": 1",
        "\"latent_channels\": 0",
        "\"layers_per_block\": 0",
        "\"act_fn\": \"gelu\"",
        "\"norm_num_groups\": 31",
        "\"mid_block_add_attention\": false",
        "\"latents_mean\": [0, 0, 0, 0]",
        "\"latents_std\": [1]",
        "\"shift_factor\": 0.1",
        "\"scaling_factor\": 0",
        "\"scaling_factor\": \"x\"",
        "\"use_quant_conv\": 1",
        "\"block_out_channels\": [0]",
        "\"down_block_types\": [\"AttnDownEncoderBlock2D\"]",
        "\"up_block_types\": [\"UpDecoderBlock2D\", \"UpDecoderBlock2D\"]",
        "\"up_block_types\": 5",
    };
    for (size_t i = 0; i < COUNT(members); i++) {
        char text[400], key[64];
        snprintf(text, sizeof text, "{%s}", members[i]);
        snprintf(key, sizeof key, "%.*s", (int)strcspn(members[i] + 1, "\""), members[i] + 1);
        assert_refused(VAE, text, key, 1);
    }
}

static void test_text_refused(void **state)
{
    (void)state;
    static const char *const members[] = {
        "\"hidden_act\": \"relu\"", "\"hidden_act\": 5",          "\"hidden_size\": 0",
        "\"hidden_size\": 100",     "\"num_hidden_layers\": 0",   "\"num_attention_heads\": 7",
        "\"vocab_size\": -1",       "\"vocab_size\": 4294967296", "\"max_position_embeddings\": 1",
        "\"layer_norm_eps\": -1",   "\"model_type\": \"bert\"",   "\"intermediate_size\": 1.5",
    };
    for (size_t i = 0; i < COUNT(members); i++) {
        char text[400], key[64];
        snprintf(text, sizeof text, "{%s}", members[i]);
        snprintf(key, sizeof key, "%.*s", (int)strcspn(members[i] + 1, "\""), members[i] + 1);
        assert_refused(TEXT, text, key, 1);
    }
}

/* What a hostile file writes never reaches the terminal as it is. */
static void test_control_characters(void **state)
{
    (void)state;
    slr_unet_config config;
    slr_problems problems;
    read_text(UNET, "{\"cross_attention_dim\": 768, \"_class_name\": \"\\u001b[2J\\nx\\u007f\"}",
              &config, NULL, NULL, &problems);
    assert_int_equal(problems.count, 1);
    assert_non_null(strstr(problems.text, "?[2J?x?"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unet_sd15),    cmocka_unit_test(test_unet_free_keys),
        cmocka_unit_test(test_vae),          cmocka_unit_test(test_text),
        cmocka_unit_test(test_unet_refused), cmocka_unit_test(test_vae_refused),
        cmocka_unit_test(test_text_refused), cmocka_unit_test(test_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
