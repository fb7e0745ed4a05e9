/* SPDX-License-Identifier: MIT
 *
 * Features of pictures: a matrix, what each row belongs to, and what made it. Files of it: safetensors (`selora-features/1`),
 * and from and for other programs .npy (2-D, little-endian, C order) and CSV with a header.
 *
 *     slr_feature_set set;
 *     SLR_TRY(slr_feature_set_read("real.safetensors", &set, err));
 *     ... set.values[i * set.dim + j] ...
 *     slr_feature_set_free(&set);
 *
 * Values that are not finite are refused when read: no distance means anything with them.
 */
#ifndef SLR_FEATURE_SET_H
#define SLR_FEATURE_SET_H

#include <stdbool.h>

#include "core/status.h"

/* Of files that say nothing about their extractor. */
#define SLR_FEATURES_UNNAMED "file"

typedef struct slr_feature_set {
    size_t count, dim;
    double *values;  /* (count, dim) */
    double *texts;   /* (count, dim): features of the prompt of each row, or NULL */
    int64_t *rows;   /* (count): row in the data set or folder, from 1 */
    int32_t *groups; /* (count): patient (real) or prompt (synthetic), dense from 0; each row its own where unknown */
    bool rounded;    /* read from numbers of 32 bits or fewer */
    char extractor[64], weights_sha256[65], preproc[96], source[16], data_sha256[65];
} slr_feature_set;

/* Zeroed features, rows 1.., each row a group; named SLR_FEATURES_UNNAMED. */
selora_status slr_feature_set_new(size_t count, size_t dim, slr_feature_set *set, slr_error *err);
void slr_feature_set_free(slr_feature_set *set); /* zeroes the struct; a zeroed one is legal */

/* By the end of the name. Any set that is read has count, dim >= 1 and finite values. On failure *set is zeroed. */
selora_status slr_feature_set_read(const char *path, slr_feature_set *set, slr_error *err);
/* .safetensors rounds features to F32 as the format has it; .npy is <f8 and features alone; CSV has the columns row,
 * group, f0 .. with enough digits to read back the same bits. */
selora_status slr_feature_set_write(const slr_feature_set *set, const char *path, slr_error *err);

/* True when both sides were made by the same extractor, weights and preparation; else *why (a fixed word) names the
 * field that differs. */
bool slr_feature_set_alike(const slr_feature_set *a, const slr_feature_set *b, const char **why);

/* The rows whose number is in `chosen` (count numbers below set->count), in that order; groups are made dense anew. */
selora_status slr_feature_set_take(const slr_feature_set *set, const size_t *chosen, size_t count, slr_feature_set *out,
                                   slr_error *err);
/* Dense numbers from 0 in the order of first appearance for `count` labels of any value; how many there are goes to
 * *distinct where it is not NULL. */
selora_status slr_dense_groups(const int64_t *labels, size_t count, int32_t *groups, size_t *distinct, slr_error *err);

/* The readers of one format each, over memory (`name` for messages). */
selora_status slr_feature_set_parse_safetensors(const void *data, size_t size, const char *name, slr_feature_set *set,
                                                slr_error *err);
selora_status slr_feature_set_parse_npy(const void *data, size_t size, const char *name, slr_feature_set *set,
                                        slr_error *err);
selora_status slr_feature_set_parse_csv(const char *data, size_t size, const char *name, slr_feature_set *set,
                                        slr_error *err);
selora_status slr_feature_set_write_npy(const slr_feature_set *set, const char *path, slr_error *err);
selora_status slr_feature_set_write_csv(const slr_feature_set *set, const char *path, slr_error *err);
/* SELORA_BAD_INPUT naming the first value that is not finite. */
selora_status slr_feature_set_check(const slr_feature_set *set, const char *name, slr_error *err);

#endif
