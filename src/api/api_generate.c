/* SPDX-License-Identifier: MIT
 * One picture for a program that embeds selora. */
#include <stdlib.h>

#include "api/drawing.h"

selora_status selora_generate(selora_context *context, const selora_model *model, const selora_adapter *adapter,
                              const selora_generate_options *options, selora_image *image)
{
    slr_error *err = slr_context_begin(context);
    *image = (selora_image){0};
    slr_drawing drawing = {0};
    const char *prompt = options->prompt ? options->prompt : "";
    uint32_t index = 0;
    selora_status status = slr_drawing_check(options, err);
    if (adapter && adapter->merge_only)
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: an adapter of a convolution larger than 1x1 acts in merged weights only; "
                          "selora_adapter_merge() makes a model with it", adapter->merge_only);
    if (status == SELORA_OK)
        status = slr_drawing_open(&drawing, context, model->model, adapter ? adapter->set : NULL, options, 1, err);
    if (status == SELORA_OK)
        status = slr_drawing_start(&drawing, 1, err);
    if (status == SELORA_OK)
        status = slr_drawing_draw(&drawing, &prompt, &index, 1, err);
    if (status == SELORA_OK) {
        *image = (selora_image){drawing.width, drawing.height, 3, drawing.pixels};
        drawing.pixels = NULL;
    }
    slr_drawing_close(&drawing);
    return status;
}
