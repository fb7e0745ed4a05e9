/* SPDX-License-Identifier: MIT
 * Feature sets as CSV: a header, then a line of numbers for each picture. Thousands of columns are usual, so cells are
 * read where they stand. Columns named `row` and `group` are what they say; every other one is a feature. */
#include <ctype.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "eval/feature_set.h"
#include "io/atomic_file.h"

typedef enum column_kind { COLUMN_FEATURE, COLUMN_ROW, COLUMN_GROUP } column_kind;

/* A place in the text; a cell is [at, end of cell). */
typedef struct cursor {
    const char *at, *end, *name;
    size_t line;
} cursor;

typedef struct csv_cell {
    const char *text;
    size_t length;
    bool last; /* of its line */
} csv_cell;

/* Takes the cell at the cursor. Quotes around a cell are taken off; none may be inside. */
static selora_status take_cell(cursor *c, csv_cell *found, slr_error *err)
{
    bool quoted = c->at < c->end && *c->at == '"';
    const char *begin = c->at + quoted, *stop = begin;
    while (stop < c->end && (quoted ? *stop != '"' : *stop != ',') && *stop != '\n' && *stop != '\0')
        stop++;
    if (stop < c->end && *stop == '\0')
        return slr_fail(err, SELORA_BAD_INPUT, "%s: line %zu holds a NUL byte: not a CSV file", c->name, c->line);
    const char *after = stop;
    if (quoted && (after >= c->end || *after++ != '"'))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: line %zu: a quote that is not closed", c->name, c->line);
    if (!quoted && stop > begin && stop[-1] == '\r' && (stop == c->end || *stop == '\n'))
        stop--;
    if (quoted && after < c->end && *after == '\r')
        after++;
    if (after < c->end && *after != ',' && *after != '\n')
        return slr_fail(err, SELORA_BAD_INPUT, "%s: line %zu: text behind a quoted cell", c->name, c->line);
    *found = (csv_cell){begin, (size_t)(stop - begin), after >= c->end || *after == '\n'};
    c->line += found->last;
    c->at = after < c->end ? after + 1 : c->end;
    return SELORA_OK;
}

static bool cell_is(const csv_cell *cell, const char *word)
{
    return cell->length == strlen(word) && memcmp(cell->text, word, cell->length) == 0;
}

/* The kinds of the columns; free() *kinds. */
static selora_status read_header(cursor *c, column_kind **kinds, size_t *columns, slr_error *err)
{
    size_t capacity = 0;
    csv_cell cell = {0};
    *kinds = NULL;
    *columns = 0;
    while (!cell.last) {
        SLR_TRY(take_cell(c, &cell, err));
        if (!slr_grow((void **)kinds, &capacity, *columns, sizeof **kinds))
            return slr_fail_memory(err, *columns, "columns");
        (*kinds)[*columns] = cell_is(&cell, "row") ? COLUMN_ROW : cell_is(&cell, "group") ? COLUMN_GROUP : COLUMN_FEATURE;
        if (cell.length == 0)
            return slr_fail(err, SELORA_BAD_INPUT, "%s: column %zu of the header has no name: an index? Write the table "
                            "without it", c->name, *columns + 1);
        bool digits = true;
        for (size_t i = 0; i < cell.length; i++)
            digits = digits && strchr("0123456789+-.eE ", cell.text[i]);
        if (digits && cell.length > 1 && memchr(cell.text, '.', cell.length))
            return slr_fail(err, SELORA_BAD_INPUT, "%s: the first line holds the number %.*s; expected a header with names",
                            c->name, (int)(cell.length < 30 ? cell.length : 30), cell.text);
        ++*columns;
    }
    return SELORA_OK;
}

/* Digits, sign, point and exponent in any locale. */
static bool read_number(const csv_cell *cell, double *value)
{
    char copy[64], *end;
    size_t begin = 0, length = cell->length;
    while (length > 0 && cell->text[length - 1] == ' ')
        length--;
    while (begin < length && cell->text[begin] == ' ')
        begin++;
    length -= begin;
    if (length == 0 || length >= sizeof copy)
        return false;
    for (size_t i = 0; i < length; i++) {
        char letter = cell->text[begin + i];
        if (!strchr("0123456789+-.eE", letter))
            return false;
        copy[i] = letter == '.' ? *localeconv()->decimal_point : letter;
    }
    copy[length] = '\0';
    *value = strtod(copy, &end);
    return *end == '\0';
}

/* A number for a label of any text (FNV-1a). */
static int64_t label_of(const csv_cell *cell)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < cell->length; i++)
        hash = (hash ^ (unsigned char)cell->text[i]) * 1099511628211u;
    return (int64_t)hash;
}

static size_t count_lines(const char *data, size_t size)
{
    size_t lines = 0;
    const char *at = data, *end = data + size;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        bool empty = (stop ? stop : end) == at || (*at == '\r' && stop == at + 1);
        lines += !empty;
        at = stop ? stop + 1 : end;
    }
    return lines;
}

static selora_status fail_cell(const cursor *c, const csv_cell *cell, size_t column, slr_error *err)
{
    return slr_fail(err, SELORA_BAD_INPUT, "%s: line %zu, column %zu: found \"%.*s\", expected a finite number (columns other "
                    "than row and group are features)", c->name, c->line - cell->last, column + 1,
                    (int)(cell->length < 40 ? cell->length : 40), cell->text);
}

static selora_status read_line(cursor *c, const column_kind *kinds, size_t columns, double *values, int64_t *row,
                               int64_t *label, slr_error *err)
{
    size_t feature = 0;
    for (size_t column = 0; column < columns; column++) {
        csv_cell cell;
        double number;
        SLR_TRY(take_cell(c, &cell, err));
        if (cell.last != (column + 1 == columns))
            return slr_fail(err, SELORA_BAD_INPUT, "%s: line %zu does not have the %zu cells of the header", c->name,
                            c->line - cell.last, columns);
        if (kinds[column] == COLUMN_GROUP) {
            *label = label_of(&cell);
            continue;
        }
        if (!read_number(&cell, &number))
            return fail_cell(c, &cell, column, err);
        if (kinds[column] == COLUMN_FEATURE)
            values[feature++] = number;
        else if (number >= 0 && number < 9e15)
            *row = (int64_t)number;
        else
            return fail_cell(c, &cell, column, err);
    }
    return SELORA_OK;
}

static selora_status read_lines(cursor *c, const column_kind *kinds, size_t columns, slr_feature_set *set, bool grouped,
                                slr_error *err)
{
    int64_t *labels = slr_alloc(set->count, sizeof *labels);
    selora_status status = labels ? SELORA_OK : slr_fail_memory(err, set->count, "groups");
    for (size_t i = 0; status == SELORA_OK && i < set->count; i++) {
        while (c->at < c->end && (*c->at == '\n' || (*c->at == '\r' && c->at + 1 < c->end && c->at[1] == '\n'))) {
            c->at += *c->at == '\r' ? 2 : 1;
            c->line++;
        }
        status = read_line(c, kinds, columns, set->values + i * set->dim, &set->rows[i], &labels[i], err);
    }
    if (status == SELORA_OK && grouped)
        status = slr_dense_groups(labels, set->count, set->groups, NULL, err);
    free(labels);
    return status;
}

selora_status slr_feature_set_parse_csv(const char *data, size_t size, const char *name, slr_feature_set *set,
                                        slr_error *err)
{
    bool mark = size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0;
    cursor c = {data + (mark ? 3 : 0), data + size, name, 1};
    column_kind *kinds;
    size_t columns, features = 0, groups = 0, least;
    *set = (slr_feature_set){0};
    selora_status status = read_header(&c, &kinds, &columns, err);
    for (size_t i = 0; status == SELORA_OK && i < columns; i++) {
        features += kinds[i] == COLUMN_FEATURE;
        groups += kinds[i] == COLUMN_GROUP;
    }
    size_t left = (size_t)(c.end - c.at), lines = count_lines(c.at, left);
    /* a cell is a digit and a comma at least, which bounds what a short file can ask for */
    if (status == SELORA_OK && (!slr_mul_size(lines, columns, &least) || least > left + 1))
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: lines with fewer cells than the %zu of the header", name, columns);
    if (status == SELORA_OK)
        status = slr_feature_set_new(lines, features, set, err);
    if (status == SELORA_OK)
        status = read_lines(&c, kinds, columns, set, groups > 0, err);
    if (status == SELORA_OK)
        status = slr_feature_set_check(set, name, err);
    if (status != SELORA_OK)
        slr_feature_set_free(set);
    free(kinds);
    return status;
}

static void write_number(FILE *stream, double value)
{
    char digits[40];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    char *sign = strstr(digits, localeconv()->decimal_point);
    if (sign)
        *sign = '.';
    fputs(digits, stream);
}

selora_status slr_feature_set_write_csv(const slr_feature_set *set, const char *path, slr_error *err)
{
    slr_atomic_file *file;
    SLR_TRY(slr_atomic_open(path, 0644, &file, err));
    FILE *stream = slr_atomic_stream(file);
    fputs("row,group", stream);
    for (size_t j = 0; j < set->dim; j++)
        fprintf(stream, ",f%zu", j);
    for (size_t i = 0; i < set->count; i++) {
        fprintf(stream, "\n%lld,%d", (long long)set->rows[i], (int)set->groups[i]);
        for (size_t j = 0; j < set->dim; j++) {
            putc(',', stream);
            write_number(stream, set->values[i * set->dim + j]);
        }
    }
    putc('\n', stream);
    return slr_atomic_commit(file, err);
}
