/* SPDX-License-Identifier: MIT
 *
 * Labels and features of one side of `selora utility`.
 *
 *     slr_utility_side train;
 *     SLR_TRY(slr_utility_side_open(&labels, folder, SLR_SIDE_TRAIN, ..., &train, err));
 *     ... train.rows ...
 *     slr_utility_side_free(&train);
 */
#ifndef SLR_UTILITY_ROWS_H
#define SLR_UTILITY_ROWS_H

#include "eval/extractor.h"
#include "eval/utility.h"

/* "COLUMN", "COLUMN=VALUE" or "term:WORDS". */
typedef struct slr_utility_label {
    char *name;   /* as given */
    char *column; /* NULL: a term */
    char *value;  /* of the column, or the words in lower case; NULL: the column holds yes and no */
} slr_utility_label;

typedef struct slr_utility_labels {
    size_t count;
    slr_utility_label items[SLR_UTILITY_LABELS];
} slr_utility_labels;

/* A line each. Free it also after a failure. */
selora_status slr_utility_labels_read(const char *list, slr_utility_labels *labels, slr_error *err);
void slr_utility_labels_free(slr_utility_labels *labels);


typedef struct slr_utility_side {
    slr_image_set *set;
    slr_feature_set features;
    size_t *items;     /* (features.count): which picture of the set */
    uint8_t *labels;   /* (features.count, labels) */
    size_t unlabelled; /* pictures left out, since a label is not known */
    slr_utility_rows rows;
} slr_utility_side;

/* Opens the set alone: without pictures of that side *side stays empty where `may_lack`. */
selora_status slr_utility_side_open(const char *folder, slr_side which, const char *group_column, int threads,
                                    bool may_lack, const slr_hooks *hooks, slr_utility_side *side,
                                    slr_error *err);
/* Features, then labels. `known`: where synthetic pictures find labels by their prompt; NULL: none. */
selora_status slr_utility_side_fill(slr_utility_side *side, slr_extractor *x,
                                    const slr_utility_labels *labels, const slr_utility_side *known,
                                    const slr_hooks *hooks, slr_error *err);
void slr_utility_side_free(slr_utility_side *side);

#endif
