/* SPDX-License-Identifier: MIT
 * The public model functions. */
#include <stdlib.h>

#include "api/context.h"
#include "core/memory.h"

selora_status selora_model_load(selora_context *context, const char *path, const selora_model_options *options,
                                selora_model **result)
{
    slr_error *err = slr_context_begin(context);
    *result = NULL;
    selora_model *model = slr_alloc(1, sizeof *model);
    if (!model)
        return slr_fail_memory(err, sizeof *model, "a model");
    slr_model_options inner = {0};
    if (options)
        inner = (slr_model_options){.variant = options->variant, .tokenizer = options->tokenizer,
                                    .config = options->config};
    if (!slr_weight_policy_named(options ? options->weights : NULL, &inner.weights)) {
        free(model);
        return slr_fail(err, SELORA_USAGE, "weights: found \"%s\", expected keep, auto, f16, bf16 or f32", options->weights);
    }
    selora_status status = slr_model_open(path, &inner, &model->model, err);
    if (status != SELORA_OK) {
        free(model);
        return status;
    }
    *result = model;
    return SELORA_OK;
}

void selora_model_free(selora_model *model)
{
    if (!model)
        return;
    slr_model_free(model->model);
    free(model);
}
