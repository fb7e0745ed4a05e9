/* SPDX-License-Identifier: MIT */
#include "train/train_graph.h"

#include <stdlib.h>

#include "core/memory.h"

struct slr_train_graph {
    const slr_model *model;
    slr_train_shape shape;
    slr_graph *graph;
    slr_plan *plan;
    slr_tid sample, timestep, target, weight, ids, states; /* ids or states is -1 */
    slr_tid prediction, loss;
};

static void record(slr_train_graph *t, slr_adapter_set *adapters)
{
    const slr_model *model = t->model;
    const slr_train_shape *s = &t->shape;
    const int64_t latent[] = {s->batch, s->height, s->width, model->unet.in_channels};
    slr_builder b;
    t->ids = t->states = -1;
    slr_tid states;
    if (s->states_given) {
        states = t->states = slr_graph_input(t->graph, "encoder_hidden_states", 3,
                                             (int64_t[]){s->batch, s->tokens, model->unet.cross_attention_width});
    } else {
        t->ids = slr_graph_input(t->graph, "input_ids", 2, (int64_t[]){s->batch, s->tokens});
        slr_builder_init(&b, t->graph, adapters, "text_encoder");
        states = slr_clip_text_build(&b, &model->text, t->ids);
    }
    t->sample = slr_graph_input(t->graph, "sample", 4, latent);
    t->timestep = slr_graph_input(t->graph, "timestep", 1, &s->batch);
    t->target = slr_graph_input(t->graph, "target", 4, latent);
    t->weight = slr_graph_input(t->graph, "loss_weight", 1, &s->batch);
    slr_builder_init(&b, t->graph, adapters, "unet");
    t->prediction = slr_unet_build(&b, &model->unet, t->sample, t->timestep, states);
    t->loss = slr_graph_mse(t->graph, t->prediction, t->target, t->weight, "loss");
    slr_graph_output(t->graph, t->prediction);
    slr_graph_output(t->graph, t->loss);
    if (!s->forward_only)
        slr_graph_seed(t->graph, t->loss);
}

static bool has_text_slot(const slr_adapter_set *adapters)
{
    for (int i = 0; adapters && i < slr_adapter_set_count(adapters); i++)
        if (slr_adapter_set_at(adapters, i)->path[0] == 't')
            return true;
    return false;
}

selora_status slr_train_graph_new(const slr_model *model, slr_adapter_set *adapters,
                                  const slr_train_shape *shape, const slr_backend *backend, int threads,
                                  slr_train_graph **result, slr_error *err)
{
    *result = NULL;
    if (shape->states_given && has_text_slot(adapters))
        return slr_fail(err, SELORA_USAGE, "the text encoder has adapters, so its states cannot be given");
    if (!shape->states_given && shape->tokens > model->text.positions)
        return slr_fail(err, SELORA_USAGE, "%lld tokens a text: the text encoder takes %lld at most",
                        (long long)shape->tokens, (long long)model->text.positions);
    slr_train_graph *t = slr_alloc(1, sizeof *t);
    if (!t)
        return slr_fail_memory(err, sizeof *t, "the training graph");
    t->model = model;
    t->shape = *shape;
    t->graph = slr_graph_new();
    selora_status status = t->graph ? SELORA_OK : slr_fail_memory(err, 0, "the training graph");
    if (status == SELORA_OK) {
        record(t, adapters);
        slr_plan_options options = {.backward = !shape->forward_only, .recompute = shape->recompute, .threads = threads};
        status = slr_plan_new(t->graph, backend, &options, &t->plan, err);
    }
    if (status == SELORA_OK && !shape->forward_only && !slr_graph_tensor(t->graph, t->loss)->wants_gradient)
        status = slr_fail(err, SELORA_USAGE, "nothing to train: no adapter of this model is trainable");
    if (status != SELORA_OK) {
        slr_train_graph_free(t);
        return status;
    }
    *result = t;
    return SELORA_OK;
}

void slr_train_graph_free(slr_train_graph *t)
{
    if (!t)
        return;
    slr_plan_free(t->plan);
    slr_graph_free(t->graph);
    free(t);
}

size_t slr_train_graph_bytes(const slr_train_graph *t)
{
    return slr_plan_bytes(t->plan);
}

int64_t slr_train_graph_macs(const slr_train_graph *t)
{
    int64_t total = 0;
    for (int i = 0; i < slr_graph_op_count(t->graph); i++)
        total += slr_op_macs(t->graph, slr_graph_op(t->graph, i));
    return total;
}

selora_status slr_train_graph_allocate(slr_train_graph *t, slr_error *err)
{
    return slr_plan_allocate(t->plan, t->model->weights, err);
}

slr_train_inputs slr_train_graph_inputs(const slr_train_graph *t)
{
    return (slr_train_inputs){
        .sample = slr_plan_value(t->plan, t->sample),
        .timestep = slr_plan_value(t->plan, t->timestep),
        .target = slr_plan_value(t->plan, t->target),
        .weight = slr_plan_value(t->plan, t->weight),
        .ids = t->ids < 0 ? NULL : slr_plan_value(t->plan, t->ids),
        .states = t->states < 0 ? NULL : slr_plan_value(t->plan, t->states),
    };
}

void slr_train_graph_forward(slr_train_graph *t)
{
    slr_plan_forward(t->plan);
}

double slr_train_graph_loss(const slr_train_graph *t)
{
    return (double)*slr_plan_value(t->plan, t->loss);
}

const slr_real *slr_train_graph_prediction(const slr_train_graph *t)
{
    return slr_plan_value(t->plan, t->prediction);
}

void slr_train_graph_backward(slr_train_graph *t, double scale)
{
    *slr_plan_gradient(t->plan, t->loss) = (slr_real)scale;
    slr_plan_backward(t->plan);
}

slr_plan *slr_train_graph_plan(const slr_train_graph *t)
{
    return t->plan;
}

const char *slr_train_graph_find_nonfinite(slr_train_graph *t)
{
    return slr_plan_find_nonfinite(t->plan);
}
