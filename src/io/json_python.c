/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <string.h>

#include "io/json.h"

enum { MAX_DIGITS = 18 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The number of bytes of an infinity at `text`, replaced by null and spaces; 0 when there is none.
 */
static size_t replace_infinity(char *text, size_t size)
{
    static const char word[] = "-Infinity";
    const char *wanted = size > 0 && text[0] == 'I' ? word + 1 : word;
    size_t length = strlen(wanted);
    if (size < length || memcmp(text, wanted, length) != 0)
        return 0;
    memset(text, ' ', length);
    memcpy(text, "null", 4);
    return length;
}

/* The number of bytes of the digits at `text`; a whole number of more than 18 becomes 18 nines. */
static size_t shrink_number(char *text, size_t size)
{
    size_t length = 0;
    while (length < size && is_digit(text[length]))
        length++;
    bool whole =
        length == size || (text[length] != '.' && text[length] != 'e' && text[length] != 'E');
    if (length > MAX_DIGITS && whole) {
        memset(text, ' ', length);
        memset(text, '9', MAX_DIGITS);
    }
    return length;
}

void slr_json_tame_python(char *text, size_t size)
{
    bool quoted = false,
         in_number = false; /* the digits behind a point or exponent are no whole number */
    for (size_t i = 0; i < size; i++) {
        size_t used = 0;
        if (quoted && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && (text[i] == '-' || text[i] == 'I'))
            used = replace_infinity(text + i, size - i);
        else if (!quoted && !in_number && is_digit(text[i]))
            used = shrink_number(text + i, size - i);
        if (used > 0)
            i += used - 1;
        in_number = i < size && (is_digit(text[i]) || strchr(".eE+-", text[i]));
    }
}
