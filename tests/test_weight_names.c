/* SPDX-License-Identifier: MIT
 * With the argument --list: canonical name, shape, name in a diffusers folder, name in a single
 * file, one weight a line, for tools/check_weight_names.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "io/checksum.h"
#include "models/model.h"
#include "models/weight_names.h"

static slr_model sd15_model(void)
{
    slr_model model = {0};
    slr_unet_config_sd15(&model.unet);
    slr_vae_config_sd15(&model.vae);
    slr_clip_text_config_sd15(&model.text);
    return model;
}

static slr_name_rules sd15_rules(bool single_file)
{
    slr_model model = sd15_model();
    slr_name_rules rules = {.single_file = single_file,
                            .unet_layers_per_block = model.unet.layers_per_block,
                            .vae_levels = model.vae.levels};
    memcpy(rules.unet_up_attention, model.unet.up_attention, sizeof rules.unet_up_attention);
    return rules;
}

static void list_names(FILE *out)
{
    slr_model model = sd15_model();
    slr_graph *graph = slr_model_record(&model, true);
    slr_name_rules folder = sd15_rules(false), single = sd15_rules(true);
    for (int i = 0; i < slr_graph_weight_count(graph); i++) {
        const slr_weight_spec *spec = slr_graph_weight(graph, i);
        char in_folder[SLR_MAX_STORED_NAMES][SLR_STORED_NAME],
            in_single[SLR_MAX_STORED_NAMES][SLR_STORED_NAME];
        assert_true(slr_stored_names(&folder, spec->name, in_folder) > 0);
        assert_true(slr_stored_names(&single, spec->name, in_single) > 0);
        fprintf(out, "%s\t", spec->name);
        for (int d = 0; d < spec->dims; d++)
            fprintf(out, "%s%lld", d ? "x" : "", (long long)spec->shape[d]);
        fprintf(out, "\t%s\t%s\n", in_folder[0], in_single[0]);
    }
    slr_graph_free(graph);
}

/* The list was compared with diffusers 0.42.1 and transformers 5.24 by tools/check_weight_names.py:
 * all 686 + 248 + 196 names and shapes, and the single-file names through diffusers' own
 * converters. */
static void test_all_names_of_sd15(void **state)
{
    (void)state;
    char *text = NULL, hex[SLR_SHA256_HEX];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    list_names(out);
    fclose(out);
    int lines[3] = {0};
    for (const char *line = text; *line; line = strchr(line, '\n') + 1)
        lines[strncmp(line, "unet.", 5) == 0 ? 0 : strncmp(line, "vae.", 4) == 0 ? 1 : 2]++;
    assert_int_equal(lines[0], 686);
    assert_int_equal(lines[1], 248);
    assert_int_equal(lines[2], 196);
    slr_sha256 *sum = slr_sha256_new();
    slr_sha256_update(sum, text, size);
    slr_sha256_finish(sum, hex);
    assert_string_equal(hex, "f01a77d266ec4aa6b22e56ec8a3ef37fcee0d263f42eaffdacd48e886e1cba3b");
    free(text);
}

/* `expected` holds the names separated by spaces. */
static void assert_names(const slr_name_rules *rules, const char *canonical, const char *expected)
{
    char names[SLR_MAX_STORED_NAMES][SLR_STORED_NAME], all[1024] = "";
    int count = slr_stored_names(rules, canonical, names);
    for (int i = 0; i < count; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? " " : "", names[i]);
    assert_string_equal(all, expected);
}

static void test_folder_names(void **state)
{
    (void)state;
    slr_name_rules rules = sd15_rules(false);
    assert_names(&rules, "unet.conv_in.weight", "conv_in.weight");
    /* with and without text_model. */
    assert_names(&rules, "text_encoder.text_model.final_layer_norm.bias",
                 "text_model.final_layer_norm.bias final_layer_norm.bias");
    /* the VAE's attention before diffusers 0.17 */
    assert_names(
        &rules, "vae.encoder.mid_block.attentions.0.to_q.weight",
        "encoder.mid_block.attentions.0.to_q.weight encoder.mid_block.attentions.0.query.weight");
    assert_names(
        &rules, "vae.decoder.mid_block.attentions.0.to_k.bias",
        "decoder.mid_block.attentions.0.to_k.bias decoder.mid_block.attentions.0.key.bias");
    assert_names(
        &rules, "vae.decoder.mid_block.attentions.0.to_v.bias",
        "decoder.mid_block.attentions.0.to_v.bias decoder.mid_block.attentions.0.value.bias");
    assert_names(&rules, "vae.decoder.mid_block.attentions.0.to_out.0.bias",
                 "decoder.mid_block.attentions.0.to_out.0.bias "
                 "decoder.mid_block.attentions.0.proj_attn.bias");
    assert_names(&rules, "vae.decoder.mid_block.attentions.0.group_norm.bias",
                 "decoder.mid_block.attentions.0.group_norm.bias");
    /* which the U-Net's never had */
    assert_names(&rules, "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight",
                 "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight");
    assert_names(&rules, "other.weight", "");
}

static void test_single_file_names(void **state)
{
    (void)state;
    slr_name_rules rules = sd15_rules(true);
    static const char *const pairs[][2] = {
        {"time_embedding.linear_1.weight", "time_embed.0.weight"},
        {"time_embedding.linear_2.bias", "time_embed.2.bias"},
        {"conv_in.weight", "input_blocks.0.0.weight"},
        {"conv_norm_out.weight", "out.0.weight"},
        {"conv_out.bias", "out.2.bias"},
        {"down_blocks.0.resnets.0.norm1.weight", "input_blocks.1.0.in_layers.0.weight"},
        {"down_blocks.0.downsamplers.0.conv.weight", "input_blocks.3.0.op.weight"},
        {"down_blocks.1.attentions.1.proj_in.weight", "input_blocks.5.1.proj_in.weight"},
        {"down_blocks.2.resnets.0.conv_shortcut.weight", "input_blocks.7.0.skip_connection.weight"},
        {"down_blocks.3.resnets.1.time_emb_proj.bias", "input_blocks.11.0.emb_layers.1.bias"},
        {"mid_block.resnets.0.conv1.weight", "middle_block.0.in_layers.2.weight"},
        {"mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj.weight",
         "middle_block.1.transformer_blocks.0.ff.net.0.proj.weight"},
        {"mid_block.resnets.1.conv2.bias", "middle_block.2.out_layers.3.bias"},
        {"up_blocks.0.resnets.2.norm2.weight", "output_blocks.2.0.out_layers.0.weight"},
        {"up_blocks.0.upsamplers.0.conv.weight", "output_blocks.2.1.conv.weight"},
        {"up_blocks.1.upsamplers.0.conv.weight", "output_blocks.5.2.conv.weight"},
        {"up_blocks.3.attentions.2.norm.weight", "output_blocks.11.1.norm.weight"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char canonical[300], stored[300];
        snprintf(canonical, sizeof canonical, "unet.%s", pairs[i][0]);
        snprintf(stored, sizeof stored, "model.diffusion_model.%s", pairs[i][1]);
        assert_names(&rules, canonical, stored);
    }
    /* a stand-alone VAE has another prefix or none */
    assert_names(&rules, "vae.encoder.down_blocks.1.resnets.0.conv_shortcut.weight",
                 "first_stage_model.encoder.down.1.block.0.nin_shortcut.weight "
                 "vae.encoder.down.1.block.0.nin_shortcut.weight "
                 "encoder.down.1.block.0.nin_shortcut.weight");
    assert_names(&rules, "vae.decoder.up_blocks.0.upsamplers.0.conv.bias",
                 "first_stage_model.decoder.up.3.upsample.conv.bias "
                 "vae.decoder.up.3.upsample.conv.bias decoder.up.3.upsample.conv.bias");
    assert_names(&rules, "vae.decoder.mid_block.attentions.0.to_out.0.weight",
                 "first_stage_model.decoder.mid.attn_1.proj_out.weight "
                 "vae.decoder.mid.attn_1.proj_out.weight "
                 "decoder.mid.attn_1.proj_out.weight");
    assert_names(&rules, "vae.post_quant_conv.weight",
                 "first_stage_model.post_quant_conv.weight vae.post_quant_conv.weight "
                 "post_quant_conv.weight");
    assert_names(&rules, "text_encoder.text_model.embeddings.token_embedding.weight",
                 "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight "
                 "cond_stage_model.transformer.embeddings.token_embedding.weight");
}

/* Other depths: blocks are counted by layers_per_block, the upsampler follows the attentions where
 * there are any. */
static void test_single_file_of_other_sizes(void **state)
{
    (void)state;
    slr_name_rules rules = {.single_file = true,
                            .unet_layers_per_block = 1,
                            .unet_up_attention = {true, false},
                            .vae_levels = 2};
    assert_names(&rules, "unet.down_blocks.1.resnets.0.conv1.weight",
                 "model.diffusion_model.input_blocks.3.0.in_layers.2.weight");
    assert_names(&rules, "unet.down_blocks.0.downsamplers.0.conv.bias",
                 "model.diffusion_model.input_blocks.2.0.op.bias");
    assert_names(&rules, "unet.up_blocks.0.upsamplers.0.conv.bias",
                 "model.diffusion_model.output_blocks.1.2.conv.bias");
    assert_names(&rules, "unet.up_blocks.1.resnets.1.conv1.bias",
                 "model.diffusion_model.output_blocks.3.0.in_layers.2.bias");
    rules.unet_up_attention[0] = false;
    assert_names(&rules, "unet.up_blocks.0.upsamplers.0.conv.bias",
                 "model.diffusion_model.output_blocks.1.1.conv.bias");
    assert_names(&rules, "vae.decoder.up_blocks.0.resnets.1.conv1.weight",
                 "first_stage_model.decoder.up.1.block.1.conv1.weight "
                 "vae.decoder.up.1.block.1.conv1.weight decoder.up.1.block.1.conv1.weight");
}

static void test_ignorable(void **state)
{
    (void)state;
    static const char *const skipped[] = {
        "model_ema.diffusion_modelinput_blocks00weight",
        "model_ema.decay",
        "betas",
        "alphas_cumprod",
        "logvar",
        "scale_factor",
        "sqrt_alphas_cumprod",
        "first_stage_model.loss.logvar",
        "cond_stage_model.transformer.text_model.embeddings.position_ids",
    };
    static const char *const wanted[] = {
        "model.diffusion_model.extra.weight",
        "first_stage_model.encoder.extra",
        "cond_stage_model.transformer.text_model.extra",
    };
    for (size_t i = 0; i < sizeof skipped / sizeof *skipped; i++)
        assert_true(slr_stored_name_is_ignorable(true, skipped[i]));
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        assert_false(slr_stored_name_is_ignorable(true, wanted[i]));
    assert_true(slr_stored_name_is_ignorable(false, "text_model.embeddings.position_ids"));
    assert_true(slr_stored_name_is_ignorable(false, "embeddings.position_ids"));
    assert_false(slr_stored_name_is_ignorable(false, "betas"));
    assert_false(slr_stored_name_is_ignorable(false, "model_ema.decay"));
    assert_false(slr_stored_name_is_ignorable(false, "conv_in.weight"));
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--list") == 0) {
        list_names(stdout);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_names_of_sd15), cmocka_unit_test(test_folder_names),
        cmocka_unit_test(test_single_file_names), cmocka_unit_test(test_single_file_of_other_sizes),
        cmocka_unit_test(test_ignorable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
