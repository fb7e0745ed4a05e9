/* SPDX-License-Identifier: MIT
 *
 * When and in which memory a graph is computed: forward steps in recorded order, backward steps in the
 * reverse one, one offset for every tensor in one arena, one shared workspace. The size is known before anything is
 * allocated; running allocates nothing. Values that backward reads are kept for it or computed again just before.
 *
 *     slr_plan *plan;
 *     SLR_TRY(slr_plan_new(graph, slr_backend_cpu(), &(slr_plan_options){.backward = true, .threads = 2},
 *                          &plan, err));
 *     printf("%zu bytes\n", slr_plan_bytes(plan));
 *     SLR_TRY(slr_plan_allocate(plan, store, err));
 *     memcpy(slr_plan_value(plan, x), ...);
 *     slr_plan_forward(plan);
 *     slr_plan_gradient(plan, loss)[0] = 1;
 *     slr_plan_backward(plan);
 *     slr_plan_free(plan);
 */
#ifndef SLR_PLAN_H
#define SLR_PLAN_H

#include "graph/weights.h"

/* What is computed again for backward instead of being kept, each class more than the one before. Results are the same
 * bits in all of them. */
typedef enum slr_recompute {
    SLR_RECOMPUTE_NONE,
    SLR_RECOMPUTE_A, /* norms, activations, concatenations: what costs hardly any time */
    SLR_RECOMPUTE_A_PLUS,
    SLR_RECOMPUTE_B, /* linear maps from narrow inputs, attention to few tokens, too */
    SLR_RECOMPUTE_B_PLUS,
    SLR_RECOMPUTE_C /* all but convolutions of many channels and the ends of blocks (slr_graph_keep) */
} slr_recompute;

typedef struct slr_plan_options {
    bool backward;
    slr_recompute recompute;
    int threads; /* 0: one */
    bool apart;  /* no two tensors share memory: the yardstick for tests of the placement */
} slr_plan_options;

typedef struct slr_plan slr_plan;

/* Orders, places and checks (every op has its kernels). The graph must outlive the plan. */
selora_status slr_plan_new(const slr_graph *graph, const slr_backend *backend,
                           const slr_plan_options *options, slr_plan **plan, slr_error *err);
void slr_plan_free(slr_plan *plan);

size_t slr_plan_bytes(const slr_plan *plan); /* arena plus workspace */

/* Binds every weight by name (a missing one is an error that names it) and allocates the arena. `store` may
 * be NULL for a graph without weights. */
selora_status slr_plan_allocate(slr_plan *plan, const slr_weight_store *store, slr_error *err);
/* The same in memory that the caller keeps: slr_plan_bytes() of it on a 64-byte boundary. Plans that run in turn may
 * share it; inputs are then to be filled before each run. */
selora_status slr_plan_bind(slr_plan *plan, const slr_weight_store *store, void *memory, slr_error *err);

/* Memory of inputs (to fill; kept between runs) and outputs; gradients of seeds (to fill before each backward, which may
 * add to them) and of inputs that want one (valid until the next forward). NULL for tensors without a lasting place. */
slr_real *slr_plan_value(const slr_plan *plan, slr_tid tensor);
slr_real *slr_plan_gradient(const slr_plan *plan, slr_tid tensor);

/* True once a slot's capacity differs from what the graph was recorded with: the graph must be recorded and planned
 * anew before the next run. */
bool slr_plan_is_outgrown(const slr_plan *plan);

void slr_plan_forward(slr_plan *plan);
void slr_plan_backward(slr_plan *plan);

/* Runs forward again, looking at each output: the path of the first op whose output is not finite, or NULL. */
const char *slr_plan_find_nonfinite(slr_plan *plan);

typedef enum slr_pass { SLR_PASS_FORWARD, SLR_PASS_REPLAY, SLR_PASS_BACKWARD, SLR_PASS_COUNT } slr_pass;

/* What one op has cost since the last reset, by pass. Replays compute values again that backward needs. */
typedef struct slr_op_profile {
    double seconds[SLR_PASS_COUNT];
    int64_t runs[SLR_PASS_COUNT];
} slr_op_profile;
void slr_plan_profile_reset(slr_plan *plan);
const slr_op_profile *slr_plan_profile_of(const slr_plan *plan, int op);
const slr_graph *slr_plan_graph(const slr_plan *plan);

#endif
