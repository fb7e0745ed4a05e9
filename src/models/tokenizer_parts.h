/* SPDX-License-Identifier: MIT
 *
 * What a tokenizer consists of, and how its files become that. For clip_tokenizer.c and
 * tokenizer_*.c only.
 */
#ifndef SLR_TOKENIZER_PARTS_H
#define SLR_TOKENIZER_PARTS_H

#include <jansson.h>

#include "models/added_tokens.h"
#include "models/byte_pairs.h"
#include "models/clip_tokenizer.h"

struct slr_tokenizer {
    int64_t length, vocabulary;
    int32_t bos, eos, pad;
    slr_byte_pairs pairs;
    slr_added_tokens raw;     /* found in the text as it is */
    slr_added_tokens
        cleaned; /* ("normalized": true) found in the cleaned text, their own text cleaned too */
};

/* The parsed files; absent ones are NULL. `name` stands for the folder in messages. */
typedef struct slr_tokenizer_source {
    const char *name;
    json_t *tokenizer, *vocabulary, *config, *special, *added;
} slr_tokenizer_source;

/* Refuses a tokenizer.json that does anything else than CLIP's tokenizer, by the part's name. */
selora_status slr_tokenizer_json_check(const json_t *root, const char *name, slr_error *err);
/* The same for the keys of tokenizer_config.json. */
selora_status slr_tokenizer_config_check(const slr_tokenizer_source *source, slr_error *err);

/* The tokens that have names, in the order in which transformers adds them, and what CLIPTokenizer
 * has where no file says anything. */
enum {
    SLR_NAMED_BOS = 0,
    SLR_NAMED_EOS = 1,
    SLR_NAMED_UNK = 2,
    SLR_NAMED_PAD = 4,
    SLR_NAMED_TOKENS = 7
};
typedef struct slr_named_token_row {
    const char *key, *fallback;
} slr_named_token_row;
extern const slr_named_token_row slr_named_tokens[SLR_NAMED_TOKENS];

/* Text of a token that is a text or an object with "content"; NULL for anything else. */
const char *slr_token_text(const json_t *token);
/* bos_token, eos_token, unk_token, pad_token ...: what the files say, or `fallback`. Sets *value to
 * the member itself where there is one (it may be NULL). */
const char *slr_named_token(const slr_tokenizer_source *source, const char *key,
                            const char *fallback, const json_t **value);

/* Finds all tokens that the files add, in the order and with the ids that transformers gives them,
 * and fills tokenizer->raw, ->cleaned, ->bos, ->eos, ->pad, ->vocabulary. */
selora_status slr_tokenizer_add_tokens(slr_tokenizer *tokenizer, const slr_tokenizer_source *source,
                                       slr_error *err);

#endif
