/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>
#include <zlib.h>

#include "io/json.h"
#include "models/byte_pairs.h"
#include "models/clip_tokenizer.h"
#include "support/scratch.h"

/* The vocabulary of test_clip_tokenizer.c: lung</w> 514, low</w> 516, BOS 520, EOS 521. */
static const char merges_text[] =
    "#version: 0.2\nl u\nlu n\nlun g</w>\nl o\nlo w</w>\ne n\nen d\n' s</w>\n";
static const char *const merges_pairs[][2] = {{"l", "u"},  {"lu", "n"},     {"lun", "g</w>"},
                                              {"l", "o"},  {"lo", "w</w>"}, {"e", "n"},
                                              {"en", "d"}, {"'", "s</w>"}};
#define COUNT(array) (sizeof(array) / sizeof *(array))

static json_t *mini_vocabulary(void)
{
    slr_merge_list list = {0};
    json_t *vocabulary;
    for (size_t i = 0; i < COUNT(merges_pairs); i++)
        assert_true(slr_merge_list_add(&list, merges_pairs[i][0], strlen(merges_pairs[i][0]),
                                       merges_pairs[i][1], strlen(merges_pairs[i][1])));
    assert_int_equal(slr_vocabulary_from_merges(&list, "m", &vocabulary, NULL), SELORA_OK);
    free(list.texts);
    return vocabulary;
}

/* tokenizer.json as tokenizers 0.23 writes it; merges as pairs or, as older versions, as texts. */
static json_t *mini_tokenizer_json(bool pairs)
{
    json_t *root =
        json_loads("{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[{"
                   "\"id\":520,\"content\":\"<|startoftext|>\","
                   "\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,"
                   "\"special\":true},{\"id\":521,\"content\":"
                   "\"<|endoftext|>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
                   "\"normalized\":false,\"special\":true}],"
                   "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{"
                   "\"type\":\"Replace\",\"pattern\":{\"Regex\":"
                   "\"\\\\s+\"},\"content\":\" "
                   "\"},{\"type\":\"Lowercase\"}]},\"pre_tokenizer\":{\"type\":\"Sequence\","
                   "\"pretokenizers\":["
                   "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"<\\\\|startoftext\\\\|>|<\\\\|"
                   "endoftext\\\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\\\p{L}]+|"
                   "[\\\\p{N}]|[^\\\\s\\\\p{L}\\\\p{N}]+\"},\"behavior\":\"Removed\",\"invert\":"
                   "true},{\"type\":\"ByteLevel\",\"add_prefix_space\":"
                   "false,\"trim_offsets\":true,\"use_regex\":true}]},\"post_processor\":{\"type\":"
                   "\"RobertaProcessing\",\"sep\":["
                   "\"<|endoftext|>\",521],\"cls\":[\"<|startoftext|>\",520],\"trim_offsets\":"
                   "false,\"add_prefix_space\":false},\"decoder\":null,"
                   "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":\"<|endoftext|>\","
                   "\"continuing_subword_prefix\":\"\","
                   "\"end_of_word_suffix\":\"</"
                   "w>\",\"fuse_unk\":false,\"byte_fallback\":false,\"ignore_merges\":false}}",
                   0, NULL);
    assert_non_null(root);
    json_t *model = json_object_get(root, "model"), *merges = json_array();
    for (size_t i = 0; i < COUNT(merges_pairs); i++)
        json_array_append_new(
            merges, pairs ? json_pack("[s, s]", merges_pairs[i][0], merges_pairs[i][1])
                          : json_sprintf("%s %s", merges_pairs[i][0], merges_pairs[i][1]));
    json_object_set_new(model, "vocab", mini_vocabulary());
    json_object_set_new(model, "merges", merges);
    return root;
}

static void write_json(const char *name, json_t *root)
{
    char *text = slr_json_text(root, 0);
    scratch_write(name, text, strlen(text));
    free(text);
    json_decref(root);
}

static void write_text(const char *name, const char *text)
{
    scratch_write(name, text, strlen(text));
}

/* Opens what lies in `name` and compares the ids of `text` up to the count of `expected`. */
static void assert_opens(const char *name, const char *text, size_t count, const int64_t *expected)
{
    slr_tokenizer *tokenizer;
    slr_error err = {0};
    int64_t ids[77];
    if (slr_tokenizer_open(scratch_path(name), 77, &tokenizer, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    assert_int_equal(slr_tokenizer_length(tokenizer), 77);
    assert_int_equal(slr_tokenizer_encode(tokenizer, text, strlen(text), ids, NULL, &err),
                     SELORA_OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(ids[i], expected[i]);
    slr_tokenizer_free(tokenizer);
}

static const int64_t low_lung[] = {520, 516, 514, 521, 521};

static void test_file_sets(void **state)
{
    (void)state;
    static const char *const folders[] = {"slow", "fast", "old_fast", "both"};
    for (size_t i = 0; i < COUNT(folders); i++)
        assert_int_equal(mkdir(scratch_path(folders[i]), 0700), 0);
    write_json("slow/vocab.json", mini_vocabulary());
    write_text("slow/merges.txt", merges_text);
    write_json("fast/tokenizer.json", mini_tokenizer_json(true));
    write_json("old_fast/tokenizer.json", mini_tokenizer_json(false));
    write_json("both/tokenizer.json", mini_tokenizer_json(true));
    write_text("both/vocab.json", "damaged"); /* never read */
    for (size_t i = 0; i < COUNT(folders); i++)
        assert_opens(folders[i], "Low lung", 5, low_lung);
    assert_opens("fast/tokenizer.json", "Low lung", 5, low_lung);
    assert_opens("slow/merges.txt", "Low lung", 5, low_lung);
    gzFile packed = gzopen(scratch_path("merges.gz"), "wb");
    gzwrite(packed, merges_text, sizeof merges_text - 1);
    gzclose(packed);
    assert_opens("merges.gz", "Low lung", 5, low_lung);
    write_text(
        "crlf.txt",
        "l u\r\nlu n\r\nlun g</w>\r\nl o\r\nlo w</w>\r\ne n\r\nen d\r\n' s</w>"); /* no last line
                                                                                     end */
    assert_opens("crlf.txt", "Low lung", 5, low_lung);
}

/* Of OpenAI's list the first 48,894 merges count. */
static void test_openai_list(void **state)
{
    (void)state;
    enum { LINES = 50000 };
    char *text = malloc(LINES * 16), *at = text;
    at += sprintf(at, "\"bpe_simple_vocab_16e6.txt#version: 0.2\n");
    for (int i = 0; i < LINES; i++) /* distinct tokens: x + a byte symbol pair is enough */
        if (i < 94 * 94)
            at += sprintf(at, "%c %c\n", 33 + i / 94, 33 + i % 94);
        else if (i < 2 * 94 * 94)
            at += sprintf(at, "%c %c</w>\n", 33 + (i - 94 * 94) / 94, 33 + i % 94);
        else
            at += sprintf(at, "%c %c%c\n", 33 + i % 94, 33 + i / 94 % 94, 33 + (i / 8836) % 94);
    write_text("bpe.txt", text);
    free(text);
    slr_tokenizer *tokenizer;
    slr_error err = {0};
    assert_int_equal(slr_tokenizer_open(scratch_path("bpe.txt"), 77, &tokenizer, &err), SELORA_OK);
    assert_int_equal(slr_tokenizer_vocabulary(tokenizer), 49408);
    slr_tokenizer_free(tokenizer);
}

static slr_tokenizer_text text_of(const char *text)
{
    return (slr_tokenizer_text){text, text ? strlen(text) : 0};
}

static selora_status open_with(const char *config, const char *special, const char *added,
                               slr_tokenizer **tokenizer, slr_error *err)
{
    slr_tokenizer_files files = {.merges_txt = text_of(merges_text),
                                 .tokenizer_config = text_of(config),
                                 .special_tokens_map = text_of(special),
                                 .added_tokens = text_of(added)};
    return slr_tokenizer_open_memory(&files, "folder", 77, tokenizer, err);
}

/* What transformers 5.24 gives for "!<X> <x> LOW" under the files of a row, up to the padding. */
static void test_added_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *config, *special, *added;
        int64_t ids[12];
    } rows[] = {
        {NULL, NULL, NULL, {520, 0, 283, 343, 285, 283, 343, 285, 516, 521, 521}},
        /* textual inversion: found after lower-casing, itself lower-cased */
        {NULL, NULL, "{\"<x>\": 522}", {520, 256, 522, 522, 516, 521, 521}},
        {NULL, NULL, "{\"<X>\": 522}", {520, 256, 522, 522, 516, 521, 521}},
        {"{\"added_tokens_decoder\": {\"522\": {\"content\": \"<X>\", \"normalized\": false}}}",
         NULL,
         NULL,
         {520, 256, 522, 283, 343, 285, 516, 521, 521}},
        /* special ones are found as they stand */
        {"{\"additional_special_tokens\": [\"<x>\"]}",
         NULL,
         NULL,
         {520, 0, 283, 343, 285, 522, 516, 521, 521}},
        {"{\"extra_special_tokens\": [\"<x>\", \"<X>\"]}",
         NULL,
         NULL,
         {520, 256, 523, 522, 516, 521, 521}},
        {"{\"image_token\": \"<x>\", \"extra_special_tokens\": [\"<X>\"]}",
         NULL,
         NULL,
         {520, 256, 523, 522, 516, 521, 521}},
        {NULL,
         "{\"additional_special_tokens\": [\"<x>\"]}",
         NULL,
         {520, 0, 283, 343, 285, 522, 516, 521, 521}},
        /* the pad token, and special_tokens_map.json before the config */
        {"{\"pad_token\": \"!\"}", NULL, NULL, {520, 0, 283, 343, 285, 283, 343, 285, 516, 521, 0}},
        {"{\"pad_token\": \"?\"}",
         "{\"pad_token\": {\"content\": \"!\"}}",
         NULL,
         {520, 0, 283, 343, 285, 283, 343, 285, 516, 521, 0}},
        /* but not where the config lists its added tokens */
        {"{\"pad_token\": \"<x>\", \"added_tokens_decoder\": {\"522\": {\"content\": \"<x>\", "
         "\"normalized\": true}}}",
         "{\"pad_token\": \"!\"}",
         "{\"<y>\": 523}",
         {520, 256, 522, 522, 516, 521, 522}},
        {"{\"eos_token\": \"<x>\"}", NULL, NULL, {520, 0, 283, 343, 285, 522, 516, 522, 521}},
        {"{\"bos_token\": {\"content\": \"low\", \"normalized\": true}}",
         NULL,
         NULL,
         {522, 0, 283, 343, 285, 283, 343, 285, 522, 521, 521}},
        {"{\"pad_token\": null, \"mask_token\": \"<X>\"}",
         NULL,
         NULL,
         {520, 256, 522, 283, 343, 285, 516, 521, 521}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        slr_tokenizer *tokenizer;
        slr_error err = {0};
        int64_t ids[77];
        if (open_with(rows[i].config, rows[i].special, rows[i].added, &tokenizer, &err) !=
            SELORA_OK)
            fail_msg("row %zu: %s", i, err.message);
        assert_int_equal(slr_tokenizer_encode(tokenizer, "!<X> <x> LOW", 12, ids, NULL, NULL),
                         SELORA_OK);
        for (int j = 0; j < 12 && (j == 0 || rows[i].ids[j] || j < 2); j++)
            if (ids[j] != rows[i].ids[j])
                fail_msg("row %zu, place %d: %lld", i, j, (long long)ids[j]);
        slr_tokenizer_free(tokenizer);
    }
}

static void test_length(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        int64_t length;
    } rows[] = {
        {NULL, 77},
        {"{}", 77},
        {"{\"model_max_length\": 77}", 77},
        {"{\"model_max_length\": 20}", 20},
        {"{\"model_max_length\": 512}", 77},
        {"{\"model_max_length\": 1000000000000000019884624838656}", 77},
        {"{\"model_max_length\": 1e30}", 77},
        {"{\"model_max_length\": null}", 77},
        {"{\"max_len\": 30}", 30},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        slr_tokenizer *tokenizer;
        slr_error err = {0};
        if (open_with(rows[i].config, NULL, NULL, &tokenizer, &err) != SELORA_OK)
            fail_msg("row %zu: %s", i, err.message);
        assert_int_equal(slr_tokenizer_length(tokenizer), rows[i].length);
        slr_tokenizer_free(tokenizer);
    }
}

static void test_config_refused(void **state)
{
    (void)state;
    static const char *const rows[][4] = {
        /* config, special, added, what the message must name */
        {"{\"tokenizer_class\": \"T5Tokenizer\"}", NULL, NULL, "tokenizer_class"},
        {"{\"padding_side\": \"left\"}", NULL, NULL, "padding_side"},
        {"{\"truncation_side\": \"left\"}", NULL, NULL, "truncation_side"},
        {"{\"add_eos_token\": false}", NULL, NULL, "add_eos_token"},
        {"{\"split_special_tokens\": true}", NULL, NULL, "split_special_tokens"},
        {"{\"model_max_length\": 2}", NULL, NULL, "model_max_length"},
        {"{\"model_max_length\": \"77\"}", NULL, NULL, "model_max_length"},
        {"{\"pad_token\": 5}", NULL, NULL, "pad_token"},
        {"{\"pad_token\": \"\"}", NULL, NULL, "pad_token"},
        {"{\"pad_token\": {\"content\": \"!\", \"single_word\": true}}", NULL, NULL, "single_word"},
        {"{\"added_tokens_decoder\": {\"530\": {\"content\": \"<x>\"}}}", NULL, NULL, "530"},
        {"{\"added_tokens_decoder\": {\"x\": {\"content\": \"<x>\"}}}", NULL, NULL, "no id"},
        {"{\"added_tokens_decoder\": {\"522\": {\"content\": \"<x>\", \"single_word\": true}}}",
         NULL, NULL, "single_word"},
        {"{\"extra_special_tokens\": 1}", NULL, NULL, "extra_special_tokens"},
        {"{\"extra_special_tokens\": [1]}", NULL, NULL, "extra_special_tokens"},
        {NULL, NULL, "{\"<x>\": 600}", "600"},
        {NULL, NULL, "{\"<x>\": -1}", "no id"},
        {NULL, NULL, "{\"<x>\": \"522\"}", "no id"},
        {"[]", NULL, NULL, "tokenizer_config.json: not a JSON object"},
        {NULL, "{", NULL, "special_tokens_map.json"},
        {NULL, NULL, "[]", "added_tokens.json"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        slr_tokenizer *tokenizer = (slr_tokenizer *)(uintptr_t)1;
        slr_error err = {0};
        selora_status status = open_with(rows[i][0], rows[i][1], rows[i][2], &tokenizer, &err);
        if (status != SELORA_BAD_INPUT || tokenizer || strncmp(err.message, "folder: ", 8) != 0 ||
            !strstr(err.message, rows[i][3]))
            fail_msg("row %zu: '%s' lacks '%s'", i, err.message, rows[i][3]);
    }
}

static selora_status open_json(json_t *root, slr_error *err)
{
    slr_tokenizer *tokenizer;
    char *text = slr_json_text(root, 0);
    slr_tokenizer_files files = {.tokenizer_json = text_of(text)};
    selora_status status = slr_tokenizer_open_memory(&files, "folder", 77, &tokenizer, err);
    slr_tokenizer_free(tokenizer);
    free(text);
    return status;
}

static void test_tokenizer_json_refused(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        /* path, JSON value (NULL: removed), what the message must name */
        {"normalizer", "null", "normalizer"},
        {"normalizer.normalizers", "[{\"type\": \"NFC\"}]", "normalizer"},
        {"pre_tokenizer", "{\"type\": \"Whitespace\"}", "pre_tokenizer"},
        {"model.type", "\"WordPiece\"", "model.type"},
        {"model.dropout", "0.1", "model.dropout"},
        {"model.end_of_word_suffix", NULL, "model.end_of_word_suffix"},
        {"model.continuing_subword_prefix", "\"##\"", "model.continuing_subword_prefix"},
        {"model.byte_fallback", "true", "model.byte_fallback"},
        {"model.fuse_unk", "true", "model.fuse_unk"},
        {"model.ignore_merges", "true", "model.ignore_merges"},
        {"model.vocab", "{}", "vocabulary"},
        {"model.vocab", "[\"a\"]", "vocabulary"},
        {"model.vocab", "{\"a\": -1}", "id"},
        {"model.vocab", "{\"a\": 99999999999}", "id"},
        {"model.vocab", "{\"a\": 1}", "lacks the token"},
        {"model.merges", "{}", "model.merges"},
        {"model.merges", "[[\"l\"]]", "model.merges[0]"},
        {"model.merges", "[\"l\"]", "line 1"},
        {"model.merges", "[\"l zz\"]", "merge 1"},
        {"model", "[]", "model."},
        {"padding", "{\"direction\": \"Left\"}", "padding.direction"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *root = mini_tokenizer_json(true), *object = root;
        const char *dot = strchr(rows[i][0], '.'), *key = dot ? dot + 1 : rows[i][0];
        if (dot)
            object = json_object_getn(root, rows[i][0], (size_t)(dot - rows[i][0]));
        if (rows[i][1])
            json_object_set_new(object, key, json_loads(rows[i][1], JSON_DECODE_ANY, NULL));
        else
            json_object_del(object, key);
        slr_error err = {0};
        if (open_json(root, &err) != SELORA_BAD_INPUT || !strstr(err.message, rows[i][2]))
            fail_msg("row %zu: '%s' lacks '%s'", i, err.message, rows[i][2]);
        json_decref(root);
    }
}

static void test_files_refused(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"l\n", "line 1"},     {"l  u\n", "line 1"},    {"l u x\n", "line 1"},
        {" u\n", "line 1"},    {"l u\nl \n", "line 2"}, {"l u\nl u\n", "exists already"},
        {"\xff u\n", "UTF-8"}, {"l zz\n", "merge 1"},   {"{\"model\": ", "JSON"},
    };
    slr_tokenizer *tokenizer;
    for (size_t i = 0; i < COUNT(texts); i++) {
        slr_error err = {0};
        write_text("x", texts[i][0]);
        assert_int_equal(slr_tokenizer_open(scratch_path("x"), 77, &tokenizer, &err),
                         SELORA_BAD_INPUT);
        if (!strstr(err.message, texts[i][1]))
            fail_msg("'%s' lacks '%s'", err.message, texts[i][1]);
    }
    slr_error err = {0};
    scratch_write("x", "l u\0\n", 5);
    assert_int_equal(slr_tokenizer_open(scratch_path("x"), 77, &tokenizer, &err), SELORA_BAD_INPUT);
    scratch_write("x", "\x1f\x8b\x08\0\0", 5);
    assert_int_equal(slr_tokenizer_open(scratch_path("x"), 77, &tokenizer, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "gzip"));
    assert_int_equal(slr_tokenizer_open(scratch_path("missing"), 77, &tokenizer, &err),
                     SELORA_BAD_INPUT);
    assert_int_equal(slr_tokenizer_open(scratch_path(""), 77, &tokenizer, &err), SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "neither tokenizer.json nor merges.txt"));
    write_text("x", "l u\n");
    assert_int_equal(slr_tokenizer_open(scratch_path("x"), 2, &tokenizer, &err), SELORA_USAGE);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_file_sets),
        WITH_FOLDER(test_openai_list),
        cmocka_unit_test(test_added_tokens),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_config_refused),
        cmocka_unit_test(test_tokenizer_json_refused),
        WITH_FOLDER(test_files_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
