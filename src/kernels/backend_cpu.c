/* SPDX-License-Identifier: MIT
 * Chooses the CPU kernels for the processor at hand. */
#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "graph/backend.h"

#ifndef SLR_REAL_IS_DOUBLE

extern const slr_backend slr_backend_cpu_generic;
#ifdef __x86_64__
extern const slr_backend slr_backend_cpu_avx2, slr_backend_cpu_avx512, slr_backend_cpu_avx512bf16,
    slr_backend_cpu_amx;

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

static bool has_avx512bf16(void)
{
    unsigned a, b, c, d;
    return has_avx512() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && a >> 5 & 1;
}

/* Tiles are 8 KB of registers that the system must save: it has to know them (XCR0), and Linux gives them only to
 * processes that ask, for all their threads. Asking again changes nothing. */
static bool has_amx(void)
{
    enum { REQUEST_STATE = 0x1023, TILE_DATA = 18 };
    unsigned a, b, c, d, tiles = 3u << 17, xcr0, high;
    if (!has_avx512bf16() || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d >> 24 & 1) || !(d >> 22 & 1))
        return false;
    __asm__("xgetbv" : "=a"(xcr0), "=d"(high) : "c"(0));
    return (xcr0 & tiles) == tiles && syscall(SYS_arch_prctl, REQUEST_STATE, TILE_DATA) == 0;
}
#endif

const slr_backend *slr_backend_cpu_variant(const char *instructions)
{
#ifdef __x86_64__
    static const struct {
        const slr_backend *backend;
        bool (*here)(void);
    } variants[] = {{&slr_backend_cpu_avx2, has_avx2}, {&slr_backend_cpu_avx512, has_avx512},
                    {&slr_backend_cpu_avx512bf16, has_avx512bf16}, {&slr_backend_cpu_amx, has_amx}};
    __builtin_cpu_init();
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
        if (strcmp(instructions, variants[i].backend->name) == 0)
            return variants[i].here() ? variants[i].backend : NULL;
#endif
    return strcmp(instructions, "generic") == 0 ? &slr_backend_cpu_generic : NULL;
}

const slr_backend *slr_backend_cpu_compute(slr_compute compute)
{
    static const char *const names[2][4] = {{"avx512", "avx2", "generic"}, {"amx", "avx512bf16"}};
    const slr_backend *found = NULL;
    for (int i = 0; !found && names[compute][i]; i++)
        found = slr_backend_cpu_variant(names[compute][i]);
    return found;
}

const slr_backend *slr_backend_cpu(void)
{
    return slr_backend_cpu_compute(SLR_COMPUTE_F32);
}

#endif
