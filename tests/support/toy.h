/* SPDX-License-Identifier: MIT
 *
 * A chain of linear layers with low-rank pairs, for tests of adapters and methods: y = W_k(...
 * quick GELU(W_1 x)). The gradient of y is given directly.
 *
 *     toy_shape shape = {.samples = 2, .tokens = 3, .layers = 1, .widths = {5, 4}};
 *     toy *t = toy_new(&shape, &options, backend);
 *     toy_fill(toy_x(t), toy_x_count(t), 1, 0);
 *     toy_forward(t);
 *     toy_fill(toy_g(t), toy_y_count(t), 2, 0);
 *     toy_backward(t);                  (adds to the gradients of the set)
 *     toy_free(t);
 *
 * Any failure inside fails the test.
 */
#ifndef TOY_H
#define TOY_H

#include "adapters/adapter_set.h"
#include "graph/plan.h"

enum { TOY_MAX_LAYERS = 8 };

typedef struct toy_shape {
    int64_t samples, tokens;
    int layers;
    int64_t widths[TOY_MAX_LAYERS + 1];
    uint64_t weight_seed;
    int threads;
    bool reversed; /* layers join the adapter set in the opposite order */
} toy_shape;

typedef struct toy {
    toy_shape shape;
    const slr_backend *backend;
    slr_adapter_set *set;
    slr_weight_store *store;
    slr_graph *graph;
    slr_plan *plan;
    slr_tid x, y;
} toy;

toy *toy_new(const toy_shape *shape, const slr_adapter_options *options,
             const slr_backend *backend);
void toy_free(toy *t);
void toy_replan(toy *t); /* after capacities have grown */

slr_adapter *toy_layer(toy *t, int index); /* by its place in the chain */
slr_real *toy_x(toy *t);
slr_real *toy_y(toy *t);
slr_real *toy_g(toy *t); /* dL/dy, to fill between forward and backward */
int64_t toy_x_count(const toy *t);
int64_t toy_y_count(const toy *t);

void toy_forward(toy *t);
void toy_backward(toy *t);

/* Normal numbers from the test stream at (seed, step). */
void toy_fill(slr_real *values, int64_t count, uint64_t seed, uint32_t step);
/* Random B for every layer, so that gradients of A are not zero. */
void toy_fill_b(toy *t, uint64_t seed, double spread);
/* A copy on the heap, checked. */
void *toy_copy(const void *data, size_t bytes);

#endif
