/* SPDX-License-Identifier: MIT */
#include "models/merge_folder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/atomic_file.h"
#include "io/safetensors.h"
#include "models/folder_copy.h"
#include "models/weight_files.h"
#include "models/weight_names.h"

static const char text_prefix[] = "text_model.";

/* One weight file being written: data[i] is the merged copy of tensor i, NULL where it stays as it is. */
typedef struct merged_file {
    const slr_safetensors *source;
    const slr_adapter **adapters; /* per tensor, NULL for none */
    void **data;
    slr_safetensors_writer *writer;
} merged_file;

static void find_adapters(const slr_model *model, const slr_adapter_set *set, merged_file *file)
{
    slr_name_rules rules = {.unet_layers_per_block = model->unet.layers_per_block, .vae_levels = model->vae.levels};
    char names[SLR_MAX_STORED_NAMES][SLR_STORED_NAME], canonical[SLR_STORED_NAME];
    for (int i = 0; i < slr_adapter_set_count(set); i++) {
        const slr_adapter *adapter = slr_adapter_set_at(set, i);
        snprintf(canonical, sizeof canonical, "%s.weight", adapter->path);
        int count = slr_stored_names(&rules, canonical, names);
        for (int n = 0; n < count; n++) {
            const slr_stored_tensor *tensor = slr_safetensors_find(file->source, names[n]);
            if (tensor && tensor->dtype != SLR_DTYPE_I64 && tensor->dtype != SLR_DTYPE_OTHER)
                file->adapters[tensor - slr_safetensors_at(file->source, 0)] = adapter;
        }
    }
}

/* The merged weight in the tensor's own 16-bit type, or as F32 (also for F64), in fresh memory. */
static selora_status merge_tensor(const slr_stored_tensor *tensor, const slr_adapter *adapter, slr_dtype *dtype,
                                  void **data, slr_error *err)
{
    size_t count = (size_t)slr_stored_count(tensor);
    if ((int64_t)count != adapter->slot.in * adapter->slot.out)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: the adapter layer is %lldx%lld, the weight has %zu numbers",
                        tensor->name, (long long)adapter->slot.out, (long long)adapter->slot.in, count);
    *dtype = tensor->dtype == SLR_DTYPE_F64 ? SLR_DTYPE_F32 : tensor->dtype;
    slr_real *weight = slr_alloc(count, sizeof *weight);
    float *values = *data = slr_alloc(count, sizeof *values);
    selora_status status = weight && values ? SELORA_OK : slr_fail_memory(err, count * sizeof *weight, tensor->name);
    if (status == SELORA_OK) {
        slr_stored_to_real(tensor, 0, (int64_t)count, weight);
        slr_adapter_merge(adapter, weight);
    }
    for (size_t i = 0; status == SELORA_OK && i < count; i++) {
        float value = (float)weight[i];
        if (*dtype == SLR_DTYPE_F16)
            value = slr_f16_to_f32(((uint16_t *)*data)[i] = slr_f32_to_f16(value));
        else if (*dtype == SLR_DTYPE_BF16)
            value = slr_bf16_to_f32(((uint16_t *)*data)[i] = slr_f32_to_bf16(value));
        else
            values[i] = value;
        if (!isfinite(value))
            status = slr_fail(err, SELORA_NUMERIC, "%s: the merged weight is not finite in %s", tensor->name,
                              slr_dtype_name(*dtype));
    }
    free(weight);
    return status;
}

static selora_status add_tensors(merged_file *file, bool is_text, slr_error *err)
{
    size_t count = slr_safetensors_count(file->source);
    for (size_t i = 0; i < count; i++) {
        const slr_stored_tensor *tensor = slr_safetensors_at(file->source, i);
        slr_dtype dtype = tensor->dtype;
        const void *data = tensor->data;
        char name[2 * SLR_STORED_NAME];
        bool bare = is_text && strncmp(tensor->name, text_prefix, sizeof text_prefix - 1) != 0;
        snprintf(name, sizeof name, "%s%s", bare ? text_prefix : "", tensor->name);
        if (dtype == SLR_DTYPE_OTHER)
            continue; /* no network reads such a tensor */
        if (file->adapters[i]) {
            SLR_TRY(merge_tensor(tensor, file->adapters[i], &dtype, &file->data[i], err));
            data = file->data[i];
        }
        SLR_TRY(slr_safetensors_writer_tensor(file->writer, name, dtype, tensor->dims, tensor->shape, data, err));
    }
    return slr_safetensors_writer_metadata(file->writer, "format", "pt", err);
}

static selora_status write_file(const slr_model *model, const slr_adapter_set *set, const slr_safetensors *source,
                                bool is_text, const char *path, slr_error *err)
{
    size_t count = slr_safetensors_count(source);
    merged_file file = {.source = source, .adapters = slr_alloc(count, sizeof *file.adapters),
                        .data = slr_alloc(count, sizeof *file.data), .writer = slr_safetensors_writer_new()};
    selora_status status = slr_fail_memory(err, count, path);
    if (file.adapters && file.data && file.writer) {
        if (err)
            *err = (slr_error){0};
        find_adapters(model, set, &file);
        status = add_tensors(&file, is_text, err);
        if (status == SELORA_OK)
            status = slr_safetensors_writer_save(file.writer, path, err);
    }
    slr_safetensors_writer_free(file.writer);
    for (size_t i = 0; file.data && i < count; i++)
        free(file.data[i]);
    free(file.data);
    free(file.adapters);
    return status;
}

static selora_status write_component(const slr_model *model, const slr_adapter_set *set, const char *component,
                                     const char *folder, slr_error *err)
{
    const slr_weight_files *files = slr_model_weight_files(model, component);
    bool is_text = strcmp(component, "text_encoder") == 0;
    for (int i = 0; i < files->count; i++) {
        const char *source = slr_safetensors_path(files->files[i]);
        const char *base = strrchr(source, '/');
        char *path = slr_format("%s/%s/%s", folder, component, base ? base + 1 : source);
        selora_status status = path ? write_file(model, set, files->files[i], is_text, path, err)
                                    : slr_fail_memory(err, 0, "a path");
        free(path);
        if (status != SELORA_OK)
            return status;
    }
    return SELORA_OK;
}

static selora_status fill_folder(const slr_model *model, const slr_adapter_set *set, const char *folder,
                                 slr_error *err)
{
    static const char *const components[] = {"unet", "text_encoder"};
    SLR_TRY(slr_folder_copy(model->path, folder, err));
    for (int i = 0; i < 2; i++)
        SLR_TRY(write_component(model, set, components[i], folder, err));
    return slr_folder_complete_tokenizer(folder, model->text.positions, err);
}

selora_status slr_merge_folder(const slr_model *model, const slr_adapter_set *set, const char *folder,
                               slr_error *err)
{
    char *temporary;
    if (model->single_file)
        return slr_fail(err, SELORA_USAGE, "%s is a single file; an adapter is merged into a diffusers folder",
                        model->path);
    SLR_TRY(slr_atomic_folder_begin(folder, 0755, &temporary, err));
    selora_status status = fill_folder(model, set, temporary, err);
    if (status == SELORA_OK)
        status = slr_atomic_folder_commit(temporary, folder, err);
    if (status != SELORA_OK)
        slr_remove_tree(temporary, NULL);
    free(temporary);
    return status;
}
