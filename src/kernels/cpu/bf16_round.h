/* SPDX-License-Identifier: MIT
 *
 * Rounding to bf16, nearest even, by the processor's own instruction: subnormal numbers become zero, NaN stays NaN. The
 * AVX-512 kernels are built without that instruction, as one set of them serves f32 everywhere and bf16 where a backend
 * has a bf16 panel product; only there may these be called, and then the processor has it.
 */
#ifndef SLR_BF16_ROUND_H
#define SLR_BF16_ROUND_H

#ifdef __AVX512F__
#include <immintrin.h>

/* 32 numbers in a row. */
static inline __m512i slr_bf16_round(__m512 first, __m512 last)
{
    __m512i row;
    __asm__("vcvtne2ps2bf16 %2, %1, %0" : "=v"(row) : "v"(last), "v"(first));
    return row;
}

/* 16 pairs (even[j], odd[j]), the even one in the low half: what a bf16 panel consists of. */
static inline __m512i slr_bf16_round_pairs(__m512 even, __m512 odd)
{
    const __m512i zip = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                         5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(zip, slr_bf16_round(even, odd));
}

#endif

#endif
