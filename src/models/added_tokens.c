/* SPDX-License-Identifier: MIT */
#include "models/added_tokens.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

bool slr_added_tokens_add(slr_added_tokens *list, const int32_t *text, size_t length, int32_t id)
{
    if (length == 0)
        return true;
    if (!slr_grow((void **)&list->items, &list->capacity, list->count, sizeof *list->items))
        return false;
    int32_t *copy = slr_alloc(length, sizeof *copy);
    if (!copy)
        return false;
    memcpy(copy, text, length * sizeof *copy);
    list->items[list->count++] = (slr_added_token){copy, length, id};
    return true;
}

/* By the first character, then the longest first. */
static int compare_tokens(const void *a, const void *b)
{
    const slr_added_token *x = a, *y = b;
    if (x->text[0] != y->text[0])
        return x->text[0] < y->text[0] ? -1 : 1;
    return x->length > y->length ? -1 : x->length < y->length;
}

void slr_added_tokens_sort(slr_added_tokens *list)
{
    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, compare_tokens);
}

/* The first token that begins with `point` or a later character. */
static size_t lower_bound(const slr_added_tokens *list, int32_t point)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->items[middle].text[0] < point)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const slr_added_token *slr_added_tokens_find(const slr_added_tokens *list, const int32_t *text,
                                             size_t count, size_t *at)
{
    for (; *at < count && list->count > 0; ++*at)
        for (size_t i = lower_bound(list, text[*at]); i < list->count; i++) {
            const slr_added_token *token = &list->items[i];
            if (token->text[0] != text[*at])
                break;
            if (token->length <= count - *at &&
                memcmp(token->text, text + *at, token->length * sizeof *text) == 0)
                return token;
        }
    *at = count;
    return NULL;
}

void slr_added_tokens_free(slr_added_tokens *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].text);
    free(list->items);
    *list = (slr_added_tokens){0};
}
