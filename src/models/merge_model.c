/* SPDX-License-Identifier: MIT */
#include "models/merge_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/atomic_file.h"
#include "io/json.h"
#include "models/folder_copy.h"
#include "models/merged_file.h"

enum { CONFIG_LIMIT = 8 << 20, FILE_NAME = 256 };

static const char *const components[] = {"unet", "text_encoder", "vae"};
static const char *const stems[] = {"diffusion_pytorch_model", "model", "diffusion_pytorch_model"};

/* ---- a folder ---- */

/* The name of file i of the component: its own, or the plain one after a conversion. */
static void name_file(const slr_merge_run *run, int component, const slr_weight_files *files, int i, char name[FILE_NAME])
{
    const char *path = slr_safetensors_path(files->files[i]), *base = strrchr(path, '/');
    if (!run->job->convert)
        snprintf(name, FILE_NAME, "%s", base ? base + 1 : path);
    else if (files->index[0])
        snprintf(name, FILE_NAME, "%s-%05d-of-%05d.safetensors", stems[component], i + 1, files->count);
    else
        snprintf(name, FILE_NAME, "%s.safetensors", stems[component]);
}

static selora_status write_index(const slr_merge_run *run, int component, const char *index, json_t *map,
                                 uint64_t bytes, const char *folder, slr_error *err)
{
    char plain[FILE_NAME];
    snprintf(plain, sizeof plain, "%s.safetensors.index.json", stems[component]);
    json_t *root = json_pack("{s:{s:I}, s:O}", "metadata", "total_size", (json_int_t)bytes, "weight_map", map);
    char *path = slr_format("%s/%s/%s", folder, components[component], run->job->convert ? plain : index);
    selora_status status = root && path ? slr_json_save_file(root, path, err) : slr_fail_memory(err, 0, "an index file");
    json_decref(root);
    free(path);
    return status;
}

static selora_status write_file(slr_merge_run *run, int component, const slr_safetensors *source, json_t *map,
                                const char *name, uint64_t *bytes, const char *folder, slr_error *err)
{
    slr_merged_file file;
    char *path = slr_format("%s/%s/%s", folder, components[component], name);
    selora_status status = slr_merged_file_begin(&file, run, source ? slr_safetensors_count(source) : run->count, err);
    file.map = map;
    file.shard = name;
    if (status == SELORA_OK && !path)
        status = slr_fail_memory(err, 0, "a path");
    if (status == SELORA_OK)
        status = source ? slr_merged_file_stored(&file, source, component == 1, err)
                        : slr_merged_file_weights(&file, components[component], false, err);
    if (status == SELORA_OK)
        status = slr_merged_file_write(&file, path, err);
    *bytes += file.bytes;
    slr_merged_file_end(&file);
    free(path);
    return status;
}

static selora_status write_component(slr_merge_run *run, int component, const char *folder, slr_error *err)
{
    const slr_weight_files *files = slr_model_weight_files(run->job->model, components[component]);
    json_t *map = json_object();
    char name[FILE_NAME];
    uint64_t bytes = 0;
    selora_status status = map ? SELORA_OK : slr_fail_memory(err, 0, "an index file");
    if (run->job->model->single_file) {
        snprintf(name, sizeof name, "%s.safetensors", stems[component]);
        if (status == SELORA_OK)
            status = write_file(run, component, NULL, map, name, &bytes, folder, err);
    } else {
        for (int i = 0; status == SELORA_OK && i < files->count; i++) {
            name_file(run, component, files, i, name);
            status = write_file(run, component, files->files[i], map, name, &bytes, folder, err);
        }
        if (status == SELORA_OK && files->index[0])
            status = write_index(run, component, files->index, map, bytes, folder, err);
    }
    json_decref(map);
    return status;
}

/* What the text encoder's config says of its numbers: readers may load them in that type. */
static selora_status name_type(const slr_merge_job *job, const char *folder, slr_error *err)
{
    static const char *const keys[] = {"torch_dtype", "dtype"};
    const char *type = job->dtype == SLR_DTYPE_F16 ? "float16" : job->dtype == SLR_DTYPE_BF16 ? "bfloat16" : "float32";
    json_t *root = NULL;
    char *path = slr_format("%s/text_encoder/config.json", folder);
    selora_status status = path ? slr_json_load_file(path, CONFIG_LIMIT, &root, err) : slr_fail_memory(err, 0, "a path");
    bool changed = false;
    for (int i = 0; status == SELORA_OK && i < 2; i++)
        if (json_object_get(root, keys[i])) {
            json_object_set_new(root, keys[i], json_string(type));
            changed = true;
        }
    if (changed)
        status = slr_json_save_file(root, path, err);
    json_decref(root);
    free(path);
    return status;
}

/* As a file, from folder to folder. */
static bool vae_is_copied(const slr_merge_job *job)
{
    return !job->model->single_file && !job->convert;
}

static selora_status fill_folder(slr_merge_run *run, const char *folder, slr_error *err)
{
    const slr_merge_job *job = run->job;
    bool copied = vae_is_copied(job);
    SLR_TRY(slr_folder_copy(job->model->single_file ? job->config : job->model->path, folder, copied, err));
    for (int c = 0; c < (copied ? 2 : 3); c++)
        SLR_TRY(write_component(run, c, folder, err));
    if (job->convert)
        SLR_TRY(name_type(job, folder, err));
    return slr_folder_complete_tokenizer(folder, job->model->text.positions, err);
}

static selora_status write_folder(slr_merge_run *run, const char *out, slr_error *err)
{
    char *temporary;
    if (run->job->model->single_file && !run->job->config)
        return slr_fail(err, SELORA_USAGE,
                        "%s holds weights only; give a diffusers folder of its kind, whose configs and tokenizer the "
                        "merged folder gets, with --model-config, or merge into one .safetensors file",
                        run->job->model->path);
    SLR_TRY(slr_atomic_folder_begin(out, 0755, &temporary, err));
    selora_status status = fill_folder(run, temporary, err);
    if (status == SELORA_OK)
        status = slr_atomic_folder_commit(temporary, out, err);
    if (status != SELORA_OK)
        slr_remove_tree(temporary, NULL);
    free(temporary);
    return status;
}

/* ---- one file ---- */

static selora_status write_single(slr_merge_run *run, const char *out, slr_error *err)
{
    const slr_model *model = run->job->model;
    const slr_safetensors *source = model->single_file ? slr_model_weight_files(model, "unet")->files[0] : NULL;
    slr_merged_file file;
    selora_status status = slr_merged_file_begin(&file, run, source ? slr_safetensors_count(source) : run->count, err);
    if (status == SELORA_OK)
        status = source ? slr_merged_file_stored(&file, source, false, err) : slr_merged_file_weights(&file, NULL, true, err);
    if (status == SELORA_OK)
        status = slr_merged_file_write(&file, out, err);
    slr_merged_file_end(&file);
    return status;
}

selora_status slr_merge_model(const slr_merge_job *job, const char *out, slr_error *err)
{
    static const char tail[] = ".safetensors";
    slr_merge_run run;
    size_t length = strlen(out);
    bool single = length >= sizeof tail && strcmp(out + length - (sizeof tail - 1), tail) == 0;
    if (access(out, F_OK) == 0)
        return slr_fail(err, SELORA_USAGE, "%s: exists already; choose another name", out);
    selora_status status = slr_merge_run_begin(&run, job, single || !vae_is_copied(job), err);
    if (status == SELORA_OK)
        status = single ? write_single(&run, out, err) : write_folder(&run, out, err);
    slr_merge_run_end(&run);
    return status;
}
