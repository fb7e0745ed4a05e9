/* SPDX-License-Identifier: MIT
 *
 * Inside of a plan. plan.c makes and binds it in this order: plan_recompute.c (which values are not kept until
 * backward), plan_steps.c (what runs when, which copy of a value each step reads), plan_memory.c (where everything lies);
 * plan_run.c runs it.
 */
#ifndef SLR_PLAN_STORE_H
#define SLR_PLAN_STORE_H

#include "graph/placement.h"
#include "graph/plan.h"

/* One kernel call; times are indices of steps. Values are indices of copies, -1 where the step has none. */
typedef struct slr_step {
    int op;
    slr_pass pass;
    int x[SLR_MAX_INPUTS], y, saved;
} slr_step;

/* The value of a tensor as one forward or replay step wrote it, alive from `first` to `last`. */
typedef struct slr_copy {
    slr_tid tensor;
    int first, last;
    int buffer;
} slr_copy;

/* What the plan knows of one base tensor. */
typedef struct slr_tensor_use {
    int copy;      /* the one that forward writes, -1 for none */
    int consumers; /* ops that will write its gradient */
    bool reached;  /* a gradient flows through it */
    bool dropped;  /* not kept until backward: computed again when needed */
    bool light;    /* from values that are there anyway: not even a computed one is kept for long */
    int gradient_buffer;
} slr_tensor_use;

struct slr_plan {
    const slr_graph *graph;
    const slr_backend *backend;
    slr_plan_options options;
    int ops, tensors;
    bool *in_backward; /* per op */
    slr_tensor_use *uses;
    slr_step *steps; /* forward of op i is step i */
    slr_copy *copies;
    size_t step_count, step_capacity, copy_count, copy_capacity;
    slr_lifetime *buffers; /* one for each copy, then one for each tensor's gradient */
    size_t buffer_count;
    size_t arena_bytes, workspace_bytes;
    unsigned char *arena;
    void *own_memory; /* the arena when the plan allocated it */
    slr_call *calls;  /* one a step */
    slr_op_profile *profile; /* one an op */
};

static inline slr_tensor_use *slr_plan_use(const slr_plan *plan, slr_tid tensor)
{
    return &plan->uses[slr_graph_base(plan->graph, tensor)];
}

static inline size_t slr_plan_tensor_bytes(const slr_plan *plan, slr_tid tensor)
{
    return (size_t)slr_tensor_elements(slr_graph_tensor(plan->graph, tensor)) * sizeof(slr_real);
}

/* Sets `dropped` and `light` of every tensor. */
selora_status slr_plan_choose_dropped(slr_plan *plan, slr_error *err);
/* Makes steps and copies with their lifetimes. */
selora_status slr_plan_make_steps(slr_plan *plan, slr_error *err);
/* Gives every copy and gradient its place. */
selora_status slr_plan_make_memory(slr_plan *plan, slr_error *err);

#endif
