/* SPDX-License-Identifier: MIT
 *
 * The CPU kernels. The files of this folder are compiled once for each instruction set (generic, AVX2 + FMA,
 * AVX-512) under names that end in it; backend_cpu.c chooses when the program runs.
 */
#ifndef SLR_CPU_KERNELS_H
#define SLR_CPU_KERNELS_H

#include "graph/backend.h"

#ifndef SLR_ISA
#define SLR_ISA generic
#endif
#define SLR_PASTE2(a, b) a##_##b
#define SLR_PASTE(a, b) SLR_PASTE2(a, b)
#define SLR_CPU(name) SLR_PASTE(slr_cpu_##name, SLR_ISA)

/* For loop bodies with switches: called with constant switches, each call becomes a vector loop of its own. */
#define SLR_INLINE static inline __attribute__((always_inline))

void SLR_CPU(conv2d_fwd)(const slr_call *call);
void SLR_CPU(conv2d_bwd)(const slr_call *call);
void SLR_CPU(linear_fwd)(const slr_call *call);
void SLR_CPU(linear_bwd)(const slr_call *call);
void SLR_CPU(low_rank_fwd)(const slr_call *call);
void SLR_CPU(low_rank_bwd)(const slr_call *call);
void SLR_CPU(group_norm_fwd)(const slr_call *call);
void SLR_CPU(group_norm_bwd)(const slr_call *call);
void SLR_CPU(layer_norm_fwd)(const slr_call *call);
void SLR_CPU(layer_norm_bwd)(const slr_call *call);
void SLR_CPU(activation_fwd)(const slr_call *call);
void SLR_CPU(activation_bwd)(const slr_call *call);
void SLR_CPU(geglu_fwd)(const slr_call *call);
void SLR_CPU(geglu_bwd)(const slr_call *call);
void SLR_CPU(attention_fwd)(const slr_call *call);
void SLR_CPU(attention_bwd)(const slr_call *call);
void SLR_CPU(add_fwd)(const slr_call *call);
void SLR_CPU(add_bwd)(const slr_call *call);
void SLR_CPU(add_channel_fwd)(const slr_call *call);
void SLR_CPU(add_channel_bwd)(const slr_call *call);
void SLR_CPU(concat_fwd)(const slr_call *call);
void SLR_CPU(concat_bwd)(const slr_call *call);
void SLR_CPU(upsample_fwd)(const slr_call *call);
void SLR_CPU(upsample_bwd)(const slr_call *call);
void SLR_CPU(embedding_fwd)(const slr_call *call);
void SLR_CPU(timestep_fwd)(const slr_call *call);
void SLR_CPU(pool_fwd)(const slr_call *call);
void SLR_CPU(scale_shift_fwd)(const slr_call *call);
void SLR_CPU(pick_fwd)(const slr_call *call);
void SLR_CPU(mse_fwd)(const slr_call *call);
void SLR_CPU(mse_bwd)(const slr_call *call);
size_t SLR_CPU(workspace)(const slr_backend *backend, const slr_graph *graph, const slr_op *op, bool backward,
                          int threads);

/* Bytes that one call of each family wants. */
size_t SLR_CPU(conv2d_workspace)(const slr_backend *backend, const slr_graph *graph, const slr_op *op, bool backward,
                                 int threads);
size_t SLR_CPU(linear_workspace)(int threads);
size_t SLR_CPU(low_rank_workspace)(const slr_graph *graph, const slr_op *op);
size_t SLR_CPU(group_norm_workspace)(const slr_graph *graph, const slr_op *op);
size_t SLR_CPU(attention_workspace)(const slr_graph *graph, const slr_op *op, bool backward, int threads);

extern const slr_backend SLR_PASTE(slr_backend_cpu, SLR_ISA);
#ifdef __AVX512F__
void SLR_CPU(bf16_attention_fwd)(const slr_call *call);
void SLR_CPU(bf16_attention_bwd)(const slr_call *call);
size_t SLR_CPU(bf16_attention_workspace)(const slr_graph *graph, const slr_op *op, bool backward, int threads);

extern const slr_backend slr_backend_cpu_avx512bf16, slr_backend_cpu_amx;
#endif

#endif
