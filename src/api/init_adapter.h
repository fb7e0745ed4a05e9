/* SPDX-License-Identifier: MIT
 *
 * Training that goes on from an adapter of any format: its layers, ranks and values are the start.
 *
 *     slr_pairs pairs = {0};
 *     slr_init_adapter start = {.path = "lora.safetensors", .hooks = hooks};
 *     SLR_TRY(slr_init_adapter_add(&start, graph, components, 2, &pairs, set, err));
 *     ... add the other targets, finish the set ...
 *     slr_init_adapter_fill(&pairs, set);
 *     slr_pairs_free(&pairs);
 */
#ifndef SLR_INIT_ADAPTER_H
#define SLR_INIT_ADAPTER_H

#include "adapters/adapter_file.h"
#include "core/hooks.h"

typedef struct slr_init_adapter {
    const char *path;
    bool strict; /* what the model has no place for is an error, not a warning */
    const slr_hooks *hooks;
} slr_init_adapter;

/* Adds the adapter's layers with their ranks and the scale that the set has for them. A layer that acts in the model but
 * would not be trained (another component, a convolution larger than 1x1) is an error, since training would lose it. */
selora_status slr_init_adapter_add(const slr_init_adapter *start, const slr_graph *graph, const char *const *components,
                                   int component_count, slr_pairs *pairs, slr_adapter_set *set, slr_error *err);
/* A as it is; B so that the set's scale times B A is the adapter's. */
void slr_init_adapter_fill(const slr_pairs *pairs, slr_adapter_set *set);

#endif
