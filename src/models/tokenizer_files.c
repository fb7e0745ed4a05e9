/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utf8proc.h>
#include <zlib.h>

#include "core/memory.h"
#include "io/json.h"
#include "io/regular_file.h"
#include "models/tokenizer_parts.h"

enum { MAX_FILE_BYTES = 64 << 20, PATH_SIZE = 4096, MAX_POSITIONS = 1 << 20 };
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* OpenAI's list goes on behind the merges that CLIP uses. */
static const char openai_first_line[] = "\"bpe_simple_vocab_16e6.txt";
enum { OPENAI_MERGES = 48894 };

static selora_status config_refused(const slr_tokenizer_source *source, const char *key,
                                    const char *wanted, slr_error *err)
{
    return slr_fail(err, SELORA_BAD_INPUT,
                    "%s: tokenizer_config.json: %s has a value that is not supported (only %s is)",
                    source->name, key, wanted);
}

selora_status slr_tokenizer_config_check(const slr_tokenizer_source *source, slr_error *err)
{
    static const char *const classes[] = {"CLIPTokenizer", "CLIPTokenizerFast", "TokenizersBackend",
                                          "PreTrainedTokenizerFast"};
    static const char *const right[] = {"padding_side", "truncation_side"};
    static const char *const ends[] = {"add_bos_token", "add_eos_token"};
    const json_t *class = json_object_get(source->config, "tokenizer_class");
    bool known = !class || json_is_null(class);
    for (size_t i = 0; i < COUNT(classes) && !known; i++)
        known = json_is_string(class) && strcmp(json_string_value(class), classes[i]) == 0;
    if (!known)
        return config_refused(source, "tokenizer_class", "CLIPTokenizer", err);
    for (size_t i = 0; i < COUNT(right); i++) {
        const json_t *side = json_object_get(source->config, right[i]);
        if (side && !(json_is_string(side) && strcmp(json_string_value(side), "right") == 0))
            return config_refused(source, right[i], "right", err);
    }
    for (size_t i = 0; i < COUNT(ends); i++)
        if (json_is_false(json_object_get(source->config, ends[i])) && !source->tokenizer)
            return config_refused(source, ends[i], "true", err);
    if (json_is_true(json_object_get(source->config, "split_special_tokens")))
        return config_refused(source, "split_special_tokens", "false", err);
    return SELORA_OK;
}

/* One line of a merges file: "left right". */
static selora_status read_merge(slr_merge_list *merges, const char *line, size_t length,
                                size_t number, const char *name, slr_error *err)
{
    const char *space = memchr(line, ' ', length);
    size_t left = space ? (size_t)(space - line) : 0;
    if (left == 0 || left + 1 >= length || memchr(space + 1, ' ', length - left - 1))
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: line %zu of the merges is not two tokens with one space between them",
                        name, number);
    if (!slr_merge_list_add(merges, line, left, space + 1, length - left - 1))
        return slr_fail_memory(err, length, "the merges");
    return SELORA_OK;
}

static bool is_utf8(slr_tokenizer_text text)
{
    for (size_t at = 0; at < text.size;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t used =
            utf8proc_iterate((const utf8proc_uint8_t *)text.data + at,
                             text.size - at < 4 ? (utf8proc_ssize_t)(text.size - at) : 4, &point);
        if (used <= 0 || point == 0)
            return false;
        at += (size_t)used;
    }
    return true;
}

static selora_status read_merges_text(slr_merge_list *merges, slr_tokenizer_text text,
                                      const char *name, slr_error *err)
{
    static const char version[] = "#version";
    size_t most = SIZE_MAX, number = 0;
    if (!is_utf8(text))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: the merges are not UTF-8 text", name);
    for (const char *line = text.data, *end = text.data + text.size;
         line < end && merges->count < most;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t length = stop ? (size_t)(stop - line) : (size_t)(end - line);
        const char *next = stop ? stop + 1 : end;
        if (length > 0 && line[length - 1] == '\r')
            length--;
        bool openai = ++number == 1 && length >= sizeof openai_first_line - 1 &&
                      memcmp(line, openai_first_line, sizeof openai_first_line - 1) == 0;
        if (openai)
            most = OPENAI_MERGES;
        else if (length > 0 &&
                 !(length >= sizeof version - 1 && memcmp(line, version, sizeof version - 1) == 0))
            SLR_TRY(read_merge(merges, line, length, number, name, err));
        line = next;
    }
    return SELORA_OK;
}

/* model.merges of tokenizer.json: ["left", "right"] or "left right". */
static selora_status read_merges_json(slr_merge_list *merges, const json_t *list, const char *name,
                                      slr_error *err)
{
    if (!json_is_array(list))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: tokenizer.json: model.merges is not a list",
                        name);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const json_t *left = json_array_get(item, 0), *right = json_array_get(item, 1);
        if (json_is_string(item))
            SLR_TRY(read_merge(merges, json_string_value(item), json_string_length(item), i + 1,
                               name, err));
        else if (json_array_size(item) != 2 || !json_is_string(left) || !json_is_string(right))
            return slr_fail(err, SELORA_BAD_INPUT,
                            "%s: tokenizer.json: model.merges[%zu] is not a pair of texts", name,
                            i);
        else if (!slr_merge_list_add(merges, json_string_value(left), json_string_length(left),
                                     json_string_value(right), json_string_length(right)))
            return slr_fail_memory(err, 64, "the merges");
    }
    return SELORA_OK;
}

static selora_status check_vocabulary(const json_t *vocabulary, const char *name, int64_t *size,
                                      slr_error *err)
{
    const char *token;
    json_t *id;
    if (json_object_size(vocabulary) == 0)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: the vocabulary is not an object of tokens and their ids", name);
    *size = 0;
    json_object_foreach((json_t *)(uintptr_t)vocabulary, token, id) {
        int64_t number = json_is_integer(id) ? json_integer_value(id) : -1;
        if (number < 0 || number > SLR_MAX_TOKEN_ID)
            return slr_fail(err, SELORA_BAD_INPUT,
                            "%s: the vocabulary has a token without an id from 0 to %d", name,
                            SLR_MAX_TOKEN_ID);
        if (number >= *size)
            *size = number + 1;
    }
    return SELORA_OK;
}

/* Parses what is there; the config files may hold what only Python calls JSON. */
static selora_status parse(slr_tokenizer_text text, const char *folder, const char *file,
                           bool python, json_t **root, slr_error *err)
{
    *root = NULL;
    if (!text.data)
        return SELORA_OK;
    char *name = slr_format("%s: %s", folder, file),
         *copy = python ? slr_copy_text_n(text.data, text.size) : NULL;
    selora_status status = SELORA_OK;
    if (!name || (python && !copy))
        status = slr_fail_memory(err, text.size, file);
    if (status == SELORA_OK && python)
        slr_json_tame_python(copy, text.size);
    if (status == SELORA_OK)
        status = slr_json_load_memory(python ? copy : text.data, text.size, name, root, err);
    if (status == SELORA_OK && !json_is_object(*root))
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: not a JSON object", name);
    free(name);
    free(copy);
    return status;
}

static selora_status parse_all(const slr_tokenizer_files *files, slr_tokenizer_source *source,
                               slr_error *err)
{
    const char *name = source->name;
    SLR_TRY(
        parse(files->tokenizer_config, name, "tokenizer_config.json", true, &source->config, err));
    SLR_TRY(parse(files->special_tokens_map, name, "special_tokens_map.json", true,
                  &source->special, err));
    SLR_TRY(parse(files->added_tokens, name, "added_tokens.json", false, &source->added, err));
    SLR_TRY(parse(files->tokenizer_json, name, "tokenizer.json", false, &source->tokenizer, err));
    if (!source->tokenizer)
        return parse(files->vocab_json, name, "vocab.json", false, &source->vocabulary, err);
    SLR_TRY(slr_tokenizer_json_check(source->tokenizer, name, err));
    source->vocabulary =
        json_incref(json_object_get(json_object_get(source->tokenizer, "model"), "vocab"));
    return SELORA_OK;
}

static int32_t unknown_id(const slr_tokenizer_source *source)
{
    const char *text =
        slr_named_token(source, "unk_token", slr_named_tokens[SLR_NAMED_UNK].fallback, NULL);
    const json_t *id = json_object_get(source->vocabulary, text);
    const json_t *model = json_object_get(source->tokenizer, "model");
    if (!id && slr_token_text(json_object_get(model, "unk_token")))
        id = json_object_get(source->vocabulary,
                             slr_token_text(json_object_get(model, "unk_token")));
    return id ? (int32_t)json_integer_value(id) : -1;
}

static selora_status read_length(slr_tokenizer *tokenizer, const slr_tokenizer_source *source,
                                 int64_t max_positions, slr_error *err)
{
    double length = (double)max_positions;
    const char *key =
        json_object_get(source->config, "model_max_length") ? "model_max_length" : "max_len";
    if (source->config)
        SLR_TRY(slr_json_double(source->config, source->name, key, 3, 1e300, &length, err));
    tokenizer->length = length < (double)max_positions ? (int64_t)length : max_positions;
    return SELORA_OK;
}

static selora_status build(slr_tokenizer *tokenizer, slr_tokenizer_source *source,
                           slr_merge_list *merges, const slr_tokenizer_files *files,
                           int64_t max_positions, slr_error *err)
{
    const json_t *model = json_object_get(source->tokenizer, "model");
    SLR_TRY(slr_tokenizer_config_check(source, err));
    if (source->tokenizer)
        SLR_TRY(read_merges_json(merges, json_object_get(model, "merges"), source->name, err));
    else if (files->merges_txt.data)
        SLR_TRY(read_merges_text(merges, files->merges_txt, source->name, err));
    else
        return slr_fail(err, SELORA_BAD_INPUT, "%s: neither tokenizer.json nor merges.txt is there",
                        source->name);
    if (!source->vocabulary && !source->tokenizer)
        SLR_TRY(slr_vocabulary_from_merges(merges, source->name, &source->vocabulary, err));
    SLR_TRY(check_vocabulary(source->vocabulary, source->name, &tokenizer->vocabulary, err));
    SLR_TRY(slr_byte_pairs_init(&tokenizer->pairs, source->vocabulary, unknown_id(source), merges,
                                source->name, err));
    SLR_TRY(slr_tokenizer_add_tokens(tokenizer, source, err));
    return read_length(tokenizer, source, max_positions, err);
}

selora_status slr_tokenizer_open_memory(const slr_tokenizer_files *files, const char *name,
                                        int64_t max_positions, slr_tokenizer **result,
                                        slr_error *err)
{
    slr_tokenizer_source source = {.name = name};
    slr_merge_list merges = {0};
    slr_tokenizer *tokenizer = NULL;
    *result = NULL;
    if (max_positions < 3 || max_positions > MAX_POSITIONS)
        return slr_fail(err, SELORA_USAGE,
                        "%s: %lld positions of the text encoder are not from 3 to %d", name,
                        (long long)max_positions, MAX_POSITIONS);
    selora_status status = parse_all(files, &source, err);
    if (status == SELORA_OK) {
        tokenizer = slr_alloc(1, sizeof *tokenizer);
        status = tokenizer ? build(tokenizer, &source, &merges, files, max_positions, err)
                           : slr_fail_memory(err, sizeof *tokenizer, "the tokenizer");
    }
    free(merges.texts);
    json_decref(source.tokenizer);
    json_decref(source.vocabulary);
    json_decref(source.config);
    json_decref(source.special);
    json_decref(source.added);
    if (status != SELORA_OK)
        slr_tokenizer_free(tokenizer);
    else
        *result = tokenizer;
    return status;
}

/* Unpacks gzip data of at most MAX_FILE_BYTES; *data is replaced. */
static selora_status unpack(char **data, size_t *size, const char *path, slr_error *err)
{
    z_stream stream = {.next_in = (unsigned char *)*data, .avail_in = (uInt)*size};
    size_t capacity = 0, used = 0;
    char *text = NULL;
    int code = inflateInit2(&stream, 16 + MAX_WBITS);
    if (code != Z_OK)
        return slr_fail_memory(err, 1 << 16, path);
    while (code == Z_OK && used < MAX_FILE_BYTES &&
           slr_grow((void **)&text, &capacity, used + (1 << 16), 1)) {
        size_t room = capacity - used;
        stream.next_out = (unsigned char *)text + used;
        stream.avail_out = (uInt)room;
        code = inflate(&stream, Z_NO_FLUSH);
        used += room - stream.avail_out;
    }
    inflateEnd(&stream);
    if (code != Z_STREAM_END) {
        free(text);
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: damaged gzip data, or more than %d MiB when unpacked", path,
                        MAX_FILE_BYTES >> 20);
    }
    free(*data);
    *data = text;
    *size = used;
    return SELORA_OK;
}

static selora_status open_file(const char *path, int64_t max_positions, slr_tokenizer **tokenizer,
                               slr_error *err)
{
    slr_tokenizer_files files = {0};
    char *data;
    size_t size, at = 0;
    SLR_TRY(slr_read_file(path, MAX_FILE_BYTES, &data, &size, err));
    selora_status status = SELORA_OK;
    if (size > 2 && (unsigned char)data[0] == 0x1f && (unsigned char)data[1] == 0x8b)
        status = unpack(&data, &size, path, err);
    while (at < size &&
           (data[at] == ' ' || data[at] == '\n' || data[at] == '\r' || data[at] == '\t'))
        at++;
    if (at < size && data[at] == '{')
        files.tokenizer_json = (slr_tokenizer_text){data, size};
    else
        files.merges_txt = (slr_tokenizer_text){data, size};
    if (status == SELORA_OK)
        status = slr_tokenizer_open_memory(&files, path, max_positions, tokenizer, err);
    free(data);
    return status;
}

static selora_status open_folder(const char *path, int64_t max_positions, slr_tokenizer **tokenizer,
                                 slr_error *err)
{
    slr_tokenizer_files files = {0};
    const struct {
        const char *name;
        slr_tokenizer_text *text;
    } members[] = {
        {"tokenizer.json", &files.tokenizer_json},
        {"vocab.json", &files.vocab_json},
        {"merges.txt", &files.merges_txt},
        {"tokenizer_config.json", &files.tokenizer_config},
        {"special_tokens_map.json", &files.special_tokens_map},
        {"added_tokens.json", &files.added_tokens},
    };
    char *data[COUNT(members)] = {NULL};
    selora_status status = SELORA_OK;
    for (size_t i = 0; status == SELORA_OK && i < COUNT(members); i++) {
        char file[PATH_SIZE];
        if ((size_t)snprintf(file, sizeof file, "%s/%s", path, members[i].name) >= sizeof file)
            status = slr_fail(err, SELORA_BAD_INPUT, "%s: the path is too long", path);
        else if (access(file, F_OK) == 0)
            status = slr_read_file(file, MAX_FILE_BYTES, &data[i], &members[i].text->size, err);
        members[i].text->data = data[i];
    }
    if (status == SELORA_OK)
        status = slr_tokenizer_open_memory(&files, path, max_positions, tokenizer, err);
    for (size_t i = 0; i < COUNT(members); i++)
        free(data[i]);
    return status;
}

selora_status slr_tokenizer_open(const char *path, int64_t max_positions, slr_tokenizer **tokenizer,
                                 slr_error *err)
{
    struct stat info;
    *tokenizer = NULL;
    if (stat(path, &info) != 0)
        return slr_fail_errno(err, path, "read the tokenizer");
    return S_ISDIR(info.st_mode) ? open_folder(path, max_positions, tokenizer, err)
                                 : open_file(path, max_positions, tokenizer, err);
}
