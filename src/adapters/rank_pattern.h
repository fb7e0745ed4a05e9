/* SPDX-License-Identifier: MIT
 *
 * Which layers get an adapter, and of which rank at the start: from a run, an adapter of any format or a JSON file. Two
 * patterns of equal size tell whether it matters where ranks are.
 *
 *     slr_rank_pattern pattern = {0};
 *     SLR_TRY(slr_rank_pattern_read("run", &pattern, err));
 *     SLR_TRY(slr_rank_pattern_add(&pattern, graph, components, 2, set, err));
 *     slr_rank_pattern_free(&pattern);
 */
#ifndef SLR_RANK_PATTERN_H
#define SLR_RANK_PATTERN_H

#include "adapters/adapter_set.h"
#include "graph/graph.h"
#include "io/checksum.h"

typedef struct slr_pattern_layer {
    char *path;
    int64_t in, out; /* 0 where the file does not say */
    int rank;     /* 0: no adapter */
} slr_pattern_layer;

typedef struct slr_rank_pattern {
    slr_pattern_layer *layers; /* sorted by path */
    size_t count, capacity;
    char source[4096]; /* for messages */
} slr_rank_pattern;

/* RUN (its last.safetensors), an adapter, or a file that ends in .json: {"unet.mid_block...to_q": 4, ...}. */
selora_status slr_rank_pattern_read(const char *path, slr_rank_pattern *pattern, slr_error *err);
void slr_rank_pattern_free(slr_rank_pattern *pattern);
/* Written whole or not at all. */
selora_status slr_rank_pattern_write(const slr_rank_pattern *pattern, const char *path, slr_error *err);
/* Of layers and ranks alone: the same for a run and for the JSON file made of it. */
selora_status slr_rank_pattern_hash(const slr_rank_pattern *pattern, char hex[SLR_SHA256_HEX], slr_error *err);
int64_t slr_rank_pattern_parameters(const slr_rank_pattern *pattern);

/* Adds its layers, with A drawn and B zero. A layer that is no linear layer of what is trained is an error. */
selora_status slr_rank_pattern_add(const slr_rank_pattern *pattern, const slr_graph *graph, const char *const *components,
                                   int component_count, slr_adapter_set *set, slr_error *err);

/* Two controls for a pattern that training has found, with as many parameters as can be: ranks that fall on layers by chance,
 * from `floor` up, and (nearly) the same rank everywhere. The copy keeps its layers. */
selora_status slr_rank_pattern_random(const slr_rank_pattern *pattern, int floor, uint64_t seed, slr_rank_pattern *result,
                                      slr_error *err);
selora_status slr_rank_pattern_uniform(const slr_rank_pattern *pattern, slr_rank_pattern *result, slr_error *err);

#endif
