/* SPDX-License-Identifier: MIT
 * Any bytes as a reference case for a very small model; an accepted one is run. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "eval/case_run.h"

enum { MAX_STEPS = 4, MAX_PIXELS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const slr_unet_config unet = {
    .in_channels = 4,
    .out_channels = 4,
    .levels = 2,
    .channels = {4, 4},
    .down_attention = {true, false},
    .up_attention = {false, true},
    .heads = {2, 1},
    .layers_per_block = 1,
    .cross_attention_width = 4,
    .groups = 2,
    .norm_eps = 1e-5,
    .flip_sin_to_cos = true,
};
static const slr_vae_config vae = {
    .in_channels = 3,
    .out_channels = 3,
    .latent_channels = 4,
    .levels = 2,
    .channels = {4, 4},
    .layers_per_block = 1,
    .groups = 2,
    .scaling_factor = 0.5,
    .quant_conv = true,
    .post_quant_conv = true,
};
static const slr_clip_text_config text = {
    .vocabulary = 7,
    .positions = 3,
    .width = 4,
    .mlp_width = 4,
    .layers = 1,
    .heads = 2,
    .activation = SLR_ACT_QUICK_GELU,
    .norm_eps = 1e-5,
};

static slr_model *model_once(void)
{
    static slr_model *model;
    slr_error err = {0};
    if (!model && slr_model_random(&unet, &vae, &text, 1, SLR_MODEL_WHOLE, SLR_WEIGHTS_KEEP, &model, &err) != SELORA_OK)
        abort();
    return model;
}

/* Long ones are legal but tell nothing new. */
static int is_short(const slr_reference_case *c)
{
    int64_t pixels = slr_case_size(c, 'N') * slr_case_size(c, 'H') * slr_case_size(c, 'W');
    return pixels <= MAX_PIXELS && (c->kind != SLR_CASE_SAMPLE || c->steps <= MAX_STEPS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slr_reference_case *c;
    slr_error err = {0};
    selora_status status =
        slr_reference_case_open_memory(data, size, "input", model_once(), &c, &err);
    if (status == SELORA_OK) {
        slr_case_report report = {.c = c};
        slr_case_run run = {.c = c,
                            .model = model_once(),
                            .backend = slr_backend_cpu(),
                            .threads = 1,
                            .report = &report};
        if (is_short(c) && slr_case_run_any(&run, &err) == SELORA_CHECK_FAILED)
            abort(); /* a tensor was not compared */
        slr_reference_case_close(c);
    } else if (!err.message[0] || strchr(err.message, '\n')) {
        abort(); /* one line, always */
    }
    return 0;
}
