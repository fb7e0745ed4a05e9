/* SPDX-License-Identifier: MIT
 * The public adapter and picture functions. */
#include <stdlib.h>

#include "adapters/adapter_file.h"
#include "api/adapter_argument.h"
#include "api/context.h"
#include "core/memory.h"
#include "io/image.h"
#include "models/merge_model.h"

selora_status selora_adapter_load(selora_context *context, const selora_model *model, const char *path,
                                  double strength, selora_adapter **result)
{
    slr_error *err = slr_context_begin(context);
    *result = NULL;
    selora_adapter *adapter = slr_alloc(1, sizeof *adapter);
    if (!adapter)
        return slr_fail_memory(err, sizeof *adapter, "an adapter");
    selora_status status = slr_adapter_open(path, model->model, strength, false, &context->hooks, &adapter->set, err);
    for (int i = 0; status == SELORA_OK && i < slr_adapter_set_count(adapter->set); i++)
        if (slr_adapter_set_at(adapter->set, i)->kernel > 1)
            adapter->merge_only = slr_adapter_set_at(adapter->set, i)->path;
    if (status != SELORA_OK) {
        free(adapter);
        return status;
    }
    *result = adapter;
    return SELORA_OK;
}

selora_status selora_adapter_save(selora_context *context, const selora_adapter *adapter, const char *path)
{
    return slr_adapter_file_save(adapter->set, &(slr_adapter_note){0}, path, slr_context_begin(context));
}

selora_status selora_adapter_merge(selora_context *context, const selora_model *model,
                                   const selora_adapter *adapter, const char *folder)
{
    const slr_merge_job job = {.model = model->model, .sets = (slr_adapter_set *const[]){adapter->set}, .set_count = 1,
                               .threads = context->threads, .hooks = &context->hooks};
    return slr_merge_model(&job, folder, slr_context_begin(context));
}

void selora_adapter_free(selora_adapter *adapter)
{
    if (!adapter || adapter->borrowed)
        return;
    slr_adapter_set_free(adapter->set);
    free(adapter);
}

int selora_adapter_layer_count(const selora_adapter *adapter)
{
    return slr_adapter_set_count(adapter->set);
}

selora_adapter_layer selora_adapter_layer_at(const selora_adapter *adapter, int index)
{
    const slr_adapter *layer = slr_adapter_set_at(adapter->set, index);
    return (selora_adapter_layer){layer->path, layer->slot.in, layer->slot.out, layer->slot.rank, layer->own_scale};
}

selora_status selora_image_read(selora_context *context, const char *path, selora_image *image)
{
    slr_image inner = {0};
    *image = (selora_image){0};
    SLR_TRY(slr_image_read(path, NULL, &inner, slr_context_begin(context)));
    *image = (selora_image){inner.width, inner.height, inner.channels, inner.pixels};
    return SELORA_OK;
}

selora_status selora_image_write(selora_context *context, const selora_image *image, const char *path)
{
    slr_image inner = {.width = image->width, .height = image->height, .channels = image->channels, .bits = 8,
                       .pixels = image->pixels};
    return slr_png_write(path, &inner, 8, NULL, 0, slr_context_begin(context));
}

void selora_image_free(selora_image *image)
{
    free(image->pixels);
    *image = (selora_image){0};
}
