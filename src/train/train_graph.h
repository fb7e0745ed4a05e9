/* SPDX-License-Identifier: MIT
 *
 * One training step as one graph: token ids -> text encoder -> U-Net -> mean squared error, planned for one batch
 * and one latent size. Pure: noise, timesteps, targets and loss weights come from the caller.
 *
 *     slr_train_graph *graph;
 *     slr_train_shape shape = {.batch = 2, .height = 28, .width = 28, .tokens = 77};
 *     SLR_TRY(slr_train_graph_new(model, adapters, &shape, backend, threads, &graph, err));
 *     printf("%zu bytes\n", slr_train_graph_bytes(graph));           (nothing is allocated so far)
 *     SLR_TRY(slr_train_graph_allocate(graph, err));
 *     slr_train_inputs in = slr_train_graph_inputs(graph);           (fill all of it)
 *     slr_train_graph_forward(graph);
 *     double loss = slr_train_graph_loss(graph);
 *     slr_train_graph_backward(graph, 1.0);                          (adds to the gradients of the slots)
 *     slr_train_graph_free(graph);
 *
 * Backward goes no deeper than the first trainable slot. When capacities of the adapters have grown, make a new one.
 */
#ifndef SLR_TRAIN_GRAPH_H
#define SLR_TRAIN_GRAPH_H

#include "adapters/adapter_set.h"
#include "graph/plan.h"
#include "models/model.h"

typedef struct slr_train_shape {
    int64_t batch;         /* N */
    int64_t height, width; /* H W of the latents; any size */
    int64_t tokens;        /* T */
    bool states_given;     /* the text encoder is left out: its output is an input (it has no adapters) */
    bool forward_only;
    slr_recompute recompute; /* what backward computes again instead of keeping it */
} slr_train_shape;

typedef struct slr_train_graph slr_train_graph;

/* `adapters` may be NULL for a forward-only graph; with backward something in it must be trainable. Model and adapters
 * must outlive the graph. */
selora_status slr_train_graph_new(const slr_model *model, slr_adapter_set *adapters,
                                  const slr_train_shape *shape, const slr_backend *backend, int threads,
                                  slr_train_graph **graph, slr_error *err);
void slr_train_graph_free(slr_train_graph *graph);
size_t slr_train_graph_bytes(const slr_train_graph *graph);
int64_t slr_train_graph_macs(const slr_train_graph *graph); /* multiply-adds of one forward run */
selora_status slr_train_graph_allocate(slr_train_graph *graph, slr_error *err);

/* Memory to fill before a run; kept between runs. */
typedef struct slr_train_inputs {
    slr_real *sample;   /* (N,H,W,C): the noisy latents */
    slr_real *timestep; /* (N) */
    slr_real *target;   /* (N,H,W,C) */
    slr_real *weight;   /* (N): of each sample in the loss */
    slr_real *ids;      /* (N,T); NULL when the states are given */
    slr_real *states;   /* (N,T,D); NULL otherwise */
} slr_train_inputs;
slr_train_inputs slr_train_graph_inputs(const slr_train_graph *graph);

void slr_train_graph_forward(slr_train_graph *graph);
/* Mean over all elements of weight * (prediction - target)^2, as the backend computed it. */
double slr_train_graph_loss(const slr_train_graph *graph);
const slr_real *slr_train_graph_prediction(const slr_train_graph *graph); /* (N,H,W,C), until the next run */
/* After forward: d(scale * loss) / d(A, B) is added to the slots' gradients. */
void slr_train_graph_backward(slr_train_graph *graph, double scale);
/* What runs, for measurements. */
slr_plan *slr_train_graph_plan(const slr_train_graph *graph);
/* Runs forward again: the first module whose output is not finite, or NULL. */
const char *slr_train_graph_find_nonfinite(slr_train_graph *graph);

#endif
