/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/rng.h"
#include "models/byte_pairs.h"

enum { MERGES = 60, LONGEST = 40 };

/* The rule as the books have it: join the leftmost pair of the lowest rank until there is none. */
static size_t split_slowly(const json_t *vocabulary, const slr_merge_list *merges, const char *text,
                           int32_t *ids)
{
    char parts[LONGEST][64];
    size_t count = strlen(text);
    for (size_t i = 0; i < count; i++)
        snprintf(parts[i], sizeof parts[i], "%c%s", text[i], i + 1 == count ? "</w>" : "");
    for (;;) {
        size_t best = merges->count, place = 0;
        for (size_t i = 0; i + 1 < count; i++)
            for (size_t m = 0; m < best; m++)
                if (strcmp(parts[i], merges->texts[2 * m].text) == 0 &&
                    strcmp(parts[i + 1], merges->texts[2 * m + 1].text) == 0) {
                    best = m;
                    place = i;
                }
        if (best == merges->count)
            break;
        memmove(parts[place] + strlen(parts[place]), parts[place + 1],
                strlen(parts[place + 1]) + 1);
        memmove(parts[place + 1], parts[place + 2], (count - place - 2) * sizeof *parts);
        count--;
    }
    for (size_t i = 0; i < count; i++)
        ids[i] = (int32_t)json_integer_value(json_object_get(vocabulary, parts[i]));
    return count;
}

/* Merges of tokens that exist already, drawn at random; texts live in `pool`. */
static void draw_merges(slr_rng *rng, slr_merge_list *merges, char pool[][64], int *pool_count,
                        json_t *seen)
{
    *pool_count = 0;
    for (const char *c = "abc"; *c; c++) {
        snprintf(pool[(*pool_count)++], 64, "%c", *c);
        snprintf(pool[(*pool_count)++], 64, "%c</w>", *c);
    }
    while (merges->count < MERGES) {
        const char *left = pool[slr_rng_below(rng, (uint32_t)*pool_count)];
        const char *right = pool[slr_rng_below(rng, (uint32_t)*pool_count)];
        char *joined = pool[*pool_count];
        if (strstr(left, "</w>") || strlen(left) + strlen(right) > 12)
            continue;
        size_t left_length = strlen(left), right_length = strlen(right);
        memmove(joined, left, left_length);
        memmove(joined + left_length, right, right_length + 1);
        if (json_object_get(seen, joined))
            continue;
        json_object_set_new(seen, joined, json_true());
        ++*pool_count;
        assert_true(slr_merge_list_add(merges, left, strlen(left), right, strlen(right)));
    }
}

static void test_equals_the_slow_rule(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 20; round++) {
        slr_rng rng = slr_rng_at(1, SLR_STREAM_TEST, round, 0);
        static char pool[MERGES + 8][64];
        int pool_count;
        slr_merge_list merges = {0};
        json_t *seen = json_object(), *vocabulary;
        slr_byte_pairs pairs;
        slr_word word = {0};
        draw_merges(&rng, &merges, pool, &pool_count, seen);
        assert_int_equal(slr_vocabulary_from_merges(&merges, "m", &vocabulary, NULL), SELORA_OK);
        assert_int_equal(json_object_size(vocabulary), 512 + MERGES + 2);
        assert_int_equal(slr_byte_pairs_init(&pairs, vocabulary, -1, &merges, "m", NULL),
                         SELORA_OK);
        for (int i = 0; i < 200; i++) {
            char text[LONGEST + 1] = "";
            int32_t ids[LONGEST];
            size_t length = slr_rng_below(&rng, LONGEST + 1);
            for (size_t j = 0; j < length; j++)
                text[j] = "abcd"[slr_rng_below(&rng, 16) % (j % 5 ? 3 : 4)];
            size_t count = length ? split_slowly(vocabulary, &merges, text, ids) : 0;
            assert_true(slr_byte_pairs_split(&pairs, &word, (const unsigned char *)text, length));
            assert_int_equal(word.count, count);
            assert_memory_equal(word.ids ? word.ids : ids, ids, count * sizeof *ids);
        }
        slr_word_free(&word);
        slr_byte_pairs_free(&pairs);
        json_decref(vocabulary);
        json_decref(seen);
        free(merges.texts);
    }
}

static void test_unknown_bytes(void **state)
{
    (void)state;
    json_t *vocabulary =
        json_pack("{s:i, s:i, s:i, s:i}", "a", 0, "b</w>", 1, "ab</w>", 2, "<unk>", 3);
    slr_merge_list merges = {0};
    slr_byte_pairs pairs;
    slr_word word = {0};
    slr_error err = {0};
    assert_true(slr_merge_list_add(&merges, "a", 1, "b</w>", 5));
    assert_int_equal(slr_byte_pairs_init(&pairs, vocabulary, -1, &merges, "v", &err),
                     SELORA_BAD_INPUT);
    assert_non_null(strstr(err.message, "no unk_token"));
    assert_int_equal(slr_byte_pairs_init(&pairs, vocabulary, 3, &merges, "v", &err), SELORA_OK);
    assert_true(slr_byte_pairs_split(&pairs, &word, (const unsigned char *)"zzab", 4));
    const int32_t expected[] = {3, 3, 2}; /* one for each byte */
    assert_int_equal(word.count, 3);
    assert_memory_equal(word.ids, expected, sizeof expected);
    slr_byte_pairs_free(&pairs);
    assert_true(slr_merge_list_add(&merges, "a", 1, "q", 1));
    assert_int_equal(slr_byte_pairs_init(&pairs, vocabulary, 3, &merges, "v", &err),
                     SELORA_BAD_INPUT);
    assert_string_equal(err.message, "v: merge 2 joins a token that the vocabulary does not have");
    slr_word_free(&word);
    free(merges.texts);
    json_decref(vocabulary);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_the_slow_rule),
        cmocka_unit_test(test_unknown_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
