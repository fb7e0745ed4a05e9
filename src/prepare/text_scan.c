/* SPDX-License-Identifier: MIT */
#include "prepare/text_scan.h"

#include <string.h>

/* Each pattern looks at one place and gives the bytes that it takes there, 0 for none. */
typedef size_t pattern(const char *text, size_t size, size_t at);

/* ---- characters ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* The character at `at`, NUL beyond the end. */
static char peek(const char *text, size_t size, size_t at)
{
    return at < size ? text[at] : 0;
}

/* No word goes on across `at`. Letters beyond ASCII count as letters. */
static bool is_boundary(const char *text, size_t size, size_t at)
{
    if (at == 0 || at >= size)
        return true;
    char before = text[at - 1], after = text[at];
    bool word_before = is_letter(before) || is_digit(before) || (before & 0x80);
    return !(word_before && (is_letter(after) || is_digit(after) || (after & 0x80)));
}

/* Digits from `at` on, and their value (of the first nine). */
static size_t digits(const char *text, size_t size, size_t at, int *value)
{
    size_t count = 0;
    *value = 0;
    for (; is_digit(peek(text, size, at + count)); count++)
        if (count < 9)
            *value = *value * 10 + (text[at + count] - '0');
    return count;
}

/* The lower-case letters stand here, in any case. */
static bool starts(const char *text, size_t size, size_t at, const char *word)
{
    size_t i = 0;
    while (word[i] && lower(peek(text, size, at + i)) == word[i])
        i++;
    return !word[i];
}

/* The same, and no word goes on behind them. */
static bool is_word(const char *text, size_t size, size_t at, const char *word)
{
    return starts(text, size, at, word) && is_boundary(text, size, at + strlen(word));
}

static size_t skip(const char *text, size_t size, size_t at, const char *set)
{
    while (at < size && text[at] && strchr(set, text[at]))
        at++;
    return at;
}

/* ---- dates ---- */

/* 3/14/2019, 14.03.19, 2019-03-14. */
static size_t numeric_date(const char *text, size_t size, size_t at)
{
    int part[3];
    size_t length[3], end = at;
    char between = 0;
    for (int i = 0; i < 3; i++) {
        length[i] = digits(text, size, end, &part[i]);
        end += length[i];
        if (length[i] == 0 || length[i] > 4)
            return 0;
        if (i == 2)
            break;
        char c = peek(text, size, end++);
        if ((c != '/' && c != '-' && c != '.') || (between && c != between))
            return 0;
        between = c;
    }
    bool year_first = length[0] == 4 && length[1] <= 2 && length[2] <= 2;
    bool year_last = length[0] <= 2 && length[1] <= 2 && (length[2] == 2 || length[2] == 4);
    int a = year_first ? part[1] : part[0], b = year_first ? part[2] : part[1];
    bool day_and_month = a >= 1 && b >= 1 && a <= 31 && b <= 31 && (a <= 12 || b <= 12);
    bool goes_on = peek(text, size, end) == between && is_digit(peek(text, size, end + 1)); /* 1.2.3.4 */
    bool ends = is_boundary(text, size, end) && !goes_on;
    return (year_first || year_last) && day_and_month && ends ? end - at : 0;
}

/* The name of a month with a capital ("may" is a word), whole or three letters; its length. */
static size_t month(const char *text, size_t size, size_t at)
{
    static const char *const names[] = {"january", "february", "march",     "april",   "may",      "june",    "july",
                                        "august",  "sept",     "september", "october", "november", "december"};
    if (peek(text, size, at) < 'A' || peek(text, size, at) > 'Z')
        return 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char brief[4] = {names[i][0], names[i][1], names[i][2], 0};
        if (is_word(text, size, at, names[i]))
            return strlen(names[i]);
        if (is_word(text, size, at, brief))
            return 3;
    }
    return 0;
}

/* 1 to 31, perhaps "1st"; its length. */
static size_t day(const char *text, size_t size, size_t at)
{
    static const char *const endings[] = {"st", "nd", "rd", "th"};
    int value;
    size_t length = digits(text, size, at, &value);
    if (length == 0 || length > 2 || value < 1 || value > 31)
        return 0;
    for (int i = 0; i < 4; i++)
        if (is_word(text, size, at + length, endings[i]))
            return length + 2;
    return is_boundary(text, size, at + length) ? length : 0;
}

/* March 14, Mar. 14th 2019. */
static size_t month_and_day(const char *text, size_t size, size_t at)
{
    size_t name = month(text, size, at);
    if (name == 0)
        return 0;
    size_t next = skip(text, size, at + name, " .-/"), number = day(text, size, next);
    return next > at + name && number > 0 ? next + number - at : 0;
}

/* 14 March, 14th of March 2019, 14-Mar-2019. */
static size_t day_and_month(const char *text, size_t size, size_t at)
{
    size_t number = day(text, size, at);
    if (number == 0)
        return 0;
    size_t next = skip(text, size, at + number, " .-/");
    if (is_word(text, size, next, "of"))
        next = skip(text, size, next + 2, " ");
    size_t name = month(text, size, next);
    return next > at + number && name > 0 ? next + name - at : 0;
}

static size_t date(const char *text, size_t size, size_t at)
{
    size_t length = numeric_date(text, size, at);
    length = length ? length : month_and_day(text, size, at);
    return length ? length : day_and_month(text, size, at);
}

/* ---- numbers ---- */

static size_t long_number(const char *text, size_t size, size_t at)
{
    int value;
    size_t length = digits(text, size, at, &value);
    return length >= 7 ? length : 0;
}

/* Digits in groups after a +: 8 to 15 of them. */
static size_t world_phone(const char *text, size_t size, size_t at)
{
    size_t count = 0, end = at + 1, last = end;
    for (; end < size && (is_digit(text[end]) || strchr(" -./()", text[end])) && text[end]; end++)
        if (is_digit(text[end])) {
            count++;
            last = end + 1;
        }
    return is_digit(peek(text, size, at + 1)) && count >= 8 && count <= 15 ? last - at : 0;
}

/* Exactly `count` digits. */
static bool group(const char *text, size_t size, size_t at, size_t count)
{
    int value;
    return digits(text, size, at, &value) == count;
}

/* (555) 123-4567, 555-123-4567, 555.123.4567, 555 123 4567, 123-4567. */
static size_t phone(const char *text, size_t size, size_t at)
{
    size_t next = at;
    if (peek(text, size, at) == '+')
        return world_phone(text, size, at);
    if (at > 0 && strchr("-./+", text[at - 1]) && text[at - 1])
        return 0; /* inside a longer thing */
    bool bracket = peek(text, size, at) == '(';
    next += bracket;
    if (!group(text, size, next, 3))
        return 0;
    next += 3;
    if (bracket && peek(text, size, next++) != ')')
        return 0;
    char between = peek(text, size, next);
    next += between == ' ' || between == '-' || between == '.';
    if (group(text, size, next, 4) && between == '-' && !bracket)
        return is_boundary(text, size, next + 4) && peek(text, size, next + 4) != '-' ? next + 4 - at : 0;
    if (!group(text, size, next, 3))
        return 0;
    next += 3;
    between = peek(text, size, next);
    if ((between != ' ' && between != '-' && between != '.') || !group(text, size, next + 1, 4))
        return 0;
    return next + 5 - at;
}

/* MRN 12, ID: 12, Acc# 12, accession number 12, MRN12. */
static size_t record_number(const char *text, size_t size, size_t at)
{
    static const char *const words[] = {"accession", "acc", "mrn", "id"};
    static const char *const fillers[] = {"number", "num", "no", "nr"};
    int value;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t next = at + strlen(words[i]);
        if (!starts(text, size, at, words[i]) || is_letter(peek(text, size, next)) || (peek(text, size,
                                                                                            next) & 0x80))
            continue;
        next = skip(text, size, next, " .:#-=");
        for (size_t k = 0; k < sizeof fillers / sizeof *fillers; k++)
            if (is_word(text, size, next, fillers[k])) {
                next = skip(text, size, next + strlen(fillers[k]), " .:#-=");
                break;
            }
        size_t length = digits(text, size, next, &value);
        if (length > 0)
            return next + length - at;
    }
    return 0;
}

/* ---- names and ages ---- */

static bool is_mail_character(char c)
{
    return is_letter(c) || is_digit(c) || (c && strchr("._%+-", c));
}

/* Found at the @. */
static size_t email(const char *text, size_t size, size_t at)
{
    if (text[at] != '@' || at == 0 || !is_mail_character(text[at - 1]))
        return 0;
    size_t end = at + 1, dot = 0;
    for (; end < size && (is_letter(text[end]) || is_digit(text[end]) || strchr("-.", text[end])) &&
         text[end]; end++) {
        bool letters = is_letter(peek(text, size, end + 1)) && is_letter(peek(text, size, end + 2));
        if (text[end] == '.' && end > at + 1 && letters)
            dot = end;
    }
    return dot ? end - at : 0;
}

/* Dr. Smith, Mrs Miller, MR. SMITH; not "MR brain". */
static size_t title(const char *text, size_t size, size_t at)
{
    static const char *const words[] = {"dr", "mr", "mrs", "ms", "prof"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i]);
        if (!is_word(text, size, at, words[i]))
            continue;
        bool dot = peek(text, size, at + length) == '.';
        bool mixed = text[at] >= 'A' && text[at] <= 'Z' && text[at + 1] >= 'a';
        size_t next = skip(text, size, at + length + dot, " ");
        char first = peek(text, size, next);
        bool capital = (first >= 'A' && first <= 'Z') || (first & 0x80);
        if ((dot || mixed) && (dot || next > at + length) && capital)
            return next + 1 - at;
    }
    return 0;
}

/* 93-year-old, 93 y/o, 93 yrs, 93F; aged 93, age: 93. "90+" is what ages over 89 become. */
static size_t high_age(const char *text, size_t size, size_t at)
{
    static const char *const before[] = {"age", "aged"};
    static const char *const after[] = {"year", "years", "yr", "yrs", "yo", "y/o", "y.o", "y"};
    int value;
    for (int i = 0; i < 2; i++) {
        if (!is_word(text, size, at, before[i]))
            continue;
        size_t next = skip(text, size, at + strlen(before[i]), " :="), length;
        if (is_word(text, size, next, "of"))
            next = skip(text, size, next + 2, " ");
        length = digits(text, size, next, &value);
        if (length > 0 && value > 89 && value < 150 && peek(text, size, next + length) != '+')
            return next + length - at;
    }
    size_t length = digits(text, size, at, &value);
    if (length == 0 || value < 90 || value >= 150 || (at > 0 && (text[at - 1] == '.' || text[at - 1] == '-')))
        return 0;
    size_t next = skip(text, size, at + length, " -");
    for (size_t i = 0; i < sizeof after / sizeof *after; i++)
        if (is_word(text, size, next, after[i]) && (is_boundary(text, size, at + length) ||
                                                    next == at + length))
            return next + strlen(after[i]) - at;
    return 0;
}

/* ---- all of them ---- */

static const struct {
    const char *id;
    pattern *matches;
    bool inside; /* may begin inside a word */
} kinds[SLR_SCAN_KINDS] = {
    [SLR_SCAN_DATE] = {"date", date, false},
    [SLR_SCAN_DIGITS] = {"digits", long_number, false},
    [SLR_SCAN_PHONE] = {"phone", phone, false},
    [SLR_SCAN_EMAIL] = {"email", email, true},
    [SLR_SCAN_TITLE] = {"title", title, false},
    [SLR_SCAN_NUMBER] = {"record_number", record_number, false},
    [SLR_SCAN_AGE] = {"age_over_89", high_age, false},
};

const char *slr_text_scan_id(slr_scan_kind kind)
{
    return kinds[kind].id;
}

/* Digits may follow a letter ("MRN1234567"), not a digit. */
static bool may_begin(const char *text, size_t size, size_t at, slr_scan_kind kind)
{
    if (kinds[kind].inside || is_boundary(text, size, at))
        return true;
    return kind == SLR_SCAN_DIGITS && !is_digit(text[at - 1]);
}

static size_t count(const char *text, size_t size, slr_scan_kind kind)
{
    size_t found = 0;
    for (size_t at = 0; at < size;) {
        size_t length = may_begin(text, size, at, kind) ? kinds[kind].matches(text, size, at) : 0;
        found += length > 0;
        at += length > 0 ? length : 1;
    }
    return found;
}

bool slr_text_scan_add(slr_text_scan *scan, const char *text, size_t size)
{
    bool any = false;
    for (int kind = 0; kind < SLR_SCAN_KINDS; kind++) {
        size_t found = count(text, size, kind);
        scan->found[kind] += found;
        scan->texts[kind] += found > 0;
        any = any || found > 0;
    }
    scan->scanned++;
    scan->suspect += any;
    return any;
}
