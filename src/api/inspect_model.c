/* SPDX-License-Identifier: MIT
 * Facts of a model: its parts with their sizes and number formats, its configuration, what adapters may join. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "adapters/targets.h"
#include "api/inspect.h"
#include "diffusion/schedule.h"
#include "io/safetensors.h"
#include "models/clip_tokenizer.h"
#include "models/model.h"
#include "models/weight_files.h"

enum { PATH_SIZE = 4096, PARTS = 3 };

static const char *const part_names[PARTS] = {"text_encoder", "unet", "vae"};

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

static json_t *names_of(const slr_weight_files *set)
{
    json_t *list = json_array();
    for (int f = 0; f < set->count; f++) {
        const char *path = slr_safetensors_path(set->files[f]), *slash = strrchr(path, '/');
        json_array_append_new(list, json_string(slash ? slash + 1 : path));
    }
    return list;
}

/* Of the tensors of one part, whatever else its files hold. */
static json_int_t bytes_of(const slr_model *model, const char *part, const slr_weight_files *set)
{
    static const char *const prefixes[PARTS] = {"cond_stage_model.", "model.diffusion_model.", "first_stage_model."};
    size_t bytes = 0;
    const char *prefix = "";
    for (int p = 0; model->single_file && p < PARTS; p++)
        prefix = strcmp(part, part_names[p]) == 0 ? prefixes[p] : prefix;
    for (int f = 0; f < set->count; f++)
        for (size_t t = 0; t < slr_safetensors_count(set->files[f]); t++) {
            const slr_stored_tensor *tensor = slr_safetensors_at(set->files[f], t);
            bytes += strncmp(tensor->name, prefix, strlen(prefix)) == 0 ? tensor->bytes : 0;
        }
    return (json_int_t)bytes;
}

/* Several files are shards. */
static json_t *part_row(const slr_model *model, const char *part)
{
    const slr_weight_files *set = slr_model_weight_files(model, part);
    return json_pack("{s:s, s:I, s:o, s:I, s:i, s:o}", "part", part, "parameters",
                     (json_int_t)slr_model_parameters(model, part), "stored_as", formats_of(set), "bytes",
                     bytes_of(model, part, set), "shards", set->count, "files", names_of(set));
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

/* What the tokenizer that belongs to the model knows. */
static void tokenizer_facts(const slr_model *model, json_t *facts, json_t *problems)
{
    slr_tokenizer *tokenizer = NULL;
    slr_error detail = {0};
    if (!model->tokenizer_path)
        json_object_set_new(facts, "tokenizer", json_string("absent: name one with --tokenizer"));
    else if (slr_tokenizer_open(model->tokenizer_path, model->text.positions, &tokenizer, &detail) != SELORA_OK)
        json_array_append_new(problems, json_string(detail.message));
    else
        json_object_set_new(facts, "tokenizer", json_pack("{s:I, s:i}", "vocabulary",
                            (json_int_t)slr_tokenizer_vocabulary(tokenizer), "tokens_a_text",
                            (int)slr_tokenizer_length(tokenizer)));
    if (tokenizer && slr_tokenizer_vocabulary(tokenizer) > model->text.vocabulary)
        json_array_append_new(problems, json_string("the tokenizer gives ids that the text encoder does not know"));
    slr_tokenizer_free(tokenizer);
}

typedef struct layer_count {
    int layers;
    int64_t parameters; /* of one rank */
} layer_count;

static bool is_text(const char *path)
{
    return strncmp(path, "text_encoder.", 13) == 0;
}

/* Layers and parameters for each unit of rank that a choice of targets would train. */
static selora_status target_facts(const slr_graph *graph, const char *name, json_t *rows, slr_error *err)
{
    static const char *const components[] = {"text_encoder", "unet"};
    slr_adapter_set *set = NULL;
    slr_targets *targets = NULL;
    selora_status status;
    layer_count counts[2] = {{0, 0}, {0, 0}};
    SLR_TRY_OUT(slr_adapter_set_new(&(slr_adapter_options){.scale = 1, .rank = 1}, &set, err));
    SLR_TRY_OUT(slr_targets_new(name, &targets, err));
    SLR_TRY_OUT(slr_targets_add(targets, graph, components, 2, set, err));
    for (int i = 0; i < slr_adapter_set_count(set); i++) {
        const slr_adapter *layer = slr_adapter_set_at(set, i);
        layer_count *count = &counts[!is_text(layer->path)];
        count->layers++;
        count->parameters += layer->slot.in + layer->slot.out;
    }
    json_array_append_new(rows, json_pack("{s:s, s:i, s:I, s:I, s:I}", "targets", name, "layers",
                                          counts[0].layers + counts[1].layers, "parameters_per_rank",
                                          (json_int_t)(counts[0].parameters + counts[1].parameters), "of_text_encoder",
                                          (json_int_t)counts[0].parameters, "of_unet", (json_int_t)counts[1].parameters));
out:
    slr_targets_free(targets);
    slr_adapter_set_free(set);
    return status;
}

/* Kinds of layers, by a part of their path; the first that fits. */
static const struct layer_group {
    const char *name, *part;
    bool text;
} groups[] = {
    {"text encoder: attention", "self_attn", true},   {"text encoder: MLP", "mlp", true},
    {"U-Net: self-attention", ".attn1.", false},      {"U-Net: attention to the text", ".attn2.", false},
    {"U-Net: feed-forward", ".ff.", false},           {"U-Net: in and out of attention", ".proj_", false},
    {"U-Net: time", "time_emb", false},               {"others", "", false},
};
enum { GROUPS = sizeof groups / sizeof *groups };

/* Linear layers by kind, and convolutions, which merge and draw but do not train. */
static void group_facts(const slr_graph *graph, json_t *rows)
{
    layer_count counts[GROUPS] = {{0, 0}}, convolutions = {0, 0};
    for (int i = 0; i < slr_graph_op_count(graph); i++) {
        const slr_op *op = slr_graph_op(graph, i);
        if (op->kind != SLR_OP_LINEAR && op->kind != SLR_OP_CONV2D)
            continue;
        int g = 0, taps = op->kind == SLR_OP_CONV2D ? op->u.conv.window.height * op->u.conv.window.height : 1;
        while (g < GROUPS - 1 && !(strstr(op->path, groups[g].part) && groups[g].text == is_text(op->path)))
            g++;
        layer_count *count = op->kind == SLR_OP_CONV2D ? &convolutions : &counts[g];
        count->layers++;
        count->parameters += slr_tensor_columns(slr_graph_tensor(graph, op->in[0])) * taps +
                             slr_tensor_columns(slr_graph_tensor(graph, op->out));
    }
    for (int g = 0; g <= GROUPS; g++) {
        const layer_count *count = g < GROUPS ? &counts[g] : &convolutions;
        if (count->layers > 0)
            json_array_append_new(rows, json_pack("{s:s, s:i, s:I, s:b}", "layers_of", g < GROUPS ? groups[g].name
                                                  : "U-Net: convolutions", "layers", count->layers, "parameters_per_rank",
                                                  (json_int_t)count->parameters, "trained", g < GROUPS));
    }
}

static selora_status adapter_facts(const slr_model *model, json_t *facts, slr_error *err)
{
    static const char *const names[] = {"selora", "attention", "all-linear"};
    slr_graph *graph = slr_model_record(model, false);
    if (!graph)
        return slr_fail_memory(err, 0, "the model's graph");
    json_t *targets = json_array(), *kinds = json_array();
    selora_status status = SELORA_OK;
    for (size_t i = 0; status == SELORA_OK && i < sizeof names / sizeof *names; i++)
        status = target_facts(graph, names[i], targets, err);
    group_facts(graph, kinds);
    json_object_set_new(facts, "adapters", targets);
    json_object_set_new(facts, "layers", kinds);
    slr_graph_free(graph);
    return status;
}

/* Files of a folder that selora has no use for are told, too: nothing is taken for what it is not. */
static void beside_facts(const slr_model *model, json_t *problems)
{
    static const char *const parts[] = {"text_encoder_2", "unet_ema", "image_encoder", "transformer"};
    struct stat info;
    for (size_t i = 0; !model->single_file && i < sizeof parts / sizeof *parts; i++) {
        char path[PATH_SIZE], text[PATH_SIZE];
        snprintf(path, sizeof path, "%s/%s", model->path, parts[i]);
        snprintf(text, sizeof text, "folder %s: no part of a Stable Diffusion 1.x model, it is not read", parts[i]);
        if (stat(path, &info) == 0)
            json_array_append_new(problems, json_string(text));
    }
}

static selora_status gather(const slr_model *model, json_t *facts, slr_error *err)
{
    char hash[SLR_SHA256_HEX];
    json_t *parts = json_array(), *problems = json_array();
    for (int p = 0; p < PARTS; p++)
        json_array_append_new(parts, part_row(model, part_names[p]));
    json_object_set_new(facts, "parts", parts);
    selora_status status = slr_model_hash(model, hash, err);
    if (status == SELORA_OK) {
        json_object_set_new(facts, "sha256", json_string(hash));
        json_object_set_new(facts, "configuration", config_facts(model));
        status = scheduler_facts(model, facts, err);
    }
    tokenizer_facts(model, facts, problems);
    beside_facts(model, problems);
    if (status == SELORA_OK)
        status = adapter_facts(model, facts, err);
    if (json_array_size(problems) > 0)
        json_object_set(facts, "problems", problems);
    json_decref(problems);
    return status;
}

selora_status slr_inspect_model(const char *path, json_t **result, slr_error *err)
{
    *result = NULL;
    slr_model *model = NULL;
    SLR_TRY(slr_model_open(path, &(slr_model_options){.hashed = true}, &model, err));
    json_t *facts = json_pack("{s:s, s:s}", "kind", "model", "layout",
                              model->single_file ? "single file of LDM names, sizes of Stable Diffusion 1.x"
                                                 : "diffusers folder");
    selora_status status = facts ? gather(model, facts, err) : slr_fail_memory(err, 0, "the facts of the model");
    slr_model_free(model);
    if (status != SELORA_OK) {
        json_decref(facts);
        return status;
    }
    *result = facts;
    return SELORA_OK;
}
