/* SPDX-License-Identifier: MIT
 *
 * A model folder with an adapter folded into its weights: W + scale B A, in the weights' own type. Every other file
 * is copied byte for byte, except that local paths are dropped from configs and that a tokenizer folder
 * gets the files that older readers insist on.
 *
 *     SLR_TRY(slr_merge_folder(model, set, "merged", err));
 */
#ifndef SLR_MERGE_FOLDER_H
#define SLR_MERGE_FOLDER_H

#include "adapters/adapter_set.h"
#include "models/model.h"

/* `folder` must not exist; it appears whole or not at all. The model must have been opened from a folder.
 * SELORA_NUMERIC when a merged weight is not finite in its type. */
selora_status slr_merge_folder(const slr_model *model, const slr_adapter_set *set, const char *folder,
                               slr_error *err);

#endif
