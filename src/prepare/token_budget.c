/* SPDX-License-Identifier: MIT */
#include "prepare/token_budget.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/memory.h"

/* ---- sentences ---- */

/* Words whose dot ends no sentence. */
static bool is_abbreviation(const char *word, size_t length)
{
    static const char *const list[] = {"dr", "mr", "mrs", "ms",  "prof", "st",  "vs",   "no",
                                       "ca", "cf", "e.g", "i.e", "fig",  "resp", "incl", "approx"};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (strlen(list[i]) == length && strncasecmp(list[i], word, length) == 0)
            return true;
    return false;
}

/* A sentence ends with the character at `at`: . ! or ?, a blank behind it, no small letter behind that. */
static bool ends_sentence(const char *text, size_t size, size_t begin, size_t at)
{
    if (!strchr(".!?", text[at]) || !text[at])
        return false;
    size_t next = at + 1;
    while (next < size && strchr("\"')", text[next]) && text[next])
        next++;
    if (next >= size || text[next] != ' ')
        return false;
    while (next < size && text[next] == ' ')
        next++;
    if (next < size && islower((unsigned char)text[next]))
        return false;
    if (text[at] != '.')
        return true;
    size_t word = at;
    while (word > begin && text[word - 1] != ' ' && text[word - 1] != '(')
        word--;
    bool number = word == begin && at > begin; /* "1. Normal." counts, it says nothing */
    for (size_t i = word; i < at; i++)
        number = number && isdigit((unsigned char)text[i]);
    return !number && !is_abbreviation(text + word, at - word);
}

/* Where the sentence after the one that begins at `begin` begins; `size` when there is none. */
static size_t next_sentence(const char *text, size_t size, size_t begin)
{
    for (size_t at = begin; at < size; at++) {
        if (!ends_sentence(text, size, begin, at))
            continue;
        while (text[at] != ' ')
            at++;
        while (at < size && text[at] == ' ')
            at++;
        return at;
    }
    return size;
}

size_t slr_last_sentence(const char *text, size_t size)
{
    size_t last = 0;
    for (size_t next = next_sentence(text, size, 0); next < size; next = next_sentence(text, size, next))
        last = next;
    return last;
}

/* ---- tokens ---- */

static void note_most_cut(slr_token_budget *budget, size_t row, int64_t lost)
{
    int at = SLR_MOST_CUT;
    while (at > 0 && budget->most[at - 1].lost < lost)
        at--;
    for (int i = SLR_MOST_CUT - 1; i > at; i--)
        budget->most[i] = budget->most[i - 1];
    if (at < SLR_MOST_CUT)
        budget->most[at] = (slr_most_cut){row, lost};
}

static size_t without_blanks(const char *text, size_t size)
{
    while (size > 0 && text[size - 1] == ' ')
        size--;
    return size;
}

/* How much of the text fits when whole sentences go; *tokens: of that. The first sentence stays. Tokens only
 * grow with sentences, so the place is found by halving. */
static selora_status fit_sentences(const slr_token_budget *budget, const char *text, size_t *size,
                                   int64_t *ids,
                                   int64_t *tokens, slr_error *err)
{
    size_t *ends = NULL, count = 0, capacity = 0;
    selora_status status = SELORA_OK;
    int64_t room = slr_tokenizer_length(budget->tokenizer) - 2;
    for (size_t next = 0; next < *size;) {
        next = next_sentence(text, *size, next);
        if (!slr_grow((void **)&ends, &capacity, count, sizeof *ends)) {
            free(ends);
            return slr_fail_memory(err, *size, "a prompt");
        }
        ends[count++] = without_blanks(text, next);
    }
    size_t low = 0, high = count - 1; /* ends[low] is taken, ends[high] and later do not fit */
    while (status == SELORA_OK && high - low > 1) {
        size_t middle = low + (high - low) / 2;
        status = slr_tokenizer_encode(budget->tokenizer, text, ends[middle], ids, tokens, err);
        if (*tokens <= room)
            low = middle;
        else
            high = middle;
    }
    *size = ends[low];
    free(ends);
    return status == SELORA_OK ? slr_tokenizer_encode(budget->tokenizer, text, *size, ids, tokens,
                                                      err) : status;
}

selora_status slr_token_budget_fit(slr_token_budget *budget, size_t row, char *text, slr_error *err)
{
    if (!budget->tokenizer)
        return SELORA_OK;
    int64_t tokens, kept, length = slr_tokenizer_length(budget->tokenizer);
    int64_t *ids = slr_alloc((size_t)length, sizeof *ids);
    size_t size = strlen(text), before = size;
    if (!ids)
        return slr_fail_memory(err, (size_t)length * sizeof *ids, "the tokens of a prompt");
    selora_status status = slr_tokenizer_encode(budget->tokenizer, text, size, ids, &tokens, err);
    kept = tokens;
    if (status == SELORA_OK && tokens > length - 2 && budget->truncate == SLR_TRUNCATE_SENTENCE)
        status = fit_sentences(budget, text, &size, ids, &kept, err);
    free(ids);
    SLR_TRY(status);
    text[size] = 0;
    if (kept > length - 2)
        kept = length - 2;
    budget->prompts++;
    budget->tokens += tokens;
    budget->longest = tokens > budget->longest ? tokens : budget->longest;
    budget->shortened += size < before;
    if (kept < tokens) {
        budget->cut++;
        budget->lost += tokens - kept;
        note_most_cut(budget, row, tokens - kept);
    }
    return SELORA_OK;
}
