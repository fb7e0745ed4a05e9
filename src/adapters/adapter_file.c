/* SPDX-License-Identifier: MIT */
#include "adapters/adapter_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/adapter_names.h"
#include "adapters/base_model.h"
#include "core/memory.h"
#include "io/json.h"

/* ---- out ---- */

static selora_status add_pair(slr_pairs *pairs, const slr_adapter *adapter, slr_error *err)
{
    const slr_slot *slot = &adapter->slot;
    slr_pair *pair;
    SLR_TRY(slr_pairs_add(pairs, adapter->path, slot->in, slot->out, slot->rank, &pair, err));
    pair->scale = adapter->own_scale;
    pair->kernel = adapter->kernel;
    memcpy(pair->a, slot->a, (size_t)slot->rank * (size_t)slot->in * sizeof *pair->a);
    for (int64_t o = 0; o < slot->out; o++)
        for (int i = 0; i < slot->rank; i++)
            pair->b[o * slot->rank + i] = slot->bt[i * slot->out + o];
    return SELORA_OK;
}

/* As JSON writes it, whatever the locale; infinity has no form there. */
static selora_status note_number(slr_pairs *pairs, const char *key, double number, slr_error *err)
{
    json_t *value = isinf(number) ? NULL : json_real(number);
    char *text = isinf(number) ? slr_copy_text("inf") : slr_json_text(value, 0);
    json_decref(value);
    if (!text)
        return slr_fail_memory(err, 0, "the header of the adapter file");
    slr_pairs_note(pairs, key, text);
    free(text);
    return SELORA_OK;
}

static selora_status add_note(slr_pairs *pairs, const slr_adapter_note *note, slr_error *err)
{
    char number[64];
    slr_pairs_note(pairs, "selora.method", note->method);
    slr_pairs_note(pairs, "selora.model_sha256", note->model_sha256);
    slr_pairs_note(pairs, "selora.data_sha256", note->data_sha256);
    snprintf(number, sizeof number, "%lld", (long long)note->steps);
    if (note->steps != 0)
        slr_pairs_note(pairs, "selora.steps", number);
    return note->lambda != 0 ? note_number(pairs, "selora.lambda", note->lambda, err) : SELORA_OK;
}

selora_status slr_pairs_of_set(const slr_adapter_set *set, const slr_adapter_note *note, slr_pairs *pairs,
                               slr_error *err)
{
    *pairs = (slr_pairs){.format = "selora"};
    const slr_adapter *bad = slr_adapter_set_nonfinite(set, false);
    if (bad)
        return slr_fail(err, SELORA_NUMERIC,
                        "%s: the adapter holds values that are not finite; nothing was written",
                        bad->path);
    for (int i = 0; i < slr_adapter_set_count(set); i++)
        if (slr_adapter_set_at(set, i)->slot.rank > 0)
            SLR_TRY(add_pair(pairs, slr_adapter_set_at(set, i), err));
    slr_pairs_sort(pairs);
    return add_note(pairs, note, err);
}

selora_status slr_adapter_file_save(const slr_adapter_set *set, const slr_adapter_note *note,
                                    const char *path, slr_error *err)
{
    slr_pairs pairs;
    slr_export_report report;
    selora_status status = slr_pairs_of_set(set, note, &pairs, err);
    if (status == SELORA_OK)
        status = slr_format_selora.write(&pairs, &(slr_export_options){.dtype = SLR_DTYPE_F32}, path,
                                         &report, err);
    slr_pairs_free(&pairs);
    return status;
}

/* ---- in ---- */

/* What a layer of the model takes; false for ops without a weight matrix. */
static bool layer_of(const slr_graph *model, const slr_op *op, int64_t *in, int64_t *out, int *kernel)
{
    if (op->kind != SLR_OP_LINEAR && op->kind != SLR_OP_CONV2D)
        return false;
    *kernel = op->kind == SLR_OP_CONV2D ? op->u.conv.window.height : 0;
    *in = slr_tensor_columns(slr_graph_tensor(model, op->in[0])) * (*kernel ? *kernel * *kernel : 1);
    *out = slr_tensor_columns(slr_graph_tensor(model, op->out));
    return true;
}

/* "; that is an adapter for SDXL", where that can be told. */
static void base_of(const slr_pair *pair, char text[96])
{
    const char *base = slr_pair_foreign_base(pair);
    bool cross = strstr(pair->path, "attn2.to_k") || strstr(pair->path, "attn2.to_v");
    snprintf(text, 96, "%s%s", base || cross ? "; that is an adapter for " : "", base ? base : cross ? "another base model" : "");
}

static selora_status match(slr_adapter_set *set, const slr_pairs *pairs, const slr_graph *model, bool *used,
                           slr_problems *problems, slr_error *err)
{
    for (int i = 0; i < slr_graph_op_count(model); i++) {
        const slr_op *op = slr_graph_op(model, i);
        int64_t in, out;
        int kernel;
        if (!layer_of(model, op, &in, &out, &kernel))
            continue;
        const slr_pair *pair = slr_pairs_find(pairs, op->path);
        if (!pair || used[pair - pairs->items])
            continue;
        used[pair - pairs->items] = true;
        if (pair->in != in || pair->out != out || (pair->kernel > 1 && pair->kernel != kernel)) {
            char base[96];
            base_of(pair, base);
            slr_problems_add(problems, "%s: the adapter is for %lld -> %lld, the layer has %lld -> %lld%s",
                             op->path, (long long)pair->in, (long long)pair->out, (long long)in,
                             (long long)out, base);
            continue;
        }
        SLR_TRY(slr_adapter_set_add_given(set, op->path, in, out, pair->rank, pair->scale, err));
        slr_adapter_set_at(set, slr_adapter_set_count(set) - 1)->kernel = kernel;
    }
    return SELORA_OK;
}

static void fill(slr_adapter *adapter, const slr_pair *pair)
{
    memcpy(adapter->a, pair->a, (size_t)pair->rank * (size_t)pair->in * sizeof *pair->a);
    for (int64_t o = 0; o < pair->out; o++)
        for (int i = 0; i < pair->rank; i++)
            adapter->bt[i * pair->out + o] = pair->b[o * pair->rank + i];
}

static selora_status build(slr_adapter_set *set, const slr_pairs *pairs, const char *path,
                           const slr_graph *model, slr_problems *left_over, bool *used, slr_error *err)
{
    slr_problems problems = {0};
    slr_problems *beside = left_over ? left_over : &problems;
    SLR_TRY(match(set, pairs, model, used, &problems, err));
    for (size_t i = 0; i < pairs->count; i++)
        if (!used[i]) {
            const char *base = slr_pair_foreign_base(&pairs->items[i]);
            slr_problems_add(beside, "%s: this model has no layer of that name%s%s", pairs->items[i].path,
                             base ? "; it is one of " : "", base ? base : "");
        }
    slr_problems_join(beside, &pairs->left_over);
    SLR_TRY(slr_problems_report(&problems, path, err));
    if (slr_adapter_set_count(set) == 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: none of its %zu layers is in this model (%s)", path,
                        pairs->count, pairs->items[0].path);
    SLR_TRY(slr_adapter_set_finish(set, err));
    for (int i = 0; i < slr_adapter_set_count(set); i++) {
        slr_adapter *adapter = slr_adapter_set_at(set, i);
        fill(adapter, slr_pairs_find(pairs, adapter->path));
    }
    const slr_adapter *bad = slr_adapter_set_nonfinite(set, false);
    return bad ? slr_fail(err, SELORA_BAD_INPUT, "%s: %s: holds values that are not finite", path, bad->path)
               : SELORA_OK;
}

selora_status slr_set_of_pairs(const slr_pairs *pairs, const char *path, const slr_graph *model,
                               slr_problems *left_over, slr_adapter_set **result, slr_error *err)
{
    *result = NULL;
    slr_adapter_set *set = NULL;
    bool *used = slr_alloc(pairs->count + 1, sizeof *used);
    selora_status status = used ? slr_adapter_set_new(&(slr_adapter_options){.scale = 1}, &set, err)
                                : slr_fail_memory(err, pairs->count, "the adapter");
    if (status == SELORA_OK)
        status = build(set, pairs, path, model, left_over, used, err);
    free(used);
    if (status != SELORA_OK)
        slr_adapter_set_free(set);
    else
        *result = set;
    return status;
}

selora_status slr_adapter_file_load(const char *path, const slr_graph *model, slr_problems *left_over,
                                    slr_adapter_set **result, slr_error *err)
{
    slr_pairs pairs = {0};
    *result = NULL;
    selora_status status = slr_pairs_load(path, &pairs, err);
    if (status == SELORA_OK)
        status = slr_set_of_pairs(&pairs, path, model, left_over, result, err);
    slr_pairs_free(&pairs);
    return status;
}
