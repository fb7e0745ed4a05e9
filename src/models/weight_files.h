/* SPDX-License-Identifier: MIT
 *
 * The safetensors files of one component: a single file, a variant, or shards with an index.
 */
#ifndef SLR_WEIGHT_FILES_H
#define SLR_WEIGHT_FILES_H

#include "core/problems.h"
#include "io/safetensors.h"

enum { SLR_MAX_SHARDS = 256 };

typedef struct slr_weight_files {
    int count;
    slr_safetensors *files[SLR_MAX_SHARDS];
    bool *used[SLR_MAX_SHARDS]; /* per tensor: some weight has been read from it */
    bool of_variant;            /* the files are those of the variant asked for */
    char index[128];            /* name of the index file of shards, "" for a file without */
} slr_weight_files;

/* Opens `folder`/`stem`.safetensors or its sharded index. With a variant its files come first, and
 * a component that has none of that variant is read from its plain files; without one, "fp16" is
 * tried last. */
selora_status slr_weight_files_open_folder(slr_weight_files *set, const char *folder,
                                           const char *stem, const char *variant, slr_error *err);
selora_status slr_weight_files_open_single(slr_weight_files *set, const char *path, slr_error *err);
void slr_weight_files_close(slr_weight_files *set); /* of a zeroed one too */

/* The tensor, marked as used, or NULL. */
const slr_stored_tensor *slr_weight_files_take(slr_weight_files *set, const char *name);

#endif
