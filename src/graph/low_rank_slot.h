/* SPDX-License-Identifier: MIT
 *
 * A low-rank pair beside one linear layer, as kernels see it. The adapter set owns the memory.
 *
 * A is stored capacity x in, B as its transpose capacity x out: component i is row i of both.
 * Rows 0 .. rank-1 act; rows rank .. rank+probes-1 of A are candidates: the forward kernel
 * computes their columns of H = x A^T too, the backward kernel their rows of dB^T = scale H^T G,
 * and nothing else sees them (their rows of B^T are zero). capacity >= rank + probes, a multiple
 * of 8.
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
    /* Per-sample gradient energy, wanted when sample_energy != NULL: with the rows of x split
     * into `samples` equal runs, backward adds sum over samples of ||gA_b||^2 + ||gB_b||^2 (rows
     * below rank) to sample_energy[0] and sum over samples of ||gB_b row rank+j||^2 to
     * sample_energy[1 + j]. */
    int64_t samples;
    double *sample_energy;
    /* A column of B that backward alone sees, wanted when look != NULL: backward adds scale (G
     * look)^T x to look_ga. */
    const slr_real *look; /* (out) */
    slr_real *look_ga;    /* (in) */
} slr_slot;

#endif
