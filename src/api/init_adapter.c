/* SPDX-License-Identifier: MIT */
#include "api/init_adapter.h"

#include <string.h>

#include "adapters/adapter_names.h"

static bool is_trained(const char *path, const char *const *components, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(slr_component_of(path), components[i]) == 0)
            return true;
    return false;
}

selora_status slr_init_adapter_add(const char *path, const slr_graph *graph, const char *const *components,
                                   int component_count, slr_pairs *pairs, slr_adapter_set *set, slr_error *err)
{
    slr_adapter_set *loaded;
    slr_problems problems = {0};
    SLR_TRY(slr_pairs_load(path, pairs, err));
    SLR_TRY(slr_set_of_pairs(pairs, path, graph, NULL, &loaded, err)); /* every layer must fit */
    selora_status status = SELORA_OK;
    for (int i = 0; status == SELORA_OK && i < slr_adapter_set_count(loaded); i++) {
        const slr_adapter *layer = slr_adapter_set_at(loaded, i);
        if (layer->kernel > 0)
            slr_problems_add(&problems, "%s: adapters of convolutions are not trained", layer->path);
        else if (!is_trained(layer->path, components, component_count))
            slr_problems_add(&problems, "%s: --train leaves it out", layer->path);
        else
            status = slr_adapter_set_add_given(set, layer->path, layer->slot.in, layer->slot.out, layer->slot.rank,
                                               slr_adapter_scale_at(set, layer->slot.rank), err);
    }
    slr_adapter_set_free(loaded);
    return status == SELORA_OK ? slr_problems_report(&problems, path, err) : status;
}

void slr_init_adapter_fill(const slr_pairs *pairs, slr_adapter_set *set)
{
    for (size_t i = 0; i < pairs->count; i++) {
        const slr_pair *pair = &pairs->items[i];
        slr_adapter *adapter = (slr_adapter *)slr_adapter_set_find(set, pair->path);
        double ratio = pair->scale / adapter->own_scale;
        memcpy(adapter->a, pair->a, (size_t)pair->rank * (size_t)pair->in * sizeof *pair->a);
        for (int64_t o = 0; o < pair->out; o++)
            for (int r = 0; r < pair->rank; r++)
                adapter->bt[r * pair->out + o] = (slr_real)(ratio * (double)pair->b[o * pair->rank + r]);
    }
}
