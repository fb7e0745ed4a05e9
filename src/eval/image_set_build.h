/* SPDX-License-Identifier: MIT
 *
 * Inside of an image set (eval/image_set.h): its list, and the pass over its pixels.
 */
#ifndef SLR_IMAGE_SET_BUILD_H
#define SLR_IMAGE_SET_BUILD_H

#include "data/picture_files.h"
#include "eval/image_set.h"

enum { SLR_COLOUR_STEPS = 65536 }; /* a residual of 255 has the last */

struct slr_image_set {
    char *folder;
    slr_dataset *data;       /* NULL: plain pictures */
    slr_picture_files files; /* of plain pictures */
    char **paths;            /* (files.count), plain pictures */
    slr_image_item *items;
    size_t *sources; /* (count): index in the dataset */
    size_t count, groups, prompts;
    bool patients, synthetic, rounded;
    bool by_split;        /* patients are those of split.csv */
    char *patient_column; /* or NULL */
    char source[16], sha256[SLR_SHA256_HEX];
    char *window_rule, *window_counts;
    float *kept; /* (count, kept_size, kept_size) or NULL */
    int kept_size;
    uint64_t colour[SLR_COLOUR_STEPS]; /* pixels by residual */
};

/* Fills the pixel facts of all items, the set's hash and colours. */
selora_status slr_image_set_scan(slr_image_set *set, int threads, const slr_hooks *hooks, slr_error *err);

/* Fills groups and prompt ids. `column`: NULL or "" for none; synthetic sets go by prompt. */
selora_status slr_image_set_group(slr_image_set *set, const char *column, slr_error *err);

/* Fills window_rule, window_counts and source_lossy of a prepared set. */
selora_status slr_image_set_read_windows(slr_image_set *set, slr_error *err);

#endif
