/* SPDX-License-Identifier: MIT */
#include "api/init_adapter.h"

#include <string.h>

#include "adapters/adapter_names.h"
#include "api/adapter_export.h"

static bool is_trained(const char *path, const char *const *components, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(slr_component_of(path), components[i]) == 0)
            return true;
    return false;
}

/* What training would lose without a word, and the way out. */
static selora_status refuse(const slr_init_adapter *start, int convolutions, int left_out, const slr_problems *problems,
                            slr_error *err)
{
    if (convolutions > 0)
        return slr_fail(err, SELORA_BAD_INPUT, "--init-adapter %s: training adapts linear layers and 1x1 convolutions; it has "
                        "%d larger convolutions: put it into the base model with `selora merge` and train on that, without "
                        "--init-adapter\n  %s", start->path, convolutions, problems->text);
    if (left_out > 0)
        return slr_fail(err, SELORA_BAD_INPUT, "--init-adapter %s: --train leaves out %d of its layers: train both with --train "
                        "unet,text, or take a part of it with `selora convert --components`\n  %s", start->path, left_out,
                        problems->text);
    return SELORA_OK;
}

static selora_status add_layers(const slr_init_adapter *start, const slr_adapter_set *loaded,
                                const char *const *components, int component_count, slr_adapter_set *set, slr_error *err)
{
    slr_problems problems = {0};
    int convolutions = 0, left_out = 0;
    for (int i = 0; i < slr_adapter_set_count(loaded); i++) {
        const slr_adapter *layer = slr_adapter_set_at(loaded, i);
        bool large = layer->kernel > 1, trained = is_trained(layer->path, components, component_count);
        convolutions += large;
        left_out += !trained;
        if (large || !trained) {
            slr_problems_add(&problems, "%s%s", layer->path, large ? ": a convolution" : ": --train leaves it out");
            continue;
        }
        SLR_TRY(slr_adapter_set_add_given(set, layer->path, layer->slot.in, layer->slot.out, layer->slot.rank,
                                          slr_adapter_scale_at(set, layer->slot.rank), err));
        slr_adapter_set_at(set, slr_adapter_set_count(set) - 1)->kernel = layer->kernel;
    }
    return refuse(start, convolutions, left_out, &problems, err);
}

selora_status slr_init_adapter_add(const slr_init_adapter *start, const slr_graph *graph, const char *const *components,
                                   int component_count, slr_pairs *pairs, slr_adapter_set *set, slr_error *err)
{
    slr_adapter_set *loaded = NULL;
    slr_problems left_over = {0};
    SLR_TRY(slr_pairs_load(start->path, pairs, err));
    selora_status status = slr_set_of_pairs(pairs, start->path, graph, start->strict ? NULL : &left_over, &loaded, err);
    if (status == SELORA_OK)
        status = slr_left_over_tell(&left_over, start->path, start->strict, start->hooks, err);
    if (status == SELORA_OK)
        status = add_layers(start, loaded, components, component_count, set, err);
    slr_adapter_set_free(loaded);
    return status;
}

void slr_init_adapter_fill(const slr_pairs *pairs, slr_adapter_set *set)
{
    for (size_t i = 0; i < pairs->count; i++) {
        const slr_pair *pair = &pairs->items[i];
        slr_adapter *adapter = (slr_adapter *)slr_adapter_set_find(set, pair->path);
        if (!adapter) /* the model has no such layer */
            continue;
        double ratio = pair->scale / adapter->own_scale;
        memcpy(adapter->a, pair->a, (size_t)pair->rank * (size_t)pair->in * sizeof *pair->a);
        for (int64_t o = 0; o < pair->out; o++)
            for (int r = 0; r < pair->rank; r++)
                adapter->bt[r * pair->out + o] = (slr_real)(ratio * (double)pair->b[o * pair->rank + r]);
    }
}
