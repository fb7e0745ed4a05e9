/* SPDX-License-Identifier: MIT
 *
 * Which items train, which validate, which test.
 *
 *     slr_split split = {0};
 *     SLR_TRY(slr_split_dataset(data, 42, &split, err));
 *     for (size_t i = 0; i < split.train_count; i++)
 *         use(slr_dataset_item(data, split.train[i]));
 *     slr_split_free(&split);
 *
 * By seed: 80 % / 16 % / 4 %, drawn from SLR_STREAM_SPLIT: a fifth is held out, a fifth of that is
 * the test part, both rounded up. Groups are never cut: the shares then hold as nearly as the
 * groups allow. There is always a training item. With one item (or group) validation and test are
 * empty; with a single held-out item it validates. Callers must cope with validation_count == 0 and
 * test_count == 0.
 */
#ifndef SLR_SPLIT_H
#define SLR_SPLIT_H

#include <stdint.h>

#include "core/status.h"
#include "data/dataset.h"

/* Indexes of items, ascending within each part; the three arrays are one block. */
typedef struct slr_split {
    uint32_t *train, *validation, *test;
    size_t train_count, validation_count, test_count;
} slr_split;

/* Sides given by the folders when there are any; else by seed, by group when the dataset has
 * groups. Files that are byte for byte the same stay together (known after
 * slr_dataset_check_pictures()). SELORA_BAD_INPUT: sides are given and no item trains, or a group
 * or a file lies on two sides. */
selora_status slr_split_dataset(const slr_dataset *data, uint64_t seed, slr_split *split,
                                slr_error *err);

/* The bare rule. `groups`: a number below `count` for each item, equal ones stay together; NULL:
 * every item for itself. count >= 1. */
selora_status slr_split_items(const uint32_t *groups, uint32_t count, uint64_t seed,
                              slr_split *split, slr_error *err);

/* The groups of a dataset's split and how many of them lie on more than one side, counted from the
 * result: 0 of them cross. Both are 0 without groups. */
selora_status slr_split_count_groups(const slr_dataset *data, const slr_split *split, size_t *groups,
                                     size_t *crossing, slr_error *err);

void slr_split_free(slr_split *split); /* also of a zeroed one; zeroes it */

#endif
