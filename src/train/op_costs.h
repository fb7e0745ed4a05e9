/* SPDX-License-Identifier: MIT
 *
 * Where the time of plans went: the profiles of their ops, added up by class of op or by class and shape.
 *
 *     slr_op_costs costs = {0};
 *     SLR_TRY(slr_op_costs_add(&costs, plan, false, err));          (any number of plans)
 *     slr_op_costs_sort(&costs);
 *     for (size_t i = 0; i < costs.count; i++)
 *         printf("%s %.3f s\n", costs.rows[i].name, slr_op_cost_seconds(&costs.rows[i]));
 *     slr_op_costs_free(&costs);
 */
#ifndef SLR_OP_COSTS_H
#define SLR_OP_COSTS_H

#include "graph/plan.h"

/* By pass. A convolution counts as the direct one, whatever way it is computed. */
typedef struct slr_op_cost {
    char name[64]; /* "conv3x3", or with shapes "conv3x3 1x28x28 320-640" (N H' W' in-out) */
    double seconds[SLR_PASS_COUNT];
    double gmac[SLR_PASS_COUNT]; /* 1e9 multiply-accumulates */
} slr_op_cost;

typedef struct slr_op_costs {
    slr_op_cost *rows;
    size_t count, capacity;
} slr_op_costs;

/* Adds what the ops of `plan` have cost since its profile was reset. */
selora_status slr_op_costs_add(slr_op_costs *costs, const slr_plan *plan, bool shapes, slr_error *err);
double slr_op_cost_seconds(const slr_op_cost *row); /* of all passes */
void slr_op_costs_sort(slr_op_costs *costs); /* most seconds first */
void slr_op_costs_free(slr_op_costs *costs);

#endif
