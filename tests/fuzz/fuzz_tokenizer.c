/* SPDX-License-Identifier: MIT
 * The first byte says what the rest is: t a text under a fixed small vocabulary; j tokenizer.json,
 * m merges, v vocab.json, c tokenizer_config.json, s special_tokens_map.json, a added_tokens.json
 * beside fixed other files. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models/clip_tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LENGTH = 16 };
static const char merges[] =
    "#version: 0.2\nl u\nlu n\nlun g</w>\nl o\nlo w</w>\n' s</w>\n\xc3\x83 \xc2\xa9</w>\n";
static const char lung[] = "l u\n";
static const char probe[] = "Low <x> lung's <|endoftext|> !\xcc\x81 12 \xff";

static void check_encoding(const slr_tokenizer *tokenizer, const char *text, size_t size)
{
    int64_t ids[LENGTH], again[LENGTH], count, count_again,
        length = slr_tokenizer_length(tokenizer);
    if (length > LENGTH ||
        slr_tokenizer_encode(tokenizer, text, size, ids, &count, NULL) != SELORA_OK ||
        slr_tokenizer_encode(tokenizer, text, size, again, &count_again, NULL) != SELORA_OK ||
        count != count_again || memcmp(ids, again, (size_t)length * sizeof *ids) != 0)
        abort();
    for (int64_t i = 0; i < length; i++)
        if (ids[i] < 0 || ids[i] >= slr_tokenizer_vocabulary(tokenizer))
            abort();
    if (count > (int64_t)size * 3 * 4) /* at most a U+FFFD and its growth for each byte */
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    slr_tokenizer_text rest = {(const char *)data + 1, size - 1},
                       list = {merges, sizeof merges - 1};
    slr_tokenizer_files files = {.merges_txt = list};
    switch (data[0]) {
    case 't': break;
    case 'j': files.tokenizer_json = rest; break;
    case 'm': files.merges_txt = rest; break;
    case 'v':
        files.vocab_json = rest;
        files.merges_txt = (slr_tokenizer_text){lung, sizeof lung - 1};
        break;
    case 'c': files.tokenizer_config = rest; break;
    case 's': files.special_tokens_map = rest; break;
    case 'a': files.added_tokens = rest; break;
    default: return 0;
    }
    slr_tokenizer *tokenizer;
    slr_error err = {0};
    if (slr_tokenizer_open_memory(&files, "input", LENGTH, &tokenizer, &err) != SELORA_OK) {
        if (tokenizer || !err.message[0] || data[0] == 't')
            abort();
        return 0;
    }
    check_encoding(tokenizer, probe, sizeof probe - 1);
    if (data[0] == 't')
        check_encoding(tokenizer, rest.data, rest.size);
    slr_tokenizer_free(tokenizer);
    return 0;
}
