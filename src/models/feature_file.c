/* SPDX-License-Identifier: MIT */
#include "models/feature_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/json.h"

enum { NAME_SIZE = 512, PATH_SIZE = 4096, MAX_CONFIG_BYTES = 1 << 20, MAX_COUNT = 4096 };

static selora_status open_config(slr_feature_file *file, const char *path, slr_error *err)
{
    char name[PATH_SIZE];
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0;
    int length = snprintf(name, sizeof name, "%.*sconfig.json", folder, path);
    if (length >= (int)sizeof name || access(name, F_OK) != 0)
        return SELORA_OK;
    return slr_json_load_file(name, MAX_CONFIG_BYTES, &file->config, err);
}

static selora_status refuse_pickles(const char *path, slr_error *err)
{
    static const char *const pickles[] = {".ckpt", ".pt", ".pth", ".bin"};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof pickles / sizeof *pickles; i++)
        if (strcmp(dot, pickles[i]) == 0)
            return slr_fail(err, SELORA_BAD_INPUT,
                            "%s: pickled weights are not read because they can run code; save the state_dict "
                            "with safetensors.torch.save_file",
                            path);
    return SELORA_OK;
}

selora_status slr_feature_file_open(const char *path, slr_feature_file **result, slr_error *err)
{
    *result = NULL;
    SLR_TRY(refuse_pickles(path, err));
    slr_feature_file *file = slr_alloc(1, sizeof *file);
    if (!file)
        return slr_fail_memory(err, sizeof *file, path);
    selora_status status = slr_safetensors_open(path, &file->tensors, err);
    if (status == SELORA_OK) {
        file->used = slr_alloc(slr_safetensors_count(file->tensors), sizeof *file->used);
        status = file->used ? open_config(file, path, err)
                            : slr_fail_memory(err, slr_safetensors_count(file->tensors), path);
    }
    if (status != SELORA_OK) {
        slr_feature_file_close(file);
        return status;
    }
    *result = file;
    return SELORA_OK;
}

void slr_feature_file_close(slr_feature_file *file)
{
    if (!file)
        return;
    slr_safetensors_close(file->tensors);
    json_decref(file->config);
    free(file->used);
    free(file);
}

/* Where `end` begins in `name`, -1 unless that is the start or behind a dot. */
static int ends_in(const char *name, const char *end)
{
    size_t length = strlen(name), tail = strlen(end);
    if (tail > length || strcmp(name + length - tail, end) != 0)
        return -1;
    int at = (int)(length - tail);
    return at == 0 || name[at - 1] == '.' ? at : -1;
}

bool slr_feature_file_anchor(slr_feature_file *file, const char *anchor)
{
    static const char tower[] = "vision_model.";
    int best = -1;
    const char *found = NULL;
    for (size_t i = 0; i < slr_safetensors_count(file->tensors); i++) {
        const char *name = slr_safetensors_at(file->tensors, i)->name;
        int at = ends_in(name, anchor);
        if (at >= 0 && at < (int)sizeof file->prefix && (best < 0 || at < best)) {
            best = at;
            found = name;
        }
    }
    if (best < 0)
        return false;
    snprintf(file->prefix, sizeof file->prefix, "%.*s", best, found);
    int cut = ends_in(file->prefix, tower);
    snprintf(file->root, sizeof file->root, "%.*s", cut >= 0 ? cut : best, found);
    return true;
}

const slr_stored_tensor *slr_feature_file_find(const slr_feature_file *file, const char *name)
{
    char full[NAME_SIZE];
    snprintf(full, sizeof full, "%s%s", file->prefix, name);
    const slr_stored_tensor *tensor = slr_safetensors_find(file->tensors, full);
    if (tensor || strcmp(file->prefix, file->root) == 0)
        return tensor;
    snprintf(full, sizeof full, "%s%s", file->root, name);
    return slr_safetensors_find(file->tensors, full);
}

const slr_stored_tensor *slr_feature_file_take(slr_feature_file *file, const char *name)
{
    const slr_stored_tensor *tensor = slr_feature_file_find(file, name);
    if (tensor)
        file->used[tensor - slr_safetensors_at(file->tensors, 0)] = true;
    return tensor;
}

int64_t slr_feature_file_size(const slr_feature_file *file, const char *name, int dimension)
{
    const slr_stored_tensor *tensor = slr_feature_file_find(file, name);
    return tensor && dimension < tensor->dims && tensor->shape[dimension] > 0 ? tensor->shape[dimension] : 1;
}

int slr_feature_file_count(const slr_feature_file *file, const char *format)
{
    char name[NAME_SIZE];
    for (int i = 0; i < MAX_COUNT; i++) {
        snprintf(name, sizeof name, format, i);
        if (!slr_feature_file_find(file, name))
            return i;
    }
    return MAX_COUNT;
}

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* `name` as the lists of names have it: without prefix or root. */
static const char *behind_prefix(const slr_feature_file *file, const char *name)
{
    if (begins_with(name, file->prefix))
        return name + strlen(file->prefix);
    return begins_with(name, file->root) ? name + strlen(file->root) : name;
}

void slr_feature_file_list_unused(const slr_feature_file *file, const char *const *ignored,
                                  slr_problems *problems)
{
    for (size_t i = 0; i < slr_safetensors_count(file->tensors); i++) {
        const char *name = slr_safetensors_at(file->tensors, i)->name;
        bool known = file->used[i] || ends_in(name, "num_batches_tracked") >= 0 || ends_in(name, "position_ids") >= 0;
        for (const char *const *start = ignored; *start && !known; start++)
            known = begins_with(behind_prefix(file, name), *start);
        if (!known)
            slr_problems_add(problems, "%.300s: not a tensor of this network", name);
    }
}

static const json_t *config_value(const slr_feature_file *file, const char *section, const char *key)
{
    const json_t *inner = section ? json_object_get(file->config, section) : NULL;
    return json_object_get(inner ? inner : file->config, key);
}

int64_t slr_feature_file_config_int(const slr_feature_file *file, const char *section, const char *key,
                                    int64_t fallback)
{
    const json_t *value = config_value(file, section, key);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

double slr_feature_file_config_number(const slr_feature_file *file, const char *section, const char *key,
                                      double fallback)
{
    const json_t *value = config_value(file, section, key);
    return json_is_number(value) ? json_number_value(value) : fallback;
}

const char *slr_feature_file_config_text(const slr_feature_file *file, const char *section, const char *key,
                                         const char *fallback)
{
    const json_t *value = config_value(file, section, key);
    return json_is_string(value) ? json_string_value(value) : fallback;
}
