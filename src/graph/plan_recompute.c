/* SPDX-License-Identifier: MIT
 * Which values are not kept from forward to backward, but computed again. */
#include <stdint.h>
#include <stdlib.h>

#include "core/memory.h"
#include "graph/plan_store.h"

/* How one tensor can be had in backward. */
typedef struct offer {
    bool needed; /* a backward kernel reads it, or it is kept for one that is computed again */
    bool again;  /* computing it is less to keep than keeping it */
    bool dropped;
    size_t price; /* bytes to keep for it that would not be kept anyway */
} offer;

/* Multiply-adds that a class may spend on each element that need not be kept. In SD 1.5: none; linear maps of the U-Net's
 * first level and attention to texts; those of its second; those of the text encoder; all others, and the convolutions of
 * its first level. */
static const int64_t limits[] = {
    [SLR_RECOMPUTE_A] = 0, [SLR_RECOMPUTE_A_PLUS] = 320, [SLR_RECOMPUTE_B] = 640, [SLR_RECOMPUTE_B_PLUS] = 768,
    [SLR_RECOMPUTE_C] = 2880,
};

static bool is_cheap(const slr_plan *plan, const slr_op *op, slr_recompute class)
{
    int64_t elements = slr_tensor_elements(slr_graph_tensor(plan->graph, op->out));
    return slr_op_macs(plan->graph, op) <= limits[class] * elements;
}

static void mark_needed(const slr_plan *plan, offer *offers)
{
    for (int i = 0; i < plan->ops; i++) {
        const slr_op *op = slr_graph_op(plan->graph, i);
        const slr_op_info *info = slr_op_info_of(op->kind);
        for (int k = 0; k < op->inputs && plan->in_backward[i]; k++)
            if (info->reads_input[k])
                offers[slr_graph_base(plan->graph, op->in[k])].needed = true;
        if (plan->in_backward[i] && info->reads_output)
            offers[op->out].needed = true;
    }
}

/* Decides for `tensor`, which was found worth computing again, and for what it is computed from. */
static void drop(const slr_plan *plan, offer *offers, slr_tid tensor)
{
    const slr_op *op = slr_graph_op(plan->graph, slr_graph_tensor(plan->graph, tensor)->producer);
    offers[tensor].dropped = true;
    for (int k = 0; k < op->inputs; k++) {
        slr_tid base = slr_graph_base(plan->graph, op->in[k]);
        offer *from = &offers[base];
        if (from->again && !from->needed && !from->dropped)
            drop(plan, offers, base);
        from->price = 0;
    }
}

/* In recorded order, so that what an op computes from has been decided when its output is. */
static void weigh(const slr_plan *plan, slr_recompute class, offer *offers)
{
    for (int i = 0; i < plan->ops; i++) {
        const slr_op *op = slr_graph_op(plan->graph, i);
        const slr_tensor *tensor = slr_graph_tensor(plan->graph, op->out);
        bool stays = tensor->is_output || tensor->is_kept;
        offer *out = &offers[op->out];
        size_t bytes = slr_plan_tensor_bytes(plan, op->out), again = 0;
        for (int k = 0; k < op->inputs; k++)
            again += offers[slr_graph_base(plan->graph, op->in[k])].price;
        out->again = !stays && is_cheap(plan, op, class) && again < bytes;
        out->price = out->again ? again : bytes;
        if (out->needed && out->again)
            drop(plan, offers, op->out);
        if (out->needed || stays)
            out->price = 0;
    }
}

static selora_status choose(slr_plan *plan, slr_recompute class, bool light, slr_error *err)
{
    offer *offers = slr_alloc((size_t)plan->tensors, sizeof *offers);
    if (!offers)
        return slr_fail_memory(err, (size_t)plan->tensors * sizeof *offers, "a plan");
    mark_needed(plan, offers);
    weigh(plan, class, offers);
    for (int t = 0; t < plan->tensors; t++)
        *(light ? &plan->uses[t].light : &plan->uses[t].dropped) = offers[t].dropped;
    free(offers);
    return SELORA_OK;
}

selora_status slr_plan_choose_dropped(slr_plan *plan, slr_error *err)
{
    if (plan->options.recompute == SLR_RECOMPUTE_NONE || !plan->options.backward)
        return SELORA_OK;
    SLR_TRY(choose(plan, SLR_RECOMPUTE_A, true, err));
    return choose(plan, plan->options.recompute, false, err);
}
