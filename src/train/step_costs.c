/* SPDX-License-Identifier: MIT */
#include "train/step_costs.h"

/* H = x A^T of the candidates, and their rows of dB^T = H^T G. */
static double probe_macs(const slr_graph *graph, const slr_op *op, const slr_op_profile *profile)
{
    const slr_slot *slot = op->u.low_rank.slot;
    double rows = (double)slr_tensor_rows(slr_graph_tensor(graph, op->out)) * slot->probes;
    return rows * ((double)slot->in * (double)(profile->runs[SLR_PASS_FORWARD] + profile->runs[SLR_PASS_REPLAY]) +
                   (double)slot->out * (double)profile->runs[SLR_PASS_BACKWARD]);
}

slr_step_work slr_step_work_of(const slr_plan *plan)
{
    const slr_graph *graph = slr_plan_graph(plan);
    slr_step_work work = {0};
    for (int i = 0; i < slr_graph_op_count(graph); i++) {
        const slr_op *op = slr_graph_op(graph, i);
        const slr_op_profile *p = slr_plan_profile_of(plan, i);
        double once = (double)slr_op_macs(graph, op), forward = once * (double)p->runs[SLR_PASS_FORWARD];
        double recompute = once * (double)p->runs[SLR_PASS_REPLAY];
        double backward = (double)slr_op_backward_macs(graph, op) * (double)p->runs[SLR_PASS_BACKWARD];
        if (op->kind == SLR_OP_LOW_RANK) {
            work.adapter += p->seconds[SLR_PASS_FORWARD] + p->seconds[SLR_PASS_REPLAY] + p->seconds[SLR_PASS_BACKWARD];
            work.macs.adapter += forward + recompute + backward;
            work.macs.probe += probe_macs(graph, op, p);
        } else {
            work.forward += p->seconds[SLR_PASS_FORWARD];
            work.recompute += p->seconds[SLR_PASS_REPLAY];
            work.backward += p->seconds[SLR_PASS_BACKWARD];
            work.macs.forward += forward;
            work.macs.recompute += recompute;
            work.macs.backward += backward;
        }
    }
    return work;
}

void slr_step_costs_add(slr_step_costs *costs, const slr_step_work *before, const slr_plan *plan)
{
    slr_step_work after = slr_step_work_of(plan), *work = &costs->work;
    work->forward += after.forward - before->forward;
    work->recompute += after.recompute - before->recompute;
    work->backward += after.backward - before->backward;
    work->adapter += after.adapter - before->adapter;
    work->macs = (slr_step_macs){.forward = after.macs.forward - before->macs.forward,
                                 .recompute = after.macs.recompute - before->macs.recompute,
                                 .backward = after.macs.backward - before->macs.backward,
                                 .adapter = after.macs.adapter - before->macs.adapter,
                                 .probe = after.macs.probe - before->macs.probe};
    if (work->macs.probe > 0)
        costs->probed = work->macs;
}
