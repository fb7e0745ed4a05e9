/* SPDX-License-Identifier: MIT */
#include "models/merge_weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "models/weight_files.h"
#include "models/weight_names.h"

/* The weight as the model's files store it; NULL where it is not found. */
static const slr_stored_tensor *stored_weight(const slr_model *model, const char *canonical)
{
    slr_name_rules rules = {.single_file = model->single_file,
                            .unet_layers_per_block = model->unet.layers_per_block,
                            .vae_levels = model->vae.levels};
    memcpy(rules.unet_up_attention, model->unet.up_attention, sizeof rules.unet_up_attention);
    char names[SLR_MAX_STORED_NAMES][SLR_STORED_NAME];
    const slr_weight_files *files = slr_model_weight_files(model, "unet");
    int count = slr_stored_names(&rules, canonical, names);
    for (int f = 0; files && f < files->count; f++)
        for (int n = 0; n < count; n++) {
            const slr_stored_tensor *tensor = slr_safetensors_find(files->files[f], names[n]);
            if (tensor)
                return tensor;
        }
    return NULL;
}

static selora_status merge_one(slr_model *model, const slr_adapter *adapter, slr_error *err)
{
    char name[SLR_STORED_NAME];
    snprintf(name, sizeof name, "%s.weight", adapter->path);
    const slr_stored_tensor *tensor = stored_weight(model, name);
    int64_t count = adapter->slot.in * adapter->slot.out;
    if (!tensor || slr_stored_count(tensor) != count)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: the weight that the adapter belongs to is not in the model's files",
                        adapter->path);
    slr_real *values = slr_alloc((size_t)count, sizeof *values);
    if (!values)
        return slr_fail_memory(err, (size_t)count * sizeof *values, name);
    selora_status status = SELORA_OK;
    if (!slr_stored_to_real(tensor, 0, count, values))
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: the weight is not of a type that selora reads", name);
    if (status == SELORA_OK) {
        slr_adapter_merge(adapter, values);
        status = slr_weight_store_replace(model->weights, name, values, tensor->dtype, err);
    }
    slr_stored_release(tensor);
    free(values);
    return status;
}

selora_status slr_model_merge_convolutions(slr_model *model, const slr_adapter_set *set, int *merged,
                                           slr_error *err)
{
    *merged = 0;
    for (int i = 0; set && i < slr_adapter_set_count(set); i++)
        if (slr_adapter_set_at(set, i)->kernel > 1) {
            SLR_TRY(merge_one(model, slr_adapter_set_at(set, i), err));
            (*merged)++;
        }
    return SELORA_OK;
}
