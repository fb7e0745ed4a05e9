/* SPDX-License-Identifier: MIT
 * Recording: one function an op, with its shape rule. */
#include "graph/graph_store.h"

#include <math.h>
#include <string.h>

static const slr_tensor *at(const slr_graph *graph, slr_tid tensor)
{
    return &graph->tensors[tensor];
}

/* True when an earlier error or a missing input makes recording pointless. */
static bool skip(slr_graph *graph, slr_tid a, slr_tid b, slr_tid c)
{
    return graph->error.status != SELORA_OK || a < 0 || b < 0 || c < 0;
}

static slr_op unary(slr_op_kind kind, slr_tid x)
{
    slr_op op;
    memset(&op, 0, sizeof op);
    op.kind = kind;
    op.inputs = 1;
    op.in[0] = x;
    op.in[1] = op.in[2] = -1;
    op.weight = op.bias = -1;
    return op;
}

static slr_op binary(slr_op_kind kind, slr_tid a, slr_tid b)
{
    slr_op op = unary(kind, a);
    op.inputs = 2;
    op.in[1] = b;
    return op;
}

static bool is_window(slr_map_window w)
{
    return w.height > 0 && w.width > 0 && w.stride > 0 && w.pads.top >= 0 && w.pads.left >= 0 && w.pads.bottom >= 0 &&
           w.pads.right >= 0;
}

/* The size of what a window that moves over (N,H,W,C) gives; false when it does not fit into the map. */
static bool move_window(const slr_tensor *in, slr_map_window w, int64_t *height, int64_t *width)
{
    int64_t down = in->shape[1] + w.pads.top + w.pads.bottom - w.height;
    int64_t across = in->shape[2] + w.pads.left + w.pads.right - w.width;
    *height = down / w.stride + 1;
    *width = across / w.stride + 1;
    return down >= 0 && across >= 0;
}

static slr_tid fail_small(slr_graph *graph, const slr_tensor *in, const char *path)
{
    return slr_graph_fail(graph, SELORA_BAD_INPUT,
                          "%s: a feature map of %lldx%lld is too small for this model; use a larger image size", path,
                          (long long)in->shape[2], (long long)in->shape[1]);
}

slr_tid slr_graph_conv2d_window(slr_graph *graph, slr_tid x, const char *path, int64_t out_channels, slr_map_window window)
{
    if (skip(graph, x, 0, 0))
        return -1;
    const slr_tensor *in = at(graph, x);
    if (in->dims != 4)
        return slr_graph_fail(graph, SELORA_USAGE, "%s: a convolution needs (N,H,W,C)", path);
    if (!is_window(window) || window.height > SLR_MAX_KERNEL || window.width > SLR_MAX_KERNEL)
        return slr_graph_fail(graph, SELORA_USAGE, "%s: impossible kernel, stride or padding", path);
    int64_t height, width;
    if (!move_window(in, window, &height, &width))
        return fail_small(graph, in, path);
    slr_op op = unary(SLR_OP_CONV2D, x);
    op.u.conv.window = window;
    op.u.conv.alone = graph->images_alone;
    int64_t batch = in->shape[0];
    op.weight = slr_graph_add_weight(graph, path, ".weight", SLR_WEIGHT_CONV, 4,
                                     (int64_t[]){out_channels, in->shape[3], window.height, window.width});
    op.bias = slr_graph_add_weight(graph, path, ".bias", SLR_WEIGHT_VECTOR, 1, &out_channels);
    return slr_graph_add_op(graph, op, path, 4, (int64_t[]){batch, height, width, out_channels});
}

slr_tid slr_graph_conv2d(slr_graph *graph, slr_tid x, const char *path, int64_t out_channels,
                         int kernel, int stride, slr_pads pads)
{
    return slr_graph_conv2d_window(graph, x, path, out_channels, (slr_map_window){kernel, kernel, stride, pads});
}

slr_tid slr_graph_linear(slr_graph *graph, slr_tid x, const char *path, int64_t out_features, bool bias)
{
    if (skip(graph, x, 0, 0))
        return -1;
    slr_tensor in = *at(graph, x);
    slr_op op = unary(SLR_OP_LINEAR, x);
    op.weight = slr_graph_add_weight(graph, path, ".weight", SLR_WEIGHT_MATRIX, 2,
                                     (int64_t[]){out_features, slr_tensor_columns(&in)});
    if (bias)
        op.bias = slr_graph_add_weight(graph, path, ".bias", SLR_WEIGHT_VECTOR, 1, &out_features);
    in.shape[in.dims - 1] = out_features;
    return slr_graph_add_op(graph, op, path, in.dims, in.shape);
}

slr_tid slr_graph_low_rank(slr_graph *graph, slr_tid base, slr_tid x, slr_slot *slot, const char *path)
{
    if (skip(graph, base, x, 0))
        return -1;
    slr_tensor out = *at(graph, base);
    const slr_tensor *in = at(graph, x);
    if (slr_tensor_columns(in) != slot->in || slr_tensor_columns(&out) != slot->out ||
        slr_tensor_rows(in) != slr_tensor_rows(&out))
        return slr_graph_fail(graph, SELORA_BAD_INPUT,
                              "%s: the adapter is for %lld -> %lld features, the layer has %lld -> %lld", path,
                              (long long)slot->in, (long long)slot->out,
                              (long long)slr_tensor_columns(in), (long long)slr_tensor_columns(&out));
    slr_op op = binary(SLR_OP_LOW_RANK, base, x);
    op.u.low_rank.slot = slot;
    int64_t rows = slr_tensor_rows(in);
    slr_tid result = slr_graph_add_op(graph, op, path, out.dims, out.shape);
    slr_graph_add_statistic(graph, 2, (int64_t[]){rows, slot->capacity});
    return result;
}

static slr_tid add_norm(slr_graph *graph, slr_op op, slr_tid x, const char *path)
{
    slr_tensor in = *at(graph, x);
    int64_t width = slr_tensor_columns(&in);
    op.weight = slr_graph_add_weight(graph, path, ".weight", SLR_WEIGHT_VECTOR, 1, &width);
    op.bias = slr_graph_add_weight(graph, path, ".bias", SLR_WEIGHT_VECTOR, 1, &width);
    return slr_graph_add_op(graph, op, path, in.dims, in.shape);
}

slr_tid slr_graph_group_norm(slr_graph *graph, slr_tid x, const char *path, int groups, double eps,
                             bool silu)
{
    if (skip(graph, x, 0, 0))
        return -1;
    int64_t batch = at(graph, x)->shape[0], channels = slr_tensor_columns(at(graph, x));
    if (groups < 1 || channels % groups != 0)
        return slr_graph_fail(graph, SELORA_BAD_INPUT, "%s: %lld channels do not divide into %d norm groups (norm_num_groups)",
                              path, (long long)channels, groups);
    slr_op op = unary(SLR_OP_GROUP_NORM, x);
    op.u.norm.groups = groups;
    op.u.norm.eps = eps;
    op.u.norm.silu = silu;
    slr_tid out = add_norm(graph, op, x, path);
    slr_graph_add_statistic(graph, 3, (int64_t[]){batch, groups, 2});
    return out;
}

slr_tid slr_graph_layer_norm(slr_graph *graph, slr_tid x, const char *path, double eps)
{
    if (skip(graph, x, 0, 0))
        return -1;
    int64_t rows = slr_tensor_rows(at(graph, x));
    slr_op op = unary(SLR_OP_LAYER_NORM, x);
    op.u.norm.eps = eps;
    slr_tid out = add_norm(graph, op, x, path);
    slr_graph_add_statistic(graph, 2, (int64_t[]){rows, 2});
    return out;
}

slr_tid slr_graph_activation(slr_graph *graph, slr_tid x, slr_activation kind, const char *path)
{
    if (skip(graph, x, 0, 0))
        return -1;
    slr_op op = unary(SLR_OP_ACTIVATION, x);
    op.u.act.kind = kind;
    slr_tensor in = *at(graph, x);
    return slr_graph_add_op(graph, op, path, in.dims, in.shape);
}

slr_tid slr_graph_geglu(slr_graph *graph, slr_tid x, const char *path)
{
    if (skip(graph, x, 0, 0))
        return -1;
    slr_tensor in = *at(graph, x);
    if (slr_tensor_columns(&in) % 2 != 0)
        return slr_graph_fail(graph, SELORA_USAGE, "%s: GEGLU needs an even width", path);
    in.shape[in.dims - 1] /= 2;
    return slr_graph_add_op(graph, unary(SLR_OP_GEGLU, x), path, in.dims, in.shape);
}

slr_tid slr_graph_attention(slr_graph *graph, slr_tid q, slr_tid k, slr_tid v, int heads, bool causal,
                            const char *path)
{
    if (skip(graph, q, k, v))
        return -1;
    slr_tensor tq = *at(graph, q);
    const slr_tensor *tk = at(graph, k), *tv = at(graph, v);
    if (tq.dims != 3 || tk->dims != 3 || tv->dims != 3 || tk->shape[0] != tq.shape[0] ||
        tv->shape[0] != tq.shape[0] || tk->shape[1] != tv->shape[1] || tk->shape[2] != tq.shape[2] ||
        tv->shape[2] != tq.shape[2])
        return slr_graph_fail(graph, SELORA_USAGE, "%s: attention needs q (N,Tq,D), k and v (N,Tk,D)", path);
    if (heads < 1 || tq.shape[2] % heads != 0)
        return slr_graph_fail(graph, SELORA_BAD_INPUT, "%s: a width of %lld does not divide into %d heads", path,
                              (long long)tq.shape[2], heads);
    slr_op op = unary(SLR_OP_ATTENTION, q);
    op.inputs = 3;
    op.in[1] = k;
    op.in[2] = v;
    op.u.attention.heads = heads;
    op.u.attention.causal = causal;
    op.u.attention.scale = 1.0 / sqrt((double)tq.shape[2] / heads);
    slr_tid out = slr_graph_add_op(graph, op, path, 3, tq.shape);
    slr_graph_add_statistic(graph, 3, (int64_t[]){tq.shape[0], heads, tq.shape[1]});
    return out;
}

slr_tid slr_graph_add(slr_graph *graph, slr_tid a, slr_tid b, const char *path)
{
    if (skip(graph, a, b, 0))
        return -1;
    slr_tensor ta = *at(graph, a);
    const slr_tensor *tb = at(graph, b);
    if (ta.dims != tb->dims || memcmp(ta.shape, tb->shape, (size_t)ta.dims * sizeof *ta.shape) != 0)
        return slr_graph_fail(graph, SELORA_USAGE, "%s: a sum needs equal shapes", path);
    return slr_graph_add_op(graph, binary(SLR_OP_ADD, a, b), path, ta.dims, ta.shape);
}

slr_tid slr_graph_add_channel(slr_graph *graph, slr_tid x, slr_tid t, const char *path)
{
    if (skip(graph, x, t, 0))
        return -1;
    slr_tensor in = *at(graph, x);
    const slr_tensor *per_channel = at(graph, t);
    if (in.dims != 4 || per_channel->dims != 2 || per_channel->shape[0] != in.shape[0] ||
        per_channel->shape[1] != in.shape[3])
        return slr_graph_fail(graph, SELORA_USAGE, "%s: needs (N,H,W,C) and (N,C)", path);
    return slr_graph_add_op(graph, binary(SLR_OP_ADD_CHANNEL, x, t), path, 4, in.shape);
}

slr_tid slr_graph_concat(slr_graph *graph, slr_tid a, slr_tid b, const char *path)
{
    if (skip(graph, a, b, 0))
        return -1;
    slr_tensor ta = *at(graph, a);
    const slr_tensor *tb = at(graph, b);
    if (ta.dims != 4 || tb->dims != 4 || memcmp(ta.shape, tb->shape, 3 * sizeof *ta.shape) != 0)
        return slr_graph_fail(graph, SELORA_USAGE, "%s: concatenation needs equal N, H, W", path);
    ta.shape[3] += tb->shape[3];
    return slr_graph_add_op(graph, binary(SLR_OP_CONCAT, a, b), path, 4, ta.shape);
}

slr_tid slr_graph_upsample(slr_graph *graph, slr_tid x, int64_t height, int64_t width, const char *path)
{
    if (skip(graph, x, 0, 0))
        return -1;
    const slr_tensor *in = at(graph, x);
    if (in->dims != 4)
        return slr_graph_fail(graph, SELORA_USAGE, "%s: up-sampling needs (N,H,W,C)", path);
    int64_t shape[] = {in->shape[0], height, width, in->shape[3]};
    return slr_graph_add_op(graph, unary(SLR_OP_UPSAMPLE, x), path, 4, shape);
}

slr_tid slr_graph_embedding(slr_graph *graph, slr_tid ids, const char *token_path, int64_t vocabulary,
                            const char *position_path, int64_t positions, int64_t width)
{
    if (skip(graph, ids, 0, 0))
        return -1;
    const slr_tensor *in = at(graph, ids);
    if (in->dims != 2 || in->shape[1] > positions)
        return slr_graph_fail(graph, SELORA_BAD_INPUT, "%s: %lld tokens, the model has %lld positions", token_path,
                              (long long)in->shape[in->dims - 1], (long long)positions);
    int64_t shape[] = {in->shape[0], in->shape[1], width};
    slr_op op = unary(SLR_OP_EMBEDDING, ids);
    op.weight = slr_graph_add_weight(graph, token_path, ".weight", SLR_WEIGHT_TABLE, 2,
                                     (int64_t[]){vocabulary, width});
    op.bias = slr_graph_add_weight(graph, position_path, ".weight", SLR_WEIGHT_TABLE, 2,
                                   (int64_t[]){positions, width});
    return slr_graph_add_op(graph, op, token_path, 3, shape);
}

slr_tid slr_graph_timestep(slr_graph *graph, slr_tid t, int64_t width, bool cos_first, double shift,
                           const char *path)
{
    if (skip(graph, t, 0, 0))
        return -1;
    slr_op op = unary(SLR_OP_TIMESTEP, t);
    op.u.timestep.cos_first = cos_first;
    op.u.timestep.shift = shift;
    op.u.timestep.max_period = 10000.0;
    return slr_graph_add_op(graph, op, path, 2, (int64_t[]){at(graph, t)->shape[0], width});
}

slr_tid slr_graph_pool(slr_graph *graph, slr_tid x, slr_pooling kind, slr_map_window window, const char *path)
{
    if (skip(graph, x, 0, 0))
        return -1;
    slr_tensor in = *at(graph, x);
    if (in.dims != 4)
        return slr_graph_fail(graph, SELORA_USAGE, "%s: pooling needs (N,H,W,C)", path);
    if (!is_window(window) || window.pads.top >= window.height || window.pads.bottom >= window.height ||
        window.pads.left >= window.width || window.pads.right >= window.width)
        return slr_graph_fail(graph, SELORA_USAGE, "%s: impossible window, stride or padding", path);
    int64_t height, width;
    if (!move_window(&in, window, &height, &width))
        return fail_small(graph, &in, path);
    slr_op op = unary(SLR_OP_POOL, x);
    op.u.pool.window = window;
    op.u.pool.kind = kind;
    return slr_graph_add_op(graph, op, path, 4, (int64_t[]){in.shape[0], height, width, in.shape[3]});
}

slr_tid slr_graph_scale_shift(slr_graph *graph, slr_tid x, const char *path, bool relu)
{
    if (skip(graph, x, 0, 0))
        return -1;
    slr_op op = unary(SLR_OP_SCALE_SHIFT, x);
    op.u.scale_shift.relu = relu;
    return add_norm(graph, op, x, path);
}

slr_tid slr_graph_pick(slr_graph *graph, slr_tid x, slr_tid index, const char *path)
{
    if (skip(graph, x, index, 0))
        return -1;
    slr_tensor in = *at(graph, x);
    const slr_tensor *rows = at(graph, index);
    if (in.dims != 3 || rows->dims != 1 || rows->shape[0] != in.shape[0])
        return slr_graph_fail(graph, SELORA_USAGE, "%s: needs (N,T,D) and (N)", path);
    in.shape[1] = 1;
    return slr_graph_add_op(graph, binary(SLR_OP_PICK, x, index), path, 3, in.shape);
}

slr_tid slr_graph_mse(slr_graph *graph, slr_tid prediction, slr_tid target, slr_tid weight,
                      const char *path)
{
    if (skip(graph, prediction, target, weight))
        return -1;
    const slr_tensor *p = at(graph, prediction), *t = at(graph, target), *w = at(graph, weight);
    if (slr_tensor_elements(p) != slr_tensor_elements(t) || w->dims != 1 || w->shape[0] != p->shape[0])
        return slr_graph_fail(graph, SELORA_USAGE, "%s: prediction, target and weights (N) do not match", path);
    slr_op op = binary(SLR_OP_MSE, prediction, target);
    op.inputs = 3;
    op.in[2] = weight;
    return slr_graph_add_op(graph, op, path, 1, (int64_t[]){1});
}
