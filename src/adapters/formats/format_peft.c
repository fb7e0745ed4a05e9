/* SPDX-License-Identifier: MIT
 * PEFT: a folder for each component, adapter_config.json beside adapter_model.safetensors. A and B stay
 * as they are, so this is the exact archive. Text-encoder tensors stand under both layouts; the one
 * that does not fit is ignored. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/adapter_scale.h"
#include "adapters/pair_reader.h"
#include "adapters/pair_writer.h"
#include "core/memory.h"
#include "io/atomic_file.h"
#include "io/json.h"

enum { CONFIG_LIMIT = 1 << 24 };

static const char *const components[] = {"unet", "text_encoder"};

static bool claims(const char *name)
{
    slr_names names;
    return slr_names_claim(name, &names) && names == SLR_NAMES_PEFT;
}

static bool belongs(const slr_pair *pair, const char *component)
{
    return strcmp(slr_component_of(pair->path), component) == 0;
}

/* ---- in ---- */

static selora_status scale_of(const void *context, const char *path, int stored_rank, double alpha,
                              double *scale, slr_error *err)
{
    (void)alpha;
    return slr_adapter_header_scale(context, path, stored_rank, scale, err);
}

/* What would make the pair something else than s B A. */
static selora_status check_config(const json_t *config, const char *path, slr_error *err)
{
    static const char *const flags[] = {"use_dora", "fan_in_fan_out", "lora_bias", "use_qalora", "use_bdlora"};
    const char *type = json_string_value(json_object_get(config, "peft_type"));
    if (type && strcmp(type, "LORA") != 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: peft_type is %.40s, only LORA is supported", path, type);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (json_is_true(json_object_get(config, flags[i])))
            return slr_fail(err, SELORA_BAD_INPUT, "%s: %s is not supported", path, flags[i]);
    const json_t *saved = json_object_get(config, "modules_to_save");
    if (json_array_size(saved) > 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: modules_to_save: copies of whole modules are not supported",
                        path);
    return SELORA_OK;
}

static selora_status read_peft(const slr_safetensors *file, slr_pairs *pairs, slr_error *err)
{
    const char *path = slr_safetensors_path(file), *slash = strrchr(path, '/');
    char *config_path = slr_format("%.*sadapter_config.json", slash ? (int)(slash - path + 1) : 0, path);
    json_t *config = NULL;
    if (!config_path)
        return slr_fail_memory(err, 0, "a path");
    selora_status status = slr_json_load_file(config_path, CONFIG_LIMIT, &config, err);
    if (status == SELORA_OK)
        status = check_config(config, config_path, err);
    if (status == SELORA_OK) {
        slr_adapter_header header = {.file = config_path, .place = "", .peft = slr_adapter_header_of_config(config)};
        slr_pair_reader reader = {.names = SLR_NAMES_PEFT, .scale = scale_of, .context = &header};
        status = header.peft ? slr_pairs_read(file, &reader, pairs, err)
                             : slr_fail_memory(err, 0, config_path);
        json_decref(header.peft);
    }
    json_decref(config);
    free(config_path);
    return status;
}

/* ---- out ---- */

typedef struct folder {
    const slr_pairs *pairs;
    const char *component;
    const slr_export_options *options;
    int padded; /* all ranks; 0: their own */
} folder;

static int rank_in(const folder *f, const slr_pair *pair)
{
    return f->padded ? f->padded : pair->rank;
}

/* The layer whose rank and alpha most layers share. */
static const slr_pair *most_common(const folder *f)
{
    const slr_pair *best = NULL;
    int votes = 0;
    for (size_t i = 0; i < f->pairs->count; i++) {
        const slr_pair *pair = &f->pairs->items[i];
        int same = 0;
        for (size_t j = 0; belongs(pair, f->component) && j < f->pairs->count; j++)
            same += belongs(&f->pairs->items[j], f->component) && f->pairs->items[j].rank == pair->rank &&
                    f->pairs->items[j].scale == pair->scale;
        if (same > votes) {
            votes = same;
            best = pair;
        }
    }
    return best;
}

static json_t *config_of(const folder *f)
{
    const slr_pair *common = most_common(f);
    int rank = rank_in(f, common);
    double alpha = common->scale * rank;
    json_t *targets = json_array(), *ranks = json_object(), *alphas = json_object();
    for (size_t i = 0; i < f->pairs->count; i++) {
        const slr_pair *pair = &f->pairs->items[i];
        const char *module = slr_module_of(pair->path, true);
        if (!belongs(pair, f->component))
            continue;
        json_array_append_new(targets, json_string(module));
        if (rank_in(f, pair) != rank)
            json_object_set_new(ranks, module, json_integer(rank_in(f, pair)));
        if (pair->scale * rank_in(f, pair) != alpha)
            json_object_set_new(alphas, module, slr_json_plain_number(pair->scale * rank_in(f, pair)));
    }
    return json_pack("{so sn ss sb sb sb so sf sn ss si so so sn sb sb}", "alpha_pattern", alphas,
                     "base_model_name_or_path", "bias", "none", "fan_in_fan_out", 0, "inference_mode", 1,
                     "init_lora_weights", 1, "lora_alpha", slr_json_plain_number(alpha), "lora_dropout", 0.0,
                     "modules_to_save", "peft_type", "LORA", "r", rank, "rank_pattern", ranks,
                     "target_modules", targets, "task_type", "use_dora", 0, "use_rslora", 0);
}

static selora_status fill(slr_pair_writer *w, const folder *f, slr_error *err)
{
    for (size_t i = 0; i < f->pairs->count; i++)
        if (belongs(&f->pairs->items[i], f->component))
            SLR_TRY(slr_pair_writer_put(w, &f->pairs->items[i], rank_in(f, &f->pairs->items[i]), 1,
                                        SLR_NAMES_PEFT, true, err));
    return SELORA_OK;
}

static void add_report(slr_export_report *sum, const slr_export_report *part)
{
    if (part->worst > sum->worst) {
        sum->worst = part->worst;
        memcpy(sum->worst_layer, part->worst_layer, sizeof sum->worst_layer);
    }
    sum->total = part->total > sum->total ? part->total : sum->total;
    sum->layers += part->layers;
    sum->stored_rank = part->stored_rank > sum->stored_rank ? part->stored_rank : sum->stored_rank;
}

static selora_status write_component(const folder *f, const char *path, slr_export_report *report,
                                     slr_error *err)
{
    slr_pair_writer w;
    slr_export_report part;
    char *weights = slr_format("%s/adapter_model.safetensors", path);
    char *config_path = slr_format("%s/adapter_config.json", path);
    json_t *config = config_of(f);
    selora_status status = slr_pair_writer_begin(&w, f->options, &part, err);
    if (status == SELORA_OK && !(weights && config_path && config))
        status = slr_fail_memory(err, 0, "the adapter folder");
    if (status == SELORA_OK)
        status = slr_make_folders(path, 0755, err);
    if (status == SELORA_OK)
        status = fill(&w, f, err);
    if (status == SELORA_OK)
        status = slr_pair_writer_save(&w, f->pairs, weights, err);
    if (status == SELORA_OK)
        status = slr_json_save_file(config, config_path, err);
    if (status == SELORA_OK)
        add_report(report, &part);
    slr_pair_writer_end(&w);
    json_decref(config);
    free(weights);
    free(config_path);
    return status;
}

static selora_status write_components(const slr_pairs *pairs, const slr_export_options *options,
                                      const char *path, slr_export_report *report, slr_error *err)
{
    for (int c = 0; c < 2; c++) {
        int most = slr_pairs_most_rank(pairs, components[c]);
        folder f = {pairs, components[c], options, options->pad_most ? most : 0};
        char *inner = slr_format("%s/%s", path, components[c]);
        selora_status status = !inner     ? slr_fail_memory(err, 0, "a path")
                               : most > 0 ? write_component(&f, inner, report, err)
                                          : SELORA_OK;
        free(inner);
        if (status != SELORA_OK)
            return status;
    }
    return SELORA_OK;
}

static selora_status write_peft(const slr_pairs *pairs, const slr_export_options *options, const char *path,
                                slr_export_report *report, slr_error *err)
{
    char *temporary;
    *report = (slr_export_report){0};
    SLR_TRY(slr_atomic_folder_begin(path, 0755, &temporary, err));
    selora_status status = write_components(pairs, options, temporary, report, err);
    if (status == SELORA_OK)
        status = slr_atomic_folder_commit(temporary, path, err);
    if (status != SELORA_OK)
        slr_remove_tree(temporary, NULL);
    free(temporary);
    return status;
}

const slr_adapter_format slr_format_peft = {
    .name = "peft",
    .summary = "folders unet and text_encoder for PeftModel.from_pretrained(): A and B bit by bit",
    .folder = true,
    .claims = claims,
    .read = read_peft,
    .write = write_peft,
};
