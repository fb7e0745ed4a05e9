/* SPDX-License-Identifier: MIT */
#include "io/csv.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/problems.h"
#include "io/regular_file.h"
#include "io/table_build.h"

typedef struct reader {
    const char *at, *end, *name;
    size_t line; /* of `at` */
    slr_table *table;
    size_t *fields; /* of the present row: offsets of texts */
    size_t count, capacity;
    slr_problems *problems;
} reader;

/* Steps over CRLF, LF or CR. */
static bool skip_line_end(reader *in)
{
    if (in->at == in->end || (*in->at != '\n' && *in->at != '\r'))
        return false;
    in->at += in->at + 1 < in->end && in->at[0] == '\r' && in->at[1] == '\n' ? 2 : 1;
    in->line++;
    return true;
}

/* After the opening quote; a doubled quote stands for one. */
static selora_status read_quoted(reader *in, slr_error *err)
{
    size_t opened = in->line;
    while (in->at < in->end) {
        const char *quote = memchr(in->at, '"', (size_t)(in->end - in->at));
        const char *stop = quote ? quote : in->end;
        for (const char *c = in->at; c < stop; c++)
            in->line += *c == '\n' || (*c == '\r' && !(c + 1 < in->end && c[1] == '\n'));
        if (!slr_table_put(in->table, in->at, (size_t)(stop - in->at)))
            return slr_table_fail_memory(in->name, err);
        in->at = stop;
        if (!quote)
            break;
        in->at++;
        if (in->at == in->end || *in->at != '"') {
            if (in->at == in->end || strchr(",\r\n", *in->at))
                return SELORA_OK;
            return slr_fail(err, SELORA_BAD_INPUT,
                            "%s: line %zu: text after a closing quote; a quote inside a field is "
                            "written twice",
                            in->name, in->line);
        }
        if (!slr_table_put(in->table, in->at++, 1))
            return slr_table_fail_memory(in->name, err);
    }
    return slr_fail(err, SELORA_BAD_INPUT,
                    "%s: line %zu: the quote that opens here is never closed", in->name, opened);
}

static selora_status read_field(reader *in, slr_error *err)
{
    size_t begin = in->table->text_size, offset;
    if (in->at < in->end && *in->at == '"') {
        in->at++;
        SLR_TRY(read_quoted(in, err));
    } else {
        const char *from = in->at;
        while (in->at < in->end && *in->at != ',' && *in->at != '\n' && *in->at != '\r')
            in->at++;
        if (!slr_table_put(in->table, from, (size_t)(in->at - from)))
            return slr_table_fail_memory(in->name, err);
    }
    if (!slr_table_end(in->table, begin, &offset) ||
        !slr_grow((void **)&in->fields, &in->capacity, in->count, sizeof *in->fields))
        return slr_table_fail_memory(in->name, err);
    in->fields[in->count++] = offset;
    return SELORA_OK;
}

/* One row into in->fields, its line end included. */
static selora_status read_row(reader *in, slr_error *err)
{
    in->count = 0;
    for (;;) {
        SLR_TRY(read_field(in, err));
        if (in->at < in->end && *in->at == ',')
            in->at++;
        else
            break;
    }
    skip_line_end(in);
    return SELORA_OK;
}

static bool is_blank(const reader *in)
{
    for (size_t i = 0; i < in->count; i++)
        if (in->fields[i] != 0)
            return false;
    return true;
}

static selora_status read_header(reader *in, slr_error *err)
{
    do {
        if (in->at == in->end)
            return slr_fail(err, SELORA_BAD_INPUT,
                            "%s: is empty, a line with column names was expected", in->name);
        SLR_TRY(read_row(in, err));
    } while (is_blank(in));
    if (in->count > SLR_TABLE_MAX_COLUMNS)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %zu columns, at most %d are accepted", in->name,
                        in->count, SLR_TABLE_MAX_COLUMNS);
    for (size_t i = 0; i < in->count; i++) {
        const char *name = in->table->text + in->fields[i];
        if (*name && slr_table_column(in->table, name) >= 0)
            return slr_fail(err, SELORA_BAD_INPUT,
                            "%s: two columns have the same name (columns %d and %zu)", in->name,
                            slr_table_column(in->table, name) + 1, i + 1);
        if (!slr_table_add_name(in->table, in->fields[i]))
            return slr_table_fail_memory(in->name, err);
    }
    return SELORA_OK;
}

static selora_status read_rows(reader *in, slr_error *err)
{
    size_t columns = (size_t)in->table->columns;
    while (in->at < in->end) {
        size_t line = in->line;
        SLR_TRY(read_row(in, err));
        if (is_blank(in))
            continue; /* spreadsheets leave such rows at the end */
        if (in->count != columns)
            slr_problems_add(in->problems, "line %zu: %zu fields, the header has %zu", line,
                             in->count, columns);
        else if (in->table->rows >= SLR_TABLE_MAX_CELLS / columns)
            return slr_fail(err, SELORA_BAD_INPUT, "%s: more than %d cells", in->name,
                            SLR_TABLE_MAX_CELLS);
        else if (!slr_table_add_row(in->table, in->fields, line))
            return slr_table_fail_memory(in->name, err);
    }
    return slr_problems_report(in->problems, in->name, err);
}

static selora_status parse(reader *in, slr_error *err)
{
    SLR_TRY(slr_table_check_text(in->at, (size_t)(in->end - in->at), in->name, err));
    SLR_TRY(read_header(in, err));
    return read_rows(in, err);
}

selora_status slr_table_parse_csv(const char *data, size_t size, const char *name,
                                  slr_table **table, slr_error *err)
{
    if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
        data += 3;
        size -= 3;
    }
    slr_problems *problems = slr_alloc(1, sizeof *problems);
    reader in = {.at = data, .end = data + size, .name = name, .line = 1, .problems = problems};
    in.table = slr_table_new();
    selora_status status =
        in.table && problems ? parse(&in, err) : slr_table_fail_memory(name, err);
    free(problems);
    free(in.fields);
    if (status != SELORA_OK) {
        slr_table_free(in.table);
        in.table = NULL;
    }
    *table = in.table;
    return status;
}

selora_status slr_table_read_csv(const char *path, slr_table **table, slr_error *err)
{
    char *data;
    size_t size;
    *table = NULL;
    SLR_TRY(slr_read_file(path, SLR_TABLE_MAX_BYTES, &data, &size, err));
    selora_status status = slr_table_parse_csv(data, size, path, table, err);
    free(data);
    return status;
}

void slr_csv_write_field(FILE *stream, const char *text)
{
    size_t length = strlen(text);
    bool edge_blank = length > 0 && (text[0] == ' ' || text[length - 1] == ' ');
    if (!edge_blank && !strpbrk(text, ",\"\r\n")) {
        fputs(text, stream);
        return;
    }
    putc('"', stream);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', stream);
        putc(*text, stream);
    }
    putc('"', stream);
}
