/* SPDX-License-Identifier: MIT
 *
 * Which slices of a volume become pictures, and in which order single files make a volume.
 */
#ifndef SLR_SLICE_CHOICE_H
#define SLR_SLICE_CHOICE_H

#include <stddef.h>

#include "medical/medical_options.h"
#include "medical/picture_facts.h"

/* The slices that the rule takes out of `count`, ascending; free() them. SLR_SLICE_LARGEST: `largest`, which
 * the caller found. An index that is not there is SELORA_BAD_INPUT. */
selora_status slr_slice_choose(const slr_medical_options *options, int64_t count, int64_t largest,
                               int64_t **chosen, size_t *chosen_count, slr_error *err);

/* What is wrong with a series as a volume. */
typedef struct slr_series_problems {
    size_t unplaced; /* no position or orientation: they stay behind the others in the order given */
    size_t equal;    /* neighbours at the same place: duplicates, or several points in time */
    size_t turned;   /* orientation differs from the first one's: they cannot be one volume */
} slr_series_problems;

/* Sorts the single-frame files of one series: order[k] is the index of the k-th slice along the normal of the
 * first file's orientation. Files at one place keep the order given. */
selora_status slr_series_order(const slr_picture_facts *const *facts, size_t count, size_t *order,
                               slr_series_problems *problems, slr_error *err);

/* Collects how often values occur in all slices of a volume, in equal steps between two ends, then tells how
 * many values of a slice lie above a percentile of all. */
enum { SLR_VOLUME_BINS = 65536 };
typedef struct slr_volume_counts {
    double low, high;
    uint64_t bins[SLR_VOLUME_BINS];
} slr_volume_counts;
int slr_volume_bin(const slr_volume_counts *counts, double value);
/* Values in bins above the returned one lie above the p-th percentile. */
int slr_volume_percentile_bin(const slr_volume_counts *counts, double p);

#endif
