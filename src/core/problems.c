/* SPDX-License-Identifier: MIT */
#include "core/problems.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void slr_problems_add(slr_problems *problems, const char *format, ...)
{
    char line[600];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    for (char *at = line; *at; at++) /* names and values come from files; a terminal must not obey them */
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    problems->count++;
    size_t length = strlen(line);
    if (problems->shown + 1 != problems->count ||
        problems->length + length + 4 > sizeof problems->text)
        return; /* full: the list keeps its order, later ones are counted only */
    int written = snprintf(problems->text + problems->length, sizeof problems->text - problems->length,
                           "%s%s", problems->shown ? "\n  " : "", line);
    problems->length += (size_t)written;
    problems->shown++;
}

void slr_problems_join(slr_problems *problems, const slr_problems *more)
{
    bool full = problems->shown < problems->count;
    problems->count += more->count;
    if (full || more->shown == 0 || problems->length + more->length + 4 > sizeof problems->text)
        return;
    int written = snprintf(problems->text + problems->length, sizeof problems->text - problems->length,
                           "%s%s", problems->shown ? "\n  " : "", more->text);
    problems->length += (size_t)written;
    problems->shown += more->shown;
}

selora_status slr_problems_report(const slr_problems *problems, const char *subject, slr_error *err)
{
    if (problems->count == 0)
        return SELORA_OK;
    if (problems->count == 1)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s", subject, problems->text);
    char rest[64] = "";
    if (problems->shown < problems->count)
        snprintf(rest, sizeof rest, "\n  and %d more", problems->count - problems->shown);
    return slr_fail(err, SELORA_BAD_INPUT, "%s: %d problems:\n  %s%s", subject, problems->count,
                    problems->text, rest);
}
