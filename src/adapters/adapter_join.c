/* SPDX-License-Identifier: MIT */
#include "adapters/adapter_join.h"

#include <string.h>

/* The rank that a layer gets. */
static int total_rank(slr_adapter_set *const *sets, int count, const char *path)
{
    int rank = 0;
    for (int s = 0; s < count; s++) {
        const slr_slot *slot = slr_adapter_set_find(sets[s], path);
        rank += slot ? slot->rank : 0;
    }
    return rank;
}

static selora_status add_layers(slr_adapter_set *const *sets, int count, slr_adapter_set *joined, slr_error *err)
{
    for (int s = 0; s < count; s++)
        for (int i = 0; i < slr_adapter_set_count(sets[s]); i++) {
            const slr_adapter *layer = slr_adapter_set_at(sets[s], i);
            if (slr_adapter_set_find(joined, layer->path))
                continue;
            SLR_TRY(slr_adapter_set_add_given(joined, layer->path, layer->slot.in, layer->slot.out,
                                              total_rank(sets, count, layer->path), 1, err));
            slr_adapter_set_at(joined, slr_adapter_set_count(joined) - 1)->kernel = layer->kernel;
        }
    return slr_adapter_set_finish(joined, err);
}

static void fill(slr_adapter_set *const *sets, int count, slr_adapter *layer)
{
    const size_t in = (size_t)layer->slot.in, out = (size_t)layer->slot.out;
    size_t row = 0;
    for (int s = 0; s < count; s++) {
        const slr_slot *slot = slr_adapter_set_find(sets[s], layer->path);
        size_t rank = slot ? (size_t)slot->rank : 0;
        if (rank > 0)
            memcpy(layer->a + row * in, slot->a, rank * in * sizeof *layer->a);
        for (size_t i = 0; i < rank * out; i++)
            layer->bt[row * out + i] = (slr_real)(slot->scale * (double)slot->bt[i]);
        row += rank;
    }
}

selora_status slr_adapter_sets_join(slr_adapter_set *const *sets, int count, slr_adapter_set **joined,
                                    slr_error *err)
{
    slr_adapter_set *set;
    *joined = NULL;
    SLR_TRY(slr_adapter_set_new(&(slr_adapter_options){.scale = 1}, &set, err));
    selora_status status = add_layers(sets, count, set, err);
    if (status != SELORA_OK) {
        slr_adapter_set_free(set);
        return status;
    }
    for (int i = 0; i < slr_adapter_set_count(set); i++)
        fill(sets, count, slr_adapter_set_at(set, i));
    *joined = set;
    return SELORA_OK;
}
