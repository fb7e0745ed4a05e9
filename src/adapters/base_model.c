/* SPDX-License-Identifier: MIT */
#include "adapters/base_model.h"

#include <stdlib.h>
#include <string.h>

/* CLIP ViT-L has 12 layers, the text encoder of Stable Diffusion 2 has 23 of width 1024. */
enum { LAYERS_OF_CLIP_L = 12 };

static const char *text_base(const slr_pair *pair)
{
    const char *layers = strstr(pair->path, "encoder.layers.");
    bool projection = strstr(pair->path, "_proj") || strstr(pair->path, "fc1");
    if (projection && pair->in == 1280)
        return "SDXL";
    bool deep = layers && strtol(layers + strlen("encoder.layers."), NULL, 10) >= LAYERS_OF_CLIP_L;
    return deep || (projection && pair->in == 1024) ? "Stable Diffusion 2" : NULL;
}

const char *slr_pair_foreign_base(const slr_pair *pair)
{
    bool cross = strstr(pair->path, "attn2.to_k") || strstr(pair->path, "attn2.to_v");
    bool wide = pair->out == 320 || pair->out == 640 || pair->out == 1280;
    if (strncmp(pair->path, "text_encoder.", 13) == 0)
        return text_base(pair);
    if (cross && wide && pair->in == 2048)
        return "SDXL";
    return cross && wide && pair->in == 1024 ? "Stable Diffusion 2" : NULL;
}
