/* SPDX-License-Identifier: MIT */
#include "adapters/formats.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"

/* In the order in which names are asked. */
static const slr_adapter_format *const formats[] = {
    &slr_format_kohya,  &slr_format_peft,      &slr_format_diffusers, &slr_format_listed,
    &slr_format_published, &slr_format_diffusers_compact, &slr_format_selora,
};
enum { FORMATS = sizeof formats / sizeof *formats };

const slr_adapter_format *slr_format_named(const char *name)
{
    for (int i = 0; i < FORMATS; i++)
        if (formats[i]->write && strcmp(formats[i]->name, name) == 0)
            return formats[i];
    return NULL;
}

selora_status slr_format_of(const slr_safetensors *file, const slr_adapter_format **format, slr_error *err)
{
    for (size_t t = 0; t < slr_safetensors_count(file); t++)
        for (int i = 0; i < FORMATS; i++)
            if (formats[i]->claims && formats[i]->claims(slr_safetensors_at(file, t)->name)) {
                *format = formats[i];
                return SELORA_OK;
            }
    const char *first = slr_safetensors_count(file) > 0 ? slr_safetensors_at(file, 0)->name : "nothing";
    return slr_fail(err, SELORA_BAD_INPUT,
                    "%s: no adapter (found %s); names that begin with lora_unet_, lora_te_, unet., "
                    "text_encoder. or base_model.model., or that end in lora_A, are expected",
                    slr_safetensors_path(file), first);
}

selora_status slr_pairs_load_file(const slr_safetensors *file, slr_pairs *pairs, slr_error *err)
{
    const slr_adapter_format *format;
    SLR_TRY(slr_format_of(file, &format, err));
    pairs->format = format->name;
    SLR_TRY(format->read(file, pairs, err));
    if (pairs->count == 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: holds no layer of an adapter%s%s",
                        slr_safetensors_path(file), pairs->left_over.count ? "; not understood: " : "",
                        pairs->left_over.text);
    slr_pairs_sort(pairs);
    for (size_t i = 1; i < pairs->count; i++)
        if (strcmp(pairs->items[i - 1].path, pairs->items[i].path) == 0)
            return slr_fail(err, SELORA_BAD_INPUT, "%s: %s is stored twice", slr_safetensors_path(file),
                            pairs->items[i].path);
    return SELORA_OK;
}

static selora_status load_one(const char *path, slr_pairs *pairs, slr_error *err)
{
    slr_safetensors *file;
    SLR_TRY(slr_safetensors_open(path, &file, err));
    selora_status status = slr_pairs_load_file(file, pairs, err);
    slr_safetensors_close(file);
    return status;
}

/* Files that a folder may hold; those of one row belong together. */
static const char *const folder_files[][2] = {
    {"pytorch_lora_weights.safetensors", NULL},
    {"adapter_model.safetensors", NULL},
    {"unet/adapter_model.safetensors", "text_encoder/adapter_model.safetensors"},
    {"adapter.safetensors", NULL}, /* a run of selora */
    {"unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"},
};

/* The files of an adapter: `path` itself or those of the first row that a folder has; the others NULL. */
static selora_status find_files(const char *path, char *files[2], slr_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return slr_fail_errno(err, path, "find");
    if (!S_ISDIR(info.st_mode)) {
        files[0] = slr_copy_text(path);
        return files[0] ? SELORA_OK : slr_fail_memory(err, 0, "a path");
    }
    size_t rows = sizeof folder_files / sizeof *folder_files, count = 0;
    for (size_t row = 0; row < rows && count == 0; row++)
        for (int i = 0; i < 2 && folder_files[row][i]; i++) {
            char *file = slr_format("%s/%s", path, folder_files[row][i]);
            if (!file)
                return slr_fail_memory(err, 0, "a path");
            if (access(file, F_OK) == 0)
                files[count++] = file;
            else
                free(file);
        }
    return count > 0 ? SELORA_OK
                     : slr_fail(err, SELORA_BAD_INPUT,
                                "%s: no adapter in this folder; pytorch_lora_weights.safetensors, "
                                "adapter_model.safetensors with adapter_config.json, or the folders unet "
                                "and text_encoder with them are expected", path);
}

selora_status slr_pairs_load(const char *path, slr_pairs *pairs, slr_error *err)
{
    char *files[2] = {NULL, NULL};
    selora_status status = find_files(path, files, err);
    for (int i = 0; i < 2 && files[i] && status == SELORA_OK; i++)
        status = load_one(files[i], pairs, err);
    free(files[0]);
    free(files[1]);
    if (status != SELORA_OK)
        slr_pairs_free(pairs);
    return status;
}

selora_status slr_adapter_hash(const char *path, char hex[SLR_SHA256_HEX], slr_error *err)
{
    char *files[2] = {NULL, NULL}, both[2 * SLR_SHA256_HEX] = "";
    selora_status status = find_files(path, files, err);
    for (int i = 0; i < 2 && files[i] && status == SELORA_OK; i++) {
        status = slr_sha256_file(files[i], hex, err);
        strcat(both, hex);
    }
    if (status == SELORA_OK && files[1])
        status = slr_sha256_memory(both, strlen(both), hex, err);
    free(files[0]);
    free(files[1]);
    return status;
}
