/* SPDX-License-Identifier: MIT
 *
 * Has caused bugs elsewhere: special tokens are found before anything is lower-cased; capital sigma
 * has no final form; each digit is a word of its own; EOS is also the padding, but the pad token's
 * text may be a plain "!".
 */
#include "models/clip_tokenizer.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "core/memory.h"
#include "models/text_pieces.h"
#include "models/tokenizer_parts.h"

/* One text on its way to ids. */
typedef struct encoding {
    const slr_tokenizer *tokenizer;
    int64_t *ids;
    int64_t count; /* tokens so far, those beyond the length included */
    slr_word word;
    unsigned char *bytes; /* of one piece */
    size_t byte_capacity;
} encoding;

static void put(encoding *e, int32_t id)
{
    if (e->count < e->tokenizer->length - 2)
        e->ids[1 + e->count] = id;
    e->count++;
}

static bool put_piece(encoding *e, const int32_t *piece, size_t length)
{
    size_t size = 0;
    if (!slr_grow((void **)&e->bytes, &e->byte_capacity, 4 * length, 1))
        return false;
    for (size_t i = 0; i < length; i++)
        size += (size_t)utf8proc_encode_char(piece[i], e->bytes + size);
    if (!slr_byte_pairs_split(&e->tokenizer->pairs, &e->word, e->bytes, size))
        return false;
    for (size_t i = 0; i < e->word.count; i++)
        put(e, e->word.ids[i]);
    return true;
}

static bool put_pieces(encoding *e, const int32_t *text, size_t count)
{
    slr_pieces pieces = {.text = text, .count = count};
    while (slr_pieces_next(&pieces))
        if (!put_piece(e, text + pieces.at, pieces.length))
            return false;
    return true;
}

/* Cuts a text at the tokens of `list`; what lies between goes to `inner`. */
static bool put_between(encoding *e, const slr_added_tokens *list, const int32_t *text,
                        size_t count, bool (*inner)(encoding *e, const int32_t *text, size_t count))
{
    for (size_t begin = 0; begin < count;) {
        size_t at = begin;
        const slr_added_token *token = slr_added_tokens_find(list, text, count, &at);
        if (at > begin && !inner(e, text + begin, at - begin))
            return false;
        if (token)
            put(e, token->id);
        begin = at + (token ? token->length : 0);
    }
    return true;
}

static bool put_raw(encoding *e, const int32_t *text, size_t count)
{
    slr_code_points clean = {0};
    bool done = slr_code_points_clean(&clean, text, count) &&
                put_between(e, &e->tokenizer->cleaned, clean.items, clean.count, put_pieces);
    slr_code_points_free(&clean);
    return done;
}

selora_status slr_tokenizer_encode(const slr_tokenizer *tokenizer, const char *text, size_t size,
                                   int64_t *ids, int64_t *token_count, slr_error *err)
{
    encoding e = {.tokenizer = tokenizer, .ids = ids};
    slr_code_points raw = {0};
    bool done = slr_code_points_decode(&raw, text, size) &&
                put_between(&e, &tokenizer->raw, raw.items, raw.count, put_raw);
    slr_code_points_free(&raw);
    slr_word_free(&e.word);
    free(e.bytes);
    if (!done)
        return slr_fail_memory(err, size, "the tokens of a text");
    int64_t kept = e.count < tokenizer->length - 2 ? e.count : tokenizer->length - 2;
    ids[0] = tokenizer->bos;
    ids[1 + kept] = tokenizer->eos;
    for (int64_t i = kept + 2; i < tokenizer->length; i++)
        ids[i] = tokenizer->pad;
    if (token_count)
        *token_count = e.count;
    return SELORA_OK;
}

int64_t slr_tokenizer_length(const slr_tokenizer *tokenizer)
{
    return tokenizer->length;
}

int64_t slr_tokenizer_vocabulary(const slr_tokenizer *tokenizer)
{
    return tokenizer->vocabulary;
}

void slr_tokenizer_free(slr_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    slr_byte_pairs_free(&tokenizer->pairs);
    slr_added_tokens_free(&tokenizer->raw);
    slr_added_tokens_free(&tokenizer->cleaned);
    free(tokenizer);
}
