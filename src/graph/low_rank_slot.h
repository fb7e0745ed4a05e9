/* SPDX-License-Identifier: MIT
 *
 * A low-rank pair beside one linear layer, as kernels see it. The adapter set owns the memory.
 *
 * A is stored capacity x in, B as its transpose capacity x out: component i is row i of both. Rows
 * 0 .. rank-1 act; rows rank .. rank+probes-1 of A are candidates: the forward kernel computes their
 * columns of H = x A^T too, the backward kernel their rows of dB^T = scale H^T G, and nothing else sees them
 * (their rows of B^T are zero). capacity >= rank + probes, a multiple of 8.
 */
#ifndef SLR_LOW_RANK_SLOT_H
#define SLR_LOW_RANK_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/real.h"

typedef struct slr_slot {
    int64_t in, out;
    int rank, probes, capacity;
    double scale;
    bool trainable;
    const slr_real *a;  /* (capacity, in) */
    const slr_real *bt; /* (capacity, out) */
    slr_real *ga;       /* gradients, accumulated: rows 0 .. rank-1 */
    slr_real *gbt;      /* rows 0 .. rank+probes-1 */
} slr_slot;

#endif
