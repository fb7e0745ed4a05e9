/* SPDX-License-Identifier: MIT
 *
 * The reference kernels: naive loops, double accumulators, one thread. Inputs and rules: graph/backend.h.
 */
#ifndef SLR_REF_KERNELS_H
#define SLR_REF_KERNELS_H

#include "graph/backend.h"

void slr_ref_conv2d_fwd(const slr_call *call);
void slr_ref_conv2d_bwd(const slr_call *call);
void slr_ref_linear_fwd(const slr_call *call);
void slr_ref_linear_bwd(const slr_call *call);
void slr_ref_low_rank_fwd(const slr_call *call);
void slr_ref_low_rank_bwd(const slr_call *call);
void slr_ref_group_norm_fwd(const slr_call *call);
void slr_ref_group_norm_bwd(const slr_call *call);
void slr_ref_layer_norm_fwd(const slr_call *call);
void slr_ref_layer_norm_bwd(const slr_call *call);
void slr_ref_activation_fwd(const slr_call *call);
void slr_ref_activation_bwd(const slr_call *call);
void slr_ref_geglu_fwd(const slr_call *call);
void slr_ref_geglu_bwd(const slr_call *call);
void slr_ref_attention_fwd(const slr_call *call);
void slr_ref_attention_bwd(const slr_call *call);
void slr_ref_add_fwd(const slr_call *call);
void slr_ref_add_bwd(const slr_call *call);
void slr_ref_add_channel_fwd(const slr_call *call);
void slr_ref_add_channel_bwd(const slr_call *call);
void slr_ref_concat_fwd(const slr_call *call);
void slr_ref_concat_bwd(const slr_call *call);
void slr_ref_upsample_fwd(const slr_call *call);
void slr_ref_upsample_bwd(const slr_call *call);
void slr_ref_embedding_fwd(const slr_call *call);
void slr_ref_timestep_fwd(const slr_call *call);
void slr_ref_pool_fwd(const slr_call *call);
void slr_ref_scale_shift_fwd(const slr_call *call);
void slr_ref_pick_fwd(const slr_call *call);
void slr_ref_mse_fwd(const slr_call *call);
void slr_ref_mse_bwd(const slr_call *call);

/* Bytes of workspace for one call. */
size_t slr_ref_attention_workspace(const slr_graph *graph, const slr_op *op, bool backward);
size_t slr_ref_low_rank_workspace(const slr_graph *graph, const slr_op *op);

/* dx[i] = value or dx[i] += value. */
static inline void slr_put(slr_real *target, bool accumulate, double value)
{
    *target = (slr_real)(accumulate ? (double)*target + value : value);
}

#endif
