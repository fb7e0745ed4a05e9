/* SPDX-License-Identifier: MIT */
#include "models/byte_pairs.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

static const char end_of_word[] = "</w>";
static const uint64_t empty_key = UINT64_MAX;

struct slr_symbol {
    int32_t id; /* -1: joined into its left neighbour */
    int32_t previous, next; /* places, -1 at the ends */
};

struct slr_candidate {
    int32_t rank, place, id;
};

bool slr_merge_list_add(slr_merge_list *list, const char *left, size_t left_length,
                        const char *right, size_t right_length)
{
    if (!slr_grow((void **)&list->texts, &list->capacity, list->count, 2 * sizeof *list->texts))
        return false;
    list->texts[2 * list->count] = (struct slr_merge_text){left, left_length};
    list->texts[2 * list->count + 1] = (struct slr_merge_text){right, right_length};
    list->count++;
    return true;
}

/* A byte as a printable character (GPT-2's table): itself where Latin-1 has a printable one, else
 * U+0100 and up. */
static int is_own_symbol(int byte)
{
    return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

/* UTF-8 of the symbol of `byte`, NUL-terminated. */
static void byte_symbol(int byte, char text[4])
{
    int point = byte;
    if (!is_own_symbol(byte)) {
        point = 256;
        for (int b = 0; b < byte; b++)
            point += !is_own_symbol(b);
    }
    if (point < 0x80) {
        text[0] = (char)point;
        text[1] = 0;
    } else {
        text[0] = (char)(0xC0 | point >> 6);
        text[1] = (char)(0x80 | (point & 0x3F));
        text[2] = 0;
    }
}

/* left + right, NUL-terminated; NULL when memory lacks. */
static char *joined(struct slr_merge_text left, struct slr_merge_text right)
{
    char *text = slr_alloc(left.length + right.length + 1, 1);
    if (text) {
        memcpy(text, left.text, left.length);
        memcpy(text + left.length, right.text, right.length);
    }
    return text;
}

static bool add_token(json_t *vocabulary, const char *token)
{
    return json_object_set_new(vocabulary, token,
                               json_integer((json_int_t)json_object_size(vocabulary))) == 0;
}

static bool add_byte_symbols(json_t *vocabulary, const char *suffix)
{
    for (int own = 1; own >= 0; own--) /* the 188 that stand for themselves come first */
        for (int byte = 0; byte < 256; byte++) {
            char symbol[4], token[8];
            if (is_own_symbol(byte) != own)
                continue;
            byte_symbol(byte, symbol);
            strcat(strcpy(token, symbol), suffix);
            if (!add_token(vocabulary, token))
                return false;
        }
    return true;
}

selora_status slr_vocabulary_from_merges(const slr_merge_list *merges, const char *name,
                                         json_t **result, slr_error *err)
{
    json_t *vocabulary = json_object();
    bool room =
        vocabulary && add_byte_symbols(vocabulary, "") && add_byte_symbols(vocabulary, end_of_word);
    selora_status status = SELORA_OK;
    *result = NULL;
    for (size_t i = 0; room && status == SELORA_OK && i < merges->count; i++) {
        char *token = joined(merges->texts[2 * i], merges->texts[2 * i + 1]);
        if (token && json_object_get(vocabulary, token))
            status = slr_fail(err, SELORA_BAD_INPUT,
                              "%s: merge %zu gives a token that exists already", name, i + 1);
        else
            room = token && add_token(vocabulary, token);
        free(token);
    }
    room =
        room && add_token(vocabulary, "<|startoftext|>") && add_token(vocabulary, "<|endoftext|>");
    if (status == SELORA_OK && !room)
        status = slr_fail_memory(err, merges->count * 64, "the vocabulary");
    if (status == SELORA_OK)
        *result = vocabulary;
    else
        json_decref(vocabulary);
    return status;
}

static size_t slot_of(const slr_byte_pairs *pairs, uint64_t key)
{
    uint64_t mixed = key * UINT64_C(0x9E3779B97F4A7C15);
    size_t slot = (size_t)(mixed ^ mixed >> 32) & pairs->mask;
    while (pairs->keys[slot] != key && pairs->keys[slot] != empty_key)
        slot = (slot + 1) & pairs->mask;
    return slot;
}

static const struct slr_join *find_join(const slr_byte_pairs *pairs, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t slot = slot_of(pairs, key);
    return pairs->keys[slot] == key ? &pairs->joins[slot] : NULL;
}

static int32_t id_of(const json_t *vocabulary, const char *token, size_t length)
{
    const json_t *id = json_object_getn(vocabulary, token, length);
    return id ? (int32_t)json_integer_value(id) : -1;
}

static selora_status add_join(slr_byte_pairs *pairs, const json_t *vocabulary,
                              const slr_merge_list *merges, size_t rank, const char *name,
                              slr_error *err)
{
    struct slr_merge_text left = merges->texts[2 * rank], right = merges->texts[2 * rank + 1];
    char *token = joined(left, right);
    if (!token)
        return slr_fail_memory(err, left.length + right.length, "a merge");
    int32_t a = id_of(vocabulary, left.text, left.length),
            b = id_of(vocabulary, right.text, right.length);
    int32_t id = id_of(vocabulary, token, left.length + right.length);
    free(token);
    if (a < 0 || b < 0 || id < 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: merge %zu %s that the vocabulary does not have",
                        name, rank + 1,
                        id < 0 && a >= 0 && b >= 0 ? "gives a token" : "joins a token");
    uint64_t key = (uint64_t)(uint32_t)a << 32 | (uint32_t)b;
    size_t slot = slot_of(pairs, key);
    pairs->keys[slot] = key; /* of a repeated pair the last rank counts, as in the reference */
    pairs->joins[slot] = (struct slr_join){(int32_t)rank, id};
    return SELORA_OK;
}

static selora_status read_byte_symbols(slr_byte_pairs *pairs, const json_t *vocabulary,
                                       int32_t unknown, const char *name, slr_error *err)
{
    for (int byte = 0; byte < 256; byte++) {
        char symbol[4], token[8];
        byte_symbol(byte, symbol);
        strcat(strcpy(token, symbol), end_of_word);
        int32_t first = id_of(vocabulary, symbol, strlen(symbol)),
                last = id_of(vocabulary, token, strlen(token));
        if ((first < 0 || last < 0) && unknown < 0)
            return slr_fail(err, SELORA_BAD_INPUT,
                            "%s: the vocabulary lacks the token \"%s\" and has no unk_token", name,
                            first < 0 ? symbol : token);
        pairs->first[byte] = first < 0 ? unknown : first;
        pairs->last[byte] = last < 0 ? unknown : last;
    }
    return SELORA_OK;
}

selora_status slr_byte_pairs_init(slr_byte_pairs *pairs, const json_t *vocabulary, int32_t unknown,
                                  const slr_merge_list *merges, const char *name, slr_error *err)
{
    size_t slots = 16;
    memset(pairs, 0, sizeof *pairs);
    while (slots < 2 * merges->count)
        slots *= 2;
    pairs->mask = slots - 1;
    pairs->keys = slr_alloc(slots, sizeof *pairs->keys);
    pairs->joins = slr_alloc(slots, sizeof *pairs->joins);
    selora_status status = SELORA_OK;
    if (!pairs->keys || !pairs->joins)
        status = slr_fail_memory(err, slots * (sizeof *pairs->keys + sizeof *pairs->joins),
                                 "the merges");
    for (size_t i = 0; status == SELORA_OK && i < slots; i++)
        pairs->keys[i] = empty_key;
    if (status == SELORA_OK)
        status = read_byte_symbols(pairs, vocabulary, unknown, name, err);
    for (size_t i = 0; status == SELORA_OK && i < merges->count; i++)
        status = add_join(pairs, vocabulary, merges, i, name, err);
    if (status != SELORA_OK)
        slr_byte_pairs_free(pairs);
    return status;
}

void slr_byte_pairs_free(slr_byte_pairs *pairs)
{
    free(pairs->keys);
    free(pairs->joins);
    memset(pairs, 0, sizeof *pairs);
}

void slr_word_free(slr_word *word)
{
    free(word->ids);
    free(word->symbols);
    free(word->heap);
    memset(word, 0, sizeof *word);
}

/* Lower rank first, then the place further left. */
static bool comes_before(struct slr_candidate a, struct slr_candidate b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.place < b.place;
}

static bool push_candidate(const slr_byte_pairs *pairs, slr_word *word, int32_t place)
{
    const struct slr_symbol *symbol = &word->symbols[place];
    if (symbol->next < 0)
        return true;
    const struct slr_join *join = find_join(pairs, symbol->id, word->symbols[symbol->next].id);
    if (!join)
        return true;
    if (!slr_grow((void **)&word->heap, &word->heap_capacity, word->heap_count, sizeof *word->heap))
        return false;
    struct slr_candidate candidate = {join->rank, place, join->id};
    size_t at = word->heap_count++;
    for (; at > 0 && comes_before(candidate, word->heap[(at - 1) / 2]); at = (at - 1) / 2)
        word->heap[at] = word->heap[(at - 1) / 2];
    word->heap[at] = candidate;
    return true;
}

static struct slr_candidate pop_candidate(slr_word *word)
{
    struct slr_candidate best = word->heap[0], moved = word->heap[--word->heap_count];
    size_t at = 0;
    for (size_t child = 1; child < word->heap_count; child = 2 * at + 1) {
        if (child + 1 < word->heap_count && comes_before(word->heap[child + 1], word->heap[child]))
            child++;
        if (!comes_before(word->heap[child], moved))
            break;
        word->heap[at] = word->heap[child];
        at = child;
    }
    word->heap[at] = moved;
    return best;
}

/* Joins the symbol at the candidate's place with its right neighbour, if they still are what was
 * meant. */
static bool join(const slr_byte_pairs *pairs, slr_word *word, struct slr_candidate candidate)
{
    struct slr_symbol *left = &word->symbols[candidate.place];
    if (left->id < 0 || left->next < 0)
        return true;
    struct slr_symbol *right = &word->symbols[left->next];
    const struct slr_join *now = find_join(pairs, left->id, right->id);
    if (!now || now->id != candidate.id)
        return true;
    left->id = candidate.id;
    right->id = -1;
    left->next = right->next;
    if (left->next >= 0)
        word->symbols[left->next].previous = candidate.place;
    return (left->previous < 0 || push_candidate(pairs, word, left->previous)) &&
           push_candidate(pairs, word, candidate.place);
}

bool slr_byte_pairs_split(const slr_byte_pairs *pairs, slr_word *word, const unsigned char *bytes,
                          size_t size)
{
    word->count = word->heap_count = 0;
    if (size == 0)
        return true;
    if (size > INT32_MAX ||
        !slr_grow((void **)&word->symbols, &word->symbol_capacity, size - 1,
                  sizeof *word->symbols) ||
        !slr_grow((void **)&word->ids, &word->capacity, size - 1, sizeof *word->ids))
        return false;
    for (size_t i = 0; i < size; i++)
        word->symbols[i] =
            (struct slr_symbol){.id = i + 1 < size ? pairs->first[bytes[i]] : pairs->last[bytes[i]],
                                .previous = (int32_t)i - 1,
                                .next = i + 1 < size ? (int32_t)i + 1 : -1};
    for (size_t i = 0; i < size; i++)
        if (!push_candidate(pairs, word, (int32_t)i))
            return false;
    while (word->heap_count > 0)
        if (!join(pairs, word, pop_candidate(word)))
            return false;
    for (int32_t at = 0; at >= 0; at = word->symbols[at].next)
        word->ids[word->count++] = word->symbols[at].id;
    return true;
}
