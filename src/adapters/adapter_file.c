/* SPDX-License-Identifier: MIT
 * The adapter file out. Diffusers before 0.34 does not read the header and before 0.40 takes one
 * rank for all layers: only equal stored ranks with the scale folded into B are right everywhere.
 */
#include "adapters/adapter_file.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/json.h"
#include "io/safetensors.h"

enum {
    LEAST_RANK = 2
}; /* stable-diffusion.cpp takes the other dimension for the rank where it is 1 */

static const char *const components[] = {"unet", "text_encoder"};

static bool belongs(const slr_adapter *adapter, const char *component)
{
    size_t length = strlen(component);
    return adapter->slot.rank > 0 && strncmp(adapter->path, component, length) == 0 &&
           adapter->path[length] == '.';
}

/* The rank that all layers of the component are padded to, 0 without layers. */
static int stored_rank(const slr_adapter_set *set, const char *component)
{
    int most = 0;
    for (int i = 0; i < slr_adapter_set_count(set); i++) {
        const slr_adapter *adapter = slr_adapter_set_at(set, i);
        if (belongs(adapter, component) && adapter->slot.rank > most)
            most = adapter->slot.rank;
    }
    return most > 0 && most < LEAST_RANK ? LEAST_RANK : most;
}

static selora_status add_layer(slr_safetensors_writer *writer, const slr_adapter *adapter, int rank,
                               slr_error *err)
{
    const slr_slot *slot = &adapter->slot;
    char name[512];
    size_t in = (size_t)slot->in, out = (size_t)slot->out;
    slr_real *a = slr_alloc((size_t)rank * in, sizeof *a),
             *b = slr_alloc((size_t)rank * out, sizeof *b);
    selora_status status =
        a && b ? SELORA_OK
               : slr_fail_memory(err, (size_t)rank * (in + out) * sizeof *a, "the adapter file");
    if (status == SELORA_OK) {
        memcpy(a, slot->a, (size_t)slot->rank * in * sizeof *a);
        for (int64_t o = 0; o < slot->out; o++)
            for (int i = 0; i < slot->rank; i++)
                b[o * rank + i] =
                    (slr_real)(adapter->own_scale * (double)slot->bt[i * slot->out + o]);
        snprintf(name, sizeof name, "%s.lora_A.weight", adapter->path);
        status = slr_safetensors_writer_real(writer, name, 2, (int64_t[]){rank, slot->in}, a, false,
                                             err);
    }
    if (status == SELORA_OK) {
        snprintf(name, sizeof name, "%s.lora_B.weight", adapter->path);
        status = slr_safetensors_writer_real(writer, name, 2, (int64_t[]){slot->out, rank}, b,
                                             false, err);
    }
    free(a);
    free(b);
    return status;
}

/* Text encoders lost the "text_model." level in transformers 5.6: names without it match both
 * kinds. */
static const char *target_name(const slr_adapter *adapter, const char *component)
{
    static const char level[] = "text_model.";
    const char *module = adapter->path + strlen(component) + 1;
    return strncmp(module, level, sizeof level - 1) == 0 ? module + sizeof level - 1 : module;
}

static bool put(json_t *object, const char *component, const char *key, json_t *value)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", component, key);
    return json_object_set_new(object, name, value) == 0;
}

/* The seven fields that every PEFT version knows; r = alpha makes the scale 1. */
static bool describe(json_t *peft, const slr_adapter_set *set, const char *component, int rank)
{
    json_t *targets = json_array();
    bool fine = targets != NULL;
    for (int i = 0; fine && i < slr_adapter_set_count(set); i++) {
        const slr_adapter *adapter = slr_adapter_set_at(set, i);
        if (belongs(adapter, component))
            fine =
                json_array_append_new(targets, json_string(target_name(adapter, component))) == 0;
    }
    return put(peft, component, "r", json_integer(rank)) &&
           put(peft, component, "lora_alpha", json_integer(rank)) &&
           put(peft, component, "target_modules", targets) &&
           put(peft, component, "rank_pattern", json_object()) &&
           put(peft, component, "alpha_pattern", json_object()) &&
           put(peft, component, "lora_dropout", json_real(0)) &&
           put(peft, component, "bias", json_string("none")) && fine;
}

static selora_status add_object(slr_safetensors_writer *writer, const char *key, json_t *object,
                                slr_error *err)
{
    char *text = object ? slr_json_text(object, 0) : NULL;
    selora_status status = text ? slr_safetensors_writer_metadata(writer, key, text, err)
                                : slr_fail_memory(err, 0, "the header of the adapter file");
    free(text);
    json_decref(object);
    return status;
}

static selora_status add_ranks(slr_safetensors_writer *writer, const slr_adapter_set *set,
                               slr_error *err)
{
    json_t *layers = json_object();
    for (int i = 0; layers && i < slr_adapter_set_count(set); i++) {
        const slr_adapter *adapter = slr_adapter_set_at(set, i);
        if (adapter->slot.rank > 0 &&
            json_object_set_new(layers, adapter->path,
                                json_pack("[i,f]", adapter->slot.rank, adapter->own_scale)) != 0) {
            json_decref(layers);
            layers = NULL;
        }
    }
    return add_object(writer, "selora.layers", layers, err);
}

static selora_status add_text(slr_safetensors_writer *writer, const char *key, const char *text,
                              slr_error *err)
{
    return text ? slr_safetensors_writer_metadata(writer, key, text, err) : SELORA_OK;
}

/* As JSON writes it, whatever the locale; infinity has no form there. */
static selora_status add_number(slr_safetensors_writer *writer, const char *key, double number,
                                slr_error *err)
{
    if (isinf(number))
        return slr_safetensors_writer_metadata(writer, key, "inf", err);
    json_t *list = json_pack("[f]", number);
    char *text = list ? slr_json_text(list, 0) : NULL; /* "[1.3]" */
    selora_status status =
        text ? SELORA_OK : slr_fail_memory(err, 0, "the header of the adapter file");
    if (text) {
        text[strlen(text) - 1] = 0;
        status = slr_safetensors_writer_metadata(writer, key, text + 1, err);
    }
    free(text);
    json_decref(list);
    return status;
}

static selora_status add_note(slr_safetensors_writer *writer, const slr_adapter_note *note,
                              slr_error *err)
{
    char number[64];
    SLR_TRY(add_text(writer, "format", "pt", err));
    SLR_TRY(add_text(writer, "selora.version", SELORA_VERSION, err));
    SLR_TRY(add_text(writer, "selora.method", note->method, err));
    SLR_TRY(add_text(writer, "selora.model_sha256", note->model_sha256, err));
    SLR_TRY(add_text(writer, "selora.data_sha256", note->data_sha256, err));
    if (note->lambda != 0)
        SLR_TRY(add_number(writer, "selora.lambda", note->lambda, err));
    if (note->steps != 0) {
        snprintf(number, sizeof number, "%lld", (long long)note->steps);
        SLR_TRY(add_text(writer, "selora.steps", number, err));
    }
    return SELORA_OK;
}

static selora_status fill(slr_safetensors_writer *writer, const slr_adapter_set *set,
                          const slr_adapter_note *note, slr_error *err)
{
    json_t *peft = json_object();
    bool fine = peft != NULL;
    selora_status status = SELORA_OK;
    for (int c = 0; c < 2 && fine && status == SELORA_OK; c++) {
        int rank = stored_rank(set, components[c]);
        for (int i = 0; i < slr_adapter_set_count(set) && status == SELORA_OK; i++)
            if (belongs(slr_adapter_set_at(set, i), components[c]))
                status = add_layer(writer, slr_adapter_set_at(set, i), rank, err);
        if (rank > 0)
            fine = describe(peft, set, components[c], rank);
    }
    if (status != SELORA_OK || !fine) {
        json_decref(peft);
        return status != SELORA_OK ? status
                                   : slr_fail_memory(err, 0, "the header of the adapter file");
    }
    SLR_TRY(add_object(writer, "lora_adapter_metadata", peft, err));
    SLR_TRY(add_ranks(writer, set, err));
    return add_note(writer, note, err);
}

selora_status slr_adapter_file_save(const slr_adapter_set *set, const slr_adapter_note *note,
                                    const char *path, slr_error *err)
{
    const slr_adapter *bad = slr_adapter_set_nonfinite(set, false);
    if (bad)
        return slr_fail(err, SELORA_NUMERIC,
                        "%s: the adapter holds values that are not finite; nothing was written",
                        bad->path);
    slr_safetensors_writer *writer = slr_safetensors_writer_new();
    if (!writer)
        return slr_fail_memory(err, 0, "the adapter file");
    selora_status status = fill(writer, set, note, err);
    if (status == SELORA_OK)
        status = slr_safetensors_writer_save(writer, path, err);
    slr_safetensors_writer_free(writer);
    return status;
}
