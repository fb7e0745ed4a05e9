/* SPDX-License-Identifier: MIT
 *
 * Vectors of floats as wide as the instruction set that a file of this folder is built for, in the compilers' own
 * vector notation.
 */
#ifndef SLR_VECTOR_LANES_H
#define SLR_VECTOR_LANES_H

#include "kernels/cpu/cpu_kernels.h"

#if defined __AVX512F__
enum { WIDTH = 16 };
#elif defined __AVX2__
enum { WIDTH = 8 };
#else
enum { WIDTH = 4 };
#endif

typedef float vector __attribute__((vector_size(WIDTH * sizeof(float))));
typedef float unaligned_vector __attribute__((vector_size(WIDTH * sizeof(float)), aligned(4)));

/* WIDTH rows of WIDTH become columns: log2(WIDTH) rounds of interleaving row i with row i + WIDTH / 2. */
SLR_INLINE void slr_transpose(vector *rows)
{
    vector next[WIDTH];
    for (int round = 1; round < WIDTH; round *= 2) {
        for (int i = 0; i < WIDTH / 2; i++) {
            vector a = rows[i], b = rows[i + WIDTH / 2];
#if defined __AVX512F__
            next[2 * i] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            next[2 * i + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
#elif defined __AVX2__
            next[2 * i] = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
            next[2 * i + 1] = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#else
            next[2 * i] = __builtin_shufflevector(a, b, 0, 4, 1, 5);
            next[2 * i + 1] = __builtin_shufflevector(a, b, 2, 6, 3, 7);
#endif
        }
        for (int i = 0; i < WIDTH; i++)
            rows[i] = next[i];
    }
}

#endif
