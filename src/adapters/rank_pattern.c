/* SPDX-License-Identifier: MIT */
#include "adapters/rank_pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/adapter_names.h"
#include "adapters/formats.h"
#include "core/memory.h"
#include "core/problems.h"
#include "core/rng.h"
#include "io/json.h"

enum { MAX_PATTERN = 4 << 20, MAX_RANK = 1024 };

/* ---- in and out ---- */

void slr_rank_pattern_free(slr_rank_pattern *pattern)
{
    for (size_t i = 0; i < pattern->count; i++)
        free(pattern->layers[i].path);
    free(pattern->layers);
    *pattern = (slr_rank_pattern){0};
}

static selora_status append(slr_rank_pattern *pattern, const char *path, int64_t in, int64_t out, int rank, slr_error *err)
{
    char *copy = slr_copy_text(path);
    if (!copy || !slr_grow((void **)&pattern->layers, &pattern->capacity, pattern->count, sizeof *pattern->layers)) {
        free(copy);
        return slr_fail_memory(err, pattern->count, "the rank pattern");
    }
    pattern->layers[pattern->count++] = (slr_pattern_layer){.path = copy, .in = in, .out = out, .rank = rank};
    return SELORA_OK;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const slr_pattern_layer *)a)->path, ((const slr_pattern_layer *)b)->path);
}

static selora_status read_json(const char *path, slr_rank_pattern *pattern, slr_error *err)
{
    json_t *root, *value;
    const char *layer;
    selora_status status = SELORA_OK;
    slr_problems problems = {0};
    SLR_TRY(slr_json_load_file(path, MAX_PATTERN, &root, err));
    if (!json_is_object(root) || json_object_size(root) == 0)
        slr_problems_add(&problems, "expected an object {\"layer\": rank, ...}");
    json_object_foreach(root, layer, value)
    {
        json_int_t rank = json_is_integer(value) ? json_integer_value(value) : -1;
        if (rank < 0 || rank > MAX_RANK)
            slr_problems_add(&problems, "%s: expected a rank from 0 to %d", layer, MAX_RANK);
        else if (status == SELORA_OK)
            status = append(pattern, layer, 0, 0, (int)rank, err);
    }
    json_decref(root);
    return status == SELORA_OK ? slr_problems_report(&problems, path, err) : status;
}

static selora_status read_adapter(const char *path, slr_rank_pattern *pattern, slr_error *err)
{
    struct stat info;
    char *last = slr_format("%s/last.safetensors", path);
    slr_pairs *pairs = slr_alloc(1, sizeof *pairs);
    selora_status status = last && pairs ? SELORA_OK : slr_fail_memory(err, sizeof *pairs, "the rank pattern");
    if (status == SELORA_OK) {
        bool run = stat(path, &info) == 0 && S_ISDIR(info.st_mode) && access(last, F_OK) == 0;
        status = slr_pairs_load(run ? last : path, pairs, err);
    }
    for (size_t i = 0; status == SELORA_OK && i < pairs->count; i++)
        status = append(pattern, pairs->items[i].path, pairs->items[i].in, pairs->items[i].out, pairs->items[i].rank, err);
    if (pairs)
        slr_pairs_free(pairs);
    free(pairs);
    free(last);
    return status;
}

selora_status slr_rank_pattern_read(const char *path, slr_rank_pattern *pattern, slr_error *err)
{
    size_t length = strlen(path);
    bool json = length > 5 && strcmp(path + length - 5, ".json") == 0;
    *pattern = (slr_rank_pattern){0};
    snprintf(pattern->source, sizeof pattern->source, "%s", path);
    selora_status status = json ? read_json(path, pattern, err) : read_adapter(path, pattern, err);
    if (status != SELORA_OK)
        slr_rank_pattern_free(pattern);
    else if (pattern->count > 1)
        qsort(pattern->layers, pattern->count, sizeof *pattern->layers, by_path);
    return status;
}

static json_t *pattern_json(const slr_rank_pattern *pattern)
{
    json_t *root = json_object();
    for (size_t i = 0; i < pattern->count; i++)
        json_object_set_new(root, pattern->layers[i].path, json_integer(pattern->layers[i].rank));
    return root;
}

selora_status slr_rank_pattern_write(const slr_rank_pattern *pattern, const char *path, slr_error *err)
{
    json_t *root = pattern_json(pattern);
    selora_status status = slr_json_save_file(root, path, err);
    json_decref(root);
    return status;
}

selora_status slr_rank_pattern_hash(const slr_rank_pattern *pattern, char hex[SLR_SHA256_HEX], slr_error *err)
{
    json_t *root = pattern_json(pattern);
    char *text = slr_json_text(root, 0);
    json_decref(root);
    if (!text)
        return slr_fail_memory(err, 0, "the rank pattern");
    selora_status status = slr_sha256_memory(text, strlen(text), hex, err);
    free(text);
    return status;
}

int64_t slr_rank_pattern_parameters(const slr_rank_pattern *pattern)
{
    int64_t total = 0;
    for (size_t i = 0; i < pattern->count; i++)
        total += pattern->layers[i].rank * (pattern->layers[i].in + pattern->layers[i].out);
    return total;
}

/* ---- onto a model ---- */

static const slr_op *linear_at(const slr_graph *graph, const char *path)
{
    for (int i = 0; i < slr_graph_op_count(graph); i++) {
        const slr_op *op = slr_graph_op(graph, i);
        if (op->kind == SLR_OP_LINEAR && strcmp(op->path, path) == 0)
            return op;
    }
    return NULL;
}

static bool is_trained(const char *path, const char *const *components, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(slr_component_of(path), components[i]) == 0)
            return true;
    return false;
}

selora_status slr_rank_pattern_add(const slr_rank_pattern *pattern, const slr_graph *graph, const char *const *components,
                                   int component_count, slr_adapter_set *set, slr_error *err)
{
    slr_problems problems = {0};
    int added = 0;
    for (size_t i = 0; i < pattern->count; i++) {
        const slr_pattern_layer *layer = &pattern->layers[i];
        const slr_op *op = linear_at(graph, layer->path);
        if (!op)
            slr_problems_add(&problems, "%s: no linear layer of this model", layer->path);
        else if (!is_trained(layer->path, components, component_count))
            slr_problems_add(&problems, "%s: --train leaves it out", layer->path);
        else if (layer->rank > 0 && !slr_adapter_set_find(set, layer->path)) {
            SLR_TRY(slr_adapter_set_add_ranked(set, layer->path, slr_tensor_columns(slr_graph_tensor(graph, op->in[0])),
                                               slr_tensor_columns(slr_graph_tensor(graph, op->out)), layer->rank, err));
            added++;
        }
    }
    SLR_TRY(slr_problems_report(&problems, pattern->source, err));
    return added > 0 ? SELORA_OK
                     : slr_fail(err, SELORA_BAD_INPUT, "%s: every rank is 0; nothing would be trained", pattern->source);
}

/* ---- controls ---- */

static int64_t cost_of(const slr_pattern_layer *layer)
{
    return layer->in + layer->out;
}

/* No more rank than the layer has. */
static int most_of(const slr_pattern_layer *layer)
{
    int64_t most = layer->in < layer->out ? layer->in : layer->out;
    return most < MAX_RANK ? (int)most : MAX_RANK;
}

static selora_status copy_layers(const slr_rank_pattern *pattern, int rank, slr_rank_pattern *result, slr_error *err)
{
    *result = (slr_rank_pattern){0};
    memcpy(result->source, pattern->source, sizeof result->source);
    for (size_t i = 0; i < pattern->count; i++) {
        const slr_pattern_layer *layer = &pattern->layers[i];
        selora_status status = cost_of(layer) > 0
                                   ? append(result, layer->path, layer->in, layer->out, rank, err)
                                   : slr_fail(err, SELORA_USAGE, "%s: tells ranks, but not the sizes of layers; give a run or "
                                              "an adapter", pattern->source);
        if (status != SELORA_OK) {
            slr_rank_pattern_free(result);
            return status;
        }
    }
    return SELORA_OK;
}

/* One rank more for layers that chance picks among those that still fit into what is left. */
static int64_t deal_out(slr_rank_pattern *pattern, int64_t left, slr_rng *rng)
{
    for (;;) {
        uint32_t fitting = 0;
        for (size_t i = 0; i < pattern->count; i++)
            fitting += cost_of(&pattern->layers[i]) <= left && pattern->layers[i].rank < most_of(&pattern->layers[i]);
        if (fitting == 0)
            return left;
        uint32_t pick = slr_rng_below(rng, fitting);
        for (size_t i = 0; i < pattern->count; i++) {
            slr_pattern_layer *layer = &pattern->layers[i];
            if (cost_of(layer) > left || layer->rank >= most_of(layer) || pick-- > 0)
                continue;
            layer->rank++;
            left -= cost_of(layer);
            break;
        }
    }
}

static int64_t magnitude(int64_t value)
{
    return value < 0 ? -value : value;
}

/* A rank goes from one layer to another as long as the sum comes nearer. */
static void exchange(slr_rank_pattern *pattern, int floor, int64_t left)
{
    for (int round = 0; round < 64 && left != 0; round++) {
        slr_pattern_layer *more = NULL, *less = NULL;
        int64_t best = magnitude(left);
        for (size_t i = 0; i < pattern->count; i++)
            for (size_t j = 0; j < pattern->count; j++) {
                slr_pattern_layer *up = &pattern->layers[i], *down = &pattern->layers[j];
                int64_t rest = magnitude(left - cost_of(up) + cost_of(down));
                if (i != j && up->rank < most_of(up) && down->rank > floor && rest < best) {
                    best = rest;
                    more = up;
                    less = down;
                }
            }
        if (!more)
            return;
        more->rank++;
        less->rank--;
        left += cost_of(less) - cost_of(more);
    }
}

selora_status slr_rank_pattern_random(const slr_rank_pattern *pattern, int floor, uint64_t seed, slr_rank_pattern *result,
                                      slr_error *err)
{
    SLR_TRY(copy_layers(pattern, floor, result, err));
    slr_rng rng = slr_rng_at(seed, SLR_STREAM_PATTERN, 0, 0);
    int64_t left = slr_rank_pattern_parameters(pattern) - slr_rank_pattern_parameters(result);
    exchange(result, floor, deal_out(result, left, &rng));
    return SELORA_OK;
}

/* What one layer gets too little, the next one gets too much. */
selora_status slr_rank_pattern_uniform(const slr_rank_pattern *pattern, slr_rank_pattern *result, slr_error *err)
{
    SLR_TRY(copy_layers(pattern, 1, result, err));
    double rank = (double)slr_rank_pattern_parameters(pattern) / (double)slr_rank_pattern_parameters(result), owed = 0;
    for (size_t i = 0; i < result->count; i++) {
        slr_pattern_layer *layer = &result->layers[i];
        double cost = (double)cost_of(layer), wanted = rank + owed / cost;
        int low = (int)rank < 1 ? 1 : (int)rank;
        layer->rank = wanted >= low + 0.5 ? low + 1 : low;
        owed += (rank - layer->rank) * cost;
    }
    return SELORA_OK;
}
