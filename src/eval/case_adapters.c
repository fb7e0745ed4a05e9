/* SPDX-License-Identifier: MIT
 *
 * Checking comes first, by name: every name of a group must have its partners. Loading then takes
 * all of it for granted.
 */
#include "eval/case_adapters.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "eval/case_fields.h"

enum { MAX_RANK = 4096 };

#define ADAPTER "in.adapter."
#define PROBE "in.probe."
#define GRADIENT "expect.grad."
#define PROBE_GRADIENT "expect.probe_grad."
#define RATIO "expect.ratio."

static const char *const adapter_prefixes[] = {ADAPTER};
static const char *const gradient_prefixes[] = {PROBE, GRADIENT, PROBE_GRADIENT, RATIO};

static const char *path_of(const slr_reference_case *c)
{
    return slr_safetensors_path(c->file);
}

static const char *after(const char *name, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(name, prefix, length) == 0 ? name + length : NULL;
}

static bool starts_with_one(const char *name, const char *const *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (after(name, prefixes[i]))
            return true;
    return false;
}

bool slr_case_is_adapter_name(const slr_case_format *format, const char *name)
{
    return (format->adapters && starts_with_one(name, adapter_prefixes, 1)) ||
           (format->gradients && starts_with_one(name, gradient_prefixes, 4));
}

/* The tensor prefix + layer + suffix; NULL when there is none (or no memory for its name). */
static const slr_stored_tensor *find(const slr_reference_case *c, const char *prefix,
                                     const char *layer, const char *suffix)
{
    char *name = slr_format("%s%s%s", prefix, layer, suffix);
    const slr_stored_tensor *tensor = name ? slr_case_find(c, name) : NULL;
    free(name);
    return tensor;
}

static selora_status need(const slr_reference_case *c, const char *prefix, const char *layer,
                          const char *suffix, const slr_stored_tensor **tensor, slr_error *err)
{
    *tensor = find(c, prefix, layer, suffix);
    return *tensor ? SELORA_OK
                   : slr_fail(err, SELORA_BAD_INPUT, "%s: %s%.200s%s is missing", path_of(c), prefix,
                              layer, suffix);
}

/* The matrix of a linear layer of the model, or NULL. */
static const slr_weight_spec *find_layer(const slr_graph *record, const char *layer)
{
    for (int i = 0; i < slr_graph_op_count(record); i++) {
        const slr_op *op = slr_graph_op(record, i);
        if (op->kind == SLR_OP_LINEAR && strcmp(op->path, layer) == 0)
            return slr_graph_weight(record, op->weight);
    }
    return NULL;
}

static selora_status check_gradients(const slr_reference_case *c, const char *layer, int64_t rank,
                                     int64_t in, int64_t out, slr_error *err)
{
    const slr_stored_tensor *tensor, *probe = find(c, PROBE, layer, "");
    SLR_TRY(need(c, GRADIENT, layer, ".lora_A", &tensor, err));
    SLR_TRY(slr_case_check_shape(c, tensor, rank, in, err));
    SLR_TRY(need(c, GRADIENT, layer, ".lora_B", &tensor, err));
    SLR_TRY(slr_case_check_shape(c, tensor, out, rank, err));
    if (!probe)
        return SELORA_OK;
    SLR_TRY(slr_case_check_tensor(c, probe, SLR_CASE_REAL, 2, err));
    SLR_TRY(slr_case_check_shape(c, probe, probe->shape[0], in, err));
    if (probe->shape[0] > MAX_RANK)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s has %lld rows, at most %d are supported",
                        path_of(c), probe->name, (long long)probe->shape[0], MAX_RANK);
    SLR_TRY(need(c, PROBE_GRADIENT, layer, "", &tensor, err));
    SLR_TRY(slr_case_check_shape(c, tensor, out, probe->shape[0], err));
    SLR_TRY(need(c, RATIO, layer, "", &tensor, err));
    return slr_case_check_shape(c, tensor, probe->shape[0], 0, err);
}

/* A layer that has lora_A: everything about it. */
static selora_status check_layer(const slr_reference_case *c, const slr_graph *record,
                                 const char *layer, slr_error *err)
{
    const slr_stored_tensor *a, *b;
    SLR_TRY(need(c, ADAPTER, layer, ".lora_A", &a, err));
    SLR_TRY(need(c, ADAPTER, layer, ".lora_B", &b, err));
    const slr_weight_spec *matrix = find_layer(record, layer);
    if (!matrix)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %.200s: the model has no linear layer of this name",
                        path_of(c), a->name);
    int64_t out = matrix->shape[0], in = matrix->shape[1];
    SLR_TRY(slr_case_check_tensor(c, a, SLR_CASE_REAL, 2, err));
    SLR_TRY(slr_case_check_shape(c, a, a->shape[0], in, err));
    if (a->shape[0] > MAX_RANK)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s has rank %lld, at most %d is supported",
                        path_of(c), a->name, (long long)a->shape[0], MAX_RANK);
    SLR_TRY(slr_case_check_shape(c, b, out, a->shape[0], err));
    return slr_case_formats[c->kind].gradients
               ? check_gradients(c, layer, a->shape[0], in, out, err)
               : SELORA_OK;
}

/* The layer that a name of one of the groups speaks of, on the heap; NULL when the name has no such
 * form. */
static char *layer_of(const char *name)
{
    static const char *const singles[] = {PROBE, PROBE_GRADIENT, RATIO};
    static const char *const pairs[] = {ADAPTER, GRADIENT};
    for (int i = 0; i < 3; i++)
        if (after(name, singles[i]))
            return slr_copy_text(after(name, singles[i]));
    for (int i = 0; i < 2; i++) {
        const char *layer = after(name, pairs[i]);
        const char *end = layer && strlen(layer) > 7 ? layer + strlen(layer) - 7 : NULL;
        if (end && (strcmp(end, ".lora_A") == 0 || strcmp(end, ".lora_B") == 0))
            return slr_copy_text_n(layer, (size_t)(end - layer));
    }
    return NULL;
}

/* Each name must belong to an adapted layer, results of probes to a layer with probe rows. */
static selora_status check_name(const slr_reference_case *c, const slr_graph *record,
                                const char *name, slr_error *err)
{
    const slr_stored_tensor *partner;
    char *layer = layer_of(name);
    if (!layer)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: %.200s does not belong to kind %s (.lora_A or .lora_B is expected)",
                        path_of(c), name, c->kind_name);
    selora_status status = need(c, ADAPTER, layer, ".lora_A", &partner, err);
    if (status == SELORA_OK && (after(name, PROBE_GRADIENT) || after(name, RATIO)))
        status = need(c, PROBE, layer, "", &partner, err);
    if (status == SELORA_OK && partner->name == name)
        status = check_layer(c, record, layer, err);
    free(layer);
    return status;
}

selora_status slr_case_check_adapters(const slr_reference_case *c, const slr_model *model,
                                      slr_error *err)
{
    slr_graph *record = slr_model_record(model, false);
    if (!record)
        return slr_fail_memory(err, 0, "the model's graph");
    selora_status status = SELORA_OK;
    for (size_t i = 0; i < slr_safetensors_count(c->file) && status == SELORA_OK; i++) {
        const char *name = slr_safetensors_at(c->file, i)->name;
        if (slr_case_is_adapter_name(&slr_case_formats[c->kind], name))
            status = check_name(c, record, name, err);
    }
    slr_graph_free(record);
    return status;
}

/* Probe rows lie behind the acting ones, so that the slot is made with room for both. */
static selora_status add_layer(const slr_reference_case *c, slr_adapter_set *set, const char *layer,
                               slr_error *err)
{
    const slr_stored_tensor *a = find(c, ADAPTER, layer, ".lora_A");
    const slr_stored_tensor *b = find(c, ADAPTER, layer, ".lora_B");
    const slr_stored_tensor *probe = find(c, PROBE, layer, "");
    if (!a || !b)
        return slr_fail_memory(err, strlen(layer), "the name of a layer");
    int rows = (int)(a->shape[0] + (probe ? probe->shape[0] : 0));
    return slr_adapter_set_add_given(set, layer, a->shape[1], b->shape[0], rows, c->scale, err);
}

static selora_status fill_layer(const slr_reference_case *c, slr_adapter *adapter, slr_error *err)
{
    const slr_stored_tensor *a = find(c, ADAPTER, adapter->path, ".lora_A");
    const slr_stored_tensor *b = find(c, ADAPTER, adapter->path, ".lora_B");
    const slr_stored_tensor *probe = find(c, PROBE, adapter->path, "");
    if (!a || !b || (adapter->slot.rank > a->shape[0] && !probe))
        return slr_fail_memory(err, strlen(adapter->path), "the name of a layer");
    slr_case_read(c, a->name, SLR_CASE_PLAIN, adapter->a);
    slr_case_read(c, b->name, SLR_CASE_TRANSPOSED, adapter->bt);
    adapter->slot.rank = (int)a->shape[0];
    adapter->slot.probes = probe ? (int)probe->shape[0] : 0;
    if (probe)
        slr_case_read(c, probe->name, SLR_CASE_PLAIN, adapter->a + a->shape[0] * a->shape[1]);
    return SELORA_OK;
}

static selora_status build(const slr_reference_case *c, slr_adapter_set *set, slr_error *err)
{
    for (size_t i = 0; i < slr_safetensors_count(c->file); i++) {
        const char *name = slr_safetensors_at(c->file, i)->name;
        if (!after(name, ADAPTER) || strcmp(name + strlen(name) - 7, ".lora_A") != 0)
            continue;
        char *layer = layer_of(name);
        if (!layer)
            return slr_fail_memory(err, strlen(name), "the name of a layer");
        selora_status status = add_layer(c, set, layer, err);
        free(layer);
        SLR_TRY(status);
    }
    SLR_TRY(slr_adapter_set_finish(set, err));
    for (int i = 0; i < slr_adapter_set_count(set); i++)
        SLR_TRY(fill_layer(c, slr_adapter_set_at(set, i), err));
    return SELORA_OK;
}

selora_status slr_case_adapters(const slr_reference_case *c, slr_adapter_set **result,
                                slr_error *err)
{
    slr_adapter_set *set;
    *result = NULL;
    SLR_TRY(slr_adapter_set_new(&(slr_adapter_options){.scale = c->scale}, &set, err));
    selora_status status = build(c, set, err);
    if (status != SELORA_OK || slr_adapter_set_count(set) == 0) {
        slr_adapter_set_free(set);
        return status;
    }
    *result = set;
    return SELORA_OK;
}
