/* SPDX-License-Identifier: MIT
 * Adapter files in: from tensors and headers to a set of slots. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/adapter_file.h"
#include "adapters/adapter_keys.h"
#include "adapters/adapter_scale.h"
#include "core/memory.h"
#include "core/problems.h"

enum { MAX_RANK = 4096 };

/* One layer of the model that the file has tensors for. */
typedef struct loaded_layer {
    const char *path; /* the graph's */
    slr_adapter_keys keys;
    int64_t in, out;
    int stored_rank, rank;
    double scale;  /* that of the slot */
    double factor; /* of the stored B: what tools multiply B A with, over the slot's scale */
} loaded_layer;

typedef struct loading {
    const slr_safetensors *file;
    slr_adapter_style style;
    slr_adapter_header header;
    bool *used; /* per tensor */
    loaded_layer *layers;
    size_t count, capacity;
    slr_problems problems;
} loading;

static void mark(loading *load, const slr_stored_tensor *tensor)
{
    if (tensor)
        load->used[tensor - slr_safetensors_at(load->file, 0)] = true;
}

static void mark_keys(loading *load, const slr_adapter_keys *keys)
{
    const slr_stored_tensor *const all[] = {keys->a,      keys->b,      keys->alpha,
                                            keys->twin_a, keys->twin_b, keys->twin_alpha};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        mark(load, all[i]);
}

/* (r, in) or (r, in, 1, 1). */
static bool is_matrix(const slr_stored_tensor *tensor)
{
    return (tensor->dims == 2 ||
            (tensor->dims == 4 && tensor->shape[2] == 1 && tensor->shape[3] == 1)) &&
           tensor->dtype != SLR_DTYPE_I64 && tensor->dtype != SLR_DTYPE_OTHER;
}

static bool same_tensor(const slr_stored_tensor *x, const slr_stored_tensor *y)
{
    return (!x && !y) || (x && y && x->dtype == y->dtype && x->bytes == y->bytes &&
                          memcmp(x->data, y->data, x->bytes) == 0);
}

static bool check_pair(loading *load, const loaded_layer *layer)
{
    const slr_adapter_keys *keys = &layer->keys;
    if (!keys->a || !keys->b) {
        slr_problems_add(&load->problems, "%s: only one half of the pair is there (%s)",
                         layer->path, keys->a ? keys->a->name : keys->b->name);
        return false;
    }
    if (!is_matrix(keys->a) || !is_matrix(keys->b) || keys->a->shape[1] != layer->in ||
        keys->b->shape[0] != layer->out || keys->a->shape[0] != keys->b->shape[1] ||
        keys->a->shape[0] < 1 || keys->a->shape[0] > MAX_RANK) {
        slr_problems_add(
            &load->problems,
            "%s: found %lld x %lld and %lld x %lld, the layer needs (r, %lld) and (%lld, r)",
            layer->path, (long long)(keys->a->dims > 0 ? keys->a->shape[0] : 0),
            (long long)(keys->a->dims > 1 ? keys->a->shape[1] : 0),
            (long long)(keys->b->dims > 0 ? keys->b->shape[0] : 0),
            (long long)(keys->b->dims > 1 ? keys->b->shape[1] : 0), (long long)layer->in,
            (long long)layer->out);
        return false;
    }
    if ((keys->twin_a || keys->twin_b) &&
        !(same_tensor(keys->a, keys->twin_a) && same_tensor(keys->b, keys->twin_b) &&
          same_tensor(keys->alpha, keys->twin_alpha))) {
        slr_problems_add(&load->problems, "%s: stored under two names with different values",
                         layer->path);
        return false;
    }
    return true;
}

/* alpha / r; 1 when alpha is absent or 0. */
static selora_status kohya_scale(const loading *load, const loaded_layer *layer, double *scale,
                                 slr_error *err)
{
    const slr_stored_tensor *alpha = layer->keys.alpha;
    double value = 0;
    *scale = 1;
    if (!alpha)
        return SELORA_OK;
    if (slr_stored_count(alpha) != 1 || !slr_stored_to_f64(alpha, 0, 1, &value) || !isfinite(value))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: expected one number",
                        slr_safetensors_path(load->file), alpha->name);
    if (value != 0)
        *scale = value / layer->stored_rank;
    return SELORA_OK;
}

static bool rows_are_zero(const slr_stored_tensor *a, int64_t from)
{
    for (int64_t i = from * a->shape[1]; i < slr_stored_count(a); i++) {
        double value;
        if (!slr_stored_to_f64(a, i, 1, &value) || value != 0)
            return false;
    }
    return true;
}

/* Fills rank, scale and factor. */
static selora_status read_scale(loading *load, loaded_layer *layer, slr_error *err)
{
    double applied;
    bool said = false;
    layer->stored_rank = layer->rank = (int)layer->keys.a->shape[0];
    if (load->style == SLR_ADAPTER_KOHYA) {
        SLR_TRY(kohya_scale(load, layer, &applied, err));
    } else {
        SLR_TRY(slr_adapter_header_scale(&load->header, layer->path, layer->stored_rank, &applied,
                                         err));
        SLR_TRY(slr_adapter_header_true(&load->header, layer->path, &said, &layer->rank,
                                        &layer->scale, err));
    }
    if (!said)
        layer->scale = applied;
    layer->factor = said ? applied / layer->scale : 1;
    if (layer->rank > layer->stored_rank || !rows_are_zero(layer->keys.a, layer->rank))
        slr_problems_add(&load->problems, "%s: the header says rank %d, but more is stored",
                         layer->path, layer->rank);
    return SELORA_OK;
}

static selora_status collect(loading *load, const slr_graph *model, slr_error *err)
{
    for (int i = 0; i < slr_graph_op_count(model); i++) {
        const slr_op *op = slr_graph_op(model, i);
        if (op->kind != SLR_OP_LINEAR)
            continue;
        loaded_layer layer = {.path = op->path,
                              .keys = slr_adapter_keys_find(load->file, load->style, op->path),
                              .in = slr_tensor_columns(slr_graph_tensor(model, op->in[0])),
                              .out = slr_tensor_columns(slr_graph_tensor(model, op->out))};
        if (!layer.keys.a && !layer.keys.b)
            continue;
        mark_keys(load, &layer.keys);
        if (!check_pair(load, &layer))
            continue;
        SLR_TRY(read_scale(load, &layer, err));
        if (!slr_grow((void **)&load->layers, &load->capacity, load->count, sizeof *load->layers))
            return slr_fail_memory(err, sizeof layer, "the adapter");
        load->layers[load->count++] = layer;
    }
    const char *listed;
    json_t *entry;
    json_object_foreach(load->header.layers, listed, entry)
    {
        bool found = false;
        for (size_t i = 0; !found && i < load->count; i++)
            found = strcmp(load->layers[i].path, listed) == 0;
        if (!found)
            slr_problems_add(&load->problems,
                             "%s: listed in the header, but not stored for this model", listed);
    }
    for (size_t t = 0; t < slr_safetensors_count(load->file); t++) {
        const char *name = slr_safetensors_at(load->file, t)->name;
        if (!load->used[t])
            slr_problems_add(&load->problems, "%s: %s", name, slr_adapter_key_problem(name));
    }
    return SELORA_OK;
}

/* A row by row; B (out, r) as its transpose, times the factor. */
static bool read_values(const loaded_layer *layer, slr_adapter *adapter)
{
    const slr_stored_tensor *a = layer->keys.a, *b = layer->keys.b;
    if (!slr_stored_to_real(a, 0, layer->rank * layer->in, adapter->a))
        return false;
    for (int64_t o = 0; o < layer->out; o++)
        for (int i = 0; i < layer->rank; i++) {
            double value;
            if (!slr_stored_to_f64(b, o * layer->stored_rank + i, 1, &value))
                return false;
            adapter->bt[i * layer->out + o] = (slr_real)(value * layer->factor);
        }
    return true;
}

static selora_status build_set(loading *load, slr_adapter_set *set, slr_error *err)
{
    for (size_t i = 0; i < load->count; i++) {
        const loaded_layer *layer = &load->layers[i];
        SLR_TRY(slr_adapter_set_add_given(set, layer->path, layer->in, layer->out, layer->rank,
                                          layer->scale, err));
    }
    SLR_TRY(slr_adapter_set_finish(set, err));
    for (size_t i = 0; i < load->count; i++)
        if (!read_values(&load->layers[i], slr_adapter_set_at(set, (int)i)))
            return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: not floating-point numbers",
                            slr_safetensors_path(load->file), load->layers[i].path);
    const slr_adapter *bad = slr_adapter_set_nonfinite(set, false);
    if (bad)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: holds values that are not finite",
                        slr_safetensors_path(load->file), bad->path);
    return SELORA_OK;
}

static selora_status load_file(loading *load, const slr_graph *model, slr_adapter_set *set,
                               slr_error *err)
{
    SLR_TRY(slr_adapter_style_of(load->file, &load->style, err));
    SLR_TRY(slr_adapter_header_read(load->file, &load->header, err));
    load->used = slr_alloc(slr_safetensors_count(load->file), sizeof *load->used);
    if (!load->used)
        return slr_fail_memory(err, slr_safetensors_count(load->file), "the adapter");
    SLR_TRY(collect(load, model, err));
    SLR_TRY(slr_problems_report(&load->problems, slr_safetensors_path(load->file), err));
    if (load->count == 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: holds no layer",
                        slr_safetensors_path(load->file));
    return build_set(load, set, err);
}

selora_status slr_adapter_file_read(const slr_safetensors *file, const slr_graph *model,
                                    slr_adapter_set **result, slr_error *err)
{
    *result = NULL;
    loading load = {.file = file};
    slr_adapter_set *set = NULL;
    selora_status status = slr_adapter_set_new(&(slr_adapter_options){.scale = 1}, &set, err);
    if (status == SELORA_OK)
        status = load_file(&load, model, set, err);
    slr_adapter_header_free(&load.header);
    free(load.used);
    free(load.layers);
    if (status != SELORA_OK)
        slr_adapter_set_free(set);
    else
        *result = set;
    return status;
}

selora_status slr_adapter_file_load(const char *path, const slr_graph *model,
                                    slr_adapter_set **result, slr_error *err)
{
    *result = NULL;
    slr_safetensors *file;
    SLR_TRY(slr_safetensors_open(path, &file, err));
    selora_status status = slr_adapter_file_read(file, model, result, err);
    slr_safetensors_close(file);
    return status;
}
