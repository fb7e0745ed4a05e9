/* SPDX-License-Identifier: MIT
 *
 * One op in a graph of its own, with random inputs, weights and output gradient: what the finite-difference
 * test and the comparison of backends are made of. A new op needs a row in op_cases.c, or those tests fail.
 *
 *     op_run run;
 *     op_run_open(&run, &op_cases[i], OP_PLAIN, slr_backend_ref(), 1);
 *     op_run_backward(&run);                  (forward first; gradients of the slot cleared)
 *     run.value[0][3] += h; double loss = op_run_loss(&run);
 *     op_run_close(&run);
 */
#ifndef OP_CASES_H
#define OP_CASES_H

#include "graph/plan.h"

enum { OP_CASE_PARAMETERS = 12 };

/* The meaning of p[] for each kind stands beside its builder in op_cases.c. */
typedef struct op_case {
    slr_op_kind kind;
    const char *label;
    int64_t p[OP_CASE_PARAMETERS];
} op_case;

/* Small and odd shapes of every op, for both tests. */
extern const op_case op_cases[];
extern const int op_case_count;
/* Shapes as Stable Diffusion has them, for the comparison of backends. */
extern const op_case op_large_cases[];
extern const int op_large_case_count;

typedef enum op_setting {
    OP_PLAIN,      /* inputs are graph inputs: gradients are written */
    OP_ACCUMULATE, /* inputs are seeds too: gradients are added to what the caller put there */
    OP_INNER,      /* inputs are made by another op: memory is shared where the op table allows */
    OP_SETTINGS
} op_setting;

typedef struct op_run {
    const op_case *what;
    op_setting setting;
    slr_graph *graph;
    slr_weight_store *store;
    slr_plan *plan;
    int inputs;
    bool differentiable[SLR_MAX_INPUTS];
    slr_tid in[SLR_MAX_INPUTS], out; /* graph inputs (before the other op of OP_INNER) and the result */
    int64_t count[SLR_MAX_INPUTS], out_count;
    slr_real *value[SLR_MAX_INPUTS]; /* the plan's memory of the inputs, to change at will */
    slr_real *seed[SLR_MAX_INPUTS];  /* dL/d(input) from elsewhere, OP_ACCUMULATE */
    slr_real *out_seed;              /* dL/d(result) */
    slr_slot slot;                   /* low_rank only */
    slr_real *a, *bt, *look;         /* the slot's, writable */
    double sample_energy[1 + 8];
} op_run;

/* Records, plans, allocates and fills; an assertion of the test fails when any of it does. */
void op_run_open(op_run *run, const op_case *what, op_setting setting, const slr_backend *backend,
                 int threads);
void op_run_close(op_run *run);

/* Forward, then sum of out_seed * result (+ seed * input), in double. */
double op_run_loss(op_run *run);
/* Forward and backward; the slot's gradients and energies start at zero. */
void op_run_backward(op_run *run);
const slr_real *op_run_gradient(const op_run *run, int input);
const slr_real *op_run_result(const op_run *run);

#endif
