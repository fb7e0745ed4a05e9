/* SPDX-License-Identifier: MIT
 *
 * CLIP's byte-pair tokenizer, as transformers applies it.
 *
 *     slr_tokenizer *tokenizer;
 *     SLR_TRY(slr_tokenizer_open("model/tokenizer", 77, &tokenizer, err));
 *     int64_t ids[77], tokens;        (slr_tokenizer_length(tokenizer) is 77)
 *     SLR_TRY(slr_tokenizer_encode(tokenizer, text, strlen(text), ids, &tokens, err));
 *     if (tokens > 75) ...            (the caption was cut)
 *     slr_tokenizer_free(tokenizer);
 *
 * Unicode data (NFC, categories, lower case) is that of utf8proc; version 2.8 of Debian 12 has
 * Unicode 15.0. The reference has categories of Unicode 16, lower case of 17 and an NFC of 9: ids
 * differ on characters assigned since 15.0, and where a combining mark of a rare script assigned
 * after 9.0 (98 of them) stands out of canonical order. Each byte that belongs to no valid UTF-8
 * character counts as one U+FFFD. Encoding never changes a tokenizer, so threads may share it.
 */
#ifndef SLR_CLIP_TOKENIZER_H
#define SLR_CLIP_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct slr_tokenizer slr_tokenizer;

/* `path` is one of
 * - a folder of a diffusers model: vocab.json + merges.txt, or tokenizer.json, and beside them
 *   tokenizer_config.json, special_tokens_map.json, added_tokens.json where present;
 * - a tokenizer.json;
 * - a list of merges (merges.txt, or OpenAI's bpe_simple_vocab_16e6.txt, plain or .gz): the
 * vocabulary follows from it. The length of a text becomes model_max_length where the folder has
 * one that is at most `max_positions` (the text encoder's max_position_embeddings), else
 * `max_positions`. What is not understood is refused by its name. */
selora_status slr_tokenizer_open(const char *path, int64_t max_positions, slr_tokenizer **tokenizer,
                                 slr_error *err);

/* The same from the texts of the files, each NULL where there is none; for embedding and tests.
 * `name` stands for the folder in messages. */
typedef struct slr_tokenizer_text {
    const char *data;
    size_t size;
} slr_tokenizer_text;
typedef struct slr_tokenizer_files {
    slr_tokenizer_text tokenizer_json, vocab_json, merges_txt, tokenizer_config, special_tokens_map,
        added_tokens;
} slr_tokenizer_files;
selora_status slr_tokenizer_open_memory(const slr_tokenizer_files *files, const char *name,
                                        int64_t max_positions, slr_tokenizer **tokenizer,
                                        slr_error *err);
void slr_tokenizer_free(slr_tokenizer *tokenizer); /* NULL is legal */

int64_t slr_tokenizer_length(
    const slr_tokenizer *tokenizer); /* ids of a text, BOS and EOS included */
int64_t slr_tokenizer_vocabulary(
    const slr_tokenizer *tokenizer); /* the highest id it can give, plus 1 */

/* Writes slr_tokenizer_length() ids: BOS, the text's tokens, EOS, padding. *token_count (NULL: not
 * wanted) is the number of tokens of the whole text without BOS and EOS; above length - 2 it was
 * cut. `text` need not end in NUL and may hold NULs. Fails for lack of memory only. */
selora_status slr_tokenizer_encode(const slr_tokenizer *tokenizer, const char *text, size_t size,
                                   int64_t *ids, int64_t *token_count, slr_error *err);

#endif
