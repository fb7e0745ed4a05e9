/* SPDX-License-Identifier: MIT
 *
 * What runs when. Forward in recorded order; backward in the reverse one, each step preceded by replays of forward ops
 * whose values it reads and that are not there: dropped after forward, or dropped again since. A replay writes a copy
 * of its own; statistics are written where backward will find them, in forward or in the first replay.
 */
#include <assert.h>
#include <stdlib.h>

#include "core/memory.h"
#include "graph/plan_store.h"

typedef struct maker {
    slr_plan *plan;
    int *current;   /* per tensor: the copy that holds its value at this point, -1 for none */
    slr_tid *fresh; /* light tensors computed again since the last backward step */
    int fresh_count;
    bool failed;
} maker;

static int new_copy(maker *m, slr_tid tensor, int first)
{
    slr_plan *plan = m->plan;
    m->failed |= !slr_grow((void **)&plan->copies, &plan->copy_capacity, plan->copy_count, sizeof *plan->copies);
    if (m->failed)
        return -1;
    plan->copies[plan->copy_count] = (slr_copy){tensor, first, first, -1};
    return m->current[tensor] = (int)plan->copy_count++;
}

/* The copy that `tensor` is read from by the step that comes next. */
static int read_copy(const maker *m, slr_tid tensor)
{
    int copy = m->current[slr_graph_base(m->plan->graph, tensor)];
    if (copy >= 0 && m->plan->copies[copy].last < (int)m->plan->step_count)
        m->plan->copies[copy].last = (int)m->plan->step_count;
    return copy;
}

static slr_step *new_step(maker *m, slr_step step)
{
    slr_plan *plan = m->plan;
    m->failed |= !slr_grow((void **)&plan->steps, &plan->step_capacity, plan->step_count, sizeof *plan->steps);
    if (m->failed)
        return NULL;
    plan->steps[plan->step_count] = step;
    return &plan->steps[plan->step_count++];
}

static slr_step empty_step(int op, slr_pass pass)
{
    return (slr_step){.op = op, .pass = pass, .x = {-1, -1, -1}, .y = -1, .saved = -1};
}

/* A forward or replay step, its inputs being there. */
static void compute(maker *m, int i, slr_pass pass)
{
    const slr_op *op = slr_graph_op(m->plan->graph, i);
    int now = (int)m->plan->step_count;
    slr_step step = empty_step(i, pass);
    for (int k = 0; k < op->inputs; k++)
        step.x[k] = read_copy(m, op->in[k]);
    step.y = new_copy(m, op->out, now);
    if (op->saved >= 0 && m->plan->in_backward[i] && pass == SLR_PASS_FORWARD)
        step.saved = new_copy(m, op->saved, now);
    new_step(m, step);
}

/* The first replay of an op takes over its statistics. */
static void take_over_statistics(maker *m, int i)
{
    slr_plan *plan = m->plan;
    slr_step *forward = &plan->steps[i], *replay = &plan->steps[plan->step_count - 1];
    if (forward->saved < 0)
        return;
    replay->saved = forward->saved;
    forward->saved = -1;
    plan->copies[replay->saved].first = plan->copies[replay->saved].last = (int)plan->step_count - 1;
}

/* Adds what it takes for the value of `tensor` to be there. */
static void ensure(maker *m, slr_tid tensor)
{
    slr_tid base = slr_graph_base(m->plan->graph, tensor);
    if (m->failed || m->current[base] >= 0)
        return;
    int i = slr_graph_tensor(m->plan->graph, base)->producer;
    const slr_op *op = slr_graph_op(m->plan->graph, i);
    for (int k = 0; k < op->inputs; k++)
        ensure(m, op->in[k]);
    compute(m, i, SLR_PASS_REPLAY);
    if (m->failed)
        return;
    take_over_statistics(m, i);
    if (m->plan->uses[base].light)
        m->fresh[m->fresh_count++] = base;
}

/* Light values that were needed on the way only go again: they would wait long for their own turn. */
static void forget_fresh(maker *m)
{
    for (int f = 0; f < m->fresh_count; f++) {
        int *copy = &m->current[m->fresh[f]];
        if (m->plan->copies[*copy].last < (int)m->plan->step_count - 1)
            *copy = -1;
    }
    m->fresh_count = 0;
}

static void backward_step(maker *m, int i)
{
    const slr_op *op = slr_graph_op(m->plan->graph, i);
    const slr_op_info *info = slr_op_info_of(op->kind);
    slr_step step = empty_step(i, SLR_PASS_BACKWARD);
    for (int k = 0; k < op->inputs; k++)
        if (info->reads_input[k])
            ensure(m, op->in[k]);
    if (info->reads_output)
        ensure(m, op->out);
    if (m->failed)
        return;
    for (int k = 0; k < op->inputs; k++)
        if (info->reads_input[k])
            step.x[k] = read_copy(m, op->in[k]);
    if (info->reads_output)
        step.y = read_copy(m, op->out);
    if (op->saved >= 0)
        step.saved = read_copy(m, op->saved);
    new_step(m, step);
    forget_fresh(m);
}

/* Inputs and outputs stay from where they are written to the end. */
static void keep_ends(slr_plan *plan)
{
    for (size_t c = 0; c < plan->copy_count; c++) {
        const slr_tensor *tensor = slr_graph_tensor(plan->graph, plan->copies[c].tensor);
        if (tensor->is_input || tensor->is_output)
            plan->copies[c].last = (int)plan->step_count;
    }
}

static void make_all(maker *m)
{
    slr_plan *plan = m->plan;
    for (int t = 0; t < plan->tensors; t++) {
        m->current[t] = -1;
        if (slr_graph_tensor(plan->graph, t)->is_input)
            new_copy(m, t, 0);
    }
    for (int i = 0; i < plan->ops && !m->failed; i++)
        compute(m, i, SLR_PASS_FORWARD);
    for (int t = 0; t < plan->tensors; t++) {
        plan->uses[t].copy = m->current[t];
        if (plan->uses[t].dropped)
            m->current[t] = -1;
    }
    for (int i = plan->ops - 1; i >= 0 && !m->failed; i--)
        if (plan->in_backward[i])
            backward_step(m, i);
    keep_ends(plan);
}

selora_status slr_plan_make_steps(slr_plan *plan, slr_error *err)
{
    size_t tensors = (size_t)plan->tensors;
    maker m = {.plan = plan, .current = slr_alloc(tensors, sizeof *m.current),
               .fresh = slr_alloc(tensors, sizeof *m.fresh)};
    m.failed = !m.current || !m.fresh;
    if (!m.failed)
        make_all(&m);
    free(m.current);
    free(m.fresh);
    return m.failed ? slr_fail_memory(err, tensors * sizeof *m.current, "a plan") : SELORA_OK;
}
