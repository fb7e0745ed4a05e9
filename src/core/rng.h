/* SPDX-License-Identifier: MIT
 *
 * Counter-based random numbers: Philox 4x32-10 (Salmon et al., SC 2011). A number depends only on
 * (seed, stream, step, item, position), so resuming needs no state but the step, and two methods
 * compared at one seed see the same batches, noise and timesteps.
 *
 *     slr_rng rng = slr_rng_at(seed, SLR_STREAM_NOISE, step, sample);
 *     for (i = 0; i < n; i++) noise[i] = (slr_real)slr_rng_normal(&rng);
 */
#ifndef SLR_RNG_H
#define SLR_RNG_H

#include <stddef.h>
#include <stdint.h>

#include "core/real.h"

/* One stream for each purpose. The values are part of the run format: append only. */
typedef enum slr_stream {
    SLR_STREAM_DATA_ORDER = 1,
    SLR_STREAM_TIMESTEP = 2,
    SLR_STREAM_NOISE = 3,
    SLR_STREAM_POSTERIOR = 4,
    SLR_STREAM_DROPOUT = 5, /* caption dropout */
    SLR_STREAM_ADAPTER_INIT = 6,
    SLR_STREAM_PROBE = 7,
    SLR_STREAM_SAMPLING = 8,
    SLR_STREAM_SPLIT = 9,
    SLR_STREAM_CROP = 10,
    SLR_STREAM_VALIDATION = 11,
    SLR_STREAM_PHANTOM = 12,
    SLR_STREAM_WEIGHTS = 13, /* random weights for benches and tests */
    SLR_STREAM_NOISE_OFFSET = 14,
    SLR_STREAM_TEST = 15,
    SLR_STREAM_MEMBERSHIP = 16, /* noise of the membership test */
    SLR_STREAM_AUDIT = 17,      /* which pictures are audited */
    SLR_STREAM_JUDGING = 18,    /* subsets, shuffles and resamples of metrics */
    SLR_STREAM_PATTERN = 19     /* ranks that fall on layers by chance */
} slr_stream;

typedef struct slr_rng {
    uint32_t key[2];
    uint32_t counter[4]; /* block, item, step, stream */
    uint32_t block[4];
    uint32_t used;       /* numbers of `block` already given out */
    int has_normal;      /* the second number of the last Box-Muller pair waits */
    double normal;
} slr_rng;

/* The bare function: ten rounds over `counter` with `key`. */
void slr_philox4x32(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

/* A reader at position 0 of (seed, stream, step, item). */
slr_rng slr_rng_at(uint64_t seed, slr_stream stream, uint32_t step, uint32_t item);

uint32_t slr_rng_u32(slr_rng *rng);
double slr_rng_uniform(slr_rng *rng);                  /* [0, 1), 53 bits, two u32 */
double slr_rng_normal(slr_rng *rng);                   /* N(0, 1), Box-Muller */
uint32_t slr_rng_below(slr_rng *rng, uint32_t bound);  /* 0 .. bound-1 without bias; bound >= 1 */

/* Fills `out` with N(0, 1). */
void slr_rng_fill_normal(slr_rng *rng, slr_real *out, size_t count);

/* Writes a permutation of 0..count-1 (Fisher-Yates). */
void slr_rng_permutation(slr_rng *rng, uint32_t *out, uint32_t count);

#endif
