/* SPDX-License-Identifier: MIT
 * Runs a plan that is bound to memory. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/clock.h"
#include "graph/plan_store.h"

static void run_step(slr_plan *plan, int time)
{
    slr_pass pass = plan->steps[time].pass;
    const slr_call *call = &plan->calls[time];
    double start = slr_clock_seconds();
    (pass == SLR_PASS_BACKWARD ? plan->backend->backward : plan->backend->forward)[call->op->kind](call);
    slr_op_profile *profile = &plan->profile[plan->steps[time].op];
    profile->seconds[pass] += slr_clock_seconds() - start;
    profile->runs[pass]++;
}

bool slr_plan_is_outgrown(const slr_plan *plan)
{
    for (int i = 0; i < plan->ops; i++) {
        const slr_op *op = slr_graph_op(plan->graph, i);
        if (op->kind == SLR_OP_LOW_RANK &&
            op->u.low_rank.slot->capacity != slr_tensor_columns(slr_graph_tensor(plan->graph, op->saved)))
            return true;
    }
    return false;
}

void slr_plan_forward(slr_plan *plan)
{
    assert(!slr_plan_is_outgrown(plan));
    for (int time = 0; time < plan->ops; time++)
        run_step(plan, time);
}

void slr_plan_backward(slr_plan *plan)
{
    for (int time = plan->ops; time < (int)plan->step_count; time++)
        run_step(plan, time);
}

const char *slr_plan_find_nonfinite(slr_plan *plan)
{
    for (int time = 0; time < plan->ops; time++) {
        const slr_call *call = &plan->calls[time];
        run_step(plan, time);
        int64_t count = slr_tensor_elements(call->out);
        for (int64_t e = 0; e < count; e++)
            if (!isfinite(call->y[e]))
                return call->op->path;
    }
    return NULL;
}

void slr_plan_profile_reset(slr_plan *plan)
{
    memset(plan->profile, 0, (size_t)plan->ops * sizeof *plan->profile);
}

const slr_op_profile *slr_plan_profile_of(const slr_plan *plan, int op)
{
    return &plan->profile[op];
}

const slr_graph *slr_plan_graph(const slr_plan *plan)
{
    return plan->graph;
}
