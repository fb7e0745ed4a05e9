/* SPDX-License-Identifier: MIT
 *
 * The same picture twice: equal files, equal pixels, or nearly equal pixels (a 64-bit difference hash at most
 * SLR_NEAR_BITS bits apart). Clusters are transitive.
 *
 *     slr_picture_print prints[2] = {{.file = sha, .near = slr_difference_hash(&image)}, ...};
 *     slr_duplicate_counts counts;
 *     SLR_TRY(slr_duplicates_join(prints, 2, &clusters, &counts, err));
 */
#ifndef SLR_DUPLICATES_H
#define SLR_DUPLICATES_H

#include <stdint.h>

#include "core/status.h"
#include "io/image.h"
#include "prepare/clusters.h"

enum { SLR_NEAR_BITS = 4 };

/* What tells a picture from others. Frames of one file have no `file` in common: leave it empty for files of
 * several pictures. */
typedef struct slr_picture_print {
    const char *file;   /* SHA-256 of its file; NULL or "": not compared */
    const char *pixels; /* SHA-256 of its decoded pixels with their size; NULL or "": not compared */
    uint64_t near;      /* difference hash; 0 (no structure: a plain picture) is not compared */
} slr_picture_print;

/* Pictures beyond the first of each cluster of the kind. */
typedef struct slr_duplicate_counts {
    size_t files, pixels, near; /* each counts what the kinds before it do not already join */
    size_t clusters, largest;   /* clusters of two and more, pictures of the largest */
} slr_duplicate_counts;

/* Joins what is alike in `clusters` (of `count` items). */
selora_status slr_duplicates_join(const slr_picture_print *prints, size_t count, slr_clusters *clusters,
                                  slr_duplicate_counts *counts, slr_error *err);

/* The picture as 9 x 8 mean greys; bit 8 y + x: the mean at x is darker than its right neighbour's. */
uint64_t slr_difference_hash(const slr_image *image);

#endif
