/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "models/text_pieces.h"
#include "models/tokenizer_parts.h"

enum { MAX_ADDED = 1 << 16, MAX_TOKEN_BYTES = 4096 };

static const char start_of_text[] = "<|startoftext|>", end_of_text[] = "<|endoftext|>";
const slr_named_token_row slr_named_tokens[SLR_NAMED_TOKENS] = {
    {"bos_token", start_of_text}, {"eos_token", end_of_text}, {"unk_token", end_of_text},
    {"sep_token", NULL},          {"pad_token", end_of_text}, {"cls_token", NULL},
    {"mask_token", NULL},
};

/* A token that some file adds. */
typedef struct addition {
    const char *text;
    int64_t id;      /* that the file states; -1: none */
    bool normalized; /* found in the cleaned text */
    unsigned seen;   /* forms added so far: 1 for raw, 2 for normalized */
    bool listed;     /* by added_tokens, added_tokens_decoder */
} addition;

typedef struct additions {
    addition *items;
    size_t count, capacity;
    json_t *index; /* text -> place */
    int64_t next_id;
} additions;

const char *slr_token_text(const json_t *token)
{
    return json_string_value(json_is_object(token) ? json_object_get(token, "content") : token);
}

static const json_t *present(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

/* special_tokens_map.json counts only where the config has no added_tokens_decoder, and then comes
 * first. */
const char *slr_named_token(const slr_tokenizer_source *source, const char *key,
                            const char *fallback, const json_t **value)
{
    const json_t *found = NULL;
    if (!present(source->config, "added_tokens_decoder"))
        found = present(source->special, key);
    if (!found)
        found = present(source->config, key);
    if (value)
        *value = found;
    const char *text = slr_token_text(found);
    return text ? text : fallback;
}

static bool flag(const json_t *token, const char *key, bool fallback)
{
    const json_t *value = json_object_get(token, key);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

/* Adds one token, or changes the form of one that is there: the last form counts, but one that was
 * there before is not added again. */
static selora_status add(additions *list, const slr_tokenizer_source *source, const char *text,
                         int64_t stated, bool normalized, bool listed, slr_error *err)
{
    const json_t *place = json_object_get(list->index, text);
    unsigned form = normalized ? 2 : 1;
    if (place) {
        addition *old = &list->items[json_integer_value(place)];
        if (!(old->seen & form) && !(old->listed && !listed))
            old->normalized = normalized;
        old->seen |= form;
        return SELORA_OK;
    }
    if (list->count == MAX_ADDED || strlen(text) > MAX_TOKEN_BYTES)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: more than %d added tokens, or one longer than %d bytes", source->name,
                        MAX_ADDED, MAX_TOKEN_BYTES);
    const json_t *known = json_object_get(source->vocabulary, text);
    int64_t id = known ? json_integer_value(known) : list->next_id;
    if (stated >= 0 && stated != id)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: the added token with id %lld must have id %lld: added ids follow the "
                        "vocabulary without gaps",
                        source->name, (long long)stated, (long long)id);
    if (!slr_grow((void **)&list->items, &list->capacity, list->count, sizeof *list->items) ||
        json_object_set_new(list->index, text, json_integer((json_int_t)list->count)) != 0)
        return slr_fail_memory(err, sizeof *list->items, "the added tokens");
    list->items[list->count++] = (addition){text, id, normalized, form, listed};
    if (id >= list->next_id)
        list->next_id = id + 1;
    return SELORA_OK;
}

/* A token with a stated id out of one of the three lists. */
static selora_status add_listed(additions *list, const slr_tokenizer_source *source,
                                const json_t *token, int64_t id, slr_error *err)
{
    const char *text = slr_token_text(token);
    if (!text || !*text || id < 0 || id > SLR_MAX_TOKEN_ID)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: an added token has no content or no id from 0 to %d", source->name,
                        SLR_MAX_TOKEN_ID);
    if (flag(token, "single_word", false))
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: the added token with id %lld has single_word, which is not supported",
                        source->name, (long long)id);
    return add(list, source, text, id, flag(token, "normalized", !flag(token, "special", false)),
               true, err);
}

typedef struct listed_token {
    int64_t id;
    const json_t *token;
    size_t place; /* in the files: of two with one id the later counts */
} listed_token;

static int compare_listed(const void *a, const void *b)
{
    const listed_token *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* Everything that states its id, by id: added_tokens_decoder of the config, or else
 * added_tokens.json and the added_tokens of tokenizer.json. `made` owns tokens made up here. */
static selora_status add_all_listed(additions *list, const slr_tokenizer_source *source,
                                    json_t *made, slr_error *err)
{
    const json_t *decoder = present(source->config, "added_tokens_decoder");
    const json_t *of_tokenizer =
        decoder ? NULL : json_object_get(source->tokenizer, "added_tokens");
    const json_t *of_added = decoder ? NULL : source->added;
    size_t most = json_object_size(decoder) + json_array_size(of_tokenizer) +
                  json_object_size(of_added),
           count = 0;
    listed_token *tokens = slr_alloc(most + 1, sizeof *tokens);
    if (!tokens)
        return slr_fail_memory(err, most * sizeof *tokens, "the added tokens");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)decoder, key, value) {
        char *end;
        int64_t id = strtoll(key, &end, 10);
        tokens[count] = (listed_token){*key && !*end ? id : -1, value, count};
        count++;
    }
    json_object_foreach((json_t *)(uintptr_t)of_added, key, value) {
        bool special = false;
        for (int i = 0; i < SLR_NAMED_TOKENS; i++) {
            const char *named = slr_named_token(source, slr_named_tokens[i].key,
                                                slr_named_tokens[i].fallback, NULL);
            special = special || (named && strcmp(named, key) == 0);
        }
        json_t *token = json_pack("{s:s, s:b}", "content", key, "normalized", !special);
        tokens[count] =
            (listed_token){json_is_integer(value) ? json_integer_value(value) : -1, token, count};
        json_array_append_new(made, token);
        count++;
    }
    for (size_t i = 0; i < json_array_size(of_tokenizer); i++, count++) {
        const json_t *token = json_array_get(of_tokenizer, i), *id = json_object_get(token, "id");
        tokens[count] =
            (listed_token){json_is_integer(id) ? json_integer_value(id) : -1, token, count};
    }
    if (count > 1)
        qsort(tokens, count, sizeof *tokens, compare_listed);
    selora_status status = SELORA_OK;
    for (size_t i = 0; status == SELORA_OK && i < count; i++)
        if (i + 1 == count || tokens[i + 1].id != tokens[i].id)
            status = add_listed(list, source, tokens[i].token, tokens[i].id, err);
    free(tokens);
    return status;
}

/* A token without an id, added as a special one: found in the raw text unless it says otherwise. */
static selora_status add_special(additions *list, const slr_tokenizer_source *source,
                                 const char *key, const json_t *token, const char *text,
                                 slr_error *err)
{
    if (token && !slr_token_text(token))
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: %s is neither a text nor an object with \"content\"", source->name,
                        key);
    if (flag(token, "single_word", false))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s has single_word, which is not supported",
                        source->name, key);
    return text && *text ? add(list, source, text, -1, flag(token, "normalized", false), false, err)
                         : SELORA_OK;
}

static bool is_named(const char *key)
{
    for (int i = 0; i < SLR_NAMED_TOKENS; i++)
        if (strcmp(key, slr_named_tokens[i].key) == 0)
            return true;
    return false;
}

/* A list or an object of special tokens without ids. */
static selora_status add_special_list(additions *list, const slr_tokenizer_source *source,
                                      const char *key, const json_t *tokens, slr_error *err)
{
    const char *name;
    json_t *token;
    if (tokens && !json_is_array(tokens) && !json_is_object(tokens))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s is not a list", source->name, key);
    json_object_foreach((json_t *)(uintptr_t)tokens, name, token)
        SLR_TRY(add_special(list, source, key, token, slr_token_text(token), err));
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        token = json_array_get(tokens, i);
        SLR_TRY(add_special(list, source, key, token, slr_token_text(token), err));
    }
    return SELORA_OK;
}

/* Further members "x_token" of the config, then the lists of more special tokens. */
static selora_status add_more_special(additions *list, const slr_tokenizer_source *source,
                                      slr_error *err)
{
    static const char extra[] = "extra_special_tokens",
                      additional[] = "additional_special_tokens"; /* its old name */
    const char *key;
    json_t *value;
    json_object_foreach(source->config, key, value) {
        size_t length = strlen(key);
        if (length > 6 && strcmp(key + length - 6, "_token") == 0 && !is_named(key) &&
            json_is_string(value))
            SLR_TRY(add_special(list, source, key, value, json_string_value(value), err));
    }
    const json_t *of_config = present(source->config, extra);
    bool is_empty = json_is_array(of_config) && json_array_size(of_config) == 0;
    if (!of_config || is_empty)
        of_config = present(source->config, additional);
    SLR_TRY(add_special_list(list, source, extra, of_config, err));
    if (present(source->config, "added_tokens_decoder"))
        return SELORA_OK; /* then special_tokens_map.json does not count */
    SLR_TRY(add_special_list(list, source, extra, present(source->special, extra), err));
    return add_special_list(list, source, additional, present(source->special, additional), err);
}

static selora_status gather(additions *list, const slr_tokenizer_source *source, json_t *made,
                            slr_error *err)
{
    list->index = json_object();
    list->next_id = (int64_t)json_object_size(source->vocabulary);
    if (!list->index || !made)
        return slr_fail_memory(err, 64, "the added tokens");
    SLR_TRY(add_all_listed(list, source, made, err));
    for (int i = 0; i < SLR_NAMED_TOKENS; i++) {
        const json_t *value;
        const char *key = slr_named_tokens[i].key;
        const char *text = slr_named_token(source, key, slr_named_tokens[i].fallback, &value);
        SLR_TRY(add_special(list, source, key, value, text, err));
    }
    return add_more_special(list, source, err);
}

static selora_status keep(slr_tokenizer *tokenizer, const additions *list, slr_error *err)
{
    bool done = true;
    for (size_t i = 0; done && i < list->count; i++) {
        const addition *token = &list->items[i];
        slr_code_points raw = {0}, clean = {0};
        done = slr_code_points_decode(&raw, token->text, strlen(token->text));
        if (done && token->normalized)
            done = slr_code_points_clean(&clean, raw.items, raw.count) &&
                   slr_added_tokens_add(&tokenizer->cleaned, clean.items, clean.count,
                                        (int32_t)token->id);
        else if (done)
            done = slr_added_tokens_add(&tokenizer->raw, raw.items, raw.count, (int32_t)token->id);
        slr_code_points_free(&raw);
        slr_code_points_free(&clean);
        if (token->id >= tokenizer->vocabulary)
            tokenizer->vocabulary = token->id + 1;
    }
    slr_added_tokens_sort(&tokenizer->raw);
    slr_added_tokens_sort(&tokenizer->cleaned);
    return done ? SELORA_OK : slr_fail_memory(err, list->count * 64, "the added tokens");
}

/* The id of a named token; all of them are among the additions. */
static int32_t named_id(const additions *list, const slr_tokenizer_source *source, int which)
{
    const char *text = slr_named_token(source, slr_named_tokens[which].key,
                                       slr_named_tokens[which].fallback, NULL);
    const json_t *place = json_object_get(list->index, text);
    return place ? (int32_t)list->items[json_integer_value(place)].id : -1;
}

selora_status slr_tokenizer_add_tokens(slr_tokenizer *tokenizer, const slr_tokenizer_source *source,
                                       slr_error *err)
{
    additions list = {0};
    json_t *made = json_array();
    selora_status status = gather(&list, source, made, err);
    if (status == SELORA_OK)
        status = keep(tokenizer, &list, err);
    if (status == SELORA_OK) {
        tokenizer->bos = named_id(&list, source, SLR_NAMED_BOS);
        tokenizer->eos = named_id(&list, source, SLR_NAMED_EOS);
        tokenizer->pad = named_id(&list, source, SLR_NAMED_PAD);
        if (tokenizer->bos < 0 || tokenizer->eos < 0 || tokenizer->pad < 0)
            status =
                slr_fail(err, SELORA_BAD_INPUT,
                         "%s: bos_token, eos_token or pad_token is an empty text", source->name);
    }
    free(list.items);
    json_decref(list.index);
    json_decref(made);
    return status;
}
