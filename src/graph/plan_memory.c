/* SPDX-License-Identifier: MIT
 * Where everything lies: which tensors share a buffer, and the place of each buffer in the arena. */
#include "core/memory.h"
#include "graph/plan_store.h"

static void extend(slr_lifetime *life, int first, int last)
{
    if (first < life->first)
        life->first = first;
    if (last > life->last)
        life->last = last;
}

/* The input whose memory a forward or replay step may take for its output, -1 for none. */
static int in_place_input(const slr_plan *plan, int time)
{
    const slr_step *step = &plan->steps[time];
    const slr_op *op = slr_graph_op(plan->graph, step->op);
    const slr_op_info *info = slr_op_info_of(op->kind);
    for (int k = op->inputs - 1; k >= 0 && !plan->options.apart; k--) {
        const slr_copy *x = &plan->copies[step->x[k]];
        bool twice = false;
        for (int other = 0; other < op->inputs; other++)
            twice |= other != k && plan->copies[step->x[other]].buffer == x->buffer;
        if (info->in_place[k] && !twice && x->last == time)
            return k;
    }
    return -1;
}

static void give_own_buffer(slr_plan *plan, int copy)
{
    slr_copy *c = &plan->copies[copy];
    c->buffer = copy;
    plan->buffers[copy] = (slr_lifetime){slr_plan_tensor_bytes(plan, c->tensor), c->first, c->last, 0};
}

static void give_value_buffers(slr_plan *plan)
{
    for (int c = 0; c < (int)plan->copy_count; c++)
        if (slr_graph_tensor(plan->graph, plan->copies[c].tensor)->is_input)
            give_own_buffer(plan, c);
    for (int time = 0; time < (int)plan->step_count; time++) {
        const slr_step *step = &plan->steps[time];
        if (step->pass == SLR_PASS_BACKWARD)
            continue;
        slr_copy *y = &plan->copies[step->y];
        int k = in_place_input(plan, time);
        if (k < 0) {
            give_own_buffer(plan, step->y);
        } else {
            y->buffer = plan->copies[step->x[k]].buffer;
            extend(&plan->buffers[y->buffer], y->first, y->last);
        }
        if (step->saved >= 0)
            give_own_buffer(plan, step->saved);
    }
}

/* Whether the first gradient of input 0 may take the memory of its value: nothing reads that after this step. */
static bool takes_value(const slr_plan *plan, int time)
{
    const slr_step *step = &plan->steps[time];
    return slr_op_info_of(slr_graph_op(plan->graph, step->op)->kind)->gradient_in_place && !plan->options.apart &&
           plan->copies[step->x[0]].last == time;
}

/* The gradients that one backward step writes. */
static void give_input_gradients(slr_plan *plan, int time)
{
    const slr_op *op = slr_graph_op(plan->graph, plan->steps[time].op);
    int out_buffer = plan->uses[op->out].gradient_buffer;
    extend(&plan->buffers[out_buffer], time, time);
    for (int k = 0; k < op->inputs; k++) {
        slr_tid base = slr_graph_base(plan->graph, op->in[k]);
        const slr_tensor *tensor = slr_graph_tensor(plan->graph, base);
        slr_tensor_use *in = &plan->uses[base];
        if (!slr_graph_tensor(plan->graph, op->in[k])->wants_gradient)
            continue;
        bool share = slr_op_info_of(op->kind)->passes_gradient[k] && in->consumers == 1 && !tensor->is_input &&
                     !tensor->is_seed && !plan->options.apart;
        if (share) {
            in->gradient_buffer = out_buffer;
        } else if (in->gradient_buffer < 0 && k == 0 && takes_value(plan, time)) {
            in->gradient_buffer = plan->copies[plan->steps[time].x[0]].buffer;
        } else if (in->gradient_buffer < 0) {
            in->gradient_buffer = (int)plan->copy_count + base;
            plan->buffers[in->gradient_buffer] = (slr_lifetime){slr_plan_tensor_bytes(plan, base), time, time, 0};
        }
        extend(&plan->buffers[in->gradient_buffer], time, tensor->is_input ? (int)plan->step_count : time);
    }
}

/* In backward order, so that an output's gradient has its buffer before its inputs' gradients get theirs. */
static void give_gradient_buffers(slr_plan *plan)
{
    for (int t = 0; t < plan->tensors; t++) {
        plan->uses[t].gradient_buffer = -1;
        if (slr_graph_tensor(plan->graph, t)->is_seed && plan->options.backward) {
            int buffer = plan->uses[t].gradient_buffer = (int)plan->copy_count + t;
            plan->buffers[buffer] = (slr_lifetime){slr_plan_tensor_bytes(plan, t), 0, (int)plan->step_count, 0};
        }
    }
    for (int time = 0; time < (int)plan->step_count; time++)
        if (plan->steps[time].pass == SLR_PASS_BACKWARD)
            give_input_gradients(plan, time);
}

/* Every buffer lives all the time. */
static void keep_apart(slr_plan *plan)
{
    for (size_t i = 0; i < plan->buffer_count; i++) {
        plan->buffers[i].first = 0;
        plan->buffers[i].last = (int)plan->step_count;
    }
}

static selora_status measure_workspace(slr_plan *plan, slr_error *err)
{
    const slr_backend *backend = plan->backend;
    for (int i = 0; i < plan->ops; i++) {
        const slr_op *op = slr_graph_op(plan->graph, i);
        bool missing = !backend->forward[op->kind] || (plan->in_backward[i] && !backend->backward[op->kind]);
        if (missing)
            return slr_fail(err, SELORA_USAGE, "%s: the %s backend has no kernel for %s", op->path,
                            backend->name, slr_op_info_of(op->kind)->name);
        for (int pass = 0; pass <= plan->in_backward[i]; pass++) {
            size_t bytes = backend->workspace
                               ? backend->workspace(backend, plan->graph, op, pass == 1, plan->options.threads) : 0;
            if (bytes > plan->workspace_bytes)
                plan->workspace_bytes = bytes;
        }
    }
    return SELORA_OK;
}

selora_status slr_plan_make_memory(slr_plan *plan, slr_error *err)
{
    plan->buffer_count = plan->copy_count + (size_t)plan->tensors;
    plan->buffers = slr_alloc(plan->buffer_count, sizeof *plan->buffers);
    if (!plan->buffers)
        return slr_fail_memory(err, plan->buffer_count * sizeof *plan->buffers, "a plan");
    give_value_buffers(plan);
    give_gradient_buffers(plan);
    if (plan->options.apart)
        keep_apart(plan);
    if (!slr_place_buffers(plan->buffers, plan->buffer_count, &plan->arena_bytes))
        return slr_fail_memory(err, plan->buffer_count * sizeof(void *), "a plan");
    return measure_workspace(plan, err);
}
