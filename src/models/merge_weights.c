/* SPDX-License-Identifier: MIT */
#include "models/merge_weights.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"
#include "models/merged_tensor.h"

static selora_status merge_one(slr_model *model, slr_adapter_set *set, const slr_adapter *adapter, int threads,
                               slr_error *err)
{
    char name[SLR_STORED_NAME];
    snprintf(name, sizeof name, "%s.weight", adapter->path);
    const slr_stored_tensor *tensor = slr_model_stored(model, name);
    if (!tensor)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: the weight that the adapter belongs to is not in the model's files",
                        adapter->path);
    size_t count = (size_t)slr_stored_count(tensor);
    slr_real *values = slr_alloc_aligned(count, sizeof *values);
    if (!values)
        return slr_fail_memory(err, count * sizeof *values, name);
    slr_merged_tensor merged = {.source = tensor, .layer = adapter->path, .sets = &set, .set_count = 1, .threads = threads,
                                .dtype = sizeof(slr_real) == sizeof(double) ? SLR_DTYPE_F64 : SLR_DTYPE_F32};
    selora_status status = slr_merged_tensor_make(&merged, values, err);
    if (status == SELORA_OK)
        status = slr_weight_store_replace(model->weights, name, values, tensor->dtype, err);
    free(values);
    return status;
}

selora_status slr_model_merge_layers(slr_model *model, slr_adapter_set *set, const bool *chosen, int threads,
                                     slr_error *err)
{
    for (int i = slr_adapter_set_count(set) - 1; i >= 0; i--)
        if (chosen[i]) {
            SLR_TRY(merge_one(model, set, slr_adapter_set_at(set, i), threads, err));
            slr_adapter_set_remove(set, i);
        }
    return SELORA_OK;
}
