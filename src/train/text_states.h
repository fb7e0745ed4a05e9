/* SPDX-License-Identifier: MIT
 *
 * What a text encoder that is not trained says to each caption: computed once for those that are kept, at each call for
 * others. A caption's states are the same bits either way: texts are encoded one at a time.
 *
 *     slr_text_states *states;
 *     SLR_TRY(slr_text_states_new(model, 77, backend, threads, &states, err));
 *     SLR_TRY(slr_text_states_allocate(states, err));
 *     SLR_TRY(slr_text_states_keep(states, ids, 256 << 20, err));              (as long as the budget lasts)
 *     slr_text_states_write(states, ids, out);                                 (T, D)
 *     slr_text_states_free(states);
 */
#ifndef SLR_TEXT_STATES_H
#define SLR_TEXT_STATES_H

#include "graph/backend.h"
#include "models/model.h"

typedef struct slr_text_states slr_text_states;

selora_status slr_text_states_new(const slr_model *model, int64_t tokens, const slr_backend *backend, int threads,
                                  slr_text_states **states, slr_error *err);
void slr_text_states_free(slr_text_states *states);
size_t slr_text_states_bytes(const slr_text_states *states); /* working memory, then with what is kept */
selora_status slr_text_states_allocate(slr_text_states *states, slr_error *err);

/* Keeps the states of `ids` (T) unless it has them or they would not fit into `budget` bytes. */
selora_status slr_text_states_keep(slr_text_states *states, const int64_t *ids, size_t budget, slr_error *err);
size_t slr_text_states_kept(const slr_text_states *states); /* captions */

/* Allocates nothing. */
void slr_text_states_write(slr_text_states *states, const int64_t *ids, slr_real *out);

#endif
