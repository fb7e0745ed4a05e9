/* SPDX-License-Identifier: MIT
 *
 * Places buffers with known lifetimes in one arena: largest first, each at the lowest offset that is free
 * during its whole life.
 */
#ifndef SLR_PLACEMENT_H
#define SLR_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct slr_lifetime {
    size_t bytes;   /* 0: not placed */
    int first, last; /* inclusive time steps */
    size_t offset;  /* result, a multiple of 64 */
} slr_lifetime;

/* Fills the offsets; *arena_bytes is the size needed. False when memory lacks for the bookkeeping. */
bool slr_place_buffers(slr_lifetime *buffers, size_t count, size_t *arena_bytes);

#endif
