/* SPDX-License-Identifier: MIT
 *
 * From the tensors of one file to pairs: names sorted into layers, shapes and values checked. What
 * differs between formats is a family of names and a rule for the scale.
 *
 *     slr_pair_reader reader = {.names = SLR_NAMES_KOHYA, .scale = kohya_scale, .context = NULL};
 *     SLR_TRY(slr_pairs_read(file, &reader, pairs, err));
 */
#ifndef SLR_PAIR_READER_H
#define SLR_PAIR_READER_H

#include "adapters/adapter_names.h"
#include "adapters/pairs.h"
#include "io/safetensors.h"

typedef struct slr_pair_reader {
    slr_names names;
    /* What tools multiply B A of `path` with; `alpha`: its tensor's value, NaN without one. */
    selora_status (*scale)(const void *context, const char *path, int stored_rank, double alpha,
                           double *scale, slr_error *err);
    const void *context;
} slr_pair_reader;

/* Adds the file's pairs; call slr_pairs_sort() after the last file. All that is wrong is listed in
 * one error, names that mean nothing go to pairs->left_over. */
selora_status slr_pairs_read(const slr_safetensors *file, const slr_pair_reader *reader,
                             slr_pairs *pairs, slr_error *err);

/* One layer from its tensors. `scale`: what tools multiply B A with; `said`: the header knows true
 * rank and scale. Problems are listed, not returned. */
typedef struct slr_pair_tensors {
    const char *path;
    const slr_stored_tensor *a, *b;
    double scale, alpha;
    bool said;
    int true_rank;
    double true_scale;
} slr_pair_tensors;

/* Shapes, types; false when something was wrong. */
bool slr_pair_check(const slr_pair_tensors *tensors, slr_problems *problems);
selora_status slr_pair_fill(const slr_pair_tensors *tensors, slr_pairs *pairs, slr_problems *problems,
                            slr_error *err);

#endif
