/* SPDX-License-Identifier: MIT */
#include "models/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/free_memory.h"
#include "core/memory.h"
#include "core/rng.h"
#include "io/json.h"
#include "models/single_file.h"

enum { PATH_SIZE = 4096, MAX_CONFIG_BYTES = 8 << 20, COMPONENTS = 3 };

static const char *const component_names[COMPONENTS] = {"unet", "text_encoder", "vae"};
static const char *const component_stems[COMPONENTS] = {"diffusion_pytorch_model", "model",
                                                        "diffusion_pytorch_model"};

/* Mapped files live as long as the weights that point into them. */
struct slr_model_files {
    slr_weight_files sets[COMPONENTS]; /* a single file uses the first only */
};

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void record_text_encoder(const slr_model *model, slr_graph *graph)
{
    slr_builder b;
    slr_builder_init(&b, graph, NULL, "text_encoder");
    slr_clip_text_build(&b, &model->text, slr_graph_input(graph, "input_ids", 2, (int64_t[]){1, 2}));
}

static void record_unet(const slr_model *model, slr_graph *graph)
{
    slr_builder b;
    int64_t size = (int64_t)1 << (model->unet.levels - 1);
    slr_tid sample = slr_graph_input(graph, "sample", 4, (int64_t[]){1, size, size, model->unet.in_channels});
    slr_tid timestep = slr_graph_input(graph, "timestep", 1, (int64_t[]){1});
    slr_tid states = slr_graph_input(graph, "states", 3, (int64_t[]){1, 2, model->unet.cross_attention_width});
    slr_builder_init(&b, graph, NULL, "unet");
    slr_unet_build(&b, &model->unet, sample, timestep, states);
}

static void record_vae(const slr_model *model, slr_graph *graph)
{
    slr_builder b;
    int64_t image = 2 * slr_vae_factor(&model->vae);
    slr_builder_init(&b, graph, NULL, "vae");
    slr_vae_build_encoder(&b, &model->vae, slr_graph_input(graph, "image", 4, (int64_t[]){1, image, image, 3}));
    slr_vae_build_decoder(&b, &model->vae,
                          slr_graph_input(graph, "latent", 4, (int64_t[]){1, 2, 2, model->vae.latent_channels}));
}

static slr_graph *record_parts(const slr_model *model, unsigned parts)
{
    slr_graph *graph = slr_graph_new();
    if (graph && parts & SLR_MODEL_TEXT)
        record_text_encoder(model, graph);
    if (graph && parts & SLR_MODEL_UNET)
        record_unet(model, graph);
    if (graph && parts & SLR_MODEL_VAE)
        record_vae(model, graph);
    return graph;
}

slr_graph *slr_model_record(const slr_model *model, bool with_vae)
{
    return record_parts(model, with_vae ? SLR_MODEL_WHOLE : SLR_MODEL_TEXT | SLR_MODEL_UNET);
}

int64_t slr_model_parameters(const slr_model *model, const char *component)
{
    slr_graph *graph = slr_model_record(model, true);
    int64_t total = 0;
    size_t length = strlen(component);
    for (int i = 0; graph && i < slr_graph_weight_count(graph); i++) {
        const slr_weight_spec *spec = slr_graph_weight(graph, i);
        if (strncmp(spec->name, component, length) == 0 && spec->name[length] == '.')
            total += slr_weight_elements(spec);
    }
    slr_graph_free(graph);
    return total;
}

/* Bad input joins the list; lacking memory or permission ends it. */
static selora_status note_problem(const slr_error *detail, slr_problems *problems, slr_error *err)
{
    if (detail->status != SELORA_BAD_INPUT)
        return slr_fail(err, detail->status, "%s", detail->message);
    slr_problems_add(problems, "%s", detail->message);
    return SELORA_OK;
}

/* Reads one config.json into its struct; a missing file is a problem like the others. */
static selora_status read_config(const char *folder, int component, slr_model *model, slr_problems *problems,
                                 slr_error *err)
{
    char path[PATH_SIZE], name[64];
    slr_error detail = {0};
    json_t *root;
    snprintf(path, sizeof path, "%s/%s/config.json", folder, component_names[component]);
    snprintf(name, sizeof name, "%s/config.json", component_names[component]);
    if (slr_json_load_file(path, MAX_CONFIG_BYTES, &root, &detail) != SELORA_OK)
        return note_problem(&detail, problems, err);
    if (!json_is_object(root))
        slr_problems_add(problems, "%s: not a JSON object", name);
    else if (component == 0)
        slr_unet_config_read(root, name, &model->unet, problems);
    else if (component == 1)
        slr_clip_text_config_read(root, name, &model->text, problems);
    else
        slr_vae_config_read(root, name, &model->vae, problems);
    json_decref(root);
    return SELORA_OK;
}

static void check_configs_fit(const slr_model *model, slr_problems *problems)
{
    if (model->unet.cross_attention_width != model->text.width)
        slr_problems_add(
            problems,
            "unet/config.json: cross_attention_dim %lld differs from text_encoder hidden_size %lld",
            (long long)model->unet.cross_attention_width, (long long)model->text.width);
    if (model->unet.in_channels != model->vae.latent_channels)
        slr_problems_add(problems,
                         "unet/config.json: in_channels %lld differs from vae latent_channels %lld",
                         (long long)model->unet.in_channels, (long long)model->vae.latent_channels);
}

static selora_status read_configs(slr_model *model, const slr_model_options *options,
                                  slr_error *err)
{
    const char *folder = model->single_file ? options->config : model->path;
    slr_problems problems = {0};
    slr_unet_config_sd15(&model->unet);
    slr_vae_config_sd15(&model->vae);
    slr_clip_text_config_sd15(&model->text);
    for (int c = 0; folder && c < COMPONENTS; c++)
        SLR_TRY(read_config(folder, c, model, &problems, err));
    if (problems.count == 0)
        check_configs_fit(model, &problems);
    SLR_TRY(slr_problems_report(&problems, folder ? folder : model->path, err));
    if (folder) {
        model->scheduler_path = slr_format("%s/scheduler/scheduler_config.json", folder);
        model->tokenizer_path = slr_format("%s/tokenizer", folder);
    }
    if (model->tokenizer_path && !exists(model->tokenizer_path)) {
        free(model->tokenizer_path);
        model->tokenizer_path = NULL;
    }
    if (options->tokenizer) {
        free(model->tokenizer_path);
        model->tokenizer_path = slr_copy_text(options->tokenizer);
    }
    return SELORA_OK;
}

static selora_status open_files(slr_model *model, const slr_model_options *options, slr_error *err)
{
    slr_problems problems = {0};
    bool of_variant = !options->variant;
    if (model->single_file) {
        SLR_TRY(slr_weight_files_open_single(&model->files->sets[0], model->path, err));
        return slr_single_file_check(model->files->sets[0].files[0], options->config != NULL, err);
    }
    for (int c = 0; c < COMPONENTS; c++) {
        char folder[PATH_SIZE];
        slr_error detail = {0};
        snprintf(folder, sizeof folder, "%s/%s", model->path, component_names[c]);
        if (slr_weight_files_open_folder(&model->files->sets[c], folder, component_stems[c],
                                         options->variant, &detail) != SELORA_OK)
            SLR_TRY(note_problem(&detail, &problems, err));
        of_variant = of_variant || model->files->sets[c].of_variant;
    }
    if (!of_variant)
        slr_problems_add(&problems, "no component has weights of the variant \"%s\"",
                         options->variant);
    return slr_problems_report(&problems, model->path, err);
}

/* Shapes are equal up to trailing ones: (c, c), (c, c, 1) and (c, c, 1, 1) hold the same matrix. */
static bool shape_fits(const slr_weight_spec *spec, const slr_stored_tensor *tensor)
{
    int spec_dims = spec->dims, dims = tensor->dims;
    while (spec_dims > 1 && spec->shape[spec_dims - 1] == 1)
        spec_dims--;
    while (dims > 1 && tensor->shape[dims - 1] == 1)
        dims--;
    return spec_dims == dims &&
           memcmp(spec->shape, tensor->shape, (size_t)dims * sizeof *spec->shape) == 0;
}

static const char *shape_text(int dims, const int64_t *shape, char text[96])
{
    size_t at = 0;
    text[0] = 0;
    for (int i = 0; i < dims && at < 80; i++)
        at += (size_t)snprintf(text + at, 96 - at, "%s%lld", i ? "x" : "", (long long)shape[i]);
    return text;
}

slr_name_rules slr_model_name_rules(const slr_model *model, bool single_file)
{
    slr_name_rules rules = {.single_file = single_file,
                            .unet_layers_per_block = model->unet.layers_per_block,
                            .vae_levels = model->vae.levels};
    memcpy(rules.unet_up_attention, model->unet.up_attention, sizeof rules.unet_up_attention);
    return rules;
}

static const slr_stored_tensor *find_stored(const slr_model *model, const char *canonical,
                                            const slr_name_rules *rules)
{
    char names[SLR_MAX_STORED_NAMES][SLR_STORED_NAME];
    int set = 0, count = slr_stored_names(rules, canonical, names);
    for (int c = 0; c < COMPONENTS && !model->single_file; c++)
        if (strncmp(canonical, component_names[c], strlen(component_names[c])) == 0)
            set = c;
    for (int i = 0; i < count; i++) {
        const slr_stored_tensor *tensor = slr_weight_files_take(&model->files->sets[set], names[i]);
        if (tensor)
            return tensor;
    }
    return NULL;
}

const slr_stored_tensor *slr_model_stored(const slr_model *model, const char *canonical)
{
    slr_name_rules rules = slr_model_name_rules(model, model->single_file);
    return find_stored(model, canonical, &rules);
}

static selora_status load_weight(slr_model *model, const slr_weight_spec *spec, const slr_name_rules *rules,
                                 bool read, slr_problems *problems, slr_error *err)
{
    char wanted[96], found[96];
    slr_error detail = {0};
    const slr_stored_tensor *tensor = find_stored(model, spec->name, rules);
    if (!tensor)
        slr_problems_add(problems, "%s: missing (%s expected)", spec->name,
                         shape_text(spec->dims, spec->shape, wanted));
    else if (!shape_fits(spec, tensor))
        slr_problems_add(problems, "%s: shape is %s, the config asks for %s", spec->name,
                         shape_text(tensor->dims, tensor->shape, found),
                         shape_text(spec->dims, spec->shape, wanted));
    else if (read && slr_weight_store_add(model->weights, spec, tensor, &detail) != SELORA_OK)
        return note_problem(&detail, problems, err);
    else if (read)
        slr_stored_release(tensor);
    return SELORA_OK;
}

static void list_unexpected(const slr_model *model, slr_problems *problems)
{
    for (int c = 0; c < COMPONENTS; c++) {
        const slr_weight_files *set = &model->files->sets[c];
        for (int f = 0; f < set->count; f++)
            for (size_t t = 0; t < slr_safetensors_count(set->files[f]); t++) {
                const char *name = slr_safetensors_at(set->files[f], t)->name;
                if (!set->used[f][t] && !slr_stored_name_is_ignorable(model->single_file, name))
                    slr_problems_add(problems, "%s: unexpected tensor %s",
                                     model->single_file ? "file" : component_names[c], name);
            }
    }
}

/* Too little memory is told before the system ends the process for it. */
static selora_status check_memory(slr_model *model, const slr_graph *graph, const slr_name_rules *rules, slr_error *err)
{
    size_t bytes = 0;
    for (int i = 0; i < slr_graph_weight_count(graph); i++) {
        const slr_weight_spec *spec = slr_graph_weight(graph, i);
        const slr_stored_tensor *tensor = find_stored(model, spec->name, rules);
        bytes += tensor ? slr_weight_store_needs(model->weights, spec, tensor->dtype) : 0;
    }
    return slr_check_free_memory(bytes, "the model", "close other programs, or take a machine with more", err);
}

static selora_status load_weights(slr_model *model, bool read, slr_error *err)
{
    slr_graph *graph = slr_model_record(model, true);
    if (!graph)
        return slr_fail_memory(err, 0, "the model's graph");
    selora_status status =
        slr_graph_failed(graph, err) ? err ? err->status : SELORA_BAD_INPUT : SELORA_OK;
    slr_name_rules rules = slr_model_name_rules(model, model->single_file);
    slr_problems problems = {0};
    if (status == SELORA_OK && read)
        status = check_memory(model, graph, &rules, err);
    for (int i = 0; status == SELORA_OK && i < slr_graph_weight_count(graph); i++)
        status = load_weight(model, slr_graph_weight(graph, i), &rules, read, &problems, err);
    slr_graph_free(graph);
    if (status != SELORA_OK)
        return status;
    list_unexpected(model, &problems);
    return slr_problems_report(&problems, model->path, err);
}

static slr_model *new_model(const char *path, slr_weight_policy weights)
{
    slr_model *model = slr_alloc(1, sizeof *model);
    if (!model)
        return NULL;
    model->path = slr_copy_text(path);
    model->weights = slr_weight_store_new(weights);
    model->files = slr_alloc(1, sizeof *model->files);
    if (!model->path || !model->weights || !model->files) {
        slr_model_free(model);
        return NULL;
    }
    return model;
}

selora_status slr_model_open(const char *path, const slr_model_options *options, slr_model **result,
                             slr_error *err)
{
    *result = NULL;
    if (!exists(path))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: no such model folder or file", path);
    slr_model *model = new_model(path, options->weights);
    if (!model)
        return slr_fail_memory(err, sizeof *model, "the model");
    model->single_file = !is_folder(path);
    selora_status status = read_configs(model, options, err);
    if (status == SELORA_OK && !options->configs_only) {
        status = open_files(model, options, err);
        if (status == SELORA_OK && options->hashed)
            model->hash = slr_model_hash_begin(model->files->sets, COMPONENTS);
        if (status == SELORA_OK)
            status = load_weights(model, !options->files_only, err);
    }
    if (status != SELORA_OK) {
        slr_model_free(model);
        return status;
    }
    *result = model;
    return SELORA_OK;
}

void slr_model_free(slr_model *model)
{
    if (!model)
        return;
    slr_model_hash_free(model->hash);
    slr_weight_store_free(model->weights);
    for (int c = 0; model->files && c < COMPONENTS; c++)
        slr_weight_files_close(&model->files->sets[c]);
    free(model->files);
    free(model->path);
    free(model->tokenizer_path);
    free(model->scheduler_path);
    free(model);
}

selora_status slr_model_hash(const slr_model *model, char hex[65], slr_error *err)
{
    return model->hash ? slr_model_hash_end(model->hash, hex, err)
                       : slr_model_hash_files(model->files->sets, COMPONENTS, hex, err);
}

const slr_weight_files *slr_model_weight_files(const slr_model *model, const char *component)
{
    for (int c = 0; c < COMPONENTS && !model->single_file; c++)
        if (strcmp(component, component_names[c]) == 0)
            return &model->files->sets[c];
    return &model->files->sets[0];
}

/* Cheap noise with the spread of a trained layer: uniform, variance 1 / fan-in; norms at 1, biases
 * small. */
static selora_status random_weight(slr_model *model, const slr_weight_spec *spec, uint64_t seed,
                                   uint32_t index, slr_error *err)
{
    size_t count = (size_t)slr_weight_elements(spec);
    slr_real *values = slr_alloc_aligned(count, sizeof *values);
    if (!values)
        return slr_fail_memory(err, count * sizeof *values, spec->name);
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    double fan_in = spec->kind == SLR_WEIGHT_VECTOR ? 1e4 : (double)count / (double)spec->shape[0];
    double spread = 2 * sqrt(3.0 / fan_in);
    bool is_norm_scale = spec->kind == SLR_WEIGHT_VECTOR && strstr(spec->name, "norm") &&
                         strcmp(spec->name + strlen(spec->name) - 7, ".weight") == 0;
#pragma omp parallel for schedule(static) if (count > 1 << 16)
    for (size_t i = 0; i < count; i += 4) {
        uint32_t counter[4] = {(uint32_t)(i / 4), index, 0, SLR_STREAM_WEIGHTS}, block[4];
        slr_philox4x32(key, counter, block);
        for (size_t j = i; j < i + 4 && j < count; j++)
            values[j] = (slr_real)(((double)block[j - i] * 0x1p-32 - 0.5) * spread +
                                   (is_norm_scale ? 1 : 0));
    }
    selora_status status = slr_weight_store_add_values(model->weights, spec, values, err);
    free(values);
    return status;
}

selora_status slr_model_random(const slr_unet_config *unet, const slr_vae_config *vae,
                               const slr_clip_text_config *text, uint64_t seed, unsigned parts,
                               slr_weight_policy weights, slr_model **result, slr_error *err)
{
    *result = NULL;
    slr_model *model = new_model("random", weights);
    if (!model)
        return slr_fail_memory(err, sizeof *model, "the model");
    model->unet = *unet;
    model->vae = *vae;
    model->text = *text;
    slr_graph *graph = record_parts(model, parts);
    selora_status status = graph ? SELORA_OK : slr_fail_memory(err, 0, "the model's graph");
    if (graph && slr_graph_failed(graph, err))
        status = SELORA_BAD_INPUT;
    size_t bytes = 0;
    for (int i = 0; graph && i < slr_graph_weight_count(graph); i++)
        bytes += slr_weight_store_needs(model->weights, slr_graph_weight(graph, i), SLR_DTYPE_F32);
    if (status == SELORA_OK)
        status = slr_check_free_memory(bytes, "the model", "choose a smaller --config", err);
    for (int i = 0; status == SELORA_OK && i < slr_graph_weight_count(graph); i++)
        status = random_weight(model, slr_graph_weight(graph, i), seed, (uint32_t)i, err);
    slr_graph_free(graph);
    if (status != SELORA_OK) {
        slr_model_free(model);
        return status;
    }
    *result = model;
    return SELORA_OK;
}
