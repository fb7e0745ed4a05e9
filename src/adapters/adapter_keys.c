/* SPDX-License-Identifier: MIT */
#include "adapters/adapter_keys.h"

#include <stdio.h>
#include <string.h>

enum { NAME = 512 };

static bool starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool ends(const char *text, const char *suffix)
{
    size_t length = strlen(text), own = strlen(suffix);
    return length >= own && strcmp(text + length - own, suffix) == 0;
}

selora_status slr_adapter_style_of(const slr_safetensors *file, slr_adapter_style *style,
                                   slr_error *err)
{
    for (size_t i = 0; i < slr_safetensors_count(file); i++) {
        const char *name = slr_safetensors_at(file, i)->name;
        if (starts(name, "lora_te2_"))
            return slr_fail(err, SELORA_BAD_INPUT,
                            "%s: an adapter for SDXL (%s); Stable Diffusion 1.x is expected",
                            slr_safetensors_path(file), name);
        if (starts(name, "base_model.model."))
            return slr_fail(err, SELORA_BAD_INPUT,
                            "%s: a file of a PEFT directory; convert it first, its scale stands in "
                            "the adapter_config.json beside it",
                            slr_safetensors_path(file));
        if (starts(name, "lora_unet_") || starts(name, "lora_te_") || starts(name, "lora_te1_")) {
            *style = SLR_ADAPTER_KOHYA;
            return SELORA_OK;
        }
        if (starts(name, "unet.") || starts(name, "text_encoder.")) {
            *style = SLR_ADAPTER_DIFFUSERS;
            return SELORA_OK;
        }
    }
    return slr_fail(
        err, SELORA_BAD_INPUT,
        "%s: no adapter; names that begin with unet., text_encoder., lora_unet_ or lora_te_ "
        "are expected",
        slr_safetensors_path(file));
}

static const slr_stored_tensor *find(const slr_safetensors *file, const char *stem,
                                     const char *suffix)
{
    char name[NAME];
    int length = snprintf(name, sizeof name, "%s%s", stem, suffix);
    return length > 0 && length < NAME ? slr_safetensors_find(file, name) : NULL;
}

/* A pair of names for down and up. */
static const char *const suffixes[][2] = {
    {".lora_A.weight", ".lora_B.weight"},
    {".lora.down.weight", ".lora.up.weight"},
    {".lora_down.weight", ".lora_up.weight"},
    {".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"},
};

static bool find_pair(const slr_safetensors *file, const char *stem, const slr_stored_tensor **a,
                      const slr_stored_tensor **b)
{
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        *a = find(file, stem, suffixes[i][0]);
        *b = find(file, stem, suffixes[i][1]);
        if (*a || *b)
            return true;
    }
    return false;
}

/* The oldest diffusers form: X.attn1.processor.to_q_lora.down.weight, to_out_lora for to_out.0. */
static bool find_processor_pair(const slr_safetensors *file, const char *path,
                                const slr_stored_tensor **a, const slr_stored_tensor **b)
{
    char stem[NAME];
    size_t length = strlen(path);
    if (ends(path, ".to_out.0"))
        length -= 2;
    size_t last = length;
    while (last > 0 && path[last - 1] != '.')
        last--;
    int written = snprintf(stem, sizeof stem, "%.*sprocessor.%.*s_lora", (int)last, path,
                           (int)(length - last), path + last);
    if (written < 0 || written >= NAME)
        return false;
    *a = find(file, stem, ".down.weight");
    *b = find(file, stem, ".up.weight");
    return *a || *b;
}

/* path without "text_model.", which newer text encoders do not have; false when there is none. */
static bool other_layout(const char *path, char other[NAME])
{
    static const char level[] = "text_model.";
    const char *at = strstr(path, level);
    if (!at)
        return false;
    snprintf(other, NAME, "%.*s%s", (int)(at - path), path, at + sizeof level - 1);
    return true;
}

static void find_diffusers(const slr_safetensors *file, const char *path,
                           const slr_stored_tensor **a, const slr_stored_tensor **b)
{
    if (!find_pair(file, path, a, b))
        find_processor_pair(file, path, a, b);
}

/* unet.a.b -> lora_unet_a_b; text_encoder.a -> lora_te_a, lora_te1_a. */
static void find_kohya(const slr_safetensors *file, const char *path, const slr_stored_tensor **a,
                       const slr_stored_tensor **b, const slr_stored_tensor **alpha)
{
    static const char *const unet[] = {"lora_unet_", NULL}, *const text[] = {"lora_te_",
                                                                             "lora_te1_", NULL};
    const char *module = strchr(path, '.');
    const char *const *prefix = starts(path, "unet.") ? unet : text;
    for (; module && *prefix; prefix++) {
        char stem[NAME];
        snprintf(stem, sizeof stem, "%s%s", *prefix, module + 1);
        for (char *at = stem; *at; at++)
            if (*at == '.')
                *at = '_';
        if (find_pair(file, stem, a, b)) {
            *alpha = find(file, stem, ".alpha");
            return;
        }
    }
}

slr_adapter_keys slr_adapter_keys_find(const slr_safetensors *file, slr_adapter_style style,
                                       const char *path)
{
    slr_adapter_keys keys = {0};
    char other[NAME];
    const char *layouts[2] = {path, other_layout(path, other) ? other : NULL};
    for (int i = 0; i < 2 && layouts[i]; i++) {
        slr_adapter_keys found = {0};
        if (style == SLR_ADAPTER_KOHYA)
            find_kohya(file, layouts[i], &found.a, &found.b, &found.alpha);
        else
            find_diffusers(file, layouts[i], &found.a, &found.b);
        if (!found.a && !found.b)
            continue;
        if (!keys.a && !keys.b) {
            keys = found;
        } else {
            keys.twin_a = found.a;
            keys.twin_b = found.b;
            keys.twin_alpha = found.alpha;
        }
    }
    return keys;
}

const char *slr_adapter_key_problem(const char *name)
{
    if (strstr(name, "dora_scale") || strstr(name, "lora_magnitude_vector"))
        return "DoRA is not supported";
    if (strstr(name, "lokr_") || strstr(name, "hada_") || strstr(name, "lora_mid"))
        return "LyCORIS forms other than plain LoRA are not supported";
    if (ends(name, ".bias") || strstr(name, "lora_bias"))
        return "biases are not supported";
    if (strstr(name, "conv") || strstr(name, "proj_in") || strstr(name, "proj_out") ||
        strstr(name, "samplers"))
        return "this model has no linear layer of that name (adapters of convolutions are not "
               "supported)";
    return "this model has no linear layer of that name";
}
