/* SPDX-License-Identifier: MIT
 *
 * What happens to a text before its bytes are paired: CLIP's clean-up and the cut into words.
 *
 *     slr_code_points raw = {0}, clean = {0};
 *     if (!slr_code_points_decode(&raw, text, size)) ...
 *     if (!slr_code_points_clean(&clean, raw.items, raw.count)) ...
 *     slr_pieces pieces = {.text = clean.items, .count = clean.count};
 *     while (slr_pieces_next(&pieces)) { ... pieces.at, pieces.length ... }
 *     slr_code_points_free(&raw), slr_code_points_free(&clean);
 */
#ifndef SLR_TEXT_PIECES_H
#define SLR_TEXT_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slr_code_points {
    int32_t *items;
    size_t count, capacity;
} slr_code_points;

/* Appends UTF-8; each byte that belongs to no valid character becomes U+FFFD. False when memory
 * lacks. */
bool slr_code_points_decode(slr_code_points *points, const char *text, size_t size);
/* Appends the NFC form of `in`, each run of white space as one space, lower-cased character by
 * character (capital sigma never becomes the final form, only U+0130 grows). `in` is not changed.
 * False when memory lacks. */
bool slr_code_points_clean(slr_code_points *points, const int32_t *in, size_t count);
void slr_code_points_free(slr_code_points *points);

/* The cut into pieces. A piece is one of 's 't 're 've 'm 'll 'd; a run of letters; one character
 * of a number category; a run of anything else but spaces. Where <|startoftext|> or <|endoftext|>
 * stands at the beginning of a piece it is three:
 * "<|", the word, "|>". */
typedef struct slr_pieces {
    const int32_t *text;
    size_t count;
    size_t at, length; /* the piece found last */
    size_t border;     /* where a run must end */
} slr_pieces;

/* Moves on to the next piece; false when only spaces are left. */
bool slr_pieces_next(slr_pieces *pieces);

#endif
