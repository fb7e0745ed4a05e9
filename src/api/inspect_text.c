/* SPDX-License-Identifier: MIT
 * A JSON object laid out for people. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/inspect.h"
#include "core/utf8.h"
#include "io/json.h"

enum { KEY_WIDTH = 22, INDENT = 2 };

static bool is_table(const json_t *value)
{
    return json_is_array(value) && json_is_object(json_array_get(value, 0));
}

/* A key as people read it; one with a dot is a name of its own. */
static void write_key(FILE *out, const char *key, int width)
{
    bool name = strchr(key, '.') != NULL;
    for (; *key; key++, width--)
        fputc(*key == '_' && !name ? ' ' : *key, out);
    fprintf(out, "%*s", width > 0 ? width : 0, "");
}

/* Texts come from files: a terminal must not obey them. */
static void write_text(FILE *out, const char *text)
{
    if (slr_utf8_is_printable(text))
        fputs(text, out);
    else
        for (; *text; text++)
            fputc((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f ? '?' : *text, out);
}

/* A scalar, or a list of scalars with commas; free() it. */
static char *cell_text(const json_t *value)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        char *number = json_is_number(item) ? slr_json_text(item, 0) : NULL;
        fputs(i ? ", " : "", out);
        if (json_is_string(item))
            write_text(out, json_string_value(item));
        else if (json_is_boolean(item))
            fputs(json_is_true(item) ? "yes" : "no", out);
        else
            fputs(number ? number : "-", out);
        free(number);
    }
    fclose(out);
    return text;
}

static void write_row(FILE *out, int indent, const json_t *row, const json_t *head, const int *widths)
{
    const char *key;
    json_t *ignored;
    int column = 0;
    fprintf(out, "%*s", indent, "");
    json_object_foreach((json_t *)(uintptr_t)head, key, ignored) {
        char *text = row ? cell_text(json_object_get(row, key)) : NULL;
        bool right = json_is_number(json_object_get(row, key));
        fputs(column ? "  " : "", out);
        if (!row)
            write_key(out, key, widths[column]);
        else
            fprintf(out, right ? "%*s" : "%-*s", widths[column], text ? text : "");
        free(text);
        column++;
    }
    fputc('\n', out);
}

static void write_table(FILE *out, int indent, const json_t *rows)
{
    enum { MAX_COLUMNS = 16 };
    const json_t *head = json_array_get(rows, 0);
    int widths[MAX_COLUMNS] = {0};
    size_t index;
    json_t *row, *value;
    const char *key;
    json_array_foreach((json_t *)(uintptr_t)rows, index, row) {
        int column = 0;
        json_object_foreach((json_t *)(uintptr_t)head, key, value) {
            char *text = cell_text(json_object_get(row, key));
            int width = text ? (int)strlen(text) : 0;
            free(text);
            width = width < (int)strlen(key) ? (int)strlen(key) : width;
            if (column < MAX_COLUMNS && widths[column] < width)
                widths[column] = width;
            column++;
        }
        if (column > MAX_COLUMNS)
            return; /* no table of ours is that wide */
    }
    write_row(out, indent, NULL, head, widths);
    json_array_foreach((json_t *)(uintptr_t)rows, index, row)
        write_row(out, indent, row, head, widths);
}

/* What was found, each with its rows and what to do. */
static void write_traps(FILE *out, int indent, const json_t *traps)
{
    size_t index;
    json_t *trap;
    int found = 0;
    json_array_foreach((json_t *)(uintptr_t)traps, index, trap) {
        const char *severity = json_string_value(json_object_get(trap, "severity"));
        if (!severity || strcmp(severity, "ok") == 0)
            continue;
        char *rows = cell_text(json_object_get(trap, "first_rows"));
        fprintf(out, "%*s%s: %s: ", indent, "", severity, json_string_value(json_object_get(trap, "trap")));
        write_text(out, json_string_value(json_object_get(trap, "seen")));
        fprintf(out, "\n%*s%s%s\n", indent + INDENT, "", rows && *rows ? "rows " : "", rows ? rows : "");
        fprintf(out, "%*s%s\n", indent + INDENT, "", json_string_value(json_object_get(trap, "advice")));
        free(rows);
        found++;
    }
    if (!found)
        fprintf(out, "%*snone of %zu checks found anything\n", indent, "", json_array_size(traps));
}

static void write_object(FILE *out, int indent, const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        bool nested = json_is_object(value) || is_table(value);
        fprintf(out, "%*s", indent, "");
        write_key(out, key, nested ? 0 : KEY_WIDTH);
        char *text = nested ? NULL : cell_text(value);
        fprintf(out, "%s%s\n", nested ? "" : " ", text ? text : "");
        free(text);
        if (json_is_object(value))
            write_object(out, indent + INDENT, value);
        else if (nested && strcmp(key, "traps") == 0)
            write_traps(out, indent + INDENT, value);
        else if (nested)
            write_table(out, indent + INDENT, value);
    }
}

char *slr_inspect_text(const json_t *facts)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    write_object(out, 0, facts);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
