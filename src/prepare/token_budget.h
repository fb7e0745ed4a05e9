/* SPDX-License-Identifier: MIT
 *
 * CLIP sees the first 75 tokens of a prompt: how many are longer, how much is lost, and how to shorten a
 * prompt where a sentence ends.
 *
 *     slr_token_budget budget = {.tokenizer = tokenizer, .truncate = SLR_TRUNCATE_SENTENCE};
 *     SLR_TRY(slr_token_budget_fit(&budget, row, prompt, err));        (shortens `prompt` in place)
 *     print(budget.cut, budget.lost, budget.most[0].row, budget.most[0].lost);
 */
#ifndef SLR_TOKEN_BUDGET_H
#define SLR_TOKEN_BUDGET_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "models/clip_tokenizer.h"

typedef enum slr_truncate {
    SLR_TRUNCATE_TOKENS,  /* the text stays as it is, the tokenizer cuts it */
    SLR_TRUNCATE_SENTENCE /* whole sentences go from its end until it fits; the first one always stays */
} slr_truncate;

enum { SLR_MOST_CUT = 8 };

typedef struct slr_most_cut {
    size_t row; /* as slr_token_budget_fit() was told */
    int64_t lost; /* tokens */
} slr_most_cut;

/* Set the first two, zero the rest. */
typedef struct slr_token_budget {
    const slr_tokenizer *tokenizer; /* NULL: nothing is counted, nothing shortened */
    slr_truncate truncate;
    size_t prompts, cut, shortened; /* cut: the model does not see all of the text as it came */
    int64_t tokens, lost, longest;  /* of the texts as they came; tokens that the model does not see */
    slr_most_cut most[SLR_MOST_CUT]; /* the most cut ones, largest first; lost 0 ends the list */
} slr_token_budget;

/* Counts `text` and, with SLR_TRUNCATE_SENTENCE, ends it after a sentence. `row` names it in `most`. */
selora_status slr_token_budget_fit(slr_token_budget *budget, size_t row, char *text, slr_error *err);

/* Where the last sentence of text[0, size) begins; 0 when there is one only. */
size_t slr_last_sentence(const char *text, size_t size);

#endif
