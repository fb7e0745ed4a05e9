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
 * - Values that backward may read: the inputs and output that the op-info row names, `saved`, weights.
 *   Others are NULL.
 * - The order of additions depends on nothing but shapes and `threads`; gradients of slots do not even depend on
 *   `threads`, and a component's bits do not depend on how many other components the slot has.
 */
#ifndef SLR_BACKEND_H
#define SLR_BACKEND_H

#include <stddef.h>

#include "graph/graph.h"

/* A weight in the engine's layout: as in the file, but convolutions as (out, kh, kw, in). */
typedef struct slr_weight {
    const slr_weight_spec *spec;
    const slr_real *values;
} slr_weight;

typedef struct slr_call {
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
    size_t (*workspace)(const slr_graph *graph, const slr_op *op, bool backward, int threads);
} slr_backend;

const slr_backend *slr_backend_ref(void); /* naive loops, double accumulation: the truth for tests */
#ifndef SLR_REAL_IS_DOUBLE
const slr_backend *slr_backend_cpu(void); /* own products and vectorised loops, for the processor at hand */
/* The same for one instruction set, "generic", "avx2" or "avx512"; NULL where the processor or the build lacks it. */
const slr_backend *slr_backend_cpu_variant(const char *instructions);
#endif

#endif
