/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/utf8.h"
#include "io/table_build.h"

slr_table *slr_table_new(void)
{
    slr_table *table = slr_alloc(1, sizeof *table);
    size_t nothing;
    if (table && !slr_table_add_text(table, "", 0, &nothing)) {
        slr_table_free(table);
        return NULL;
    }
    return table;
}

void slr_table_free(slr_table *table)
{
    if (!table)
        return;
    free(table->text);
    free(table->names);
    free(table->cells);
    free(table->lines);
    free(table);
}

bool slr_table_put(slr_table *table, const char *bytes, size_t size)
{
    size_t end;
    if (!slr_add_size(table->text_size, size, &end) ||
        !slr_grow((void **)&table->text, &table->text_capacity, end, 1))
        return false;
    if (size > 0)
        memcpy(table->text + table->text_size, bytes, size);
    table->text_size = end;
    return true;
}

bool slr_table_end(slr_table *table, size_t begin, size_t *offset)
{
    *offset = table->text_size > begin ? begin : 0;
    return (*offset == 0 && table->text_size > 0) || slr_table_put(table, "", 1);
}

bool slr_table_add_text(slr_table *table, const char *bytes, size_t size, size_t *offset)
{
    size_t begin = table->text_size;
    return slr_table_put(table, bytes, size) && slr_table_end(table, begin, offset);
}

bool slr_table_add_name(slr_table *table, size_t offset)
{
    size_t columns = (size_t)table->columns;
    if (columns >= SLR_TABLE_MAX_COLUMNS ||
        !slr_grow((void **)&table->names, &table->name_capacity, columns, sizeof *table->names))
        return false;
    table->names[table->columns++] = offset;
    return true;
}

bool slr_table_add_row(slr_table *table, const size_t *cells, size_t line)
{
    size_t columns = (size_t)table->columns, count = table->rows * columns;
    if (!slr_grow((void **)&table->cells, &table->cell_capacity, count + columns,
                  sizeof *table->cells) ||
        !slr_grow((void **)&table->lines, &table->line_capacity, table->rows, sizeof *table->lines))
        return false;
    memcpy(table->cells + count, cells, columns * sizeof *cells);
    table->lines[table->rows++] = line;
    return true;
}

selora_status slr_table_fail_memory(const char *name, slr_error *err)
{
    return slr_fail(err, SELORA_NO_RESOURCE, "%s: not enough memory for the table", name);
}

selora_status slr_table_check_text(const char *data, size_t size, const char *name, slr_error *err)
{
    if (size >= 2 && (memcmp(data, "\xff\xfe", 2) == 0 || memcmp(data, "\xfe\xff", 2) == 0))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: is UTF-16; save it as UTF-8", name);
    const char *nul = size ? memchr(data, 0, size) : NULL;
    size_t valid = slr_utf8_valid(data, size), bad = nul ? (size_t)(nul - data) : size;
    if (valid >= size && !nul)
        return SELORA_OK;
    size_t line = 1, begin = 0, at = valid < bad ? valid : bad;
    for (size_t i = 0; i < at; i++)
        if (data[i] == '\n') {
            line++;
            begin = i + 1;
        }
    return slr_fail(err, SELORA_BAD_INPUT, "%s: line %zu: %s (byte %zu of the line); save it as UTF-8 text", name, line,
                    valid < bad ? "not UTF-8" : "a NUL byte", at - begin + 1);
}

size_t slr_table_rows(const slr_table *table)
{
    return table->rows;
}

int slr_table_columns(const slr_table *table)
{
    return table->columns;
}

const char *slr_table_column_name(const slr_table *table, int column)
{
    return table->text + table->names[column];
}

int slr_table_column(const slr_table *table, const char *name)
{
    for (int column = 0; column < table->columns; column++)
        if (strcmp(slr_table_column_name(table, column), name) == 0)
            return column;
    return -1;
}

const char *slr_table_cell(const slr_table *table, size_t row, int column)
{
    if (column < 0)
        return "";
    return table->text + table->cells[row * (size_t)table->columns + (size_t)column];
}

bool slr_table_is_nested(const slr_table *table, int column)
{
    return column >= 0 && table->nested[column];
}

size_t slr_table_line(const slr_table *table, size_t row)
{
    return table->lines[row];
}
