/* SPDX-License-Identifier: MIT */
#include "adapters/adapter_names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"

static const char text_level[] = "text_model.";

/* How names begin. `joint`: what stands between modules. */
typedef struct name_start {
    slr_names names;
    const char *prefix, *component; /* component NULL: the module tells */
    char joint;
} name_start;

static const name_start starts[] = {
    {SLR_NAMES_KOHYA, "lora_unet_", "unet", '_'},
    {SLR_NAMES_KOHYA, "lora_te_", "text_encoder", '_'},
    {SLR_NAMES_KOHYA, "lora_te1_", "text_encoder", '_'},
    {SLR_NAMES_PEFT, "base_model.model.", NULL, '.'},
    {SLR_NAMES_DIFFUSERS, "unet.", "unet", '.'},
    {SLR_NAMES_DIFFUSERS, "text_encoder.", "text_encoder", '.'},
    {SLR_NAMES_DIFFUSERS, "", NULL, '.'}, /* attention processors saved by themselves */
    {SLR_NAMES_PUBLISHED, "", NULL, '.'},
};

/* How they end; the first of each family is the one that is written. */
typedef struct name_end {
    slr_names names;
    const char *down, *up;
} name_end;

static const name_end ends[] = {
    {SLR_NAMES_KOHYA, ".lora_down.weight", ".lora_up.weight"},
    {SLR_NAMES_KOHYA, ".lora_A.weight", ".lora_B.weight"},
    {SLR_NAMES_PEFT, ".lora_A.weight", ".lora_B.weight"},
    {SLR_NAMES_PEFT, ".lora_A.default.weight", ".lora_B.default.weight"},
    {SLR_NAMES_DIFFUSERS, ".lora_A.weight", ".lora_B.weight"},
    {SLR_NAMES_DIFFUSERS, ".lora.down.weight", ".lora.up.weight"},
    {SLR_NAMES_DIFFUSERS, ".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"},
    {SLR_NAMES_DIFFUSERS, ".lora_down.weight", ".lora_up.weight"},
    {SLR_NAMES_DIFFUSERS, "_lora.down.weight", "_lora.up.weight"},
    {SLR_NAMES_PUBLISHED, ".lora_A", ".lora_B"},
};

/* Names of modules where they are joined by underscores, longer before shorter where one begins
 * with the other. */
static const char *const modules[] = {
    "down_blocks",   "up_blocks",   "mid_block",     "attentions",     "resnets",
    "downsamplers",  "upsamplers",  "time_embedding", "time_emb_proj", "transformer_blocks",
    "conv_shortcut", "conv_in",     "conv_out",      "conv1",          "conv2",
    "conv",          "linear_1",    "linear_2",      "attn1",          "attn2",
    "to_out",        "to_q",        "to_k",          "to_v",           "proj_in",
    "proj_out",      "proj",        "ff",            "net",            "text_model",
    "encoder",       "layers",      "self_attn",     "mlp",            "q_proj",
    "k_proj",        "v_proj",      "out_proj",      "fc1",            "fc2",
    /* of single files */
    "input_blocks",  "middle_block", "output_blocks", "time_embed",    "in_layers",
    "out_layers",    "emb_layers",  "skip_connection", "op",           "out",
};

/* Layers of text encoders as the first versions of diffusers named them. */
static const char *const elder_text[][2] = {
    {"to_q", "q_proj"}, {"to_k", "k_proj"}, {"to_v", "v_proj"}, {"to_out", "out_proj"}};

/* Modules of a residual block in single files. */
static const char *const ldm_resnet[][2] = {
    {"in_layers.2", "conv1"},
    {"emb_layers.1", "time_emb_proj"},
    {"out_layers.3", "conv2"},
    {"skip_connection", "conv_shortcut"},
};
static const char *const ldm_single[][2] = {
    {"time_embed.0", "time_embedding.linear_1"},
    {"time_embed.2", "time_embedding.linear_2"},
    {"input_blocks.0.0", "conv_in"},
    {"out.2", "conv_out"},
};

/* What cannot be applied, wherever it stands in the name. */
static const struct {
    const char *part, *reason;
} refused[] = {
    {"dora_scale", "DoRA is not supported"},
    {"lora_magnitude_vector", "DoRA is not supported"},
    {"lokr_", "LyCORIS forms other than plain LoRA are not supported"},
    {"hada_", "LyCORIS forms other than plain LoRA are not supported"},
    {"lora_mid", "LyCORIS forms other than plain LoRA are not supported"},
    {".oft_", "LyCORIS forms other than plain LoRA are not supported"},
    {".diff", "changes of whole weights are not supported"},
    {"lora_bias", "biases are not supported"},
    {"lora_embedding_", "adapters of embeddings are not supported"},
    {"modules_to_save", "copies of whole modules are not supported"},
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* "down_blocks_0_attentions_1" -> "down_blocks.0.attentions.1"; false at a word that is no module. */
static bool split_words(char *text)
{
    while (*text) {
        size_t length = strspn(text, "0123456789");
        for (size_t i = 0; length == 0 && i < COUNT(modules); i++) {
            size_t own = strlen(modules[i]);
            if (strncmp(text, modules[i], own) == 0 && (text[own] == '_' || text[own] == 0))
                length = own;
        }
        if (length == 0 || (text[length] != '_' && text[length] != 0))
            return false;
        text += length;
        if (*text)
            *text++ = '.';
    }
    return true;
}

/* Replaces the end of `module`, which is `from`, by `to`. */
static bool replace(char module[SLR_LAYER_PATH], size_t at, const char *to)
{
    if (at + strlen(to) >= SLR_LAYER_PATH)
        return false;
    strcpy(module + at, to);
    return true;
}

/* A module of one LDM block, `rest`, becomes BLOCKS.level.resnets.j or .attentions.j; SD 1.x has two
 * layers a block going down and three going up. */
static bool from_ldm_block(char module[SLR_LAYER_PATH], const char *side, int level, int j, int part,
                           const char *rest)
{
    char inner[SLR_LAYER_PATH];
    snprintf(inner, sizeof inner, "%s", rest);
    if (part == 0) {
        size_t i = 0;
        while (i < COUNT(ldm_resnet) && strcmp(rest, ldm_resnet[i][0]) != 0)
            i++;
        if (i == COUNT(ldm_resnet))
            return false;
        snprintf(inner, sizeof inner, "%s", ldm_resnet[i][1]);
    }
    int written = snprintf(module, SLR_LAYER_PATH, "%s.%d.%s.%d.%s", side, level,
                           part == 0 ? "resnets" : "attentions", j, inner);
    return written > 0 && written < SLR_LAYER_PATH;
}

/* LDM names to those of diffusers; others stay. False for an LDM name without a counterpart. */
static bool from_ldm(char module[SLR_LAYER_PATH])
{
    int n, part, used = 0;
    char rest[SLR_LAYER_PATH];
    for (size_t i = 0; i < COUNT(ldm_single); i++)
        if (strcmp(module, ldm_single[i][0]) == 0)
            return replace(module, 0, ldm_single[i][1]);
    if (sscanf(module, "middle_block.%1d.%n", &n, &used) == 1 && used > 0) {
        snprintf(rest, sizeof rest, "%s", module + used);
        if (n == 1)
            return snprintf(module, SLR_LAYER_PATH, "mid_block.attentions.0.%.480s", rest) > 0;
        if (!from_ldm_block(module, "mid_block", 0, n / 2, 0, rest))
            return false;
        memmove(module + strlen("mid_block"), module + strlen("mid_block.0"),
                strlen(module) - strlen("mid_block.0") + 1);
        return true;
    }
    bool in = starts_with(module, "input_blocks.");
    if (!in && !starts_with(module, "output_blocks."))
        return !starts_with(module, "time_embed.") && !starts_with(module, "out.") &&
               !starts_with(module, "middle_block.");
    if (sscanf(module + (in ? 13 : 14), "%2d.%1d.%n", &n, &part, &used) != 2 || used == 0 || n < in)
        return false;
    snprintf(rest, sizeof rest, "%s", module + (in ? 13 : 14) + used);
    int level = (n - in) / 3, j = (n - in) % 3;
    if (in && part == 0 && j == 2 && strcmp(rest, "op") == 0)
        return snprintf(module, SLR_LAYER_PATH, "down_blocks.%d.downsamplers.0.conv", level) > 0;
    if (!in && strcmp(rest, "conv") == 0)
        return j == 2 && part == (level == 0 ? 1 : 2) &&
               snprintf(module, SLR_LAYER_PATH, "up_blocks.%d.upsamplers.0.conv", level) > 0;
    return part <= 1 && !(in && j == 2) &&
           from_ldm_block(module, in ? "down_blocks" : "up_blocks", level, j, part, rest);
}

/* "attn1.processor.to_q" -> "attn1.to_q", "to_out" -> "to_out.0"; text encoders say q_proj. */
static bool from_processor(char module[SLR_LAYER_PATH], bool text)
{
    static const char word[] = "processor.";
    char *at = strstr(module, word);
    if (at && (at == module || at[-1] == '.'))
        memmove(at, at + sizeof word - 1, strlen(at + sizeof word - 1) + 1);
    char *last = strrchr(module, '.');
    last = last ? last + 1 : module;
    for (size_t i = 0; text && i < COUNT(elder_text); i++)
        if (strcmp(last, elder_text[i][0]) == 0)
            return replace(module, (size_t)(last - module), elder_text[i][1]);
    return strcmp(last, "to_out") != 0 || replace(module, strlen(module), ".0");
}

static bool is_text_module(const char *module)
{
    return starts_with(module, text_level) || starts_with(module, "encoder.layers.");
}

/* Fills the path from what stands between prefix and ending. */
static bool make_path(const name_start *start, const char *middle, size_t length, bool processor, slr_key *key)
{
    char module[SLR_LAYER_PATH];
    if (length == 0 || length >= sizeof module)
        return false;
    snprintf(module, sizeof module, "%.*s", (int)length, middle);
    if (start->joint == '_' && !split_words(module))
        return false;
    const char *component = start->component ? start->component
                            : is_text_module(module) ? "text_encoder" : "unet";
    bool text = component[0] == 't';
    if ((processor && !from_processor(module, text)) || (!text && !from_ldm(module)))
        return false;
    key->text_long = text && starts_with(module, text_level);
    key->text_short = text && !key->text_long;
    key->bare = start->names == SLR_NAMES_DIFFUSERS && !start->prefix[0];
    int written = snprintf(key->path, SLR_LAYER_PATH, "%s.%s%s", component, key->text_short ? text_level : "",
                           module);
    return written > 0 && written < SLR_LAYER_PATH;
}

static const name_end *end_of(slr_names names, const char *name, slr_key_role *role, size_t *tail)
{
    for (size_t i = 0; i < COUNT(ends); i++) {
        const char *down = ends[i].down, *up = ends[i].up;
        if (ends[i].names != names || !(slr_ends_in(name, down) || slr_ends_in(name, up)))
            continue;
        *role = slr_ends_in(name, down) ? SLR_KEY_DOWN : SLR_KEY_UP;
        *tail = strlen(*role == SLR_KEY_DOWN ? down : up);
        return &ends[i];
    }
    return NULL;
}

static const name_start *start_of(slr_names names, const char *name)
{
    for (size_t i = 0; i < COUNT(starts); i++)
        if (starts[i].names == names && starts_with(name, starts[i].prefix))
            return &starts[i];
    return NULL;
}

static const char *refusal(slr_names names, const char *name)
{
    for (size_t i = 0; i < COUNT(refused); i++)
        if (strstr(name, refused[i].part))
            return refused[i].reason;
    return names != SLR_NAMES_PUBLISHED && slr_ends_in(name, ".bias") ? "biases are not supported" : NULL;
}

void slr_key_read(slr_names names, const char *name, slr_key *key)
{
    *key = (slr_key){.role = SLR_KEY_UNKNOWN};
    const name_start *start = start_of(names, name);
    size_t tail = 0;
    slr_key_role role = SLR_KEY_ALPHA;
    key->reason = refusal(names, name);
    if (key->reason)
        key->role = SLR_KEY_REFUSED;
    if (key->reason || !start)
        return;
    const name_end *end = end_of(names, name, &role, &tail);
    if (!end && slr_ends_in(name, ".alpha"))
        tail = strlen(".alpha");
    size_t prefix = strlen(start->prefix);
    if (tail > 0) {
        if (strlen(name) > prefix + tail &&
            make_path(start, name + prefix, strlen(name) - prefix - tail, end && end->down[0] == '_',
                      key))
            key->role = role;
    } else if (names == SLR_NAMES_PUBLISHED) {
        key->role = SLR_KEY_BESIDE;
    }
}

bool slr_names_claim(const char *name, slr_names *names)
{
    slr_key_role role;
    size_t tail;
    for (size_t i = 0; i < COUNT(starts); i++)
        if (starts[i].prefix[0] && starts_with(name, starts[i].prefix)) {
            *names = starts[i].names;
            return true;
        }
    *names = SLR_NAMES_PUBLISHED;
    if (end_of(*names, name, &role, &tail))
        return true;
    *names = SLR_NAMES_DIFFUSERS;
    return end_of(*names, name, &role, &tail) != NULL;
}

const char *slr_names_foreign(const char *name)
{
    if (starts_with(name, "lora_te3_") || starts_with(name, "text_encoder_3.") || strstr(name, "joint_blocks"))
        return "a transformer (Stable Diffusion 3, Flux)";
    if (starts_with(name, "lora_te2_") || starts_with(name, "text_encoder_2.") || strstr(name, "add_embedding") ||
        strstr(name, "label_emb"))
        return "SDXL";
    if (starts_with(name, "transformer.") || starts_with(name, "lora_transformer_") ||
        starts_with(name, "diffusion_model.double_blocks") || starts_with(name, "lora_unet_double_blocks"))
        return "a transformer (Stable Diffusion 3, Flux)";
    const char *blocks = strstr(name, "transformer_blocks");
    if (blocks && strstr(name, "lora") && blocks[strlen("transformer_blocks")] &&
        isdigit((unsigned char)blocks[strlen("transformer_blocks") + 1]) &&
        blocks[strlen("transformer_blocks") + 1] != '0')
        return "SDXL"; /* more than one transformer block in a row */
    return NULL;
}

const char *slr_component_of(const char *path)
{
    return starts_with(path, "unet.") ? "unet" : "text_encoder";
}

const char *slr_module_of(const char *path, bool short_text)
{
    const char *module = strchr(path, '.');
    module = module ? module + 1 : path;
    return short_text && path[0] == 't' && starts_with(module, text_level)
               ? module + sizeof text_level - 1
               : module;
}

bool slr_name_write(slr_names names, const char *path, bool short_text, slr_key_role role,
                    char name[SLR_LAYER_PATH + 64])
{
    const name_start *start = starts;
    const name_end *end = ends;
    const char *component = slr_component_of(path);
    while (start->names != names || (start->component && strcmp(start->component, component) != 0))
        start++;
    while (end->names != names)
        end++;
    int prefix = (int)strlen(start->prefix);
    const char *tail = role == SLR_KEY_DOWN ? end->down : role == SLR_KEY_UP ? end->up : ".alpha";
    int written = snprintf(name, SLR_LAYER_PATH + 64, "%s%s", start->prefix,
                           slr_module_of(path, short_text));
    if (written < 0 || (size_t)written + strlen(tail) >= SLR_LAYER_PATH + 64)
        return false;
    for (char *at = name + prefix; start->joint == '_' && *at; at++)
        if (*at == '.')
            *at = '_';
    strcat(name, tail);
    return true;
}
