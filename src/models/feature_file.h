/* SPDX-License-Identifier: MIT
 *
 * The weights of a network that makes features: one safetensors file with the names that its field uses, whatever
 * stands before them ("model.", "backbone."), and the config.json beside it.
 *
 *     slr_feature_file *file;
 *     SLR_TRY(slr_feature_file_open(path, &file, err));
 *     if (slr_feature_file_anchor(file, "features.conv0.weight")) ...      (what stands before it is found)
 *     int64_t out = slr_feature_file_size(file, "features.conv0.weight", 0);
 *     const slr_stored_tensor *w = slr_feature_file_take(file, "features.conv0.weight");
 *     slr_feature_file_close(file);
 */
#ifndef SLR_FEATURE_FILE_H
#define SLR_FEATURE_FILE_H

#include <jansson.h>

#include "core/problems.h"
#include "io/safetensors.h"

typedef struct slr_feature_file {
    slr_safetensors *tensors;
    bool *used;
    json_t *config;   /* of config.json beside the file; NULL: there is none */
    char prefix[256]; /* stands before every name */
    char root[256];   /* the same without a last "vision_model.": where CLIP has what both towers share */
} slr_feature_file;

selora_status slr_feature_file_open(const char *path, slr_feature_file **file, slr_error *err);
void slr_feature_file_close(slr_feature_file *file); /* NULL is legal */

/* Finds the shortest name that is `anchor` or ends in a dot and `anchor`; the prefix is what stands before it. */
bool slr_feature_file_anchor(slr_feature_file *file, const char *anchor);

/* A tensor by its name behind the prefix, or NULL; take() marks it as used. */
const slr_stored_tensor *slr_feature_file_find(const slr_feature_file *file, const char *name);
const slr_stored_tensor *slr_feature_file_take(slr_feature_file *file, const char *name);
/* One size of it; 1 where there is no such tensor or dimension (loading says which is missing). */
int64_t slr_feature_file_size(const slr_feature_file *file, const char *name, int dimension);
/* How many of format(0), format(1) ... there are without a gap. */
int slr_feature_file_count(const slr_feature_file *file, const char *format);

/* Lists every tensor that nothing has taken and whose name, behind prefix or root, neither begins with an entry of
 * `ignored` (a list that ends with NULL) nor ends in "num_batches_tracked" or "position_ids". */
void slr_feature_file_list_unused(const slr_feature_file *file, const char *const *ignored,
                                  slr_problems *problems);

/* A value of config.json, or of its object `section`; the fallback where there is none. */
int64_t slr_feature_file_config_int(const slr_feature_file *file, const char *section, const char *key,
                                    int64_t fallback);
double slr_feature_file_config_number(const slr_feature_file *file, const char *section, const char *key,
                                      double fallback);
const char *slr_feature_file_config_text(const slr_feature_file *file, const char *section, const char *key,
                                         const char *fallback);

#endif
