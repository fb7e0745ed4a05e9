/* SPDX-License-Identifier: MIT */
#include "models/layers.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void slr_builder_init(slr_builder *b, slr_graph *graph, slr_adapter_set *adapters, const char *component)
{
    b->graph = graph;
    b->adapters = adapters;
    snprintf(b->path, sizeof b->path, "%s", component);
    b->joined[0] = 0;
}

int slr_enter(slr_builder *b, const char *format, ...)
{
    int mark = (int)strlen(b->path);
    size_t room = sizeof b->path - (size_t)mark;
    if (room > 1) {
        b->path[mark] = '.';
        va_list args;
        va_start(args, format);
        vsnprintf(b->path + mark + 1, room - 1, format, args);
        va_end(args);
    }
    return mark;
}

void slr_leave(slr_builder *b, int mark)
{
    b->path[mark] = 0;
}

const char *slr_path(slr_builder *b, const char *name)
{
    snprintf(b->joined, sizeof b->joined, "%s.%s", b->path, name);
    return b->joined;
}

const int64_t *slr_shape(const slr_builder *b, slr_tid x)
{
    static const int64_t ones[SLR_MAX_DIMS] = {1, 1, 1, 1};
    return x < 0 ? ones : slr_graph_tensor(b->graph, x)->shape;
}

slr_tid slr_layer_linear(slr_builder *b, slr_tid x, const char *name, int64_t out_features, bool bias)
{
    const char *path = slr_path(b, name);
    slr_tid y = slr_graph_linear(b->graph, x, path, out_features, bias);
    slr_slot *slot = b->adapters ? slr_adapter_set_find(b->adapters, path) : NULL;
    return slot ? slr_graph_low_rank(b->graph, y, x, slot, path) : y;
}

slr_tid slr_layer_conv(slr_builder *b, slr_tid x, const char *name, int64_t out_channels, int kernel)
{
    int pad = kernel / 2;
    const char *path = slr_path(b, name);
    slr_tid y = slr_graph_conv2d(b->graph, x, path, out_channels, kernel, 1, (slr_pads){pad, pad, pad, pad});
    /* A 1x1 convolution is a linear layer of every pixel. Adapters of larger ones are merged. */
    slr_slot *slot = b->adapters && kernel == 1 ? slr_adapter_set_find(b->adapters, path) : NULL;
    return slot ? slr_graph_low_rank(b->graph, y, x, slot, path) : y;
}

slr_tid slr_layer_group_norm(slr_builder *b, slr_tid x, const char *name, int groups, double eps, bool silu)
{
    return slr_graph_group_norm(b->graph, x, slr_path(b, name), groups, eps, silu);
}

slr_tid slr_layer_norm(slr_builder *b, slr_tid x, const char *name, double eps)
{
    return slr_graph_layer_norm(b->graph, x, slr_path(b, name), eps);
}

slr_tid slr_layer_attention(slr_builder *b, slr_tid x, slr_tid states, int heads, bool qkv_bias)
{
    int64_t width = slr_shape(b, x)[2];
    slr_tid q = slr_layer_linear(b, x, "to_q", width, qkv_bias);
    slr_tid k = slr_layer_linear(b, states, "to_k", width, qkv_bias);
    slr_tid v = slr_layer_linear(b, states, "to_v", width, qkv_bias);
    slr_tid mixed = slr_graph_attention(b->graph, q, k, v, heads, false, b->path);
    return slr_layer_linear(b, mixed, "to_out.0", width, true);
}

slr_tid slr_layer_resnet(slr_builder *b, slr_tid x, slr_tid time, int64_t out_channels, int groups,
                         double eps)
{
    slr_tid h = slr_layer_group_norm(b, x, "norm1", groups, eps, true);
    h = slr_layer_conv(b, h, "conv1", out_channels, 3);
    if (time >= 0) {
        slr_tid shift = slr_layer_linear(b, time, "time_emb_proj", out_channels, true);
        h = slr_graph_add_channel(b->graph, h, shift, b->path);
    }
    h = slr_layer_group_norm(b, h, "norm2", groups, eps, true);
    h = slr_layer_conv(b, h, "conv2", out_channels, 3);
    if (slr_shape(b, x)[3] != out_channels)
        x = slr_layer_conv(b, x, "conv_shortcut", out_channels, 1);
    return slr_graph_keep(b->graph, slr_graph_add(b->graph, x, h, b->path));
}
