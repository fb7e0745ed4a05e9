/* SPDX-License-Identifier: MIT
 *
 * The three transforms of Winograd's convolution F(m x m, 3 x 3), m = 4 or 2, for whole vectors of channels:
 *
 *     Y = A^T [ (G g G^T) . (B^T d B) ] A        g: 3 x 3 taps, d: (m + 2) x (m + 2) pixels, Y: m x m pixels
 *
 * The (m + 2)^2 products between the brackets are called positions; over the channels, each is a matrix product U V.
 * The points are 0, +-0.65, +-1.45, infinity for m = 4 (an error of 1e-6 to 6e-6 in f32; the textbook's 1 and 2 double
 * it) and 0, +-1, infinity for m = 2. Common factors of the rows of G are left to A^T, where they cost nothing.
 *
 * U and V are f32 or, for bf16 products (m = 2 alone), pairs and rows of bf16; the transforms compute in f32.
 */
#ifndef SLR_WINOGRAD_TRANSFORMS_H
#define SLR_WINOGRAD_TRANSFORMS_H

#include "kernels/cpu/cpu_kernels.h"

enum { SLR_WINOGRAD_POSITIONS = 36 }; /* at most */

/* U of `rows` channels, 32 columns: `taps` are nine (rows, 32), position k goes to u + k * stride bytes, (rows, 32). In
 * bf16 `rows` is even and two rows become one of pairs. */
void SLR_CPU(winograd_weights)(int m, bool bf16, const float *const taps[9], int64_t rows, char *u, int64_t stride);

/* V of one tile: `pixels` are (m + 2)^2 rows of `channels`; position k goes to v + k * stride bytes, `channels` rounded up
 * to 16 (bf16: to 32, with zeros). */
void SLR_CPU(winograd_input)(int m, bool bf16, const float *const *pixels, int64_t channels, char *v, int64_t stride);

/* Where a tile of the output goes. */
typedef struct slr_winograd_target {
    float *y;            /* the tile's first pixel, the panel's first column */
    int64_t line, pixel; /* steps downwards and to the right */
    int lines, pixels;   /* of the tile that lie in the map, up to m */
    int columns;         /* of the panel that are real, up to 32 */
    const float *bias;   /* 32 values */
    bool add;            /* y += instead of y = */
} slr_winograd_target;

/* Position k of the tile lies at products + k * stride, 32 columns. */
void SLR_CPU(winograd_output)(int m, const float *products, int64_t stride, const slr_winograd_target *target);

#endif
