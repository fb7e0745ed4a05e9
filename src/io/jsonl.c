/* SPDX-License-Identifier: MIT
 * Tables from JSON Lines: the columns are the keys in the order in which they appear first. */
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/json.h"
#include "io/regular_file.h"
#include "io/table_build.h"

typedef struct entry {
    size_t row, text;
    int column;
} entry;

/* Entries are kept until all columns are known. */
typedef struct reader {
    const char *name;
    slr_table *table;
    json_t *columns; /* key -> index */
    entry *entries;
    size_t count, capacity;
    size_t *lines; /* of each row */
    size_t rows, row_capacity;
} reader;

static selora_status find_column(reader *in, const char *key, int *column, slr_error *err)
{
    const json_t *known = json_object_get(in->columns, key);
    size_t offset;
    if (known) {
        *column = (int)json_integer_value(known);
        return SELORA_OK;
    }
    *column = in->table->columns;
    if (*column >= SLR_TABLE_MAX_COLUMNS)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: more than %d different keys", in->name,
                        SLR_TABLE_MAX_COLUMNS);
    if (!slr_table_add_text(in->table, key, strlen(key), &offset) ||
        !slr_table_add_name(in->table, offset) ||
        json_object_set_new(in->columns, key, json_integer(*column)) != 0)
        return slr_table_fail_memory(in->name, err);
    return SELORA_OK;
}

static bool add_value(reader *in, const json_t *value, size_t *offset)
{
    if (json_is_string(value))
        return slr_table_add_text(in->table, json_string_value(value), json_string_length(value),
                                  offset);
    char *text = slr_json_text(value, 0);
    bool fine = text && slr_table_add_text(in->table, text, strlen(text), offset);
    free(text);
    return fine;
}

static selora_status add_object(reader *in, json_t *object, slr_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        entry cell = {.row = in->rows};
        SLR_TRY(find_column(in, key, &cell.column, err));
        if (json_is_null(value))
            continue;
        if (json_is_array(value) || json_is_object(value))
            in->table->nested[cell.column] = true;
        if (!add_value(in, value, &cell.text) ||
            !slr_grow((void **)&in->entries, &in->capacity, in->count, sizeof *in->entries))
            return slr_table_fail_memory(in->name, err);
        in->entries[in->count++] = cell;
    }
    return SELORA_OK;
}

static selora_status read_line(reader *in, const char *text, size_t size, size_t line,
                               slr_error *err)
{
    json_t *root = NULL;
    char *place = slr_format("%s: row on line %zu", in->name, line);
    if (!place || !slr_grow((void **)&in->lines, &in->row_capacity, in->rows, sizeof *in->lines)) {
        free(place);
        return slr_table_fail_memory(in->name, err);
    }
    selora_status status = slr_json_load_memory(text, size, place, &root, err);
    if (status == SELORA_OK && !json_is_object(root))
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: an object {...} was expected", place);
    if (status == SELORA_OK)
        status = add_object(in, root, err);
    if (status == SELORA_OK)
        in->lines[in->rows++] = line;
    json_decref(root);
    free(place);
    return status;
}

/* The kept entries as a full matrix; what a row lacks is "". */
static selora_status fill_cells(reader *in, slr_error *err)
{
    slr_table *table = in->table;
    size_t columns = (size_t)table->columns;
    if (columns > 0 && in->rows > SLR_TABLE_MAX_CELLS / columns)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: more than %d cells", in->name,
                        SLR_TABLE_MAX_CELLS);
    table->cells = slr_alloc(in->rows * columns, sizeof *table->cells);
    if (!table->cells)
        return slr_table_fail_memory(in->name, err);
    for (size_t i = 0; i < in->count; i++)
        table->cells[in->entries[i].row * columns + (size_t)in->entries[i].column] =
            in->entries[i].text;
    table->rows = in->rows;
    table->lines = in->lines;
    in->lines = NULL;
    return SELORA_OK;
}

static bool is_blank(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!strchr(" \t\r", text[i]) || !text[i])
            return false;
    return true;
}

static selora_status parse(reader *in, const char *data, size_t size, slr_error *err)
{
    SLR_TRY(slr_table_check_text(data, size, in->name, err));
    for (size_t line = 1, at = 0; at < size; line++) {
        const char *stop = memchr(data + at, '\n', size - at);
        size_t length = stop ? (size_t)(stop - data) - at : size - at;
        if (!is_blank(data + at, length))
            SLR_TRY(read_line(in, data + at, length, line, err));
        at += length + 1;
    }
    if (in->rows == 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: is empty, an object a line was expected",
                        in->name);
    return fill_cells(in, err);
}

selora_status slr_table_parse_jsonl(const char *data, size_t size, const char *name,
                                    slr_table **table, slr_error *err)
{
    reader in = {.name = name, .table = slr_table_new(), .columns = json_object()};
    selora_status status =
        in.table && in.columns ? parse(&in, data, size, err) : slr_table_fail_memory(name, err);
    json_decref(in.columns);
    free(in.entries);
    free(in.lines);
    if (status != SELORA_OK) {
        slr_table_free(in.table);
        in.table = NULL;
    }
    *table = in.table;
    return status;
}

selora_status slr_table_read_jsonl(const char *path, slr_table **table, slr_error *err)
{
    char *data;
    size_t size;
    *table = NULL;
    SLR_TRY(slr_read_file(path, SLR_TABLE_MAX_BYTES, &data, &size, err));
    selora_status status = slr_table_parse_jsonl(data, size, path, table, err);
    free(data);
    return status;
}
