/* SPDX-License-Identifier: MIT
 * diffusers: pytorch_lora_weights.safetensors. Before 0.34 the header is not read and before 0.40 one
 * rank stands for all layers: only equal stored ranks with the scale folded into B are right
 * everywhere; the compact form keeps ranks apart and needs 0.34. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/adapter_scale.h"
#include "adapters/pair_reader.h"
#include "adapters/pair_writer.h"

enum { LEAST_RANK = 2 }; /* stable-diffusion.cpp takes the other dimension for the rank where it is 1 */

static const char *const components[] = {"unet", "text_encoder"};

static bool claims(const char *name)
{
    slr_names names;
    return slr_names_claim(name, &names) && names == SLR_NAMES_DIFFUSERS;
}

static selora_status scale_of(const void *context, const char *path, int stored_rank, double alpha,
                              double *scale, slr_error *err)
{
    const slr_adapter_header *header = context;
    *scale = isnan(alpha) || alpha == 0 ? 1 : alpha / stored_rank;
    return header->peft ? slr_adapter_header_scale(header, path, stored_rank, scale, err) : SELORA_OK;
}

static selora_status read_diffusers(const slr_safetensors *file, slr_pairs *pairs, slr_error *err)
{
    slr_adapter_header header;
    SLR_TRY(slr_adapter_header_read(file, &header, err));
    const char *text = slr_safetensors_metadata(file, "lora_adapter_metadata");
    pairs->header = header.peft != NULL;
    pairs->header_level = text && strstr(text, "\"text_model.");
    slr_pair_reader reader = {.names = SLR_NAMES_DIFFUSERS, .scale = scale_of, .context = &header};
    selora_status status = slr_pairs_read(file, &reader, pairs, err);
    slr_adapter_header_free(&header);
    return status;
}

static int stored_rank(const slr_pair *pair)
{
    return pair->rank < LEAST_RANK ? LEAST_RANK : pair->rank;
}

static bool belongs(const slr_pair *pair, const char *component)
{
    return strcmp(slr_component_of(pair->path), component) == 0;
}

/* The stored rank that most layers of a component have; the smaller one of two. */
static int common_rank(const slr_pairs *pairs, const char *component)
{
    int best = 0, votes = 0;
    for (size_t i = 0; i < pairs->count; i++) {
        int same = 0, rank = stored_rank(&pairs->items[i]);
        for (size_t j = 0; j < pairs->count; j++)
            same += belongs(&pairs->items[j], component) && stored_rank(&pairs->items[j]) == rank;
        if (belongs(&pairs->items[i], component) && (same > votes || (same == votes && rank < best))) {
            votes = same;
            best = rank;
        }
    }
    return best;
}

static bool put(json_t *object, const char *component, const char *key, json_t *value)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", component, key);
    return json_object_set_new(object, name, value) == 0;
}

/* The seven fields that every PEFT version knows; r = alpha makes the scale 1. Names without
 * "text_model." match text encoders of both kinds. */
static bool describe(json_t *peft, const slr_pairs *pairs, const char *component, int rank, bool compact)
{
    json_t *targets = json_array(), *pattern = json_object();
    bool fine = targets && pattern;
    for (size_t i = 0; fine && i < pairs->count; i++) {
        const slr_pair *pair = &pairs->items[i];
        const char *module = slr_module_of(pair->path, true);
        if (!belongs(pair, component))
            continue;
        fine = json_array_append_new(targets, json_string(module)) == 0;
        if (compact && stored_rank(pair) != rank)
            fine = fine && json_object_set_new(pattern, module, json_integer(stored_rank(pair))) == 0;
    }
    fine = put(peft, component, "r", json_integer(rank)) && fine;
    fine = put(peft, component, "lora_alpha", json_integer(rank)) && fine;
    fine = put(peft, component, "target_modules", targets) && fine;
    fine = put(peft, component, "rank_pattern", json_copy(pattern)) && fine;
    fine = put(peft, component, "alpha_pattern", pattern) && fine;
    return put(peft, component, "lora_dropout", json_real(0)) &&
           put(peft, component, "bias", json_string("none")) && fine;
}

static selora_status fill(slr_pair_writer *w, const slr_pairs *pairs, bool compact, json_t *peft,
                          slr_error *err)
{
    for (int c = 0; c < 2; c++) {
        int most = slr_pairs_most_rank(pairs, components[c]);
        int padded = most > 0 && most < LEAST_RANK ? LEAST_RANK : most;
        if (padded == 0)
            continue;
        if (!describe(peft, pairs, components[c], compact ? common_rank(pairs, components[c]) : padded, compact))
            return slr_fail_memory(err, 0, "the header of the adapter file");
        for (size_t i = 0; i < pairs->count; i++)
            if (belongs(&pairs->items[i], components[c]))
                SLR_TRY(slr_pair_writer_put(w, &pairs->items[i],
                                            compact ? stored_rank(&pairs->items[i]) : padded,
                                            pairs->items[i].scale, SLR_NAMES_DIFFUSERS, false, err));
    }
    return slr_pair_writer_object(w, "lora_adapter_metadata", json_incref(peft), err);
}

static selora_status write_file(const slr_pairs *pairs, const slr_export_options *options,
                                const char *path, bool compact, slr_export_report *report, slr_error *err)
{
    slr_pair_writer w;
    json_t *peft = json_object();
    selora_status status = slr_pair_writer_begin(&w, options, report, err);
    if (status == SELORA_OK)
        status = peft ? fill(&w, pairs, compact && !options->pad_most, peft, err)
                      : slr_fail_memory(err, 0, "the header of the adapter file");
    if (status == SELORA_OK)
        status = slr_pair_writer_save(&w, pairs, path, err);
    json_decref(peft);
    slr_pair_writer_end(&w);
    return status;
}

static selora_status write_selora(const slr_pairs *pairs, const slr_export_options *options,
                                  const char *path, slr_export_report *report, slr_error *err)
{
    return write_file(pairs, options, path, false, report, err);
}

/* diffusers cannot tell what a text encoder's file is that has no attention in it. */
static selora_status check_text(const slr_pairs *pairs, slr_error *err)
{
    bool text = false, attention = false;
    for (size_t i = 0; i < pairs->count; i++) {
        text = text || belongs(&pairs->items[i], "text_encoder");
        attention = attention || strstr(pairs->items[i].path, ".self_attn.");
    }
    return !text || attention
               ? SELORA_OK
               : slr_fail(err, SELORA_BAD_INPUT, "diffusers reads no adapter that has mlp layers but no "
                                                 "attention of the text encoder; choose --to kohya, or "
                                                 "--components unet");
}

static selora_status write_padded(const slr_pairs *pairs, const slr_export_options *options,
                                  const char *path, slr_export_report *report, slr_error *err)
{
    SLR_TRY(check_text(pairs, err));
    return write_file(pairs, options, path, false, report, err);
}

static selora_status write_compact(const slr_pairs *pairs, const slr_export_options *options,
                                   const char *path, slr_export_report *report, slr_error *err)
{
    SLR_TRY(check_text(pairs, err));
    return write_file(pairs, options, path, true, report, err);
}

const slr_adapter_format slr_format_diffusers = {
    .name = "diffusers",
    .summary = "one file that pipe.load_lora_weights() of every version reads",
    .claims = claims,
    .read = read_diffusers,
    .write = write_padded,
};
const slr_adapter_format slr_format_diffusers_compact = {
    .name = "diffusers-compact",
    .summary = "the same with ranks of its own for each layer: smaller; diffusers 0.34 and later",
    .read = read_diffusers,
    .write = write_compact,
};
const slr_adapter_format slr_format_selora = {
    .name = "selora",
    .summary = "what selora train writes: the diffusers file, also where diffusers could not read it",
    .read = read_diffusers,
    .write = write_selora,
};
