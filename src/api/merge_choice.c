/* SPDX-License-Identifier: MIT */
#include "api/merge_choice.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "data/picture_size.h"
#include "models/merge_weights.h"

/* Both networks at the size of one picture, each with a row of its own for guidance. */
static slr_graph *record(const slr_model *model, int width, int height, bool guided)
{
    slr_graph *graph = slr_graph_new();
    int64_t rows = guided ? 2 : 1, factor = slr_vae_factor(&model->vae);
    slr_builder b;
    if (!graph)
        return NULL;
    slr_tid sample = slr_graph_input(graph, "sample", 4, (int64_t[]){rows, height / factor, width / factor,
                                                                     model->unet.in_channels});
    slr_tid timestep = slr_graph_input(graph, "timestep", 1, (int64_t[]){rows});
    slr_tid ids = slr_graph_input(graph, "input_ids", 2, (int64_t[]){rows, model->text.positions});
    slr_builder_init(&b, graph, NULL, "text_encoder");
    slr_tid states = slr_clip_text_build(&b, &model->text, ids);
    slr_builder_init(&b, graph, NULL, "unet");
    slr_unet_build(&b, &model->unet, sample, timestep, states);
    return graph;
}

/* Beside the weight the adapter costs multiply-accumulates in every call, in the weight once: as much as SUM of those for
 * each of the product B A, and as ELEMENT of them for reading an element, rounding it and laying it out (measured; it is
 * a choice of time only). Adapters that cost the layer less than its LEAST part are left beside it, where they are exact. */
static bool pays(const slr_graph *graph, const slr_op *op, const slr_slot *slot, int64_t steps)
{
    enum { SUM = 4, ELEMENT = 300, LEAST = 16 };
    int64_t calls = strncmp(op->path, "unet.", 5) == 0 ? steps : 1, rows = slr_tensor_rows(slr_graph_tensor(graph, op->in[0]));
    double weight = (double)slot->in * (double)slot->out, pair = (double)slot->rank * (double)(slot->in + slot->out);
    return pair * LEAST >= weight && (double)calls * (double)rows * pair > weight * (double)(SUM * slot->rank + ELEMENT);
}

static selora_status choose(const slr_model *model, const selora_generate_options *o, slr_adapter_set *set, bool *chosen,
                            slr_error *err)
{
    int width, height, factor = slr_vae_factor(&model->vae);
    SLR_TRY(slr_picture_size(o->size, (int)model->unet.sample_size * factor, factor < 8 ? 8 : factor, &width, &height, err));
    slr_graph *graph = record(model, width, height, o->guidance > 1);
    if (!graph)
        return slr_fail_memory(err, 0, "the model's graph");
    for (int i = 0; i < slr_graph_op_count(graph); i++) {
        const slr_op *op = slr_graph_op(graph, i);
        bool layer = op->kind == SLR_OP_LINEAR || op->kind == SLR_OP_CONV2D;
        const slr_slot *slot = layer ? slr_adapter_set_find(set, op->path) : NULL;
        if (slot)
            chosen[((const slr_adapter *)slot)->index] |= pays(graph, op, slot, o->steps);
    }
    slr_graph_free(graph);
    return SELORA_OK;
}

selora_status slr_merge_for_drawing(const selora_context *context, slr_model *model, const selora_generate_options *options,
                                    slr_adapter_set *set, slr_error *err)
{
    const char *merge = options->merge ? options->merge : "auto";
    int count = set ? slr_adapter_set_count(set) : 0, kernels = 0, merged = 0;
    if (strcmp(merge, "auto") != 0 && strcmp(merge, "never") != 0 && strcmp(merge, "always") != 0)
        return slr_fail(err, SELORA_USAGE, "--merge: found \"%s\", expected auto, never or always", merge);
    bool *chosen = slr_alloc((size_t)count + 1, sizeof *chosen);
    if (!chosen)
        return slr_fail_memory(err, (size_t)count, "the adapters");
    selora_status status = SELORA_OK;
    if (count > 0 && strcmp(merge, "auto") == 0 && !options->dry_run)
        status = choose(model, options, set, chosen, err);
    for (int i = 0; i < count; i++) {
        bool kernel = slr_adapter_set_at(set, i)->kernel > 1;
        chosen[i] |= kernel || strcmp(merge, "always") == 0;
        kernels += kernel;
        merged += chosen[i];
    }
    if (status == SELORA_OK && merged > 0)
        status = slr_model_merge_layers(model, set, chosen, context->threads, err);
    if (status == SELORA_OK && merged > 0)
        slr_note(&context->hooks, "%d of %d layers of the adapters put into the weights%s", merged, count,
                 merged == kernels ? ": convolutions" : "");
    free(chosen);
    return status;
}
