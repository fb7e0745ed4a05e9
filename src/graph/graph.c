/* SPDX-License-Identifier: MIT */
#include "graph/graph_store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* The op table. Frozen weights get no gradients, so a convolution or linear map reads nothing in backward. */
static const slr_op_info op_table[SLR_OP_COUNT] = {
    [SLR_OP_CONV2D] = {.name = "conv2d"},
    [SLR_OP_LINEAR] = {.name = "linear"},
    [SLR_OP_LOW_RANK] = {.name = "low_rank", .reads_input = {false, true},
                         .passes_gradient = {true}, .in_place = {true}},
    [SLR_OP_GROUP_NORM] = {.name = "group_norm", .reads_input = {true}},
    [SLR_OP_LAYER_NORM] = {.name = "layer_norm", .reads_input = {true}},
    [SLR_OP_ACTIVATION] = {.name = "activation", .reads_input = {true}, .in_place = {true},
                           .gradient_in_place = true},
    [SLR_OP_GEGLU] = {.name = "geglu", .reads_input = {true}, .gradient_in_place = true},
    [SLR_OP_ATTENTION] = {.name = "attention", .reads_input = {true, true, true}, .reads_output = true},
    [SLR_OP_ADD] = {.name = "add", .passes_gradient = {true, true}, .in_place = {true, true}},
    [SLR_OP_ADD_CHANNEL] = {.name = "add_channel", .passes_gradient = {true}, .in_place = {true}},
    [SLR_OP_CONCAT] = {.name = "concat"},
    [SLR_OP_UPSAMPLE] = {.name = "upsample"},
    [SLR_OP_EMBEDDING] = {.name = "embedding", .no_gradient = {true}},
    [SLR_OP_TIMESTEP] = {.name = "timestep", .no_gradient = {true}},
    [SLR_OP_POOL] = {.name = "pool", .no_gradient = {true}},
    [SLR_OP_SCALE_SHIFT] = {.name = "scale_shift", .in_place = {true}, .no_gradient = {true}},
    [SLR_OP_PICK] = {.name = "pick", .no_gradient = {true, true}},
    [SLR_OP_MSE] = {.name = "mse", .reads_input = {true, true, true}, .no_gradient = {false, true, true}},
};

const slr_op_info *slr_op_info_of(slr_op_kind kind)
{
    return &op_table[kind];
}

slr_graph *slr_graph_new(void)
{
    return slr_alloc(1, sizeof(slr_graph));
}

void slr_graph_free(slr_graph *graph)
{
    if (!graph)
        return;
    for (size_t i = 0; i < graph->tensor_count; i++)
        free(graph->tensors[i].name);
    for (size_t i = 0; i < graph->op_count; i++)
        free(graph->ops[i].path);
    for (size_t i = 0; i < graph->weight_count; i++)
        free(graph->weights[i].name);
    free(graph->tensors);
    free(graph->ops);
    free(graph->weights);
    free(graph);
}

bool slr_graph_failed(const slr_graph *graph, slr_error *err)
{
    if (graph->error.status == SELORA_OK)
        return false;
    if (err)
        *err = graph->error;
    return true;
}

slr_tid slr_graph_fail(slr_graph *graph, selora_status status, const char *format, ...)
{
    if (graph->error.status == SELORA_OK) {
        va_list args;
        va_start(args, format);
        vsnprintf(graph->error.message, sizeof graph->error.message, format, args);
        va_end(args);
        graph->error.status = status;
    }
    return -1;
}

/* More elements than this in one tensor is a mistake in a config, not a plan (2^40 reals = 4 TiB). */
static bool shape_is_sane(int dims, const int64_t *shape)
{
    int64_t elements = 1;
    if (dims < 1 || dims > SLR_MAX_DIMS)
        return false;
    for (int i = 0; i < dims; i++)
        if (shape[i] < 1 || __builtin_mul_overflow(elements, shape[i], &elements) ||
            elements > ((int64_t)1 << 40))
            return false;
    return true;
}

slr_tid slr_graph_add_tensor(slr_graph *graph, const char *name, int dims, const int64_t *shape)
{
    if (graph->error.status != SELORA_OK)
        return -1;
    if (!shape_is_sane(dims, shape))
        return slr_graph_fail(graph, SELORA_BAD_INPUT, "%s: impossible tensor shape (a size below 1 or far too large)",
                              name);
    char *copy = slr_copy_text(name);
    if (!copy || !slr_grow((void **)&graph->tensors, &graph->tensor_capacity, graph->tensor_count,
                           sizeof *graph->tensors)) {
        free(copy);
        return slr_graph_fail(graph, SELORA_NO_RESOURCE, "not enough memory to record the graph");
    }
    slr_tid id = (slr_tid)graph->tensor_count++;
    slr_tensor *tensor = &graph->tensors[id];
    memset(tensor, 0, sizeof *tensor);
    tensor->name = copy;
    tensor->dims = dims;
    memcpy(tensor->shape, shape, (size_t)dims * sizeof *shape);
    tensor->producer = -1;
    tensor->base = id;
    return id;
}

static bool same_shape(int dims_a, const int64_t *a, int dims_b, const int64_t *b)
{
    return dims_a == dims_b && memcmp(a, b, (size_t)dims_a * sizeof *a) == 0;
}

int slr_graph_add_weight(slr_graph *graph, const char *path, const char *suffix, slr_weight_kind kind,
                         int dims, const int64_t *shape)
{
    if (graph->error.status != SELORA_OK)
        return -1;
    if (!shape_is_sane(dims, shape))
        return slr_graph_fail(graph, SELORA_BAD_INPUT, "%s%s: impossible weight shape", path, suffix);
    char *name = slr_format("%s%s", path, suffix);
    if (!name || !slr_grow((void **)&graph->weights, &graph->weight_capacity, graph->weight_count,
                           sizeof *graph->weights)) {
        free(name);
        return slr_graph_fail(graph, SELORA_NO_RESOURCE, "not enough memory to record the graph");
    }
    slr_weight_spec *spec = &graph->weights[graph->weight_count];
    memset(spec, 0, sizeof *spec);
    spec->name = name;
    spec->kind = kind;
    spec->dims = dims;
    memcpy(spec->shape, shape, (size_t)dims * sizeof *shape);
    return (int)graph->weight_count++;
}

/* Each input is a tensor, no two are the same memory (kernels write the gradients of inputs independently of each
 * other; only a sum takes one tensor twice), and none that has no gradient rule wants one. */
static bool inputs_are_sound(slr_graph *graph, const slr_op *op, const char *path)
{
    const slr_op_info *info = &op_table[op->kind];
    for (int i = 0; i < op->inputs; i++) {
        if (op->in[i] < 0 || (size_t)op->in[i] >= graph->tensor_count) {
            slr_graph_fail(graph, SELORA_USAGE, "%s: input %d of %s is not a tensor", path, i, info->name);
            return false;
        }
        for (int k = 0; k < i && op->kind != SLR_OP_ADD; k++)
            if (graph->tensors[op->in[k]].base == graph->tensors[op->in[i]].base) {
                slr_graph_fail(graph, SELORA_USAGE, "%s: %s cannot take one tensor twice", path, info->name);
                return false;
            }
        if (info->no_gradient[i] && graph->tensors[op->in[i]].wants_gradient) {
            slr_graph_fail(graph, SELORA_USAGE, "%s: %s has no gradient for input %d", path, info->name, i);
            return false;
        }
    }
    return true;
}

slr_tid slr_graph_add_op(slr_graph *graph, slr_op op, const char *path, int dims, const int64_t *shape)
{
    if (graph->error.status != SELORA_OK || !inputs_are_sound(graph, &op, path))
        return -1;
    bool wants_gradient = op.kind == SLR_OP_LOW_RANK && op.u.low_rank.slot->trainable;
    for (int i = 0; i < op.inputs; i++)
        wants_gradient |= graph->tensors[op.in[i]].wants_gradient;
    slr_tid out = slr_graph_add_tensor(graph, path, dims, shape);
    if (out < 0)
        return -1;
    char *copy = slr_copy_text(path);
    if (!copy || !slr_grow((void **)&graph->ops, &graph->op_capacity, graph->op_count,
                           sizeof *graph->ops)) {
        free(copy);
        return slr_graph_fail(graph, SELORA_NO_RESOURCE, "not enough memory to record the graph");
    }
    op.out = out;
    op.saved = -1;
    op.path = copy;
    graph->tensors[out].producer = (int)graph->op_count;
    graph->tensors[out].wants_gradient = wants_gradient;
    graph->ops[graph->op_count++] = op;
    return out;
}

void slr_graph_add_statistic(slr_graph *graph, int dims, const int64_t *shape)
{
    if (graph->error.status != SELORA_OK || graph->op_count == 0)
        return;
    slr_op *op = &graph->ops[graph->op_count - 1];
    slr_tid saved = slr_graph_add_tensor(graph, op->path, dims, shape);
    if (saved < 0)
        return;
    op->saved = saved;
    graph->tensors[saved].is_statistic = true;
    graph->tensors[saved].producer = (int)graph->op_count - 1;
}

slr_tid slr_graph_input(slr_graph *graph, const char *name, int dims, const int64_t *shape)
{
    slr_tid id = slr_graph_add_tensor(graph, name, dims, shape);
    if (id >= 0)
        graph->tensors[id].is_input = true;
    return id;
}

void slr_graph_images_alone(slr_graph *graph)
{
    graph->images_alone = true;
}

void slr_graph_output(slr_graph *graph, slr_tid tensor)
{
    if (tensor >= 0)
        graph->tensors[graph->tensors[tensor].base].is_output = true;
}

void slr_graph_want_gradient(slr_graph *graph, slr_tid tensor)
{
    if (tensor >= 0)
        graph->tensors[tensor].wants_gradient = true;
}

void slr_graph_seed(slr_graph *graph, slr_tid tensor)
{
    if (tensor >= 0) {
        graph->tensors[graph->tensors[tensor].base].is_seed = true;
        graph->tensors[graph->tensors[tensor].base].is_output = true;
    }
}

slr_tid slr_graph_keep(slr_graph *graph, slr_tid tensor)
{
    if (tensor >= 0)
        graph->tensors[graph->tensors[tensor].base].is_kept = true;
    return tensor;
}

slr_tid slr_graph_reshape(slr_graph *graph, slr_tid x, int dims, const int64_t *shape)
{
    if (x < 0)
        return -1;
    slr_tensor source = graph->tensors[x];
    if (same_shape(source.dims, source.shape, dims, shape))
        return x;
    slr_tid view = slr_graph_add_tensor(graph, source.name, dims, shape);
    if (view < 0)
        return -1;
    if (slr_tensor_elements(&graph->tensors[view]) != slr_tensor_elements(&source))
        return slr_graph_fail(graph, SELORA_USAGE, "%s: a reshape must keep the number of elements",
                              source.name);
    slr_tensor *tensor = &graph->tensors[view];
    tensor->base = source.base;
    tensor->producer = source.producer;
    tensor->wants_gradient = source.wants_gradient;
    return view;
}

int slr_graph_tensor_count(const slr_graph *graph)
{
    return (int)graph->tensor_count;
}

const slr_tensor *slr_graph_tensor(const slr_graph *graph, slr_tid tensor)
{
    return &graph->tensors[tensor];
}

slr_tid slr_graph_base(const slr_graph *graph, slr_tid tensor)
{
    return tensor < 0 ? -1 : graph->tensors[tensor].base;
}

int slr_graph_op_count(const slr_graph *graph)
{
    return (int)graph->op_count;
}

const slr_op *slr_graph_op(const slr_graph *graph, int index)
{
    return &graph->ops[index];
}

int slr_graph_weight_count(const slr_graph *graph)
{
    return (int)graph->weight_count;
}

const slr_weight_spec *slr_graph_weight(const slr_graph *graph, int index)
{
    return &graph->weights[index];
}

int64_t slr_tensor_elements(const slr_tensor *tensor)
{
    int64_t elements = 1;
    for (int i = 0; i < tensor->dims; i++)
        elements *= tensor->shape[i];
    return elements;
}

int64_t slr_tensor_columns(const slr_tensor *tensor)
{
    return tensor->shape[tensor->dims - 1];
}

int64_t slr_tensor_rows(const slr_tensor *tensor)
{
    return slr_tensor_elements(tensor) / slr_tensor_columns(tensor);
}

int64_t slr_weight_elements(const slr_weight_spec *spec)
{
    int64_t elements = 1;
    for (int i = 0; i < spec->dims; i++)
        elements *= spec->shape[i];
    return elements;
}

int64_t slr_op_macs(const slr_graph *graph, const slr_op *op)
{
    const slr_tensor *out = slr_graph_tensor(graph, op->out);
    const slr_tensor *x = slr_graph_tensor(graph, op->in[0]);
    int64_t taps;
    switch (op->kind) {
    case SLR_OP_CONV2D:
        taps = (int64_t)op->u.conv.window.height * op->u.conv.window.width;
        return slr_tensor_elements(out) * slr_tensor_columns(x) * taps;
    case SLR_OP_LINEAR:
        return slr_tensor_elements(out) * slr_tensor_columns(x);
    case SLR_OP_LOW_RANK:
        return slr_tensor_rows(out) * op->u.low_rank.slot->rank *
               (op->u.low_rank.slot->in + op->u.low_rank.slot->out);
    case SLR_OP_ATTENTION:
        return 2 * slr_tensor_elements(out) * slr_graph_tensor(graph, op->in[1])->shape[1];
    default:
        return 0;
    }
}

int64_t slr_op_backward_macs(const slr_graph *graph, const slr_op *op)
{
    int64_t forward = slr_op_macs(graph, op);
    switch (op->kind) {
    case SLR_OP_LOW_RANK: return 2 * forward;       /* gradients of x and of A, B */
    case SLR_OP_ATTENTION: return forward / 2 * 5;  /* scores again, then gradients of p, q, k, v */
    default: return forward;                        /* frozen weights: the gradient of x alone */
    }
}
