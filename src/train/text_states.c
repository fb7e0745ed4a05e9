/* SPDX-License-Identifier: MIT */
#include "train/text_states.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "graph/plan.h"

/* One kept caption: its ids and its states. */
typedef struct kept_text {
    uint64_t hash;
    int64_t *ids;     /* (T) */
    slr_real *states; /* (T, D) */
} kept_text;

struct slr_text_states {
    const slr_model *model;
    slr_graph *graph;
    slr_plan *plan;
    slr_tid ids, states;
    int64_t tokens, width;
    kept_text *kept; /* sorted by hash */
    size_t count, capacity;
};

selora_status slr_text_states_new(const slr_model *model, int64_t tokens, const slr_backend *backend, int threads,
                                  slr_text_states **result, slr_error *err)
{
    *result = NULL;
    slr_text_states *s = slr_alloc(1, sizeof *s);
    if (!s)
        return slr_fail_memory(err, sizeof *s, "the text encoder");
    s->model = model;
    s->tokens = tokens;
    s->width = model->text.width;
    s->graph = slr_graph_new();
    selora_status status = s->graph ? SELORA_OK : slr_fail_memory(err, 0, "the text encoder");
    if (status == SELORA_OK) {
        slr_builder b;
        slr_builder_init(&b, s->graph, NULL, "text_encoder");
        s->ids = slr_graph_input(s->graph, "input_ids", 2, (int64_t[]){1, tokens});
        s->states = slr_clip_text_build(&b, &model->text, s->ids);
        slr_graph_output(s->graph, s->states);
        slr_plan_options options = {.backward = false, .threads = threads};
        status = slr_plan_new(s->graph, backend, &options, &s->plan, err);
    }
    if (status != SELORA_OK) {
        slr_text_states_free(s);
        return status;
    }
    *result = s;
    return SELORA_OK;
}

void slr_text_states_free(slr_text_states *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++) {
        free(s->kept[i].ids);
        free(s->kept[i].states);
    }
    free(s->kept);
    slr_plan_free(s->plan);
    slr_graph_free(s->graph);
    free(s);
}

static size_t entry_bytes(const slr_text_states *s)
{
    return sizeof(kept_text) + (size_t)s->tokens * (sizeof(int64_t) + (size_t)s->width * sizeof(slr_real));
}

size_t slr_text_states_bytes(const slr_text_states *s)
{
    return slr_plan_bytes(s->plan) + s->count * entry_bytes(s);
}

selora_status slr_text_states_allocate(slr_text_states *s, slr_error *err)
{
    return slr_plan_allocate(s->plan, s->model->weights, err);
}

/* FNV-1a over the ids. */
static uint64_t hash_of(const int64_t *ids, int64_t count)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (int64_t i = 0; i < count; i++)
        hash = (hash ^ (uint64_t)ids[i]) * 0x100000001b3u;
    return hash;
}

/* The first kept text whose hash is not below. */
static size_t lower_bound(const slr_text_states *s, uint64_t hash)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->kept[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const kept_text *find(const slr_text_states *s, const int64_t *ids)
{
    uint64_t hash = hash_of(ids, s->tokens);
    for (size_t i = lower_bound(s, hash); i < s->count && s->kept[i].hash == hash; i++)
        if (memcmp(s->kept[i].ids, ids, (size_t)s->tokens * sizeof *ids) == 0)
            return &s->kept[i];
    return NULL;
}

static void compute(slr_text_states *s, const int64_t *ids, slr_real *out)
{
    slr_real *in = slr_plan_value(s->plan, s->ids);
    for (int64_t t = 0; t < s->tokens; t++)
        in[t] = (slr_real)ids[t];
    slr_plan_forward(s->plan);
    memcpy(out, slr_plan_value(s->plan, s->states), (size_t)(s->tokens * s->width) * sizeof *out);
}

selora_status slr_text_states_keep(slr_text_states *s, const int64_t *ids, size_t budget, slr_error *err)
{
    if (find(s, ids) || (s->count + 1) * entry_bytes(s) > budget)
        return SELORA_OK;
    kept_text text = {.hash = hash_of(ids, s->tokens)};
    text.ids = slr_alloc((size_t)s->tokens, sizeof *text.ids);
    text.states = slr_alloc((size_t)(s->tokens * s->width), sizeof *text.states);
    if (!text.ids || !text.states || !slr_grow((void **)&s->kept, &s->capacity, s->count, sizeof *s->kept)) {
        free(text.ids);
        free(text.states);
        return slr_fail_memory(err, entry_bytes(s), "the states of a caption");
    }
    memcpy(text.ids, ids, (size_t)s->tokens * sizeof *ids);
    compute(s, ids, text.states);
    size_t at = lower_bound(s, text.hash);
    memmove(&s->kept[at + 1], &s->kept[at], (s->count - at) * sizeof *s->kept);
    s->kept[at] = text;
    s->count++;
    return SELORA_OK;
}

size_t slr_text_states_kept(const slr_text_states *s)
{
    return s->count;
}

void slr_text_states_write(slr_text_states *s, const int64_t *ids, slr_real *out)
{
    const kept_text *kept = find(s, ids);
    if (kept)
        memcpy(out, kept->states, (size_t)(s->tokens * s->width) * sizeof *out);
    else
        compute(s, ids, out);
}
