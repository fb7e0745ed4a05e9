/* SPDX-License-Identifier: MIT
 *
 * What the model files are written in: a builder that knows the module path it stands at and adds a
 * low-rank op beside each linear layer that has a slot.
 *
 *     slr_builder b;
 *     slr_builder_init(&b, graph, adapters, "unet");
 *     int mark = slr_enter(&b, "down_blocks.%d", 0);
 *     x = slr_layer_linear(&b, x, "proj", 1280, true);     (weights unet.down_blocks.0.proj.weight, .bias)
 *     slr_leave(&b, mark);
 */
#ifndef SLR_LAYERS_H
#define SLR_LAYERS_H

#include "adapters/adapter_set.h"
#include "graph/graph.h"

typedef struct slr_builder {
    slr_graph *graph;
    slr_adapter_set *adapters; /* NULL: none */
    char path[256];
    char joined[512];
} slr_builder;

void slr_builder_init(slr_builder *b, slr_graph *graph, slr_adapter_set *adapters, const char *component);

/* Appends a level to the module path; the mark takes it off again. */
int slr_enter(slr_builder *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void slr_leave(slr_builder *b, int mark);

/* The full path of `name` here; valid until the next call. */
const char *slr_path(slr_builder *b, const char *name);

slr_tid slr_layer_linear(slr_builder *b, slr_tid x, const char *name, int64_t out_features, bool bias);
/* kernel x kernel, stride 1, same size. */
slr_tid slr_layer_conv(slr_builder *b, slr_tid x, const char *name, int64_t out_channels, int kernel);
slr_tid slr_layer_group_norm(slr_builder *b, slr_tid x, const char *name, int groups, double eps, bool silu);
slr_tid slr_layer_norm(slr_builder *b, slr_tid x, const char *name, double eps);

/* Multi-head attention with projections to_q, to_k, to_v, to_out.0 at the current path; `states` is what k and v are
 * made of. All (N, T, D). */
slr_tid slr_layer_attention(slr_builder *b, slr_tid x, slr_tid states, int heads, bool qkv_bias);

/* norm1, SiLU, conv1, + time, norm2, SiLU, conv2, + (conv_shortcut of) input. `time` is SiLU of the time embedding,
 * (N, E), or -1. */
slr_tid slr_layer_resnet(slr_builder *b, slr_tid x, slr_tid time, int64_t out_channels, int groups,
                         double eps);

/* The shape of a recorded tensor, all ones after an error (so that model code can go on). */
const int64_t *slr_shape(const slr_builder *b, slr_tid x);

#endif
