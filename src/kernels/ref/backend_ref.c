/* SPDX-License-Identifier: MIT */
#include "kernels/ref/ref_kernels.h"

static size_t workspace(const slr_backend *backend, const slr_graph *graph, const slr_op *op, bool backward, int threads)
{
    (void)backend;
    (void)threads;
    switch (op->kind) {
    case SLR_OP_ATTENTION: return slr_ref_attention_workspace(graph, op, backward);
    case SLR_OP_LOW_RANK: return backward ? slr_ref_low_rank_workspace(graph, op) : 0;
    default: return 0;
    }
}

static const slr_backend ref = {
    .name = "ref",
    .forward = {[SLR_OP_CONV2D] = slr_ref_conv2d_fwd, [SLR_OP_LINEAR] = slr_ref_linear_fwd,
                [SLR_OP_LOW_RANK] = slr_ref_low_rank_fwd, [SLR_OP_GROUP_NORM] = slr_ref_group_norm_fwd,
                [SLR_OP_LAYER_NORM] = slr_ref_layer_norm_fwd,
                [SLR_OP_ACTIVATION] = slr_ref_activation_fwd, [SLR_OP_GEGLU] = slr_ref_geglu_fwd,
                [SLR_OP_ATTENTION] = slr_ref_attention_fwd, [SLR_OP_ADD] = slr_ref_add_fwd,
                [SLR_OP_ADD_CHANNEL] = slr_ref_add_channel_fwd, [SLR_OP_CONCAT] = slr_ref_concat_fwd,
                [SLR_OP_UPSAMPLE] = slr_ref_upsample_fwd, [SLR_OP_EMBEDDING] = slr_ref_embedding_fwd,
                [SLR_OP_TIMESTEP] = slr_ref_timestep_fwd, [SLR_OP_POOL] = slr_ref_pool_fwd,
                [SLR_OP_SCALE_SHIFT] = slr_ref_scale_shift_fwd, [SLR_OP_PICK] = slr_ref_pick_fwd,
                [SLR_OP_MSE] = slr_ref_mse_fwd},
    .backward = {[SLR_OP_CONV2D] = slr_ref_conv2d_bwd, [SLR_OP_LINEAR] = slr_ref_linear_bwd,
                 [SLR_OP_LOW_RANK] = slr_ref_low_rank_bwd, [SLR_OP_GROUP_NORM] = slr_ref_group_norm_bwd,
                 [SLR_OP_LAYER_NORM] = slr_ref_layer_norm_bwd,
                 [SLR_OP_ACTIVATION] = slr_ref_activation_bwd, [SLR_OP_GEGLU] = slr_ref_geglu_bwd,
                 [SLR_OP_ATTENTION] = slr_ref_attention_bwd, [SLR_OP_ADD] = slr_ref_add_bwd,
                 [SLR_OP_ADD_CHANNEL] = slr_ref_add_channel_bwd, [SLR_OP_CONCAT] = slr_ref_concat_bwd,
                 [SLR_OP_UPSAMPLE] = slr_ref_upsample_bwd, [SLR_OP_MSE] = slr_ref_mse_bwd},
    .workspace = workspace,
};

const slr_backend *slr_backend_ref(void)
{
    return &ref;
}
