/* SPDX-License-Identifier: MIT */
#include "prepare/prepared_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/atomic_file.h"
#include "io/csv.h"

static const char *const names[SLR_COLUMNS] = {
    "file_name",
    "text",
    "patient",
    "picture",
    "label",
    "report",
    "source",
    "kind",
    "modality",
    "view",
    "body_part",
    "laterality",
    "sex",
    "age",
    "photometric",
    "bits",
    "voi",
    "inverted",
    "padding",
    "transfer_syntax",
    "lossy",
    "burned_in",
    "deidentified",
    "colour",
    "frame",
    "frames",
    "plane",
    "width",
    "height",
    "side",
    "file_key",
    "series_key",
    "near",
    "warnings",
    "measures",
};

const char *slr_row_column_name(slr_row_column column)
{
    return names[column];
}

selora_status slr_rows_add(slr_rows *rows, size_t *row, slr_error *err)
{
    if (!slr_grow((void **)&rows->cells, &rows->capacity, rows->count, SLR_COLUMNS * sizeof *rows->cells))
        return slr_fail_memory(err, rows->count * SLR_COLUMNS * sizeof *rows->cells,
                               "the rows of the data set");
    memset(rows->cells + rows->count * SLR_COLUMNS, 0, SLR_COLUMNS * sizeof *rows->cells);
    *row = rows->count++;
    return SELORA_OK;
}

selora_status slr_rows_set(slr_rows *rows, size_t row, slr_row_column column, const char *text,
                           slr_error *err)
{
    char **cell = &rows->cells[row * SLR_COLUMNS + column];
    char *copy = text && *text ? slr_copy_text(text) : NULL;
    if (text && *text && !copy)
        return slr_fail_memory(err, strlen(text), "the rows of the data set");
    free(*cell);
    *cell = copy;
    return SELORA_OK;
}

selora_status slr_rows_set_number(slr_rows *rows, size_t row, slr_row_column column, int64_t value,
                                  slr_error *err)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return slr_rows_set(rows, row, column, text, err);
}

const char *slr_rows_get(const slr_rows *rows, size_t row, slr_row_column column)
{
    const char *cell = rows->cells[row * SLR_COLUMNS + column];
    return cell ? cell : "";
}

void slr_rows_free(slr_rows *rows)
{
    for (size_t i = 0; i < rows->count * SLR_COLUMNS; i++)
        free(rows->cells[i]);
    free(rows->cells);
    *rows = (slr_rows){0};
}

static selora_status take_table(const slr_table *table, const char *path, slr_rows *rows, slr_error *err)
{
    int columns[SLR_COLUMNS];
    for (int c = 0; c < SLR_COLUMNS; c++) {
        columns[c] = slr_table_column(table, names[c]);
        if (columns[c] < 0)
            return slr_fail(err, SELORA_BAD_INPUT,
                            "%s: no column %s; the file was changed by hand or belongs to "
                            "another version: prepare into a new folder",
                            path, names[c]);
    }
    for (size_t r = 0; r < slr_table_rows(table); r++) {
        size_t row = 0;
        SLR_TRY(slr_rows_add(rows, &row, err));
        for (int c = 0; c < SLR_COLUMNS; c++)
            SLR_TRY(slr_rows_set(rows, row, c, slr_table_cell(table, r, columns[c]), err));
    }
    return SELORA_OK;
}

selora_status slr_rows_read(const char *path, slr_rows *rows, slr_error *err)
{
    slr_table *table;
    *rows = (slr_rows){0};
    if (access(path, F_OK) != 0)
        return SELORA_OK;
    SLR_TRY(slr_table_read_csv(path, &table, err));
    selora_status status = take_table(table, path, rows, err);
    slr_table_free(table);
    if (status != SELORA_OK)
        slr_rows_free(rows);
    return status;
}

selora_status slr_rows_write(const slr_rows *rows, const char *path, int columns, slr_error *err)
{
    slr_atomic_file *file;
    SLR_TRY(slr_atomic_open(path, 0600, &file, err));
    FILE *stream = slr_atomic_stream(file);
    for (int c = 0; c < columns; c++)
        fprintf(stream, "%s%s", c ? "," : "", names[c]);
    for (size_t r = 0; r < rows->count; r++)
        for (int c = 0; c < columns; c++) {
            fputc(c ? ',' : '\n', stream);
            slr_csv_write_field(stream, slr_rows_get(rows, r, c));
        }
    fputc('\n', stream);
    return slr_atomic_commit(file, err);
}
