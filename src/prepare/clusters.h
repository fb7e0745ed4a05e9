/* SPDX-License-Identifier: MIT
 *
 * Things that must stay together: joined two by two, asked for by the smallest of each cluster.
 *
 *     slr_clusters clusters;
 *     SLR_TRY(slr_clusters_new(count, &clusters, err));
 *     slr_clusters_join(&clusters, 3, 7);
 *     if (slr_clusters_root(&clusters, 3) == slr_clusters_root(&clusters, 7)) ...
 *     slr_clusters_free(&clusters);
 */
#ifndef SLR_CLUSTERS_H
#define SLR_CLUSTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct slr_clusters {
    uint32_t *parents; /* (count) */
    uint32_t count;
} slr_clusters;

/* Everyone alone. On failure there is nothing to free. */
selora_status slr_clusters_new(size_t count, slr_clusters *clusters, slr_error *err);
void slr_clusters_free(slr_clusters *clusters); /* also of a zeroed one; zeroes it */

/* True when they were apart. */
bool slr_clusters_join(slr_clusters *clusters, uint32_t a, uint32_t b);
/* The smallest member of the cluster of `item`. */
uint32_t slr_clusters_root(slr_clusters *clusters, uint32_t item);

/* Joins items with equal texts; NULL and "" join nothing. `texts`: (count). *joined (NULL: not wanted) counts
   the
 * joins of what was apart. */
selora_status slr_clusters_join_equal(slr_clusters *clusters, const char *const *texts, size_t *joined,
                                      slr_error *err);

#endif
