/* SPDX-License-Identifier: MIT
 *
 * Inside of a graph, shared by graph.c (storage) and graph_ops.c (recording).
 */
#ifndef SLR_GRAPH_STORE_H
#define SLR_GRAPH_STORE_H

#include <stddef.h>

#include "graph/graph.h"

struct slr_graph {
    slr_tensor *tensors;
    size_t tensor_count, tensor_capacity;
    slr_op *ops;
    size_t op_count, op_capacity;
    slr_weight_spec *weights;
    size_t weight_count, weight_capacity;
    slr_error error;
    bool images_alone;
};

/* A new tensor without producer; -1 after noting an error (bad shape, memory). */
slr_tid slr_graph_add_tensor(slr_graph *graph, const char *name, int dims, const int64_t *shape);
/* Expects `path` + `suffix`; the index, or -1. A name may occur twice: a shared weight. */
int slr_graph_add_weight(slr_graph *graph, const char *path, const char *suffix, slr_weight_kind kind,
                         int dims, const int64_t *shape);
/* Appends an op (path is copied, in[] checked) and returns its output tensor of the given shape. */
slr_tid slr_graph_add_op(slr_graph *graph, slr_op op, const char *path, int dims, const int64_t *shape);
/* Attaches a statistics tensor to the last op. */
void slr_graph_add_statistic(slr_graph *graph, int dims, const int64_t *shape);

#endif
