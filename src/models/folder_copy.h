/* SPDX-License-Identifier: MIT
 *
 * Copying a diffusers model folder so that every reader takes the copy.
 */
#ifndef SLR_FOLDER_COPY_H
#define SLR_FOLDER_COPY_H

#include <stdbool.h>

#include "core/status.h"

/* Copies the files of `source` and of its folders (links to files are followed, hidden files left out) but the weights of
 * unet/ and text_encoder/, which the caller writes, those of vae/ without `with_vae`, and whole checkpoints beside the
 * folders, which are of the model as it was. `_name_or_path` is dropped from JSON files: it may hold the
 * path of another machine. `target` exists. */
selora_status slr_folder_copy(const char *source, const char *target, bool with_vae, slr_error *err);

/* Where target/tokenizer holds a tokenizer.json alone: adds vocab.json, merges.txt and special_tokens_map.json, which
 * transformers 4 needs; where its config has no model_max_length (transformers 5 fails then): `positions`. */
selora_status slr_folder_complete_tokenizer(const char *target, int64_t positions, slr_error *err);

#endif
