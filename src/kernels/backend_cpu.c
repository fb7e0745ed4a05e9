/* SPDX-License-Identifier: MIT
 * Chooses the CPU kernels for the processor at hand. */
#include <string.h>

#include "graph/backend.h"

#ifndef SLR_REAL_IS_DOUBLE

extern const slr_backend slr_backend_cpu_generic;
#ifdef __x86_64__
extern const slr_backend slr_backend_cpu_avx2, slr_backend_cpu_avx512;
#endif

const slr_backend *slr_backend_cpu_variant(const char *instructions)
{
#ifdef __x86_64__
    __builtin_cpu_init();
    if (strcmp(instructions, "avx512") == 0 && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return &slr_backend_cpu_avx512;
    if (strcmp(instructions, "avx2") == 0 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &slr_backend_cpu_avx2;
#endif
    return strcmp(instructions, "generic") == 0 ? &slr_backend_cpu_generic : NULL;
}

const slr_backend *slr_backend_cpu(void)
{
    const slr_backend *best = slr_backend_cpu_variant("avx512");
    if (!best)
        best = slr_backend_cpu_variant("avx2");
    return best ? best : slr_backend_cpu_variant("generic");
}

#endif
