/* SPDX-License-Identifier: MIT
 * Facts of a model: its parts with their sizes and number formats, its configuration, what adapters may join. */
#include <stdlib.h>
#include <string.h>

#include "adapters/targets.h"
#include "api/inspect.h"
#include "diffusion/schedule.h"
#include "io/safetensors.h"
#include "models/model.h"
#include "models/weight_files.h"

enum { PATH_SIZE = 4096, PARTS = 3 };

static const char *const part_names[PARTS] = {"text_encoder", "unet", "vae"};
static const char *const part_stems[PARTS] = {"model", "diffusion_pytorch_model", "diffusion_pytorch_model"};

static json_t *list_of(const int64_t *values, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(list, json_integer(values[i]));
    return list;
}

/* "F16" or "F16, F32": the number formats in a set of files. */
static json_t *formats_of(const slr_weight_files *set)
{
    bool seen[SLR_DTYPE_OTHER + 1] = {false};
    json_t *list = json_array();
    for (int f = 0; f < set->count; f++)
        for (size_t t = 0; t < slr_safetensors_count(set->files[f]); t++) {
            slr_dtype dtype = slr_safetensors_at(set->files[f], t)->dtype;
            if (!seen[dtype])
                json_array_append_new(list, json_string(slr_dtype_name(dtype)));
            seen[dtype] = true;
        }
    return list;
}

static selora_status list_parts(const slr_model *model, json_t *parts, slr_error *err)
{
    for (int p = 0; p < PARTS; p++) {
        slr_weight_files set = {0};
        char folder[PATH_SIZE];
        snprintf(folder, sizeof folder, "%s/%s", model->path, part_names[p]);
        selora_status status = model->single_file
                                   ? slr_weight_files_open_single(&set, model->path, err)
                                   : slr_weight_files_open_folder(&set, folder, part_stems[p], NULL, err);
        json_t *formats = status == SELORA_OK ? formats_of(&set) : NULL;
        slr_weight_files_close(&set);
        SLR_TRY(status);
        json_array_append_new(parts, json_pack("{s:s, s:I, s:o}", "part", part_names[p], "parameters",
                                               (json_int_t)slr_model_parameters(model, part_names[p]), "stored_as", formats));
    }
    return SELORA_OK;
}

static json_t *unet_facts(const slr_unet_config *c)
{
    int64_t heads[SLR_UNET_MAX_LEVELS], down[SLR_UNET_MAX_LEVELS], up[SLR_UNET_MAX_LEVELS];
    for (int i = 0; i < c->levels; i++) {
        heads[i] = c->heads[i];
        down[i] = c->down_attention[i];
        up[i] = c->up_attention[i];
    }
    return json_pack("{s:I, s:o, s:i, s:o, s:o, s:o, s:I, s:i, s:b}", "latent_channels", (json_int_t)c->in_channels,
                     "channels", list_of(c->channels, c->levels), "layers_per_block", c->layers_per_block, "heads",
                     list_of(heads, c->levels), "down_attention", list_of(down, c->levels), "up_attention",
                     list_of(up, c->levels), "cross_attention_width", (json_int_t)c->cross_attention_width, "norm_groups",
                     c->groups, "linear_projection", (int)c->linear_projection);
}

static json_t *config_facts(const slr_model *model)
{
    const slr_clip_text_config *t = &model->text;
    const slr_vae_config *v = &model->vae;
    return json_pack("{s:{s:I, s:I, s:I, s:I, s:i, s:i, s:s}, s:o, s:{s:o, s:i, s:i, s:i, s:f}}",
                     "text_encoder", "vocabulary", (json_int_t)t->vocabulary, "positions", (json_int_t)t->positions, "width",
                     (json_int_t)t->width, "mlp_width", (json_int_t)t->mlp_width, "layers", t->layers, "heads", t->heads,
                     "activation", t->activation == SLR_ACT_QUICK_GELU ? "quick_gelu" : "gelu",
                     "unet", unet_facts(&model->unet),
                     "vae", "channels", list_of(v->channels, v->levels), "layers_per_block", v->layers_per_block,
                     "norm_groups", v->groups, "pixels_per_latent", slr_vae_factor(v), "scaling_factor", v->scaling_factor);
}

static selora_status scheduler_facts(const slr_model *model, json_t *facts, slr_error *err)
{
    slr_scheduler_config c;
    SLR_TRY(slr_scheduler_config_read(model->scheduler_path, &c, err));
    json_object_set_new(facts, "scheduler",
                        json_pack("{s:s, s:f, s:f, s:s, s:I}", "predicts", c.prediction == SLR_PREDICT_V ? "v" : "noise",
                                  "beta_start", c.beta_start, "beta_end", c.beta_end, "betas",
                                  c.beta_schedule == SLR_BETA_LINEAR ? "linear" : "scaled linear", "steps_offset",
                                  (json_int_t)c.steps_offset));
    return SELORA_OK;
}

/* Layers and parameters for each unit of rank that a choice of targets would train. */
static selora_status target_facts(const slr_graph *graph, const char *name, json_t *rows, slr_error *err)
{
    static const char *const components[] = {"text_encoder", "unet"};
    slr_adapter_set *set = NULL;
    slr_targets *targets = NULL;
    selora_status status;
    SLR_TRY_OUT(slr_adapter_set_new(&(slr_adapter_options){.scale = 1, .rank = 1}, &set, err));
    SLR_TRY_OUT(slr_targets_new(name, &targets, err));
    SLR_TRY_OUT(slr_targets_add(targets, graph, components, 2, set, err));
    int64_t parameters = 0;
    for (int i = 0; i < slr_adapter_set_count(set); i++)
        parameters += slr_adapter_set_at(set, i)->slot.in + slr_adapter_set_at(set, i)->slot.out;
    json_array_append_new(rows, json_pack("{s:s, s:i, s:I}", "targets", name, "layers", slr_adapter_set_count(set),
                                          "parameters_per_rank", (json_int_t)parameters));
out:
    slr_targets_free(targets);
    slr_adapter_set_free(set);
    return status;
}

static selora_status adapter_facts(const slr_model *model, json_t *rows, slr_error *err)
{
    static const char *const names[] = {"selora", "attention", "all-linear"};
    slr_graph *graph = slr_model_record(model, false);
    if (!graph)
        return slr_fail_memory(err, 0, "the model's graph");
    selora_status status = SELORA_OK;
    for (size_t i = 0; status == SELORA_OK && i < sizeof names / sizeof *names; i++)
        status = target_facts(graph, names[i], rows, err);
    slr_graph_free(graph);
    return status;
}

selora_status slr_inspect_model(const char *path, json_t **result, slr_error *err)
{
    *result = NULL;
    slr_model *model = NULL;
    SLR_TRY(slr_model_open(path, &(slr_model_options){0}, &model, err));
    json_t *parts = json_array(), *targets = json_array();
    json_t *facts = json_pack("{s:s, s:s, s:s, s:O, s:o}", "kind", "model", "layout",
                              model->single_file ? "single file" : "diffusers folder", "tokenizer",
                              model->tokenizer_path ? "present" : "absent: name one with --tokenizer", "parts", parts,
                              "configuration", config_facts(model));
    selora_status status = facts ? list_parts(model, parts, err) : slr_fail_memory(err, 0, "the facts of the model");
    if (status == SELORA_OK)
        status = scheduler_facts(model, facts, err);
    if (status == SELORA_OK)
        status = adapter_facts(model, targets, err);
    if (status == SELORA_OK)
        json_object_set(facts, "adapters", targets);
    json_decref(parts);
    json_decref(targets);
    slr_model_free(model);
    if (status != SELORA_OK) {
        json_decref(facts);
        return status;
    }
    *result = facts;
    return SELORA_OK;
}
