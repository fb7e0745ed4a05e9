/* SPDX-License-Identifier: MIT */
#include "models/weight_names.h"

#include <stdio.h>
#include <string.h>

static bool starts_with(const char *text, const char *prefix, const char **rest)
{
    size_t length = strlen(prefix);
    if (strncmp(text, prefix, length) != 0)
        return false;
    *rest = text + length;
    return true;
}

/* Replaces a leading module name; false when `text` starts with none of the pairs. */
typedef struct name_pair {
    const char *from, *to;
} name_pair;

static bool renamed(const char *text, const name_pair *pairs, size_t count, char *out, size_t size)
{
    const char *rest;
    for (size_t i = 0; i < count; i++)
        if (starts_with(text, pairs[i].from, &rest)) {
            snprintf(out, size, "%s%s", pairs[i].to, rest);
            return true;
        }
    return false;
}

static const name_pair resnet_names[] = {
    {"norm1.", "in_layers.0."},          {"conv1.", "in_layers.2."},
    {"time_emb_proj.", "emb_layers.1."}, {"norm2.", "out_layers.0."},
    {"conv2.", "out_layers.3."},         {"conv_shortcut.", "skip_connection."},
};
static const name_pair unet_names[] = {
    {"conv_in.", "input_blocks.0.0."},
    {"time_embedding.linear_1.", "time_embed.0."},
    {"time_embedding.linear_2.", "time_embed.2."},
    {"conv_norm_out.", "out.0."},
    {"conv_out.", "out.2."},
};

/* "resnets.1.conv1.weight" -> 1 and "conv1.weight"; false when the kind differs. */
static bool numbered(const char *text, const char *kind, int *index, const char **rest)
{
    int used = 0;
    if (!starts_with(text, kind, &text) || sscanf(text, "%d.%n", index, &used) != 1 || used == 0)
        return false;
    *rest = text + used;
    return true;
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* One level of the U-Net: `rest` follows "down_blocks.i." or the like; block numbers as LDM counts
 * them. */
static bool ldm_unet_block(const slr_name_rules *rules, const char *side, int level,
                           const char *rest, char *out, size_t size)
{
    bool down = strcmp(side, "input_blocks") == 0;
    int per_level = rules->unet_layers_per_block + 1, j;
    const char *tail;
    char inner[SLR_STORED_NAME];
    int first = per_level * level + (down ? 1 : 0);
    if (numbered(rest, "resnets.", &j, &tail) &&
        renamed(tail, resnet_names, COUNT(resnet_names), inner, sizeof inner))
        return snprintf(out, size, "%s.%d.0.%s", side, first + j, inner) > 0;
    if (numbered(rest, "attentions.", &j, &tail))
        return snprintf(out, size, "%s.%d.1.%s", side, first + j, tail) > 0;
    if (starts_with(rest, "downsamplers.0.conv.", &tail))
        return snprintf(out, size, "%s.%d.0.op.%s", side, per_level * (level + 1), tail) > 0;
    if (starts_with(rest, "upsamplers.0.conv.", &tail))
        return snprintf(out, size, "%s.%d.%d.conv.%s", side, first + per_level - 1,
                        rules->unet_up_attention[level] ? 2 : 1, tail) > 0;
    return false;
}

static bool ldm_unet(const slr_name_rules *rules, const char *name, char *out, size_t size)
{
    int i;
    const char *rest;
    char inner[SLR_STORED_NAME];
    if (renamed(name, unet_names, COUNT(unet_names), out, size))
        return true;
    if (numbered(name, "down_blocks.", &i, &rest) && i >= 0 && i < SLR_UNET_MAX_LEVELS)
        return ldm_unet_block(rules, "input_blocks", i, rest, out, size);
    if (numbered(name, "up_blocks.", &i, &rest) && i >= 0 && i < SLR_UNET_MAX_LEVELS)
        return ldm_unet_block(rules, "output_blocks", i, rest, out, size);
    if (numbered(name, "mid_block.resnets.", &i, &rest) &&
        renamed(rest, resnet_names, COUNT(resnet_names), inner, sizeof inner))
        return snprintf(out, size, "middle_block.%d.%s", 2 * i, inner) > 0;
    if (starts_with(name, "mid_block.attentions.0.", &rest))
        return snprintf(out, size, "middle_block.1.%s", rest) > 0;
    return false;
}

static const name_pair vae_resnet_names[] = {{"conv_shortcut.", "nin_shortcut."}};
static const name_pair vae_attention_names[] = {
    {"group_norm.", "norm."},   {"to_q.", "q."}, {"to_k.", "k."}, {"to_v.", "v."},
    {"to_out.0.", "proj_out."},
};

/* `name` follows "encoder." or "decoder.". */
static bool ldm_vae_side(const slr_name_rules *rules, const char *side, const char *name, char *out,
                         size_t size)
{
    int i, j;
    const char *rest, *tail;
    char inner[SLR_STORED_NAME];
    bool down = numbered(name, "down_blocks.", &i, &rest);
    if (down || numbered(name, "up_blocks.", &i, &rest)) {
        int level = down ? i : rules->vae_levels - 1 - i;
        const char *way = down ? "down" : "up";
        if (numbered(rest, "resnets.", &j, &tail)) {
            if (!renamed(tail, vae_resnet_names, COUNT(vae_resnet_names), inner, sizeof inner))
                snprintf(inner, sizeof inner, "%s", tail);
            return snprintf(out, size, "%s.%s.%d.block.%d.%s", side, way, level, j, inner) > 0;
        }
        if (starts_with(rest, down ? "downsamplers.0." : "upsamplers.0.", &tail))
            return snprintf(out, size, "%s.%s.%d.%s.%s", side, way, level,
                            down ? "downsample" : "upsample", tail) > 0;
        return false;
    }
    if (numbered(name, "mid_block.resnets.", &i, &rest))
        return snprintf(out, size, "%s.mid.block_%d.%s", side, i + 1, rest) > 0;
    if (starts_with(name, "mid_block.attentions.0.", &rest) &&
        renamed(rest, vae_attention_names, COUNT(vae_attention_names), inner, sizeof inner))
        return snprintf(out, size, "%s.mid.attn_1.%s", side, inner) > 0;
    if (starts_with(name, "conv_norm_out.", &rest))
        return snprintf(out, size, "%s.norm_out.%s", side, rest) > 0;
    return snprintf(out, size, "%s.%s", side, name) > 0;
}

static bool ldm_vae(const slr_name_rules *rules, const char *name, char *out, size_t size)
{
    const char *rest;
    if (starts_with(name, "encoder.", &rest))
        return ldm_vae_side(rules, "encoder", rest, out, size);
    if (starts_with(name, "decoder.", &rest))
        return ldm_vae_side(rules, "decoder", rest, out, size);
    return snprintf(out, size, "%s", name) > 0;
}

static int ldm_names(const slr_name_rules *rules, const char *canonical,
                     char names[SLR_MAX_STORED_NAMES][SLR_STORED_NAME])
{
    const char *rest, *inner;
    char mapped[SLR_STORED_NAME - 48];
    if (starts_with(canonical, "unet.", &rest) && ldm_unet(rules, rest, mapped, sizeof mapped)) {
        snprintf(names[0], SLR_STORED_NAME, "model.diffusion_model.%s", mapped);
        return 1;
    }
    if (starts_with(canonical, "vae.", &rest) && ldm_vae(rules, rest, mapped, sizeof mapped)) {
        static const char *const prefixes[] = {"first_stage_model.", "vae.",
                                               ""}; /* the last two of stand-alone files */
        for (int i = 0; i < 3; i++)
            snprintf(names[i], SLR_STORED_NAME, "%s%s", prefixes[i], mapped);
        return 3;
    }
    if (starts_with(canonical, "text_encoder.", &rest)) {
        snprintf(names[0], SLR_STORED_NAME, "cond_stage_model.transformer.%s", rest);
        if (!starts_with(rest, "text_model.", &inner))
            return 1;
        snprintf(names[1], SLR_STORED_NAME, "cond_stage_model.transformer.%s", inner);
        return 2;
    }
    return 0;
}

static const name_pair old_vae_attention[] = {
    {"to_q.", "query."}, {"to_k.", "key."}, {"to_v.", "value."}, {"to_out.0.", "proj_attn."},
};

static int folder_names(const char *canonical, char names[SLR_MAX_STORED_NAMES][SLR_STORED_NAME])
{
    const char *rest, *inner;
    if (starts_with(canonical, "unet.", &rest)) {
        snprintf(names[0], SLR_STORED_NAME, "%s", rest);
        return 1;
    }
    if (starts_with(canonical, "text_encoder.", &rest)) {
        snprintf(names[0], SLR_STORED_NAME, "%s", rest);
        if (!starts_with(rest, "text_model.", &inner))
            return 1;
        snprintf(names[1], SLR_STORED_NAME, "%s", inner);
        return 2;
    }
    if (!starts_with(canonical, "vae.", &rest))
        return 0;
    snprintf(names[0], SLR_STORED_NAME, "%s", rest);
    const char *attention = strstr(rest, ".attentions.0.");
    if (!attention)
        return 1;
    attention += strlen(".attentions.0.");
    char old[SLR_STORED_NAME];
    if (!renamed(attention, old_vae_attention, COUNT(old_vae_attention), old, sizeof old))
        return 1;
    snprintf(names[1], SLR_STORED_NAME, "%.*s%s", (int)(attention - rest), rest, old);
    return 2;
}

int slr_stored_names(const slr_name_rules *rules, const char *canonical,
                     char names[SLR_MAX_STORED_NAMES][SLR_STORED_NAME])
{
    return rules->single_file ? ldm_names(rules, canonical, names) : folder_names(canonical, names);
}

bool slr_stored_name_is_ignorable(bool single_file, const char *stored)
{
    size_t length = strlen(stored);
    const char *position_ids = "embeddings.position_ids", *rest;
    if (length >= strlen(position_ids) &&
        strcmp(stored + length - strlen(position_ids), position_ids) == 0)
        return true;
    if (!single_file)
        return false;
    return !starts_with(stored, "model.diffusion_model.", &rest) &&
           !(starts_with(stored, "first_stage_model.", &rest) && strncmp(rest, "loss.", 5) != 0) &&
           !starts_with(stored, "cond_stage_model.transformer.", &rest);
}
