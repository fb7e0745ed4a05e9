/* SPDX-License-Identifier: MIT
 * The list of the first LoRA trainer: unet:0:down, unet:0:up, text_encoder:0:down ... Layers are
 * numbered in the order in which the network defines them, and that order changed once: attention,
 * feed-forward, attention in a block, later attention, attention, feed-forward. Which one it was, the
 * widths tell. Blocks are those of Stable Diffusion 1.x, down, up, middle. The scale is 1. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/formats.h"
#include "adapters/pair_reader.h"
#include "core/memory.h"

enum { BLOCKS = 16, MAX_LISTED = 1024, IN_TEXT_LAYER = 4 };

static const char *const block_names[BLOCKS] = {
    "down_blocks.0.attentions.0", "down_blocks.0.attentions.1", "down_blocks.1.attentions.0",
    "down_blocks.1.attentions.1", "down_blocks.2.attentions.0", "down_blocks.2.attentions.1",
    "up_blocks.1.attentions.0",   "up_blocks.1.attentions.1",   "up_blocks.1.attentions.2",
    "up_blocks.2.attentions.0",   "up_blocks.2.attentions.1",   "up_blocks.2.attentions.2",
    "up_blocks.3.attentions.0",   "up_blocks.3.attentions.1",   "up_blocks.3.attentions.2",
    "mid_block.attentions.0"};
static const char *const text_names[IN_TEXT_LAYER] = {"k_proj", "v_proj", "q_proj", "out_proj"};

/* The layers of a transformer block: with the feed-forward between, behind, and without it. */
static const char *const orders[][10] = {
    {"attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0", "ff.net.0.proj", "attn2.to_q",
     "attn2.to_k", "attn2.to_v", "attn2.to_out.0", NULL},
    {"attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0", "attn2.to_q", "attn2.to_k",
     "attn2.to_v", "attn2.to_out.0", "ff.net.0.proj", NULL},
    {"attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0", "attn2.to_q", "attn2.to_k",
     "attn2.to_v", "attn2.to_out.0", NULL},
};
enum { ORDERS = sizeof orders / sizeof *orders };

typedef struct listed {
    const slr_stored_tensor *a[MAX_LISTED], *b[MAX_LISTED];
    int count;
} listed;

/* "unet:12:down" -> 12 and whether it is down; -1 for another name. */
static int parse(const char *name, const char *component, bool *down)
{
    size_t length = strlen(component);
    int index, used = 0;
    if (strncmp(name, component, length) != 0 || sscanf(name + length, ":%5d:%n", &index, &used) != 1 ||
        used == 0 || index < 0 || index >= MAX_LISTED)
        return -1;
    const char *rest = name + length + used;
    *down = strcmp(rest, "down") == 0;
    return *down || strcmp(rest, "up") == 0 ? index : -1;
}

static bool claims(const char *name)
{
    bool down;
    return parse(name, "unet", &down) >= 0 || parse(name, "text_encoder", &down) >= 0;
}

/* True when the widths of the list are those of blocks in this order. */
static bool fits(const listed *list, const char *const *order, int per_block)
{
    if (list->count != BLOCKS * per_block)
        return false;
    int64_t context = -1;
    for (int i = 0; i < list->count; i++) {
        const char *name = order[i % per_block];
        int64_t width = list->a[i - i % per_block]->shape[1];
        int64_t in = list->a[i]->shape[1], out = list->b[i]->shape[0];
        bool from_text = strncmp(name, "attn2.to_k", 10) == 0 || strncmp(name, "attn2.to_v", 10) == 0;
        if (from_text && context < 0)
            context = in;
        if (in != (from_text ? context : width) || out != (name[0] == 'f' ? 8 * width : width))
            return false;
    }
    return true;
}

static selora_status add(slr_pairs *pairs, const listed *list, int i, const char *path,
                         slr_problems *problems, slr_error *err)
{
    slr_pair_tensors t = {.path = path, .a = list->a[i], .b = list->b[i], .scale = 1, .alpha = NAN};
    return slr_pair_check(&t, problems) ? slr_pair_fill(&t, pairs, problems, err) : SELORA_OK;
}

static selora_status add_unet(slr_pairs *pairs, const listed *list, slr_problems *problems, slr_error *err)
{
    int order = 0, per_block = 0;
    for (; order < ORDERS; order++) {
        for (per_block = 0; orders[order][per_block];)
            per_block++;
        if (fits(list, orders[order], per_block))
            break;
    }
    if (order == ORDERS)
        slr_problems_add(problems, "unet:0 to unet:%d: not the layers of Stable Diffusion 1.x in a known order",
                         list->count - 1);
    for (int i = 0; order < ORDERS && i < list->count; i++) {
        char path[SLR_LAYER_PATH];
        snprintf(path, sizeof path, "unet.%s.transformer_blocks.0.%s", block_names[i / per_block],
                 orders[order][i % per_block]);
        SLR_TRY(add(pairs, list, i, path, problems, err));
    }
    return SELORA_OK;
}

static selora_status add_text(slr_pairs *pairs, const listed *list, slr_problems *problems, slr_error *err)
{
    if (list->count % IN_TEXT_LAYER != 0)
        slr_problems_add(problems, "text_encoder:0 to text_encoder:%d: not four layers of attention each",
                         list->count - 1);
    for (int i = 0; list->count % IN_TEXT_LAYER == 0 && i < list->count; i++) {
        char path[SLR_LAYER_PATH];
        snprintf(path, sizeof path, "text_encoder.text_model.encoder.layers.%d.self_attn.%s",
                 i / IN_TEXT_LAYER, text_names[i % IN_TEXT_LAYER]);
        SLR_TRY(add(pairs, list, i, path, problems, err));
    }
    return SELORA_OK;
}

/* False when a pair of the list is not complete or not of matrices. */
static bool gather(const slr_safetensors *file, const char *component, listed *list, slr_problems *problems)
{
    for (size_t t = 0; t < slr_safetensors_count(file); t++) {
        const slr_stored_tensor *tensor = slr_safetensors_at(file, t);
        bool down;
        int index = parse(tensor->name, component, &down);
        if (index < 0)
            continue;
        *(down ? &list->a[index] : &list->b[index]) = tensor;
        list->count = index + 1 > list->count ? index + 1 : list->count;
    }
    int before = problems->count;
    for (int i = 0; i < list->count; i++)
        if (!list->a[i] || !list->b[i] || list->a[i]->dims != 2 || list->b[i]->dims != 2)
            slr_problems_add(problems, "%s:%d: its pair of matrices is not complete", component, i);
    return list->count > 0 && problems->count == before;
}

static selora_status read_listed(const slr_safetensors *file, slr_pairs *pairs, slr_error *err)
{
    slr_problems problems = {0};
    listed *list = slr_alloc(2, sizeof *list);
    selora_status status = list ? SELORA_OK : slr_fail_memory(err, 2 * sizeof *list, "the adapter");
    for (size_t t = 0; t < slr_safetensors_count(file); t++)
        if (!claims(slr_safetensors_at(file, t)->name))
            slr_problems_add(&pairs->left_over, "%s: not the name of a layer's tensor",
                             slr_safetensors_at(file, t)->name);
    if (status == SELORA_OK && gather(file, "unet", &list[0], &problems))
        status = add_unet(pairs, &list[0], &problems, err);
    if (status == SELORA_OK && gather(file, "text_encoder", &list[1], &problems))
        status = add_text(pairs, &list[1], &problems, err);
    free(list);
    return status != SELORA_OK ? status : slr_problems_report(&problems, slr_safetensors_path(file), err);
}

const slr_adapter_format slr_format_listed = {
    .name = "numbered list",
    .summary = "unet:0:down, unet:0:up, ...",
    .claims = claims,
    .read = read_listed,
};
