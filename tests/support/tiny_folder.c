/* SPDX-License-Identifier: MIT */
#include "support/tiny_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "support/weight_values.h"

static void insist(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "tiny model: %s\n", what);
        exit(99);
    }
}

void tiny_configs(slr_unet_config *unet, slr_vae_config *vae, slr_clip_text_config *text)
{
    *unet = (slr_unet_config){
        .in_channels = 4, .out_channels = 4, .levels = 2, .channels = {8, 16},
        .down_attention = {true, false}, .up_attention = {false, true}, .heads = {2, 4},
        .layers_per_block = 1, .cross_attention_width = 16, .groups = 4, .norm_eps = 1e-5,
        .flip_sin_to_cos = true,
    };
    *vae = (slr_vae_config){
        .in_channels = 3, .out_channels = 3, .latent_channels = 4, .levels = 2, .channels = {8, 8},
        .layers_per_block = 1, .groups = 4, .scaling_factor = 0.5, .quant_conv = true, .post_quant_conv = true,
    };
    *text = (slr_clip_text_config){
        .vocabulary = TINY_VOCABULARY, .positions = TINY_TOKENS, .width = 16, .mlp_width = 32, .layers = 2,
        .heads = 2, .activation = SLR_ACT_QUICK_GELU, .norm_eps = 1e-5,
    };
}

slr_model *tiny_model(uint64_t seed)
{
    slr_unet_config unet;
    slr_vae_config vae;
    slr_clip_text_config text;
    slr_model *model;
    slr_error err = {0};
    tiny_configs(&unet, &vae, &text);
    insist(slr_model_random(&unet, &vae, &text, seed, SLR_MODEL_WHOLE, SLR_WEIGHTS_KEEP, &model, &err) == SELORA_OK, err.message);
    return model;
}

static void write_text(const char *folder, const char *name, const char *text)
{
    char *path = slr_format("%s/%s", folder, name);
    FILE *file = path ? fopen(path, "wb") : NULL;
    insist(file && fwrite(text, 1, strlen(text), file) == strlen(text) && fclose(file) == 0, name);
    free(path);
}

static const char unet_config[] =
    "{\"_class_name\": \"UNet2DConditionModel\", \"in_channels\": 4, \"out_channels\": 4,\n"
    " \"block_out_channels\": [8, 16], \"layers_per_block\": 1, \"attention_head_dim\": [2, 4],\n"
    " \"down_block_types\": [\"CrossAttnDownBlock2D\", \"DownBlock2D\"],\n"
    " \"up_block_types\": [\"UpBlock2D\", \"CrossAttnUpBlock2D\"],\n"
    " \"cross_attention_dim\": 16, \"norm_num_groups\": 4, \"sample_size\": 8}\n";
static const char vae_config[] =
    "{\"_class_name\": \"AutoencoderKL\", \"block_out_channels\": [8, 8], \"layers_per_block\": 1,\n"
    " \"down_block_types\": [\"DownEncoderBlock2D\", \"DownEncoderBlock2D\"],\n"
    " \"up_block_types\": [\"UpDecoderBlock2D\", \"UpDecoderBlock2D\"],\n"
    " \"latent_channels\": 4, \"norm_num_groups\": 4, \"scaling_factor\": 0.5}\n";
static const char text_config[] =
    "{\"architectures\": [\"CLIPTextModel\"], \"vocab_size\": 515, \"max_position_embeddings\": 12,\n"
    " \"hidden_size\": 16, \"intermediate_size\": 32, \"num_hidden_layers\": 2, \"num_attention_heads\": 2,\n"
    " \"hidden_act\": \"quick_gelu\"}\n";
static const char scheduler_config[] =
    "{\"_class_name\": \"PNDMScheduler\", \"beta_start\": 0.00085, \"beta_end\": 0.012,\n"
    " \"beta_schedule\": \"scaled_linear\", \"num_train_timesteps\": 1000, \"skip_prk_steps\": true,\n"
    " \"steps_offset\": 1, \"set_alpha_to_one\": false, \"clip_sample\": false}\n";
static const char tokenizer_config[] =
    "{\"tokenizer_class\": \"CLIPTokenizer\", \"model_max_length\": 12, \"bos_token\": \"<|startoftext|>\",\n"
    " \"eos_token\": \"<|endoftext|>\", \"unk_token\": \"<|endoftext|>\", \"pad_token\": \"<|endoftext|>\"}\n";
static const char model_index[] =
    "{\"_class_name\": \"StableDiffusionPipeline\", \"scheduler\": [\"diffusers\", \"PNDMScheduler\"],\n"
    " \"text_encoder\": [\"transformers\", \"CLIPTextModel\"], \"tokenizer\": [\"transformers\", \"CLIPTokenizer\"],\n"
    " \"unet\": [\"diffusers\", \"UNet2DConditionModel\"], \"vae\": [\"diffusers\", \"AutoencoderKL\"]}\n";

/* The character that stands for a byte in CLIP's vocabulary, as UTF-8. */
static void byte_symbol(int byte, char symbol[8])
{
    int code = 0, others = 0;
    for (int b = 0; b <= byte; b++) {
        bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        code = printable ? b : 256 + others;
        others += !printable;
    }
    int at = 0;
    if (code >= 128) {
        symbol[at++] = (char)(0xc0 | code >> 6);
        symbol[at++] = (char)(0x80 | (code & 63));
    } else {
        symbol[at++] = (char)code;
    }
    symbol[at] = 0;
}

/* 256 bytes, 256 bytes that end a word, one merge, two special tokens. */
static void write_tokenizer(const char *folder)
{
    json_t *vocabulary = json_object();
    char symbol[8], last[16];
    for (int byte = 0; byte < 256; byte++) {
        byte_symbol(byte, symbol);
        snprintf(last, sizeof last, "%s</w>", symbol);
        json_object_set_new(vocabulary, symbol, json_integer(byte));
        json_object_set_new(vocabulary, last, json_integer(256 + byte));
    }
    json_object_set_new(vocabulary, "an", json_integer(512));
    json_object_set_new(vocabulary, "<|startoftext|>", json_integer(513));
    json_object_set_new(vocabulary, "<|endoftext|>", json_integer(514));
    char *text = slr_json_text(vocabulary, 0);
    insist(json_object_size(vocabulary) == TINY_VOCABULARY && text, "vocabulary");
    write_text(folder, "vocab.json", text);
    write_text(folder, "merges.txt", "#version: 0.2\na n\n");
    write_text(folder, "tokenizer_config.json", tokenizer_config);
    free(text);
    json_decref(vocabulary);
}

static void write_weights(const slr_model *model, const char *component, const char *path)
{
    slr_graph *graph = slr_model_record(model, true);
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    slr_error err = {0};
    size_t length = strlen(component);
    for (int i = 0; i < slr_graph_weight_count(graph); i++) {
        const slr_weight_spec *spec = slr_graph_weight(graph, i);
        if (strncmp(spec->name, component, length) != 0 || spec->name[length] != '.')
            continue;
        slr_real *values = weight_values(slr_weight_store_find(model->weights, spec->name));
        insist(slr_safetensors_writer_real(writer, spec->name + length + 1, spec->dims, spec->shape, values,
                                           false, &err) == SELORA_OK, err.message);
        free(values);
    }
    insist(slr_safetensors_writer_save(writer, path, &err) == SELORA_OK, err.message);
    slr_safetensors_writer_free(writer);
    slr_graph_free(graph);
}

void tiny_folder_write(const char *folder, uint64_t seed)
{
    static const char *const names[] = {"unet", "vae", "text_encoder", "tokenizer", "scheduler"};
    static const char *const configs[] = {unet_config, vae_config, text_config, NULL, scheduler_config};
    slr_model *model = tiny_model(seed);
    insist(mkdir(folder, 0755) == 0, folder);
    write_text(folder, "model_index.json", model_index);
    for (int i = 0; i < 5; i++) {
        char *inner = slr_format("%s/%s", folder, names[i]);
        insist(inner && mkdir(inner, 0755) == 0, names[i]);
        if (configs[i])
            write_text(inner, i == 4 ? "scheduler_config.json" : "config.json", configs[i]);
        else
            write_tokenizer(inner);
        if (i < 3) {
            char *weights = slr_format("%s/%s.safetensors", inner, i == 2 ? "model" : "diffusion_pytorch_model");
            write_weights(model, names[i], weights);
            free(weights);
        }
        free(inner);
    }
    slr_model_free(model);
}
