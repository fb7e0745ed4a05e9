/* SPDX-License-Identifier: MIT
 *
 * Structural similarity of grey pictures in [0, 1], at one scale (Wang et al. 2004) and at five (Wang et al. 2003): Gaussian
 * window of 11 x 11 and sigma 1.5, valid region only, variances without n/(n - 1), halved by means of 2 x 2 blocks.
 *
 *     double *scratch = slr_alloc(slr_ms_ssim_scratch(width, height), sizeof *scratch);
 *     double similarity = slr_ms_ssim(a, b, width, height, scratch);            1 for equal pictures
 *
 * Five scales need sides of 161 or more; multiples of 16 leave no row over between scales.
 */
#ifndef SLR_MS_SSIM_H
#define SLR_MS_SSIM_H

#include <stdbool.h>

#include "core/status.h"

enum { SLR_MS_SSIM_LEAST_SIDE = 161 };

/* Doubles of scratch for pictures of that size. */
size_t slr_ms_ssim_scratch(size_t width, size_t height);
/* a, b (height, width). `contrast` (may be NULL): the mean of the contrast-structure part alone. */
double slr_ssim(const double *a, const double *b, size_t width, size_t height, double *contrast, double *scratch);
double slr_ms_ssim(const double *a, const double *b, size_t width, size_t height, double *scratch);

typedef enum slr_pairing { SLR_PAIRS_SAME_PROMPT, SLR_PAIRS_ANY, SLR_PAIRS_NONE } slr_pairing;

typedef struct slr_picture_pair {
    uint32_t first, second;
} slr_picture_pair;

/* Up to `most` different random pairs of different pictures: of the same group where every group has two (wanted:
 * SLR_PAIRS_SAME_PROMPT), or any. free() *pairs. */
selora_status slr_draw_pairs(const int32_t *groups, size_t count, slr_pairing wanted, size_t most, uint64_t seed,
                             uint32_t item, slr_picture_pair **pairs, size_t *pair_count, slr_error *err);
/* Has every group at least two rows? */
bool slr_groups_paired(const int32_t *groups, size_t count);

#endif
