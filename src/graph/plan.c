/* SPDX-License-Identifier: MIT */
#include "graph/plan.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/memory.h"
#include "graph/placement.h"

/* What the plan knows of one base tensor. Times: forward of op i at i, backward of op i at 2 ops - 1 - i. */
typedef struct tensor_use {
    int value_last;   /* last time the value is read, -1 never */
    int consumers;    /* ops that will write its gradient */
    bool reached;     /* a gradient flows through it */
    int value_buffer; /* index into lifetimes, -1 for none */
    int gradient_buffer;
} tensor_use;

struct slr_plan {
    const slr_graph *graph;
    const slr_backend *backend;
    slr_plan_options options;
    int ops, tensors;
    tensor_use *uses;
    slr_lifetime *lifetimes; /* buffer 2t: value of tensor t, 2t+1: its gradient */
    bool *in_backward;       /* per op */
    size_t arena_bytes, workspace_bytes;
    unsigned char *arena;
    void *own_memory; /* the arena when the plan allocated it */
    slr_call *forward, *backward; /* backward[i] belongs to op i */
    slr_plan_profile profile;
};

static tensor_use *use_of(slr_plan *plan, slr_tid tensor)
{
    return &plan->uses[slr_graph_base(plan->graph, tensor)];
}

static int backward_time(const slr_plan *plan, int op)
{
    return 2 * plan->ops - 1 - op;
}

/* Which ops take part in backward: those between something that wants a gradient and a seed. */
static void mark_backward(slr_plan *plan)
{
    for (int t = 0; t < plan->tensors; t++)
        if (slr_graph_tensor(plan->graph, t)->is_seed)
            plan->uses[t].reached = true;
    for (int i = plan->ops - 1; plan->options.backward && i >= 0; i--) {
        const slr_op *op = slr_graph_op(plan->graph, i);
        if (!use_of(plan, op->out)->reached || !slr_graph_tensor(plan->graph, op->out)->wants_gradient)
            continue;
        plan->in_backward[i] = true;
        for (int k = 0; k < op->inputs; k++) {
            if (!slr_graph_tensor(plan->graph, op->in[k])->wants_gradient)
                continue;
            use_of(plan, op->in[k])->reached = true;
            use_of(plan, op->in[k])->consumers++;
        }
    }
}

static void note_read(slr_plan *plan, slr_tid tensor, int time)
{
    tensor_use *use = use_of(plan, tensor);
    if (time > use->value_last)
        use->value_last = time;
}

static void mark_reads(slr_plan *plan)
{
    for (int t = 0; t < plan->tensors; t++)
        plan->uses[t].value_last = -1;
    for (int i = 0; i < plan->ops; i++) {
        const slr_op *op = slr_graph_op(plan->graph, i);
        const slr_op_info *info = slr_op_info_of(op->kind);
        for (int k = 0; k < op->inputs; k++) {
            note_read(plan, op->in[k], i);
            if (plan->in_backward[i] && info->reads_input[k])
                note_read(plan, op->in[k], backward_time(plan, i));
        }
        if (plan->in_backward[i] && info->reads_output)
            note_read(plan, op->out, backward_time(plan, i));
    }
}

/* The input whose memory op i may take for its output, -1 for none. */
static int in_place_input(slr_plan *plan, int i)
{
    const slr_op *op = slr_graph_op(plan->graph, i);
    const slr_op_info *info = slr_op_info_of(op->kind);
    for (int k = op->inputs - 1; k >= 0 && !plan->options.apart; k--) {
        slr_tid base = slr_graph_base(plan->graph, op->in[k]);
        const slr_tensor *tensor = slr_graph_tensor(plan->graph, base);
        bool twice = false;
        for (int other = 0; other < op->inputs; other++)
            twice |= other != k && plan->uses[slr_graph_base(plan->graph, op->in[other])].value_buffer ==
                                       plan->uses[base].value_buffer;
        if (info->in_place[k] && !twice && !tensor->is_input && !tensor->is_output &&
            plan->uses[base].value_last == i)
            return k;
    }
    return -1;
}

static size_t real_bytes(const slr_plan *plan, slr_tid tensor)
{
    return (size_t)slr_tensor_elements(slr_graph_tensor(plan->graph, tensor)) * sizeof(slr_real);
}

static void extend(slr_lifetime *life, int first, int last)
{
    if (first < life->first)
        life->first = first;
    if (last > life->last)
        life->last = last;
}

static void give_value_buffers(slr_plan *plan)
{
    int end = 2 * plan->ops;
    for (int t = 0; t < plan->tensors; t++) {
        const slr_tensor *tensor = slr_graph_tensor(plan->graph, t);
        plan->uses[t].value_buffer = plan->uses[t].gradient_buffer = -1;
        if (tensor->is_input) {
            plan->uses[t].value_buffer = 2 * t;
            plan->lifetimes[2 * t] = (slr_lifetime){real_bytes(plan, t), 0, end, 0};
        }
    }
    for (int i = 0; i < plan->ops; i++) {
        const slr_op *op = slr_graph_op(plan->graph, i);
        tensor_use *out = &plan->uses[op->out];
        int last = slr_graph_tensor(plan->graph, op->out)->is_output ? end : out->value_last;
        int k = in_place_input(plan, i);
        out->value_buffer = k >= 0 ? use_of(plan, op->in[k])->value_buffer : 2 * op->out;
        if (k < 0)
            plan->lifetimes[2 * op->out] = (slr_lifetime){real_bytes(plan, op->out), i, i, 0};
        extend(&plan->lifetimes[out->value_buffer], i, last);
        if (op->saved >= 0 && plan->in_backward[i]) {
            plan->uses[op->saved].value_buffer = 2 * op->saved;
            plan->lifetimes[2 * op->saved] =
                (slr_lifetime){real_bytes(plan, op->saved), i, backward_time(plan, i), 0};
        }
    }
}

/* In backward order, so that an output's gradient has its buffer before its inputs' gradients get theirs. */
static void give_gradient_buffers(slr_plan *plan)
{
    int end = 2 * plan->ops;
    for (int t = 0; t < plan->tensors; t++)
        if (slr_graph_tensor(plan->graph, t)->is_seed && plan->options.backward) {
            plan->uses[t].gradient_buffer = 2 * t + 1;
            plan->lifetimes[2 * t + 1] = (slr_lifetime){real_bytes(plan, t), 0, end, 0};
        }
    for (int i = plan->ops - 1; i >= 0; i--) {
        const slr_op *op = slr_graph_op(plan->graph, i);
        if (!plan->in_backward[i])
            continue;
        int now = backward_time(plan, i), out_buffer = plan->uses[op->out].gradient_buffer;
        extend(&plan->lifetimes[out_buffer], now, now);
        for (int k = 0; k < op->inputs; k++) {
            slr_tid base = slr_graph_base(plan->graph, op->in[k]);
            const slr_tensor *tensor = slr_graph_tensor(plan->graph, base);
            tensor_use *in = &plan->uses[base];
            if (!slr_graph_tensor(plan->graph, op->in[k])->wants_gradient)
                continue;
            bool share = slr_op_info_of(op->kind)->passes_gradient[k] && in->consumers == 1 &&
                         !tensor->is_input && !tensor->is_seed && !plan->options.apart;
            if (share) {
                in->gradient_buffer = out_buffer;
            } else if (in->gradient_buffer < 0) {
                in->gradient_buffer = 2 * base + 1;
                plan->lifetimes[2 * base + 1] = (slr_lifetime){real_bytes(plan, base), now, now, 0};
            }
            extend(&plan->lifetimes[in->gradient_buffer], now, tensor->is_input ? end : now);
        }
    }
}

/* Every buffer lives all the time. */
static void keep_apart(slr_plan *plan)
{
    for (int i = 0; i < 2 * plan->tensors; i++) {
        plan->lifetimes[i].first = 0;
        plan->lifetimes[i].last = 2 * plan->ops;
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
                               ? backend->workspace(plan->graph, op, pass == 1, plan->options.threads) : 0;
            if (bytes > plan->workspace_bytes)
                plan->workspace_bytes = bytes;
        }
    }
    return SELORA_OK;
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
    size_t tensors = (size_t)plan->tensors, ops = (size_t)plan->ops;
    plan->uses = slr_alloc(tensors, sizeof *plan->uses);
    plan->lifetimes = slr_alloc(2 * tensors, sizeof *plan->lifetimes);
    plan->in_backward = slr_alloc(ops, sizeof *plan->in_backward);
    plan->forward = slr_alloc(ops, sizeof *plan->forward);
    plan->backward = slr_alloc(ops, sizeof *plan->backward);
    selora_status status = SELORA_OK;
    if (!plan->uses || !plan->lifetimes || !plan->in_backward || !plan->forward || !plan->backward) {
        status = slr_fail_memory(err, tensors * sizeof *plan->uses, "a plan");
    } else {
        mark_backward(plan);
        mark_reads(plan);
        give_value_buffers(plan);
        give_gradient_buffers(plan);
        if (plan->options.apart)
            keep_apart(plan);
        if (!slr_place_buffers(plan->lifetimes, 2 * tensors, &plan->arena_bytes))
            status = slr_fail_memory(err, 2 * tensors * sizeof(void *), "a plan");
        else
            status = measure_workspace(plan, err);
    }
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
    free(plan->lifetimes);
    free(plan->in_backward);
    free(plan->forward);
    free(plan->backward);
    free(plan->own_memory);
    free(plan);
}

size_t slr_plan_bytes(const slr_plan *plan)
{
    return plan->arena_bytes + plan->workspace_bytes;
}

static slr_real *buffer_at(const slr_plan *plan, int buffer)
{
    return buffer < 0 ? NULL : (slr_real *)(void *)(plan->arena + plan->lifetimes[buffer].offset);
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

static selora_status fill_forward(slr_plan *plan, const slr_weight_store *store, int i, slr_error *err)
{
    const slr_op *op = slr_graph_op(plan->graph, i);
    slr_call *call = &plan->forward[i];
    call->backend = plan->backend;
    call->op = op;
    call->out = slr_graph_tensor(plan->graph, op->out);
    call->y = buffer_at(plan, plan->uses[op->out].value_buffer);
    for (int k = 0; k < op->inputs; k++) {
        call->in[k] = slr_graph_tensor(plan->graph, op->in[k]);
        call->x[k] = buffer_at(plan, use_of(plan, op->in[k])->value_buffer);
    }
    if (op->saved >= 0)
        call->saved = buffer_at(plan, plan->uses[op->saved].value_buffer);
    if (op->kind == SLR_OP_LOW_RANK)
        call->slot = op->u.low_rank.slot;
    SLR_TRY(bind_weight(plan, store, op->weight, &call->weight, err));
    SLR_TRY(bind_weight(plan, store, op->bias, &call->bias, err));
    call->workspace = plan->arena + plan->arena_bytes;
    call->threads = plan->options.threads;
    return SELORA_OK;
}

/* `written` tells for each buffer whether an earlier backward step has put something there. */
static void fill_backward(slr_plan *plan, int i, bool *written)
{
    const slr_op *op = slr_graph_op(plan->graph, i);
    const slr_op_info *info = slr_op_info_of(op->kind);
    slr_call *call = &plan->backward[i];
    *call = plan->forward[i];
    call->dy = buffer_at(plan, plan->uses[op->out].gradient_buffer);
    if (!info->reads_output)
        call->y = NULL;
    for (int k = 0; k < op->inputs; k++) {
        if (!info->reads_input[k])
            call->x[k] = NULL;
        if (!slr_graph_tensor(plan->graph, op->in[k])->wants_gradient)
            continue;
        int buffer = use_of(plan, op->in[k])->gradient_buffer;
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
    for (int i = 0; i < plan->ops; i++)
        SLR_TRY(fill_forward(plan, store, i, err));
    bool *written = slr_alloc(2 * (size_t)plan->tensors, sizeof *written);
    if (!written)
        return slr_fail_memory(err, 2 * (size_t)plan->tensors, "a plan");
    for (int t = 0; t < plan->tensors; t++)
        if (slr_graph_tensor(plan->graph, t)->is_seed && plan->uses[t].gradient_buffer >= 0)
            written[plan->uses[t].gradient_buffer] = true;
    for (int i = plan->ops - 1; i >= 0; i--)
        if (plan->in_backward[i])
            fill_backward(plan, i, written);
    free(written);
    return SELORA_OK;
}

slr_real *slr_plan_value(const slr_plan *plan, slr_tid tensor)
{
    slr_tid base = slr_graph_base(plan->graph, tensor);
    const slr_tensor *t = base < 0 ? NULL : slr_graph_tensor(plan->graph, base);
    if (!plan->arena || !t || !(t->is_input || t->is_output))
        return NULL;
    return buffer_at(plan, plan->uses[base].value_buffer);
}

slr_real *slr_plan_gradient(const slr_plan *plan, slr_tid tensor)
{
    slr_tid base = slr_graph_base(plan->graph, tensor);
    const slr_tensor *t = base < 0 ? NULL : slr_graph_tensor(plan->graph, base);
    if (!plan->arena || !t || !(t->is_input || t->is_seed))
        return NULL;
    return buffer_at(plan, plan->uses[base].gradient_buffer);
}

static void run_call(slr_plan *plan, const slr_call *call, int pass)
{
    slr_op_kind kind = call->op->kind;
    double start = slr_clock_seconds();
    (pass ? plan->backend->backward : plan->backend->forward)[kind](call);
    plan->profile.seconds[pass][kind] += slr_clock_seconds() - start;
}

bool slr_plan_is_outgrown(const slr_plan *plan)
{
    for (int i = 0; i < plan->ops; i++) {
        const slr_op *op = slr_graph_op(plan->graph, i);
        if (op->kind == SLR_OP_LOW_RANK &&
            op->u.low_rank.slot->capacity != slr_tensor_columns(slr_graph_tensor(plan->graph, op->saved)))
            return true;
    }
    return false;
}

void slr_plan_forward(slr_plan *plan)
{
    assert(!slr_plan_is_outgrown(plan));
    for (int i = 0; i < plan->ops; i++)
        run_call(plan, &plan->forward[i], 0);
}

void slr_plan_backward(slr_plan *plan)
{
    for (int i = plan->ops - 1; i >= 0; i--)
        if (plan->in_backward[i])
            run_call(plan, &plan->backward[i], 1);
}

const char *slr_plan_find_nonfinite(slr_plan *plan)
{
    for (int i = 0; i < plan->ops; i++) {
        const slr_call *call = &plan->forward[i];
        run_call(plan, call, 0);
        int64_t count = slr_tensor_elements(call->out);
        for (int64_t e = 0; e < count; e++)
            if (!isfinite(call->y[e]))
                return call->op->path;
    }
    return NULL;
}

int64_t slr_plan_macs(const slr_plan *plan)
{
    int64_t total = 0;
    for (int i = 0; i < plan->ops; i++) {
        const slr_op *op = slr_graph_op(plan->graph, i);
        total += slr_op_macs(plan->graph, op);
        if (plan->in_backward[i])
            total += slr_op_backward_macs(plan->graph, op);
    }
    return total;
}

void slr_plan_profile_reset(slr_plan *plan)
{
    memset(&plan->profile, 0, sizeof plan->profile);
}

const slr_plan_profile *slr_plan_profile_read(const slr_plan *plan)
{
    return &plan->profile;
}
