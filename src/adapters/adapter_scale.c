/* SPDX-License-Identifier: MIT */
#include "adapters/adapter_scale.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/json.h"

static selora_status read_object(const slr_safetensors *file, const char *key, json_t **object,
                                 slr_error *err)
{
    const char *text = slr_safetensors_metadata(file, key);
    if (!text)
        return SELORA_OK;
    char name[300];
    snprintf(name, sizeof name, "%.200s: header key %s", slr_safetensors_path(file), key);
    SLR_TRY(slr_json_load_memory(text, strlen(text), name, object, err));
    if (!json_is_object(*object))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: expected an object", name);
    return SELORA_OK;
}

json_t *slr_adapter_header_of_config(const json_t *config)
{
    static const char *const keys[] = {"r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora"};
    json_t *header = json_object();
    for (int c = 0; header && c < 2; c++)
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
            char name[64];
            snprintf(name, sizeof name, "%s.%s", c == 0 ? "unet" : "text_encoder", keys[i]);
            json_t *value = json_object_get(config, keys[i]);
            if (value)
                json_object_set(header, name, value);
        }
    return header;
}

/* What one network saved by itself has no component before its keys. */
static selora_status add_component(slr_adapter_header *header, slr_error *err)
{
    if (!json_object_get(header->peft, "r"))
        return SELORA_OK;
    json_t *full = slr_adapter_header_of_config(header->peft);
    json_decref(header->peft);
    header->peft = full;
    return full ? SELORA_OK : slr_fail_memory(err, 0, "the header of the adapter file");
}

selora_status slr_adapter_header_read(const slr_safetensors *file, slr_adapter_header *header,
                                      slr_error *err)
{
    *header = (slr_adapter_header){.file = slr_safetensors_path(file),
                                    .place = "lora_adapter_metadata: "};
    selora_status status = read_object(file, "lora_adapter_metadata", &header->peft, err);
    if (status == SELORA_OK)
        status = add_component(header, err);
    if (status == SELORA_OK)
        status = read_object(file, "selora.layers", &header->layers, err);
    if (status != SELORA_OK)
        slr_adapter_header_free(header);
    return status;
}

void slr_adapter_header_free(slr_adapter_header *header)
{
    json_decref(header->peft);
    json_decref(header->layers);
    header->peft = header->layers = NULL;
}

/* PEFT matches a pattern as (.*\.)?(key)$ against the module's path: full names and ends of names
 * at a dot. */
static bool pattern_fits(const char *pattern, const char *module)
{
    if (*pattern == '^')
        return strcmp(pattern + 1, module) == 0;
    size_t length = strlen(module), own = strlen(pattern);
    return length >= own && strcmp(module + length - own, pattern) == 0 &&
           (length == own || module[length - own - 1] == '.');
}

/* Module names as PEFT sees them: text encoders with and without the "text_model." level. */
static bool fits(const char *pattern, const char *module)
{
    static const char level[] = "text_model.";
    return pattern_fits(pattern, module) || (strncmp(module, level, sizeof level - 1) == 0 &&
                                             pattern_fits(pattern, module + sizeof level - 1));
}

static selora_status number_of(const slr_adapter_header *header, const char *key,
                               const json_t *value, double *number, slr_error *err)
{
    *number = json_number_value(value);
    if (!json_is_number(value) || !(*number > 0) || *number > 1e6)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: %s%s: expected a number from 0 to 1e6", header->file, header->place, key);
    return SELORA_OK;
}

/* The value of component.key, or what component.key_pattern says for the module. */
static selora_status look_up(const slr_adapter_header *header, const char *component,
                             const char *key, const char *pattern_key, const char *module,
                             double *number, slr_error *err)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", component, key);
    const json_t *value = json_object_get(header->peft, name);
    SLR_TRY(number_of(header, name, value, number, err));
    snprintf(name, sizeof name, "%s.%s", component, pattern_key);
    json_t *patterns = json_object_get(header->peft, name);
    if (patterns && !json_is_object(patterns) && !json_is_null(patterns))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s%s: expected an object", header->file, header->place,
                        name);
    const char *pattern;
    json_object_foreach(patterns, pattern, value)
    {
        if (strpbrk(pattern, "*+?[](){}|\\$"))
            return slr_fail(
                err, SELORA_BAD_INPUT,
                "%s: %s%s: \"%s\" is a regular expression; only names of layers are supported",
                header->file, header->place, name, pattern);
        if (fits(pattern, module))
            return number_of(header, name, value, number,
                             err); /* the first that fits, as in PEFT */
    }
    return SELORA_OK;
}

selora_status slr_adapter_header_scale(const slr_adapter_header *header, const char *path,
                                       int64_t stored_rank, double *scale, slr_error *err)
{
    *scale = 1;
    if (!header->peft)
        return SELORA_OK;
    const char *component = strncmp(path, "unet.", 5) == 0 ? "unet" : "text_encoder";
    const char *module = path + strlen(component) + 1;
    char name[64];
    snprintf(name, sizeof name, "%s.use_rslora", component);
    bool rslora = json_is_true(json_object_get(header->peft, name));
    double rank, alpha;
    SLR_TRY(look_up(header, component, "r", "rank_pattern", module, &rank, err));
    SLR_TRY(look_up(header, component, "lora_alpha", "alpha_pattern", module, &alpha, err));
    if (rank != (double)stored_rank)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: the header says rank %g, %lld are stored",
                        header->file, path, rank, (long long)stored_rank);
    *scale = rslora ? alpha / sqrt(rank) : alpha / rank;
    return SELORA_OK;
}

selora_status slr_adapter_header_true(const slr_adapter_header *header, const char *path,
                                      bool *said, int *rank, double *scale, slr_error *err)
{
    const json_t *entry = json_object_get(header->layers, path);
    const json_t *first = json_array_get(entry, 0), *second = json_array_get(entry, 1);
    *said = entry != NULL;
    if (!entry)
        return SELORA_OK;
    *rank = (int)json_integer_value(first);
    *scale = json_number_value(second);
    if (json_array_size(entry) != 2 || !json_is_integer(first) || json_integer_value(first) < 1 ||
        json_integer_value(first) > 1 << 16 || !json_is_number(second) || *scale == 0)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: header key selora.layers: %s: expected [rank, scale]", header->file,
                        path);
    return SELORA_OK;
}
