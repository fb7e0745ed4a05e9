/* SPDX-License-Identifier: MIT
 *
 * What is computed: tensors and a straight list of ops, recorded by the model code, run by a plan (plan.h).
 * Nothing is allocated for values here and nothing is computed.
 *
 *     slr_graph *g = slr_graph_new();
 *     slr_tid x = slr_graph_input(g, "sample", 4, (int64_t[]){N, H, W, 4});
 *     slr_tid y = slr_graph_conv2d(g, x, "unet.conv_in", 320, 3, 1, (slr_pads){1, 1, 1, 1});
 *     slr_graph_output(g, y);
 *     if (slr_graph_failed(g, err)) ...     (recording errors are sticky: check once, at the end)
 *
 * Letters: N batch, H W space, C channels, T tokens, D width, R rank. Feature maps are NHWC,
 * row-major: a matrix of N*H*W rows by C columns; text is (N, T, D). Weights keep PyTorch's order in
 * files (out, in, kh, kw).
 */
#ifndef SLR_GRAPH_H
#define SLR_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/real.h"
#include "core/status.h"
#include "graph/low_rank_slot.h"

enum { SLR_MAX_DIMS = 4, SLR_MAX_INPUTS = 3, SLR_MAX_KERNEL = 11 };

/* Index of a tensor in its graph; -1 means none. */
typedef int slr_tid;

typedef enum slr_op_kind {
    SLR_OP_CONV2D,      /* x (N,H,W,C) weight (O,C,kh,kw) bias (O) -> (N,H',W',O) */
    SLR_OP_LINEAR,      /* x (..,K) weight (O,K) bias (O) or none -> (..,O) */
    SLR_OP_LOW_RANK,    /* base (..,O), x (..,K), slot -> base + scale (x A^T) B^T; saved: H (rows,capacity) */
    SLR_OP_GROUP_NORM,  /* x (N,..,C) weight bias (C); saved: mean, rstd (N,groups,2); optional SiLU after it */
    SLR_OP_LAYER_NORM,  /* x (..,D) weight bias (D); saved: mean, rstd (rows,2) */
    SLR_OP_ACTIVATION,  /* SiLU, GELU (erf), quick GELU, ReLU */
    SLR_OP_GEGLU,       /* x (..,2F) -> first half * gelu(second half) (..,F) */
    SLR_OP_ATTENTION,   /* q (N,Tq,D) k v (N,Tk,D), heads, causal -> (N,Tq,D); saved: log-sum-exp (N,heads,Tq) */
    SLR_OP_ADD,         /* a + b, equal shapes */
    SLR_OP_ADD_CHANNEL, /* x (N,H,W,C) + t (N,C) on every pixel */
    SLR_OP_CONCAT,      /* (N,H,W,C1) (N,H,W,C2) -> (N,H,W,C1+C2) */
    SLR_OP_UPSAMPLE,    /* nearest to a given H', W' (source index = floor(i H / H')) */
    SLR_OP_EMBEDDING,   /* ids (N,T) as numbers; weight: tokens (V,D), bias: positions (P,D) -> (N,T,D) */
    SLR_OP_TIMESTEP,    /* t (N) -> (N,D): sinusoids, half cosines half sines */
    SLR_OP_POOL,        /* x (N,H,W,C) -> (N,H',W',C): the largest or the mean of each window */
    SLR_OP_SCALE_SHIFT, /* x (..,C) weight bias (C) -> x weight + bias; optional ReLU after it */
    SLR_OP_PICK,        /* x (N,T,D), index (N) as numbers -> (N,1,D): one row of each */
    SLR_OP_MSE,         /* prediction, target (N,..), weight (N) -> (1): mean of w_n (p-t)^2 over all elements */
    SLR_OP_COUNT
} slr_op_kind;

typedef enum slr_activation { SLR_ACT_SILU, SLR_ACT_GELU, SLR_ACT_QUICK_GELU, SLR_ACT_RELU } slr_activation;

typedef struct slr_pads {
    int top, left, bottom, right;
} slr_pads;

/* A window that moves over a feature map. */
typedef struct slr_map_window {
    int height, width, stride;
    slr_pads pads;
} slr_map_window;

typedef enum slr_pooling {
    SLR_POOL_MAX,        /* of the pixels that are there */
    SLR_POOL_MEAN,       /* padding counts as zeros */
    SLR_POOL_MEAN_INSIDE /* padding does not count */
} slr_pooling;

/* One row of the op table: what an op is, whatever the backend. */
typedef struct slr_op_info {
    const char *name;
    bool reads_input[SLR_MAX_INPUTS];     /* backward reads these inputs ... */
    bool reads_output;                    /* ... and the output */
    bool passes_gradient[SLR_MAX_INPUTS]; /* dL/d(input) is dL/d(output), element for element */
    bool in_place[SLR_MAX_INPUTS];        /* the output may take this input's memory */
    bool gradient_in_place;               /* dL/d(input 0) may take the memory of input 0, which is read for it */
    bool no_gradient[SLR_MAX_INPUTS];     /* nothing flows back to this input; recording refuses one that wants it */
} slr_op_info;
const slr_op_info *slr_op_info_of(slr_op_kind kind);

typedef struct slr_tensor {
    char *name; /* module path of the producer or the input's name */
    int dims;
    int64_t shape[SLR_MAX_DIMS];
    int producer; /* op index, -1 for an input */
    slr_tid base; /* a reshaped view names the tensor whose memory it shares; itself otherwise */
    bool is_input, is_output, is_statistic;
    bool wants_gradient;
    bool is_seed; /* its gradient is given by the caller before backward */
    bool is_kept; /* the end of a block: plans that compute blocks again start from it */
} slr_tensor;

typedef enum slr_weight_kind {
    SLR_WEIGHT_MATRIX, /* (out, in) */
    SLR_WEIGHT_CONV,   /* (out, in, kh, kw) */
    SLR_WEIGHT_VECTOR, /* (n): biases, norm scales and shifts */
    SLR_WEIGHT_TABLE   /* (rows, width): embeddings */
} slr_weight_kind;

/* A weight that the graph expects, under its canonical name: component, dot, module path, ".weight" or ".bias". */
typedef struct slr_weight_spec {
    char *name;
    slr_weight_kind kind;
    int dims;
    int64_t shape[SLR_MAX_DIMS];
} slr_weight_spec;

typedef struct slr_op {
    slr_op_kind kind;
    int inputs;
    slr_tid in[SLR_MAX_INPUTS];
    slr_tid out;
    slr_tid saved;    /* statistics kept for backward, -1 for none */
    int weight, bias; /* indices of weight specs, -1 for none */
    char *path;       /* module path, for errors and profiles */
    union {
        struct { slr_map_window window; bool alone; } conv; /* alone: see slr_graph_images_alone() */
        struct { slr_map_window window; slr_pooling kind; } pool;
        struct { bool relu; } scale_shift;
        struct { int groups; double eps; bool silu; } norm; /* groups: group norm only */
        struct { slr_activation kind; } act;
        struct { int heads; bool causal; double scale; } attention;
        struct { slr_slot *slot; } low_rank;
        struct { bool cos_first; double shift, max_period; } timestep;
    } u;
} slr_op;

typedef struct slr_graph slr_graph;
slr_graph *slr_graph_new(void); /* NULL when memory lacks */
void slr_graph_free(slr_graph *graph);

/* The first recording error, if any: true and *err filled. */
bool slr_graph_failed(const slr_graph *graph, slr_error *err);
/* Lets model code record an error of its own; sticky like the others. Returns -1. */
slr_tid slr_graph_fail(slr_graph *graph, selora_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- recording: each returns the output tensor, -1 after an error; a -1 input is an error already noted ---- */
slr_tid slr_graph_input(slr_graph *graph, const char *name, int dims, const int64_t *shape);
void slr_graph_output(slr_graph *graph, slr_tid tensor);        /* its value is readable after a run */
void slr_graph_want_gradient(slr_graph *graph, slr_tid tensor); /* of an input: readable after backward */
void slr_graph_seed(slr_graph *graph, slr_tid tensor);          /* backward starts here (a loss) */
slr_tid slr_graph_keep(slr_graph *graph, slr_tid tensor);       /* the end of a block, see slr_tensor; returns it */
slr_tid slr_graph_reshape(slr_graph *graph, slr_tid x, int dims, const int64_t *shape);

/* What is recorded from here on has the same bits for an image whatever others are in the batch: kernels that could go different
 * ways choose by the shape of one image. */
void slr_graph_images_alone(slr_graph *graph);

/* `path` is the full module path with component ("unet.conv_in"); weights are path.weight and path.bias. */
slr_tid slr_graph_conv2d(slr_graph *graph, slr_tid x, const char *path, int64_t out_channels,
                         int kernel, int stride, slr_pads pads);
/* The same with a window that need not be square. */
slr_tid slr_graph_conv2d_window(slr_graph *graph, slr_tid x, const char *path, int64_t out_channels, slr_map_window window);
slr_tid slr_graph_linear(slr_graph *graph, slr_tid x, const char *path, int64_t out_features, bool bias);
slr_tid slr_graph_low_rank(slr_graph *graph, slr_tid base, slr_tid x, slr_slot *slot, const char *path);
slr_tid slr_graph_group_norm(slr_graph *graph, slr_tid x, const char *path, int groups, double eps,
                             bool silu);
slr_tid slr_graph_layer_norm(slr_graph *graph, slr_tid x, const char *path, double eps);
slr_tid slr_graph_activation(slr_graph *graph, slr_tid x, slr_activation kind, const char *path);
slr_tid slr_graph_geglu(slr_graph *graph, slr_tid x, const char *path);
slr_tid slr_graph_attention(slr_graph *graph, slr_tid q, slr_tid k, slr_tid v, int heads, bool causal,
                            const char *path);
slr_tid slr_graph_add(slr_graph *graph, slr_tid a, slr_tid b, const char *path);
slr_tid slr_graph_add_channel(slr_graph *graph, slr_tid x, slr_tid t, const char *path);
slr_tid slr_graph_concat(slr_graph *graph, slr_tid a, slr_tid b, const char *path);
slr_tid slr_graph_upsample(slr_graph *graph, slr_tid x, int64_t height, int64_t width, const char *path);
slr_tid slr_graph_embedding(slr_graph *graph, slr_tid ids, const char *token_path, int64_t vocabulary,
                            const char *position_path, int64_t positions, int64_t width);
slr_tid slr_graph_timestep(slr_graph *graph, slr_tid t, int64_t width, bool cos_first, double shift,
                           const char *path);
/* The three below are for networks that only run forward: none passes a gradient back. Padding is narrower than the
 * window; a window may be as large as the map. */
slr_tid slr_graph_pool(slr_graph *graph, slr_tid x, slr_pooling kind, slr_map_window window, const char *path);
slr_tid slr_graph_scale_shift(slr_graph *graph, slr_tid x, const char *path, bool relu);
slr_tid slr_graph_pick(slr_graph *graph, slr_tid x, slr_tid index, const char *path);
slr_tid slr_graph_mse(slr_graph *graph, slr_tid prediction, slr_tid target, slr_tid weight,
                      const char *path);

/* ---- reading ---- */
int slr_graph_tensor_count(const slr_graph *graph);
const slr_tensor *slr_graph_tensor(const slr_graph *graph, slr_tid tensor);
slr_tid slr_graph_base(const slr_graph *graph, slr_tid tensor); /* through reshapes */
int slr_graph_op_count(const slr_graph *graph);
const slr_op *slr_graph_op(const slr_graph *graph, int index);
int slr_graph_weight_count(const slr_graph *graph);
const slr_weight_spec *slr_graph_weight(const slr_graph *graph, int index);
int64_t slr_tensor_elements(const slr_tensor *tensor);
int64_t slr_tensor_rows(const slr_tensor *tensor);    /* product of all dimensions but the last */
int64_t slr_tensor_columns(const slr_tensor *tensor); /* the last dimension */
int64_t slr_weight_elements(const slr_weight_spec *spec);
/* Multiply-accumulates of one forward run of the op (0 for elementwise ones), and of one backward run. */
int64_t slr_op_macs(const slr_graph *graph, const slr_op *op);
int64_t slr_op_backward_macs(const slr_graph *graph, const slr_op *op);

#endif
