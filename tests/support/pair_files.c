/* SPDX-License-Identifier: MIT */
#include "support/pair_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/scratch.h"
#include "support/toy.h"

const pair_file_layer pair_file_layers[PAIR_FILE_LAYERS] = {
    {"unet.down_blocks.0." BLOCK "attn1.to_q", 24, 24, 0, 1},
    {"unet.down_blocks.0." BLOCK "attn1.to_out.0", 24, 24, 0, 3},
    {"unet.down_blocks.1." BLOCK "attn2.to_k", 20, 32, 0, 9},
    {"unet.down_blocks.1." BLOCK "ff.net.0.proj", 32, 128, 0, 1},
    {"unet.down_blocks.1." BLOCK "ff.net.2", 64, 32, 0, 5},
    {"unet.down_blocks.1.attentions.0.proj_in", 32, 32, 1, 2},
    {"unet.down_blocks.0.resnets.1.conv1", 24 * 9, 24, 3, 4},
    {"unet.mid_block.resnets.0.time_emb_proj", 40, 24, 0, 7},
    {"unet.up_blocks.1.upsamplers.0.conv", 24 * 9, 24, 3, 1},
    {"text_encoder.text_model.encoder.layers.0.self_attn.q_proj", 16, 16, 0, 1},
    {"text_encoder.text_model.encoder.layers.0.self_attn.out_proj", 16, 16, 0, 6},
    {"text_encoder.text_model.encoder.layers.11.mlp.fc1", 16, 64, 0, 8},
};

slr_pairs pair_files_make(double scale, bool own)
{
    slr_pairs pairs = {.format = "test"};
    for (uint32_t i = 0; i < PAIR_FILE_LAYERS; i++) {
        const pair_file_layer *layer = &pair_file_layers[i];
        slr_pair *pair;
        assert_int_equal(slr_pairs_add(&pairs, layer->path, layer->in, layer->out, layer->rank, &pair, NULL),
                         SELORA_OK);
        pair->kernel = layer->kernel;
        pair->scale = own ? scale / (1 + i % 4) : scale;
        toy_fill(pair->a, pair->rank * pair->in, 1, i);
        toy_fill(pair->b, pair->rank * pair->out, 2, i);
    }
    slr_pairs_note(&pairs, "selora.method", "selora");
    slr_pairs_note(&pairs, "selora.lambda", "1.3");
    slr_pairs_sort(&pairs);
    return pairs;
}

void pair_files_write(const char *format, const slr_pairs *pairs, slr_export_options options, const char *name,
                     slr_export_report *report)
{
    slr_error err = {0};
    const slr_adapter_format *f = slr_format_named(format);
    assert_non_null(f);
    if (f->write(pairs, &options, scratch_path(name), report, &err) != SELORA_OK)
        fail_msg("%s: %s", format, err.message);
}

slr_pairs pair_files_load(const char *name)
{
    slr_error err = {0};
    slr_pairs pairs = {0};
    if (slr_pairs_load(scratch_path(name), &pairs, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return pairs;
}

void pair_files_add(slr_safetensors_writer *writer, const char *name, int dims, const int64_t *shape, uint32_t salt)
{
    int64_t count = 1;
    for (int i = 0; i < dims; i++)
        count *= shape[i];
    slr_real *values = calloc((size_t)count + 1, sizeof *values);
    toy_fill(values, count, 6, salt);
    assert_int_equal(slr_safetensors_writer_real(writer, name, dims, shape, values, false, NULL), SELORA_OK);
    free(values);
}

void pair_files_finish(slr_safetensors_writer *writer, const char *name)
{
    assert_int_equal(slr_safetensors_writer_save(writer, scratch_path(name), NULL), SELORA_OK);
    slr_safetensors_writer_free(writer);
}
