/* SPDX-License-Identifier: MIT */
#include "graph/plan_store.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* Which ops take part in backward: those between something that wants a gradient and a seed. */
static void mark_backward(slr_plan *plan)
{
    for (int t = 0; t < plan->tensors; t++)
        plan->uses[t].reached = slr_graph_tensor(plan->graph, t)->is_seed;
    for (int i = plan->ops - 1; plan->options.backward && i >= 0; i--) {
        const slr_op *op = slr_graph_op(plan->graph, i);
        if (!plan->uses[op->out].reached || !slr_graph_tensor(plan->graph, op->out)->wants_gradient)
            continue;
        plan->in_backward[i] = true;
        for (int k = 0; k < op->inputs; k++) {
            if (!slr_graph_tensor(plan->graph, op->in[k])->wants_gradient)
                continue;
            slr_plan_use(plan, op->in[k])->reached = true;
            slr_plan_use(plan, op->in[k])->consumers++;
        }
    }
}

static selora_status make(slr_plan *plan, slr_error *err)
{
    plan->uses = slr_alloc((size_t)plan->tensors, sizeof *plan->uses);
    plan->in_backward = slr_alloc((size_t)plan->ops, sizeof *plan->in_backward);
    plan->profile = slr_alloc((size_t)plan->ops, sizeof *plan->profile);
    if (!plan->uses || !plan->in_backward || !plan->profile)
        return slr_fail_memory(err, (size_t)plan->tensors * sizeof *plan->uses, "a plan");
    mark_backward(plan);
    SLR_TRY(slr_plan_choose_dropped(plan, err));
    SLR_TRY(slr_plan_make_steps(plan, err));
    SLR_TRY(slr_plan_make_memory(plan, err));
    plan->calls = slr_alloc(plan->step_count, sizeof *plan->calls);
    return plan->calls ? SELORA_OK : slr_fail_memory(err, plan->step_count * sizeof *plan->calls, "a plan");
}

selora_status slr_plan_new(const slr_graph *graph, const slr_backend *backend,
                           const slr_plan_options *options, slr_plan **result, slr_error *err)
{
    *result = NULL;
    if (slr_graph_failed(graph, err))
        return err ? err->status : SELORA_BAD_INPUT;
    slr_plan *plan = slr_alloc(1, sizeof *plan);
    if (!plan)
        return slr_fail_memory(err, sizeof *plan, "a plan");
    plan->graph = graph;
    plan->backend = backend;
    plan->options = *options;
    if (plan->options.threads < 1)
        plan->options.threads = 1;
    plan->ops = slr_graph_op_count(graph);
    plan->tensors = slr_graph_tensor_count(graph);
    selora_status status = make(plan, err);
    if (status != SELORA_OK) {
        slr_plan_free(plan);
        return status;
    }
    *result = plan;
    return SELORA_OK;
}

void slr_plan_free(slr_plan *plan)
{
    if (!plan)
        return;
    free(plan->uses);
    free(plan->in_backward);
    free(plan->profile);
    free(plan->steps);
    free(plan->copies);
    free(plan->buffers);
    free(plan->calls);
    free(plan->own_memory);
    free(plan);
}

size_t slr_plan_bytes(const slr_plan *plan)
{
    return plan->arena_bytes + plan->workspace_bytes;
}

static slr_real *buffer_at(const slr_plan *plan, int buffer)
{
    return buffer < 0 ? NULL : (slr_real *)(void *)(plan->arena + plan->buffers[buffer].offset);
}

static slr_real *copy_at(const slr_plan *plan, int copy)
{
    return copy < 0 ? NULL : buffer_at(plan, plan->copies[copy].buffer);
}

static selora_status bind_weight(const slr_plan *plan, const slr_weight_store *store, int index,
                                 const slr_weight **weight, slr_error *err)
{
    if (index < 0)
        return SELORA_OK;
    const slr_weight_spec *spec = slr_graph_weight(plan->graph, index);
    *weight = store ? slr_weight_store_find(store, spec->name) : NULL;
    if (!*weight)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: the model has no such weight", spec->name);
    const slr_weight_spec *stored = (*weight)->spec;
    if (stored->dims != spec->dims ||
        memcmp(stored->shape, spec->shape, (size_t)spec->dims * sizeof *spec->shape) != 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: the stored weight has another shape than the graph asks for",
                        spec->name);
    return SELORA_OK;
}

/* What a call has whatever its pass. */
static selora_status fill_call(slr_plan *plan, const slr_weight_store *store, size_t time, slr_error *err)
{
    const slr_step *step = &plan->steps[time];
    const slr_op *op = slr_graph_op(plan->graph, step->op);
    slr_call *call = &plan->calls[time];
    *call = (slr_call){.backend = plan->backend, .op = op, .out = slr_graph_tensor(plan->graph, op->out),
                       .y = copy_at(plan, step->y), .saved = copy_at(plan, step->saved),
                       .workspace = plan->arena + plan->arena_bytes, .threads = plan->options.threads};
    for (int k = 0; k < op->inputs; k++) {
        call->in[k] = slr_graph_tensor(plan->graph, op->in[k]);
        call->x[k] = copy_at(plan, step->x[k]);
    }
    if (op->kind == SLR_OP_LOW_RANK)
        call->slot = op->u.low_rank.slot;
    SLR_TRY(bind_weight(plan, store, op->weight, &call->weight, err));
    return bind_weight(plan, store, op->bias, &call->bias, err);
}

/* `written` tells for each buffer whether an earlier backward step has put something there. */
static void fill_gradients(slr_plan *plan, slr_call *call, bool *written)
{
    const slr_op *op = call->op;
    call->dy = buffer_at(plan, plan->uses[op->out].gradient_buffer);
    for (int k = 0; k < op->inputs; k++) {
        if (!slr_graph_tensor(plan->graph, op->in[k])->wants_gradient)
            continue;
        int buffer = slr_plan_use(plan, op->in[k])->gradient_buffer;
        call->dx[k] = buffer_at(plan, buffer);
        call->accumulate[k] = written[buffer];
        written[buffer] = true;
    }
}

selora_status slr_plan_allocate(slr_plan *plan, const slr_weight_store *store, slr_error *err)
{
    size_t bytes = slr_plan_bytes(plan);
    free(plan->own_memory);
    plan->arena = NULL;
    plan->own_memory = slr_alloc_aligned(bytes, 1);
    if (!plan->own_memory)
        return slr_fail_memory(err, bytes, "the working memory of the plan");
    return slr_plan_bind(plan, store, plan->own_memory, err);
}

selora_status slr_plan_bind(slr_plan *plan, const slr_weight_store *store, void *memory, slr_error *err)
{
    plan->arena = memory;
    for (size_t time = 0; time < plan->step_count; time++)
        SLR_TRY(fill_call(plan, store, time, err));
    bool *written = slr_alloc(plan->buffer_count, sizeof *written);
    if (!written)
        return slr_fail_memory(err, plan->buffer_count, "a plan");
    for (int t = 0; t < plan->tensors; t++)
        if (slr_graph_tensor(plan->graph, t)->is_seed && plan->uses[t].gradient_buffer >= 0)
            written[plan->uses[t].gradient_buffer] = true;
    for (size_t time = 0; time < plan->step_count; time++)
        if (plan->steps[time].pass == SLR_PASS_BACKWARD)
            fill_gradients(plan, &plan->calls[time], written);
    free(written);
    return SELORA_OK;
}

slr_real *slr_plan_value(const slr_plan *plan, slr_tid tensor)
{
    slr_tid base = slr_graph_base(plan->graph, tensor);
    const slr_tensor *t = base < 0 ? NULL : slr_graph_tensor(plan->graph, base);
    if (!plan->arena || !t || !(t->is_input || t->is_output))
        return NULL;
    return copy_at(plan, plan->uses[base].copy);
}

slr_real *slr_plan_gradient(const slr_plan *plan, slr_tid tensor)
{
    slr_tid base = slr_graph_base(plan->graph, tensor);
    const slr_tensor *t = base < 0 ? NULL : slr_graph_tensor(plan->graph, base);
    if (!plan->arena || !t || !(t->is_input || t->is_seed))
        return NULL;
    return buffer_at(plan, plan->uses[base].gradient_buffer);
}
