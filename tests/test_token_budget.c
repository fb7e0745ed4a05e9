/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "prepare/token_budget.h"

/* Every letter is a token; ten of them fit. */
static slr_tokenizer *letters(void)
{
    static const char merges[] = "#version: 0.2\nq q\n";
    slr_tokenizer_files files = {.merges_txt = {merges, sizeof merges - 1}};
    slr_tokenizer *tokenizer;
    slr_error err = {0};
    if (slr_tokenizer_open_memory(&files, "letters", 12, &tokenizer, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return tokenizer;
}

static void test_last_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *text, *last; /* NULL: one sentence only */
    } cases[] = {
        {"", NULL},
        {"No effusion", NULL},
        {"No effusion.", NULL},
        {"No effusion. Heart normal.", "Heart normal."},
        {"No effusion.  Heart normal. ", "Heart normal. "},
        {"Size 1.5 cm. Clear!", "Clear!"},
        {"Is it clear? Yes! No.", "No."},
        {"Seen by Dr. Smith. Normal.", "Normal."},
        {"Seen by Dr. Smith", NULL},
        {"Measures approx. 3 cm", NULL},
        {"Normal. 3 cm nodule.", "3 cm nodule."},
        {"1. Normal heart. 2. No effusion.", "2. No effusion."},
        {"1. Normal heart.", NULL},
        {"Stable, e.g. Unchanged.", NULL},
        {"Seen (in XXXX.) Then normal.", "Then normal."},
        {"no acute. disease here", NULL}, /* a small letter goes on */
        {"End...Then", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t at = slr_last_sentence(cases[i].text, strlen(cases[i].text));
        assert_string_equal(cases[i].text + at, cases[i].last ? cases[i].last : cases[i].text);
        assert_int_equal(at == 0, cases[i].last == NULL);
    }
}

static void fit(slr_token_budget *budget, size_t row, const char *text, const char *expected)
{
    char copy[400];
    slr_error err = {0};
    strcpy(copy, text);
    if (slr_token_budget_fit(budget, row, copy, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    assert_string_equal(copy, expected);
}

static void test_sentences_go(void **state)
{
    (void)state;
    slr_token_budget b = {.tokenizer = letters(), .truncate = SLR_TRUNCATE_SENTENCE};
    fit(&b, 1, "Abc. Def. G", "Abc. Def. G");     /* 9 */
    fit(&b, 2, "Abc. Defg. H", "Abc. Defg. H");   /* 10: the last that fits */
    fit(&b, 3, "Abc. Defg. Hi", "Abc. Defg.");    /* 11: 2 lost */
    fit(&b, 4, "Ab. C. D. E. F. G. H.", "Ab. C. D. E."); /* 15: 9 kept, 6 lost */
    fit(&b, 5, "Abcdefghijklm. N.", "Abcdefghijklm."); /* the first sentence stays: 10 of 16 are seen */
    fit(&b, 6, "Abcdefghijkl", "Abcdefghijkl");
    fit(&b, 7, "", "");
    assert_int_equal(b.prompts, 7);
    assert_int_equal(b.cut, 4);
    assert_int_equal(b.shortened, 3);
    assert_int_equal(b.tokens, 9 + 10 + 11 + 15 + 16 + 12);
    assert_int_equal(b.lost, 2 + 6 + 6 + 2);
    assert_int_equal(b.longest, 16);
    static const size_t rows[] = {4, 5, 3, 6};
    static const int64_t lost[] = {6, 6, 2, 2};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(b.most[i].row, rows[i]);
        assert_int_equal(b.most[i].lost, lost[i]);
    }
    assert_int_equal(b.most[4].lost, 0);
    slr_tokenizer_free((slr_tokenizer *)(uintptr_t)b.tokenizer);
}

static void test_tokens_are_cut(void **state)
{
    (void)state;
    slr_token_budget b = {.tokenizer = letters()};
    fit(&b, 1, "Abc. Defg. Hi", "Abc. Defg. Hi");
    assert_int_equal(b.cut, 1);
    assert_int_equal(b.lost, 1);
    assert_int_equal(b.shortened, 0);
    for (size_t row = 2; row < 40; row++) { /* more than the list of the most cut holds, in mixed order */
        char text[64] = "";
        for (size_t i = 0; i < 10 + row * 17 % 39; i++)
            strcat(text, "a");
        fit(&b, row, text, text);
    }
    for (int i = 1; i < SLR_MOST_CUT; i++)
        assert_true(b.most[i].lost <= b.most[i - 1].lost && b.most[i].lost > 30);
    slr_tokenizer_free((slr_tokenizer *)(uintptr_t)b.tokenizer);
    slr_token_budget none = {0};
    fit(&none, 1, "Abc. Defg. Hi", "Abc. Defg. Hi");
    assert_int_equal(none.prompts, 0);
}

/* CLIP's own table: 77 places, 75 tokens. The sentence has 11 (transformers). */
static void test_clip(void **state)
{
    (void)state;
    static const char *const places[] = {TEST_SOURCE_DIR "/../shared/data/clip/bpe_simple_vocab_16e6.txt.gz",
                                         TEST_SOURCE_DIR "/../../shared/data/clip/bpe_simple_vocab_16e6.txt.gz"};
    const char *path = access(places[0], R_OK) == 0 ? places[0] : places[1];
    slr_tokenizer *tokenizer;
    char text[400] = "", expected[400] = "";
    if (access(path, R_OK) != 0)
        skip();
    assert_int_equal(slr_tokenizer_open(path, 77, &tokenizer, NULL), SELORA_OK);
    slr_token_budget b = {.tokenizer = tokenizer, .truncate = SLR_TRUNCATE_SENTENCE};
    for (int i = 0; i < 6; i++)
        strcat(strcat(text, i ? " " : ""), "No pneumothorax or pleural effusion.");
    fit(&b, 1, text, text); /* 66 */
    assert_int_equal(b.tokens, 66);
    strcpy(expected, text);
    fit(&b, 2, strcat(text, " No pneumothorax or pleural effusion."), expected);
    assert_int_equal(b.cut, 1);
    assert_int_equal(b.lost, 11);
    slr_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_sentence),
        cmocka_unit_test(test_sentences_go),
        cmocka_unit_test(test_tokens_are_cut),
        cmocka_unit_test(test_clip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
