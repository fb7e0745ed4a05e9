/* SPDX-License-Identifier: MIT
 *
 * Tokens that are found in a text as they stand, before it is cut into words: BOS and EOS, a pad
 * token such as "!", the words of a textual inversion.
 *
 *     slr_added_tokens list = {0};
 *     if (!slr_added_tokens_add(&list, points, length, id)) ...
 *     slr_added_tokens_sort(&list);
 *     size_t at = 0;        (becomes the place where the token begins)
 *     const slr_added_token *token = slr_added_tokens_find(&list, text, count, &at);
 *     slr_added_tokens_free(&list);
 */
#ifndef SLR_ADDED_TOKENS_H
#define SLR_ADDED_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slr_added_token {
    int32_t *text; /* code points */
    size_t length;
    int32_t id;
} slr_added_token;

typedef struct slr_added_tokens {
    slr_added_token *items;
    size_t count, capacity;
} slr_added_tokens;

/* Copies the text; an empty one is never found and not kept. False when memory lacks. */
bool slr_added_tokens_add(slr_added_tokens *list, const int32_t *text, size_t length, int32_t id);
void slr_added_tokens_sort(slr_added_tokens *list);
/* The leftmost occurrence of any of them from *at on, of several at one place the longest; NULL and
 * *at = count for none. */
const slr_added_token *slr_added_tokens_find(const slr_added_tokens *list, const int32_t *text,
                                             size_t count, size_t *at);
void slr_added_tokens_free(slr_added_tokens *list);

#endif
