/* SPDX-License-Identifier: MIT */
#include "models/single_file.h"

#include <string.h>

static bool any_name(const slr_safetensors *file, const char *begin, const char *within)
{
    for (size_t i = 0; i < slr_safetensors_count(file); i++) {
        const char *name = slr_safetensors_at(file, i)->name;
        if (strncmp(name, begin, strlen(begin)) == 0 && strstr(name, within))
            return true;
    }
    return false;
}

/* The second size of a tensor; 0 where there is none. */
static int64_t inputs_of(const slr_safetensors *file, const char *name)
{
    const slr_stored_tensor *tensor = slr_safetensors_find(file, name);
    return tensor && tensor->dims >= 2 ? tensor->shape[1] : 0;
}

selora_status slr_single_file_check(const slr_safetensors *file, bool has_config, slr_error *err)
{
    const char *path = slr_safetensors_path(file), *kind = NULL;
    if (any_name(file, "", "lora_"))
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: this is an adapter, not a model; give the model it was trained on",
                        path);
    if (any_name(file, "conditioner.", ""))
        return slr_fail(
            err, SELORA_BAD_INPUT,
            "%s: Stable Diffusion XL is not supported, only models of the 1.x layout are", path);
    if (!any_name(file, "model.diffusion_model.", ""))
        return slr_fail(
            err, SELORA_BAD_INPUT,
            "%s: not a whole Stable Diffusion checkpoint: no tensor is called "
            "model.diffusion_model.*; a model in diffusers layout is given as its folder",
            path);
    if (has_config)
        return SELORA_OK;
    int64_t channels = inputs_of(file, "model.diffusion_model.input_blocks.0.0.weight");
    int64_t width = inputs_of(
        file, "model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight");
    if (channels == 9)
        kind = "an inpainting model (9 input channels)";
    else if (channels == 8)
        kind = "an image editing model (8 input channels)";
    else if (width == 1024)
        kind = "a Stable Diffusion 2.x model (cross-attention over 1024 values)";
    if (kind)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: this is %s, which is not supported", path,
                        kind);
    if (width != 768 ||
        !slr_safetensors_find(file,
                              "model.diffusion_model.output_blocks.11.0.skip_connection.weight"))
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: not of the sizes of Stable Diffusion 1.x; give the folder of a "
                        "diffusers model with its configuration",
                        path);
    return SELORA_OK;
}
