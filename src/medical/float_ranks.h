/* SPDX-License-Identifier: MIT
 *
 * Exact percentiles of any number of floats in two passes and little memory: the upper 16 bits of each float
 * are counted first, then the lower ones of those that share their upper bits with a wanted rank.
 *
 *     slr_float_ranks_begin(ranks);
 *     for each piece: slr_float_ranks_upper(ranks, values, n);
 *     slr_float_ranks_want(ranks, percents, 2);
 *     for each piece again: slr_float_ranks_lower(ranks, values, n);
 *     low = slr_float_ranks_get(ranks, 0);
 */
#ifndef SLR_FLOAT_RANKS_H
#define SLR_FLOAT_RANKS_H

#include <stddef.h>
#include <stdint.h>

enum { SLR_FLOAT_WANTED = 3, SLR_FLOAT_HALVES = 65536 };

typedef struct slr_float_ranks {
    uint64_t upper[SLR_FLOAT_HALVES];
    uint32_t lower[2 * SLR_FLOAT_WANTED][SLR_FLOAT_HALVES];
    uint8_t slot[SLR_FLOAT_HALVES];       /* of these upper bits in `lower`, from 1; 0: none */
    uint64_t counted, odd;                /* finite values, others */
    float least, greatest;                /* of the finite ones */
    uint64_t rank[2 * SLR_FLOAT_WANTED];  /* within its upper bits; pairs around each percentile */
    uint32_t place[2 * SLR_FLOAT_WANTED]; /* upper bits */
    double share[SLR_FLOAT_WANTED];       /* of the way from one to the other */
} slr_float_ranks;

void slr_float_ranks_begin(slr_float_ranks *ranks);
/* Values that are not finite are counted as odd and otherwise left out. */
void slr_float_ranks_upper(slr_float_ranks *ranks, const float *values, size_t n);
/* Up to SLR_FLOAT_WANTED percentiles, 0..100. */
void slr_float_ranks_want(slr_float_ranks *ranks, const double *percents, int count);
void slr_float_ranks_lower(slr_float_ranks *ranks, const float *values, size_t n);
/* Straight between neighbours, as numpy.percentile; 0 when nothing was counted. */
double slr_float_ranks_get(const slr_float_ranks *ranks, int wanted);

#endif
