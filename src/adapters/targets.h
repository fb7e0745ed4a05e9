/* SPDX-License-Identifier: MIT
 *
 * Which linear layers get an adapter.
 *
 *     slr_targets *targets;
 *     SLR_TRY(slr_targets_new("selora", &targets, err));
 *     const char *const components[] = {"text_encoder", "unet"};
 *     SLR_TRY(slr_targets_add(targets, graph, components, 2, set, err));
 *     slr_targets_free(targets);
 *
 * A target is one of
 * - "selora": the last dotted component of the layer's path is in the published list (206 layers of
 *   Stable Diffusion 1.5; to_out.0 and ff.net.2 end in a number and so are not among them);
 * - "attention": the projections of every attention, outputs included;
 * - "all-linear": every linear layer;
 * - any other text: a POSIX extended regular expression, searched for in the full path ("unet.mid_block.attentions.0.
 *   transformer_blocks.0.attn1.to_q"); anchor with ^ and $ where that matters.
 * Convolutions are never adapted, whatever their name.
 */
#ifndef SLR_TARGETS_H
#define SLR_TARGETS_H

#include "adapters/adapter_set.h"
#include "graph/graph.h"

typedef struct slr_targets slr_targets;

/* SELORA_USAGE for an expression that is none. */
selora_status slr_targets_new(const char *text, slr_targets **targets, slr_error *err);
void slr_targets_free(slr_targets *targets);

/* True when the linear layer with this full path is meant. */
bool slr_targets_match(const slr_targets *targets, const char *path);

/* Adds a slot, where there is none yet, for every linear layer of the graph that is meant and lies in one of the components, in recorded order.
 * None at all is an error. */
selora_status slr_targets_add(const slr_targets *targets, const slr_graph *graph,
                              const char *const *components, int component_count, slr_adapter_set *set,
                              slr_error *err);

#endif
