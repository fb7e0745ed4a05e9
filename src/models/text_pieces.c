/* SPDX-License-Identifier: MIT */
#include "models/text_pieces.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "core/memory.h"

enum {
    REPLACEMENT = 0xFFFD,
    SPACE = 0x20,
    CAPITAL_I_WITH_DOT = 0x130,
    DOT_ABOVE = 0x307,
    LONGEST_DECOMPOSITION = 18
};

static bool push(slr_code_points *points, int32_t point)
{
    if (!slr_grow((void **)&points->items, &points->capacity, points->count, sizeof *points->items))
        return false;
    points->items[points->count++] = point;
    return true;
}

void slr_code_points_free(slr_code_points *points)
{
    free(points->items);
    *points = (slr_code_points){0};
}

bool slr_code_points_decode(slr_code_points *points, const char *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        utf8proc_int32_t point;
        size_t left = size - at < 4 ? size - at : 4;
        utf8proc_ssize_t used =
            utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)left, &point);
        if (!push(points, used > 0 ? point : REPLACEMENT))
            return false;
        at += used > 0 ? (size_t)used : 1;
    }
    return true;
}

/* The 25 characters with the property White_Space. */
static bool is_white_space(int32_t point)
{
    return (point >= 0x9 && point <= 0xD) || point == 0x20 || point == 0x85 || point == 0xA0 ||
           point == 0x1680 || (point >= 0x2000 && point <= 0x200A) || point == 0x2028 ||
           point == 0x2029 || point == 0x202F || point == 0x205F || point == 0x3000;
}

static int combining_class(int32_t point)
{
    return point < 0x300 ? 0 : (int)utf8proc_get_property(point)->combining_class;
}

/* Marks of Unicode 10 and later, and the parts of its one new composition. The reference normalises
 * with the tables of Unicode 9, for which these are unassigned: they neither move nor combine. */
static bool is_late(int32_t point)
{
    static const int32_t ranges[][2] = {
        {0x7FD, 0x7FD},     {0x898, 0x89F},     {0x8CA, 0x8D3},     {0x9FE, 0x9FE},
        {0xC3C, 0xC3C},     {0xD3B, 0xD3C},     {0xEBA, 0xEBA},     {0x1715, 0x1715},
        {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},   {0xA82C, 0xA82C},   {0x10D24, 0x10D27},
        {0x10EAB, 0x10EAC}, {0x10EFD, 0x10EFF}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85},
        {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x1145E, 0x1145E}, {0x11839, 0x1183A},
        {0x11930, 0x11930}, {0x11938, 0x11938}, {0x1193D, 0x1193E}, {0x11943, 0x11943},
        {0x119E0, 0x119E0}, {0x11A34, 0x11A34}, {0x11A47, 0x11A47}, {0x11A99, 0x11A99},
        {0x11D42, 0x11D42}, {0x11D44, 0x11D45}, {0x11D97, 0x11D97}, {0x11F41, 0x11F42},
        {0x16FF0, 0x16FF1}, {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE},
        {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF},
    };
    size_t low = 0, high = sizeof ranges / sizeof *ranges;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (point < ranges[middle][0])
            high = middle;
        else if (point > ranges[middle][1])
            low = middle + 1;
        else
            return true;
    }
    return false;
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Puts each run of marks into canonical order: by combining class, equal ones as they stood.
 * utf8proc's own ordering takes quadratic time, which a hostile text of a megabyte of marks turns
 * into hours. */
static bool order_marks(int32_t *points, size_t count)
{
    uint64_t *keys = NULL;
    size_t capacity = 0;
    for (size_t begin = 0, end; begin < count; begin = end + 1) {
        bool ordered = true;
        int before = 0, class;
        for (end = begin; end < count && (class = combining_class(points[end])) != 0; end++) {
            ordered = ordered && class >= before;
            before = class;
        }
        if (ordered)
            continue;
        size_t length = end - begin;
        if (length > capacity) {
            free(keys);
            keys = slr_alloc(length, sizeof *keys);
            if (!keys)
                return false;
            capacity = length;
        }
        for (size_t i = 0; i < length; i++) /* class, place, character: 8, 32 and 21 bits */
            keys[i] = (uint64_t)combining_class(points[begin + i]) << 53 | (uint64_t)i << 21 |
                      (uint64_t)points[begin + i];
        qsort(keys, length, sizeof *keys, compare_keys);
        for (size_t i = 0; i < length; i++)
            points[begin + i] = (int32_t)(keys[i] & 0x1FFFFF);
    }
    free(keys);
    return true;
}

/* NFC of a run without late characters, appended. */
static bool compose_run(slr_code_points *points, const int32_t *in, size_t count)
{
    size_t start = points->count;
    bool plain = true;
    for (size_t i = 0; i < count; i++) {
        utf8proc_int32_t parts[LONGEST_DECOMPOSITION];
        int boundary = 0;
        utf8proc_ssize_t used = 1;
        parts[0] = in[i];
        if (in[i] >= 0xC0) { /* below, nothing decomposes or combines */
            used = utf8proc_decompose_char(in[i], parts, LONGEST_DECOMPOSITION, UTF8PROC_DECOMPOSE,
                                           &boundary);
            plain = false;
        }
        for (utf8proc_ssize_t j = 0; j < used; j++)
            if (!push(points, parts[j]))
                return false;
    }
    if (plain)
        return true;
    int32_t *run = points->items + start;
    if (!order_marks(run, points->count - start))
        return false;
    utf8proc_ssize_t length = utf8proc_normalize_utf32(
        run, (utf8proc_ssize_t)(points->count - start), UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    points->count = start + (length > 0 ? (size_t)length : 0);
    return true;
}

/* NFC as the reference has it, appended. */
static bool compose(slr_code_points *points, const int32_t *in, size_t count)
{
    for (size_t begin = 0, end; begin < count; begin = end) {
        for (end = begin; end < count && !is_late(in[end]); end++)
            ;
        if (!compose_run(points, in + begin, end - begin))
            return false;
        for (; end < count && is_late(in[end]); end++)
            if (!push(points, in[end]))
                return false;
    }
    return true;
}

bool slr_code_points_clean(slr_code_points *points, const int32_t *in, size_t count)
{
    slr_code_points composed = {0};
    bool done = compose(&composed, in, count), after_space = false;
    for (size_t i = 0; done && i < composed.count; i++) {
        int32_t point = composed.items[i];
        bool space = is_white_space(point);
        if (!space)
            done = push(points, point == CAPITAL_I_WITH_DOT ? 'i' : utf8proc_tolower(point)) &&
                   (point != CAPITAL_I_WITH_DOT || push(points, DOT_ABOVE));
        else if (!after_space)
            done = push(points, SPACE);
        after_space = space;
    }
    slr_code_points_free(&composed);
    return done;
}

typedef enum piece_kind { KIND_SPACE, KIND_LETTER, KIND_NUMBER, KIND_OTHER } piece_kind;

static piece_kind kind_of(int32_t point)
{
    if (point == SPACE)
        return KIND_SPACE;
    switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return KIND_LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return KIND_NUMBER;
    default: return KIND_OTHER;
    }
}

/* The length of 's 't 're 've 'm 'll 'd in front of `text`, or 0. */
static size_t contraction(const int32_t *text, size_t count)
{
    if (count < 2 || text[0] != '\'')
        return 0;
    if (text[1] == 's' || text[1] == 't' || text[1] == 'm' || text[1] == 'd')
        return 2;
    if (count < 3)
        return 0;
    return ((text[1] == 'r' || text[1] == 'v') && text[2] == 'e') ||
                   (text[1] == 'l' && text[2] == 'l')
               ? 3
               : 0;
}

/* The length of <|startoftext|> or <|endoftext|> in front of `text`, or 0. */
static size_t special_form(const int32_t *text, size_t count)
{
    static const char *const forms[] = {"<|startoftext|>", "<|endoftext|>"};
    for (int i = 0; i < 2; i++) {
        size_t length = 0;
        while (forms[i][length] && length < count && text[length] == forms[i][length])
            length++;
        if (!forms[i][length])
            return length;
    }
    return 0;
}

bool slr_pieces_next(slr_pieces *pieces)
{
    const int32_t *text = pieces->text;
    size_t begin = pieces->at + pieces->length;
    while (begin < pieces->count && text[begin] == SPACE)
        begin++;
    pieces->at = begin;
    pieces->length = 0;
    if (begin == pieces->count)
        return false;
    size_t left = pieces->count - begin, special = special_form(text + begin, left);
    if (special > 0)
        pieces->border = begin + special;
    pieces->length = contraction(text + begin, left);
    if (pieces->length > 0)
        return true;
    piece_kind kind = kind_of(text[begin]);
    size_t end = begin + 1;
    while (kind != KIND_NUMBER && end < pieces->count && end != pieces->border &&
           kind_of(text[end]) == kind)
        end++;
    pieces->length = end - begin;
    return true;
}
