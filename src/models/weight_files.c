/* SPDX-License-Identifier: MIT */
#include "models/weight_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/json.h"

enum { PATH_SIZE = 4096, MAX_INDEX_BYTES = 64 << 20 };

static selora_status open_one(slr_weight_files *set, const char *path, slr_error *err)
{
    if (set->count == SLR_MAX_SHARDS)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: more than %d shards", path, SLR_MAX_SHARDS);
    slr_safetensors *file;
    SLR_TRY(slr_safetensors_open(path, &file, err));
    bool *used = slr_alloc(slr_safetensors_count(file), sizeof *used);
    if (!used) {
        slr_safetensors_close(file);
        return slr_fail_memory(err, slr_safetensors_count(file), path);
    }
    set->files[set->count] = file;
    set->used[set->count++] = used;
    return SELORA_OK;
}

static int shard_by_path(const slr_weight_files *set, const char *path)
{
    for (int i = 0; i < set->count; i++)
        if (strcmp(slr_safetensors_path(set->files[i]), path) == 0)
            return i;
    return -1;
}

static selora_status open_shards(slr_weight_files *set, const char *folder, const char *index_path,
                                 const json_t *map, slr_error *err)
{
    const char *tensor;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)map, tensor, value) {
        const char *name = json_string_value(value);
        char path[PATH_SIZE];
        if (!name || strchr(name, '/') || name[0] == '.' || !name[0])
            return slr_fail(err, SELORA_BAD_INPUT,
                            "%s: weight_map of %s is not the name of a file in the same folder",
                            index_path, tensor);
        snprintf(path, sizeof path, "%s/%s", folder, name);
        int shard = shard_by_path(set, path);
        if (shard < 0) {
            SLR_TRY(open_one(set, path, err));
            shard = set->count - 1;
        }
        if (!slr_safetensors_find(set->files[shard], tensor))
            return slr_fail(err, SELORA_BAD_INPUT, "%s: %s should be in %s but is not there",
                            index_path, tensor, name);
    }
    if (set->count == 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: weight_map is empty or missing", index_path);
    return SELORA_OK;
}

static selora_status open_index(slr_weight_files *set, const char *folder, const char *path,
                                slr_error *err)
{
    json_t *root;
    SLR_TRY(slr_json_load_file(path, MAX_INDEX_BYTES, &root, err));
    selora_status status = open_shards(set, folder, path, json_object_get(root, "weight_map"), err);
    json_decref(root);
    return status;
}

/* Opens what exists of one naming scheme; *found tells whether anything did. */
static selora_status open_variant(slr_weight_files *set, const char *folder, const char *stem,
                                  const char *variant, bool *found, slr_error *err)
{
    char path[PATH_SIZE];
    const char *dot = variant ? "." : "";
    snprintf(path, sizeof path, "%s/%s%s%s.safetensors", folder, stem, dot, variant ? variant : "");
    *found = access(path, F_OK) == 0;
    if (*found)
        return open_one(set, path, err);
    snprintf(path, sizeof path, "%s/%s.safetensors.index%s%s.json", folder, stem, dot,
             variant ? variant : "");
    *found = access(path, F_OK) == 0;
    snprintf(set->index, sizeof set->index, "%s", *found ? strrchr(path, '/') + 1 : "");
    return *found ? open_index(set, folder, path, err) : SELORA_OK;
}

selora_status slr_weight_files_open_folder(slr_weight_files *set, const char *folder,
                                           const char *stem, const char *variant, slr_error *err)
{
    static const char *const pickles[] = {"diffusion_pytorch_model.bin", "pytorch_model.bin",
                                          "model.ckpt"};
    bool found = false;
    memset(set, 0, sizeof *set);
    SLR_TRY(open_variant(set, folder, stem, variant, &found, err));
    set->of_variant = variant && found;
    if (!found)
        SLR_TRY(open_variant(set, folder, stem, variant ? NULL : "fp16", &found, err));
    if (found)
        return SELORA_OK;
    for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++) {
        char path[PATH_SIZE];
        snprintf(path, sizeof path, "%s/%s", folder, pickles[i]);
        if (access(path, F_OK) == 0)
            return slr_fail(err, SELORA_BAD_INPUT,
                            "%s: pickled weights are not read because they can run code; save the "
                            "model with safe_serialization=True",
                            path);
    }
    return slr_fail(err, SELORA_BAD_INPUT, "%s: no %s.safetensors here", folder, stem);
}

selora_status slr_weight_files_open_single(slr_weight_files *set, const char *path, slr_error *err)
{
    static const char *const pickles[] = {".ckpt", ".pt", ".pth", ".bin"};
    const char *dot = strrchr(path, '.');
    memset(set, 0, sizeof *set);
    for (size_t i = 0; dot && i < sizeof pickles / sizeof *pickles; i++)
        if (strcmp(dot, pickles[i]) == 0)
            return slr_fail(
                err, SELORA_BAD_INPUT,
                "%s: pickled weights are not read because they can run code; convert the "
                "file to .safetensors",
                path);
    return open_one(set, path, err);
}

void slr_weight_files_close(slr_weight_files *set)
{
    for (int i = 0; i < set->count; i++) {
        slr_safetensors_close(set->files[i]);
        free(set->used[i]);
    }
    memset(set, 0, sizeof *set);
}

const slr_stored_tensor *slr_weight_files_take(slr_weight_files *set, const char *name)
{
    for (int i = 0; i < set->count; i++) {
        const slr_stored_tensor *tensor = slr_safetensors_find(set->files[i], name);
        if (tensor) {
            set->used[i][tensor - slr_safetensors_at(set->files[i], 0)] = true;
            return tensor;
        }
    }
    return NULL;
}
