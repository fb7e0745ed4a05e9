/* SPDX-License-Identifier: MIT */
#include "prepare/prompt_clean.h"

#include <stdbool.h>
#include <string.h>

/* Bytes of the blank that begins here, 0 for other characters: ASCII controls and blank, C1 controls,
   no-break space. */
static size_t blank(const unsigned char *at)
{
    if (*at <= ' ' || *at == 0x7f)
        return *at ? 1 : 0;
    return at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0xa0 ? 2 : 0;
}

void slr_prompt_blanks(char *text)
{
    const unsigned char *in = (const unsigned char *)text;
    char *out = text;
    bool wanted = false; /* a blank stands between the last character written and the next */
    while (*in) {
        size_t length = blank(in);
        if (length > 0) {
            wanted = out > text;
            in += length;
            continue;
        }
        if (wanted)
            *out++ = ' ';
        wanted = false;
        *out++ = (char)*in++;
    }
    *out = 0;
}

static bool is_word(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c >= 0x80;
}

/* The next placeholder at or after `from`; *length is its X. NULL: none. */
static const char *find(const char *text, const char *from, size_t *length)
{
    for (const char *at = strstr(from, "XXXX"); at; at = strstr(at + *length, "XXXX")) {
        *length = strspn(at, "X");
        if ((at == text || !is_word((unsigned char)at[-1])) && !is_word((unsigned char)at[*length]))
            return at;
    }
    return NULL;
}

size_t slr_xxxx_count(const char *text)
{
    size_t count = 0, length;
    for (const char *at = find(text, text, &length); at; at = find(text, at + length, &length))
        count++;
    return count;
}

void slr_xxxx_drop(char *text)
{
    size_t length;
    const char *in = text;
    char *out = text;
    for (const char *at = find(text, text, &length); at;) {
        const char *next = at + length;
        /* found before the bytes that decide about it are written over */
        size_t next_length;
        const char *following = find(text, next, &next_length);
        memmove(out, in, (size_t)(at - in));
        out += at - in;
        in = next;
        at = following;
        length = next_length;
    }
    memmove(out, in, strlen(in) + 1);
    slr_prompt_blanks(text);
}
