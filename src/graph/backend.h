/* SPDX-License-Identifier: MIT
 *
 * How ops are computed: a backend is a table of kernels. Kernels allocate nothing and cannot fail: shapes
 * were checked when the graph was recorded, memory comes in with the call.
 *
 * Rules for kernels
 * - forward writes *y (all of it) and, when not NULL, `saved`; y may be the same memory as an input whose op-info row
 *   says in_place.
 * - backward writes (accumulate[i] false: without reading it) or adds to (true) dx[i], for every i with
 *   dx[i] != NULL. dx[i] may equal dy where the op-info row says passes_gradient: then nothing is to be done for it.
 *   dx[0] may equal x[0] (accumulate[0] false) where the row says gradient_in_place.
 * - Values that backward may read: the inputs and output that the op-info row names, `saved`, weights.
 *   Others are NULL.
 * - The order of additions depends on nothing but shapes and `threads`; gradients of slots do not even depend on
 *   `threads`, and a component's bits do not depend on how many other components the slot has.
 */
#ifndef SLR_BACKEND_H
#define SLR_BACKEND_H

#include <stddef.h>

#include "graph/graph.h"
#include "io/safetensors.h"

enum { SLR_PANEL = 32 };

/* A weight in the engine's layout, the same for every backend.
 *
 * Matrices and convolutions are a matrix of `out` rows and K = kh kw in columns, k = (p kw + q) in + c, in panels of
 * 32 rows: element (o, k) lies at data[(o / 32 * K + k) * 32 + o % 32], and the last panel is filled up with zeros. A
 * panel is what a matrix product streams, forward as it is and backward transposed, so one copy serves both.
 * Tables are row-major. Both are stored as F32 (F64 in the double library), F16 or BF16.
 * Vectors are plain numbers. */
typedef struct slr_weight {
    const slr_weight_spec *spec;
    slr_dtype dtype;        /* of `data` */
    int64_t depth;          /* K; the width of a table */
    const void *data;       /* 64-byte aligned; NULL for a vector */
    const slr_real *values; /* of a vector, else NULL */
} slr_weight;

/* Where element (o, k) lies, in elements. */
static inline int64_t slr_weight_index(const slr_weight *weight, int64_t o, int64_t k)
{
    if (weight->spec->kind == SLR_WEIGHT_TABLE)
        return o * weight->depth + k;
    return (o / SLR_PANEL * weight->depth + k) * SLR_PANEL + o % SLR_PANEL;
}

/* Element (o, k) as a number: for the reference backend and for tests. */
static inline slr_real slr_weight_at(const slr_weight *weight, int64_t o, int64_t k)
{
    int64_t at = slr_weight_index(weight, o, k);
    switch (weight->dtype) {
    case SLR_DTYPE_F16: return (slr_real)slr_f16_to_f32(((const uint16_t *)weight->data)[at]);
    case SLR_DTYPE_BF16: return (slr_real)slr_bf16_to_f32(((const uint16_t *)weight->data)[at]);
    default: return ((const slr_real *)weight->data)[at];
    }
}

/* C (rows, columns) = A times one panel (+ bias), or C += it. A(i, p) = a[i a_row + p]. In f32 the panel is
 * (depth, 32). In bf16, a is uint16_t and the panel holds pairs along the depth, (depth / 2, 32, 2);
 * depth and a_row are multiples of 32 (zeros beyond the true depth), a is 64-byte aligned, and rows of A are readable
 * up to the next multiple of 16. There may be more than one panel in bf16: those of the columns 32, 64, ... follow at
 * distances of panel_step numbers. */
typedef struct slr_panel_product {
    int64_t rows, depth;
    const void *a;
    int64_t a_row;
    const void *panel; /* 64-byte aligned */
    int64_t panel_step;
    float *c;
    int64_t c_row;
    int columns;       /* that are real */
    const float *bias; /* 32 values a panel, or NULL */
    bool add;
    /* What the caller will read next, or NULL: `ahead_runs` runs of 2^ahead_shift bytes, `ahead_stride` apart. It is
     * fetched while this product is computed; a stored weight is otherwise waited for. */
    const char *ahead;
    int ahead_shift;
    int64_t ahead_runs, ahead_stride;
} slr_panel_product;

typedef void (*slr_panel_kernel)(const slr_panel_product *product);

struct slr_backend;

typedef struct slr_call {
    const struct slr_backend *backend;
    const slr_op *op;
    const slr_tensor *in[SLR_MAX_INPUTS]; /* shapes */
    const slr_tensor *out;
    const slr_real *x[SLR_MAX_INPUTS];
    slr_real *y;     /* forward: written; backward: only read, where the row says so, else NULL */
    slr_real *saved; /* statistics; forward without backward to come: NULL */
    const slr_weight *weight, *bias;
    slr_slot *slot;
    const slr_real *dy;
    slr_real *dx[SLR_MAX_INPUTS];
    bool accumulate[SLR_MAX_INPUTS];
    void *workspace; /* 64-byte aligned, as large as the backend asked for */
    int threads;
} slr_call;

typedef void (*slr_kernel)(const slr_call *call);

typedef struct slr_backend {
    const char *name;
    slr_kernel forward[SLR_OP_COUNT];
    slr_kernel backward[SLR_OP_COUNT];
    /* Bytes of workspace for one call. */
    size_t (*workspace)(const struct slr_backend *backend, const slr_graph *graph, const slr_op *op, bool backward,
                        int threads);
    /* Not NULL: products round their operands to bf16 and use this. */
    slr_panel_kernel panel_product_bf16;
} slr_backend;

/* Which of the two the backend computes in, and how exact a product of it is, for people. */
static inline bool slr_backend_is_bf16(const slr_backend *backend)
{
    return backend->panel_product_bf16 != NULL;
}
static inline const char *slr_backend_precision(const slr_backend *backend)
{
    return slr_backend_is_bf16(backend) ? "bf16, relative error of a product about 3e-3"
                                        : "f32, relative error of a product about 1e-6";
}

const slr_backend *slr_backend_ref(void); /* naive loops, double accumulation: the truth for tests */
#ifndef SLR_REAL_IS_DOUBLE
const slr_backend *slr_backend_cpu(void); /* own products and vectorised loops, for the processor at hand */

typedef enum slr_compute { SLR_COMPUTE_F32, SLR_COMPUTE_BF16 } slr_compute;
const slr_backend *slr_backend_cpu_compute(slr_compute compute); /* the fastest, or NULL where the processor has none */

/* The same for one instruction set: "generic", "avx2", "avx512" compute in f32, "avx512bf16", "amx" in bf16. NULL where
 * the processor, the system or the build lacks it. */
const slr_backend *slr_backend_cpu_variant(const char *instructions);
#endif

#endif
