/* SPDX-License-Identifier: MIT
 * Chooses the CPU kernels for the processor at hand. */
#include "graph/backend.h"

#ifndef SLR_REAL_IS_DOUBLE

extern const slr_backend slr_backend_cpu_generic;
#ifdef __x86_64__
extern const slr_backend slr_backend_cpu_avx2, slr_backend_cpu_avx512;
#endif

const slr_backend *slr_backend_cpu(void)
{
#ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return &slr_backend_cpu_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &slr_backend_cpu_avx2;
#endif
    return &slr_backend_cpu_generic;
}

#endif
