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
#include <jansson.h>

#include "core/clock.h"
#include "models/clip_tokenizer.h"
#include "models/text_pieces.h"

/* Texts (JSON) and what transformers 5.24 gives for them with CLIP's own table, without padding. */
static const char *const vectors[][2] = {
    {"\"a photo of a cat\"", "49406 320 1125 539 320 2368 49407"},
    {"\"The heart is normal in size. The lungs are clear.\"",
     "49406 518 1936 533 5967 530 3235 269 518 27366 631 3143 269 49407"},
    {"\"No pneumothorax or pleural effusion.\"",
     "49406 871 28714 617 4130 9203 541 926 33948 1490 9364 269 49407"},
    {"\"Cardiomegaly; XXXX 12.5 mm nodule\"",
     "49406 6211 3693 2001 344 282 22819 272 273 269 276 2848 578 691 579 49407"},
    {"\"____ ... !!! (T2-weighted) [LEFT] 50% <3cm\"",
     "49406 25350 678 995 263 339 273 268 43179 264 314 1823 316 276 271 260 283 274 "
     "3741 49407"},
    {"\"it's they'll don't 'RE we've d'affil\\u00e9e 'S\"",
     "49406 585 568 889 1342 847 713 982 649 1200 323 262 702 1142 13489 568 49407"},
    {"\"\\u0152d\\u00e8me pulmonaire aigu, \\u00e9panchement \\u00e0 gauche\"",
     "49406 129 241 67 12138 614 32613 7682 27295 340 267 3459 1072 983 777 21259 "
     "5919 3842 49407"},
    {"\"e\\u0301panchement a\\u0300 gauche, pou\\u0308s\"",
     "49406 3459 1072 983 777 21259 5919 3842 267 628 6522 338 49407"},
    {"\"\\u03b1-fetoprotein 5 \\u00b5g/L, 5 \\u03bcg/L, \\u039f\\u0394\\u039f\\u03a3 \\u03a3\"",
     "49406 138 365 268 623 580 8088 276 126 113 326 270 331 267 276 138 120 326 270 "
     "331 267 138 123 138 112 138 123 139 481 139 481 49407"},
    {"\"x\\u030c n\\u0308 q\\u0307 V\\u0307O\\u2082\"",
     "49406 343 136 490 333 136 486 336 16384 341 16384 334 5227 480 49407"},
    {"\"\\u80f8\\u90e8X\\u7dda\\u5199\\u771f\\u3001\\u7570\\u5e38\\u306a\\u3057\\u3002\"",
     "49406 164 225 116 165 225 101 87 163 115 248 44653 33440 509 45262 163 243 108 "
     "42021 116 29104 4813 501 38000 49407"},
    {"\"\\ud3d0\\ub834 \\uc18c\\uacac \\uc5c6\\uc74c\"",
     "49406 169 237 238 167 254 368 15115 234 35555 361 13252 228 8276 490 49407"},
    {"\"\\u1111\\u1167\\u11a8\"", "49406 169 236 369 49407"},
    {"\"\\ud83e\\ude7b chest x-ray \\ud83d\\udc69\\u200d\\u2695\\ufe0f \\u2764\\ufe0f\"",
     "49406 558 102 375 10563 343 268 3077 26304 2234 44853 1752 49407"},
    {"\"The patient\\u2019s \\u201cclear\\u201d lungs \\u2014 no change\\u2026\"",
     "49406 518 6262 728 503 338 728 506 3143 728 507 27366 2005 871 1799 959 49407"},
    {"\"No\\u00a0acute\\tdisease.\\r\\n\\u3000 Stable\\u2009!\"",
     "49406 871 19734 5336 269 10492 256 49407"},
    {"\"PA &amp; lateral, size &lt; 15 cm, patient&#8217;s\"",
     "49406 2217 261 6259 282 26646 267 3235 261 3333 282 272 276 3741 267 6262 5 "
     "258 279 273 272 278 282 338 49407"},
    {"\"\\u00bd x\\u00b2 12.5mm \\u2163 \\u0663 L1-L2 10\\u00b3\"",
     "49406 33613 343 41175 272 273 269 276 2848 158 227 367 149 352 331 272 268 331 "
     "273 272 271 126 367 49407"},
    {"\"\\u0130stanbul \\u0131I\\u017f\\u00df STRASSE\"",
     "49406 328 16384 11231 18562 72 129 123 127 509 1894 8938 49407"},
    {"\"a\\u200bb \\ufeffc soft\\u00adhyphen \\u0007bell\\u0000\"",
     "49406 320 9844 321 171 119 379 322 3773 22618 1441 745 576 451 3718 444 49407"},
    {"\"\\u0939\\u093f\\u0928\\u094d\\u0926\\u0940 \\u0e44\\u0e17\\u0e22 "
     "\\u0627\\u0644\\u0639\\u0631\\u0628\\u064a\\u0629 \\u010ce\\u0161tina\"",
     "49406 29446 26721 26090 19389 29552 25751 31718 245 33091 12973 18843 10948 "
     "16378 12046 20915 45414 68 35621 9257 49407"},
    {"\"a <|endoftext|> b <|ENDOFTEXT|> c\"",
     "49406 320 49407 321 27 347 40786 4160 91 285 322 49407"},
    {"\"a\\u1ddd\\u1df1\\u1df8 e\\u0315\\u0300\"",
     "49406 320 157 115 251 157 115 109 157 115 372 37761 136 499 49407"},
    {"\"\\ud806\\udd35\\ud806\\udd30 \\ud806\\udd38\"",
     "49406 172 239 97 113 172 239 97 364 172 239 97 372 49407"},
    {"\"e\\u0c3c\\u0301\"", "49406 324 12100 120 136 479 49407"},
    {"\"\\ufffd\\u0085x\"", "49406 39802 343 49407"},
    {"\"\"", "49406 49407"},
    {"\"   \"", "49406 49407"},
};

/* CLIP's table lies beside a checkout, or one folder further up; it is no part of the project. */
static const char *find_table(void)
{
    static const char *const paths[] = {
        TEST_SOURCE_DIR "/../shared/data/clip/bpe_simple_vocab_16e6.txt.gz",
        TEST_SOURCE_DIR "/../../shared/data/clip/bpe_simple_vocab_16e6.txt.gz",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (access(paths[i], R_OK) == 0)
            return paths[i];
    return NULL;
}

/* `expected` is the ids up to EOS as text; the rest must be `pad`. */
static void assert_ids(const slr_tokenizer *tokenizer, const char *text, size_t size,
                       const char *expected, int64_t pad)
{
    int64_t ids[77], count = -1;
    assert_int_equal(slr_tokenizer_length(tokenizer), 77);
    assert_int_equal(slr_tokenizer_encode(tokenizer, text, size, ids, &count, NULL), SELORA_OK);
    char got[1024] = "", *at = got;
    int64_t last = 0;
    while (last < 76 && last < count + 1)
        last++;
    for (int64_t i = 0; i <= last; i++)
        at += snprintf(at, (size_t)(got + sizeof got - at), "%s%lld", i ? " " : "",
                       (long long)ids[i]);
    assert_string_equal(got, expected);
    for (int64_t i = last + 1; i < 77; i++)
        assert_int_equal(ids[i], pad);
}

/* Canonical order and composition, but not for marks that came after Unicode 9. */
static void test_normal_form(void **state)
{
    (void)state;
    static const struct {
        int32_t in[4], out[4];
        size_t in_count, out_count;
    } cases[] = {
        {{'a', 0x315, 0x300}, {0xE0, 0x315}, 3, 2},
        {{'a', 0x1DDD, 0x323}, {0x1EA1, 0x1DDD}, 3, 2},
        {{'a', 0x1DDD, 0x1DF8}, {'a', 0x1DDD, 0x1DF8}, 3, 3},
        {{'a', 0x1DF8, 0x300}, {'a', 0x1DF8, 0x300}, 3, 3},
        {{0x11935, 0x11930, 'e', 0x301}, {0x11935, 0x11930, 0xE9}, 4, 3},
        {{0x11938}, {0x11938}, 1, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slr_code_points points = {0};
        assert_true(slr_code_points_clean(&points, cases[i].in, cases[i].in_count));
        assert_int_equal(points.count, cases[i].out_count);
        assert_memory_equal(points.items, cases[i].out, points.count * sizeof(int32_t));
        slr_code_points_free(&points);
    }
}

static void test_vectors(void **state)
{
    (void)state;
    const char *table = find_table();
    if (!table) {
        print_message("CLIP's table is not beside this checkout\n");
        skip();
    }
    slr_tokenizer *tokenizer;
    slr_error err = {0};
    assert_int_equal(slr_tokenizer_open(table, 77, &tokenizer, &err), SELORA_OK);
    assert_int_equal(slr_tokenizer_vocabulary(tokenizer), 49408);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        json_t *text = json_loads(vectors[i][0], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(text);
        assert_ids(tokenizer, json_string_value(text), json_string_length(text), vectors[i][1],
                   49407);
        json_decref(text);
    }
    char lungs[501] = "";
    for (int i = 0; i < 100; i++)
        strcat(lungs, "lung ");
    int64_t ids[77], count;
    assert_int_equal(slr_tokenizer_encode(tokenizer, lungs, strlen(lungs), ids, &count, &err),
                     SELORA_OK);
    assert_int_equal(count, 100);
    assert_int_equal(ids[0], 49406);
    for (int i = 1; i < 76; i++)
        assert_int_equal(ids[i], 16271);
    assert_int_equal(ids[76], 49407);
    slr_tokenizer_free(tokenizer);
}

/* A small vocabulary that follows from its merges: symbols 0..255, with </w> 256..511, merges
 * 512..519, then BOS 520 and EOS 521. The symbol of byte b is b - 33 for '!' to '~'. */
static const char merges[] =
    "#version: 0.2\nl u\nlu n\nlun g</w>\nl o\nlo w</w>\ne n\nen d\n' s</w>\n";
enum { BOS = 520, EOS = 521 };

static slr_tokenizer *open_mini(const char *config)
{
    slr_tokenizer *tokenizer;
    slr_error err = {0};
    slr_tokenizer_files files = {.merges_txt = {merges, sizeof merges - 1}};
    if (config)
        files.tokenizer_config = (slr_tokenizer_text){config, strlen(config)};
    if (slr_tokenizer_open_memory(&files, "mini", 77, &tokenizer, &err) != SELORA_OK)
        fail_msg("%s", err.message);
    return tokenizer;
}

static void assert_mini(const slr_tokenizer *tokenizer, const char *text, const char *inner,
                        int64_t pad)
{
    char expected[512];
    snprintf(expected, sizeof expected, "520 %s%s521", inner, *inner ? " " : "");
    assert_ids(tokenizer, text, strlen(text), expected, pad);
}

static void test_mini(void **state)
{
    (void)state;
    slr_tokenizer *tokenizer = open_mini(NULL);
    assert_int_equal(slr_tokenizer_vocabulary(tokenizer), 522);
    assert_mini(tokenizer, "", "", EOS);
    assert_mini(tokenizer, " \t\r\n ", "", EOS);
    assert_mini(tokenizer, "lung", "514", EOS);
    assert_mini(tokenizer, "LUNG Lung", "514 514", EOS);
    assert_mini(tokenizer, "low lower", "516 515 86 68 337", EOS); /* lo w e r</w> */
    assert_mini(tokenizer, "lung's 'S", "514 519 519", EOS);
    assert_mini(tokenizer, "12 l2", "272 273 331 273", EOS); /* a digit is a word */
    assert_mini(tokenizer, "a,.b", "320 11 269 321", EOS);   /* a run of others */
    assert_mini(tokenizer, "don't", "67 78 333 6 339", EOS);  /* 't is a word: ' and t</w> */
    slr_tokenizer_free(tokenizer);
}

static void test_special_forms(void **state)
{
    (void)state;
    slr_tokenizer *tokenizer = open_mini(NULL);
    assert_mini(tokenizer, "low<|endoftext|>low", "516 521 516", EOS);
    assert_mini(tokenizer, "<|startoftext|>", "520", EOS);
    /* only after lower-casing: three pieces, and what follows is one of its own */
    assert_mini(tokenizer, "<|ENDOFTEXT|>!", "27 347 518 78 69 83 68 87 339 91 285 256", EOS);
    assert_mini(tokenizer, "!<|ENDOFTEXT|>!", "0 27 347 518 78 69 83 68 87 339 91 29 256", EOS);
    slr_tokenizer_free(tokenizer);
    tokenizer =
        open_mini("{\"bos_token\": {\"content\": \"<|startoftext|>\", \"normalized\": true}}");
    assert_mini(tokenizer, "<|STARTOFTEXT|> <|startoftext|>", "520 520", EOS);
    slr_tokenizer_free(tokenizer);
}

static void test_pad_token(void **state)
{
    (void)state;
    /* as in Stable Diffusion 2: the padding is "!", and where it stands in a text it is cut out
     * first */
    slr_tokenizer *tokenizer = open_mini("{\"pad_token\": \"!\"}");
    assert_mini(tokenizer, "low!low!!", "516 0 516 0 0", 0);
    slr_tokenizer_free(tokenizer);
    tokenizer = open_mini(NULL);
    assert_mini(tokenizer, "low!low!!", "516 256 516 0 256", EOS);
    slr_tokenizer_free(tokenizer);
    tokenizer = open_mini("{\"pad_token\": \"<pad>\"}"); /* new: behind the vocabulary */
    assert_int_equal(slr_tokenizer_vocabulary(tokenizer), 523);
    assert_mini(tokenizer, "low", "516", 522);
    slr_tokenizer_free(tokenizer);
}

static void test_bad_utf8(void **state)
{
    (void)state;
    slr_tokenizer *tokenizer = open_mini(NULL);
    static const char *const broken[] = {
        "\xff", "\x80", "\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\xaf", "\xe2\x82"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        int64_t ids[77], same[77], count;
        char text[64] = "";
        for (size_t j = 0; j < strlen(broken[i]); j++)
            strcat(text, "\xef\xbf\xbd"); /* every byte of it counts as U+FFFD */
        assert_int_equal(
            slr_tokenizer_encode(tokenizer, broken[i], strlen(broken[i]), ids, &count, NULL),
            SELORA_OK);
        assert_int_equal(slr_tokenizer_encode(tokenizer, text, strlen(text), same, NULL, NULL),
                         SELORA_OK);
        assert_int_equal(count, 3 * (int64_t)strlen(broken[i]));
        assert_memory_equal(ids, same, sizeof ids);
    }
    slr_tokenizer_free(tokenizer);
}

static void test_cut(void **state)
{
    (void)state;
    slr_tokenizer *tokenizer = open_mini("{\"model_max_length\": 5}");
    int64_t ids[5], count;
    assert_int_equal(slr_tokenizer_length(tokenizer), 5);
    assert_int_equal(slr_tokenizer_encode(tokenizer, "low lung low lung", 17, ids, &count, NULL),
                     SELORA_OK);
    const int64_t expected[] = {BOS, 516, 514, 516, EOS};
    assert_memory_equal(ids, expected, sizeof ids);
    assert_int_equal(count, 4);
    assert_int_equal(slr_tokenizer_encode(tokenizer, "low lung low lung", 12, ids, &count, NULL),
                     SELORA_OK);
    assert_memory_equal(ids, expected, sizeof ids);
    assert_int_equal(count, 3);
    slr_tokenizer_free(tokenizer);
}

/* A megabyte of anything takes about a second at most; quadratic steps would take hours. */
static void test_long_texts(void **state)
{
    (void)state;
    static const char *const units[] = {
        "l",  "lung ", "lo",  "!", "\xcc\x81", "\xcc\x81\xcc\xa7", "<|endoftext|>",
        "<|", "1",     "\xff"};
    slr_tokenizer *tokenizer = open_mini(NULL);
    size_t size = 1 << 20;
    char *text = malloc(size);
    for (size_t u = 0; u <= sizeof units / sizeof *units; u++) {
        int64_t ids[77], count;
        if (u < sizeof units / sizeof *units)
            for (size_t i = 0; i < size; i++)
                text[i] = units[u][i % strlen(units[u])];
        else /* marks in the worst order for sorting: high classes before low ones */
            for (size_t i = 0; i < size; i += 2)
                memcpy(text + i, i < size / 2 ? "\xcc\x81" : "\xcc\xa7", 2);
        double begin = slr_clock_seconds();
        assert_int_equal(slr_tokenizer_encode(tokenizer, text, size, ids, &count, NULL), SELORA_OK);
        assert_true(count > 75);
        assert_true(slr_clock_seconds() - begin < 30);
    }
    free(text);
    slr_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normal_form), cmocka_unit_test(test_vectors),       cmocka_unit_test(test_mini),
        cmocka_unit_test(test_special_forms), cmocka_unit_test(test_pad_token),
        cmocka_unit_test(test_bad_utf8),      cmocka_unit_test(test_cut),
        cmocka_unit_test(test_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
