/* SPDX-License-Identifier: MIT
 *
 * Byte-pair encoding of one word: bytes become symbols, and the neighbours of lowest rank are
 * joined until none is left.
 *
 *     slr_byte_pairs pairs;
 *     SLR_TRY(slr_byte_pairs_init(&pairs, vocabulary, unknown, merges, "merges.txt", err));
 *     slr_word word = {0};
 *     if (!slr_byte_pairs_split(&pairs, &word, bytes, size)) ...     (word.ids, word.count)
 *     slr_word_free(&word), slr_byte_pairs_free(&pairs);
 */
#ifndef SLR_BYTE_PAIRS_H
#define SLR_BYTE_PAIRS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/status.h"

enum { SLR_MAX_TOKEN_ID = (1 << 24) - 1 };

/* The merges in order of rank: pairs of texts, `left` and `right` of merge i at 2 i and 2 i + 1.
 * Texts are borrowed. */
typedef struct slr_merge_list {
    struct slr_merge_text {
        const char *text;
        size_t length;
    } *texts;
    size_t count, capacity; /* in merges */
} slr_merge_list;

bool slr_merge_list_add(slr_merge_list *list, const char *left, size_t left_length,
                        const char *right, size_t right_length); /* false when memory lacks */

/* The vocabulary (token -> id) that follows from the merges alone: the 256 byte symbols, the same
 * with "</w>", the merges, <|startoftext|>, <|endoftext|>. */
selora_status slr_vocabulary_from_merges(const slr_merge_list *merges, const char *name,
                                         json_t **vocabulary, slr_error *err);

typedef struct slr_byte_pairs {
    int32_t first[256], last[256]; /* the symbol of a byte within a word and at its end */
    uint64_t *keys; /* an open hash of pairs: left id << 32 | right id, or the empty key */
    struct slr_join {
        int32_t rank, id;
    } *joins;
    size_t mask;
} slr_byte_pairs;

/* `vocabulary` maps token -> id; `unknown` is the id of bytes that it lacks, -1: there is none, and
 * a missing byte symbol is an error. */
selora_status slr_byte_pairs_init(slr_byte_pairs *pairs, const json_t *vocabulary, int32_t unknown,
                                  const slr_merge_list *merges, const char *name, slr_error *err);
void slr_byte_pairs_free(slr_byte_pairs *pairs);

/* The tokens of one word, and room that is used again for the next. Zero-initialise. */
typedef struct slr_word {
    int32_t *ids;
    size_t count, capacity;
    struct slr_symbol *symbols;
    size_t symbol_capacity;
    struct slr_candidate *heap;
    size_t heap_count, heap_capacity;
} slr_word;

/* O(n log n) for n bytes; false when memory lacks. */
bool slr_byte_pairs_split(const slr_byte_pairs *pairs, slr_word *word, const unsigned char *bytes,
                          size_t size);
void slr_word_free(slr_word *word);

#endif
