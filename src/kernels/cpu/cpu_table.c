/* SPDX-License-Identifier: MIT
 * The kernel table of one instruction set; AVX-512 has two more, with bf16 products. */
#include "kernels/cpu/cpu_kernels.h"
#include "kernels/bf16/panel_bf16.h"

size_t SLR_CPU(workspace)(const slr_backend *backend, const slr_graph *graph, const slr_op *op, bool backward,
                          int threads)
{
    switch (op->kind) {
    case SLR_OP_CONV2D: return SLR_CPU(conv2d_workspace)(backend, graph, op, backward, threads);
    case SLR_OP_LINEAR: return SLR_CPU(linear_workspace)(threads);
    case SLR_OP_LOW_RANK: return backward ? SLR_CPU(low_rank_workspace)(graph, op) : 0;
    case SLR_OP_GROUP_NORM: return SLR_CPU(group_norm_workspace)(graph, op);
    case SLR_OP_ATTENTION:
#ifdef __AVX512F__
        if (slr_backend_is_bf16(backend))
            return SLR_CPU(bf16_attention_workspace)(graph, op, backward, threads);
#endif
        return SLR_CPU(attention_workspace)(graph, op, backward, threads);
    default: return 0;
    }
}

#define BOTH(op, name) .forward[op] = SLR_CPU(name##_fwd), .backward[op] = SLR_CPU(name##_bwd)

#define TABLE(title, product, own_attention)                                                     \
    {                                                                                           \
        .name = title,                                                                          \
        .panel_product_bf16 = product,                                                          \
        BOTH(SLR_OP_CONV2D, conv2d),                                                            \
        BOTH(SLR_OP_LINEAR, linear),                                                            \
        BOTH(SLR_OP_LOW_RANK, low_rank),                                                        \
        BOTH(SLR_OP_GROUP_NORM, group_norm),                                                    \
        BOTH(SLR_OP_LAYER_NORM, layer_norm),                                                    \
        BOTH(SLR_OP_ACTIVATION, activation),                                                    \
        BOTH(SLR_OP_GEGLU, geglu),                                                              \
        BOTH(SLR_OP_ATTENTION, own_attention),                                                  \
        BOTH(SLR_OP_ADD, add),                                                                  \
        BOTH(SLR_OP_ADD_CHANNEL, add_channel),                                                  \
        BOTH(SLR_OP_CONCAT, concat),                                                            \
        BOTH(SLR_OP_UPSAMPLE, upsample),                                                        \
        BOTH(SLR_OP_MSE, mse),                                                                  \
        .forward[SLR_OP_EMBEDDING] = SLR_CPU(embedding_fwd),                                    \
        .forward[SLR_OP_TIMESTEP] = SLR_CPU(timestep_fwd),                                      \
        .forward[SLR_OP_POOL] = SLR_CPU(pool_fwd),                                              \
        .forward[SLR_OP_SCALE_SHIFT] = SLR_CPU(scale_shift_fwd),                                \
        .forward[SLR_OP_PICK] = SLR_CPU(pick_fwd),                                              \
        .workspace = SLR_CPU(workspace),                                                        \
    }

#define QUOTE2(name) #name
#define QUOTE(name) QUOTE2(name)

const slr_backend SLR_PASTE(slr_backend_cpu, SLR_ISA) = TABLE(QUOTE(SLR_ISA), NULL, attention);
#ifdef __AVX512F__
const slr_backend slr_backend_cpu_avx512bf16 = TABLE("avx512bf16", slr_panel_product_avx512bf16, bf16_attention);
const slr_backend slr_backend_cpu_amx = TABLE("amx", slr_panel_product_amx, bf16_attention);
#endif
