/* SPDX-License-Identifier: MIT
 * Any bytes as a CSV table. What can be read must survive being written and read again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_row(FILE *stream, const slr_table *table, size_t row, int header)
{
    for (int c = 0; c < slr_table_columns(table); c++) {
        if (c > 0)
            putc(',', stream);
        slr_csv_write_field(stream, header ? slr_table_column_name(table, c)
                                           : slr_table_cell(table, row, c));
    }
    fputs("\r\n", stream);
}

static void write_and_read(const slr_table *table)
{
    char *text = NULL;
    size_t size = 0;
    slr_table *again;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return;
    fputs("\xef\xbb\xbf",
          stream); /* a mark that the first name may begin with is then part of it */
    write_row(stream, table, 0, 1);
    for (size_t r = 0; r < slr_table_rows(table); r++)
        write_row(stream, table, r, 0);
    fclose(stream);
    if (slr_table_parse_csv(text, size, "again", &again, NULL) != SELORA_OK ||
        slr_table_rows(again) != slr_table_rows(table) ||
        slr_table_columns(again) != slr_table_columns(table))
        abort();
    for (size_t r = 0; r < slr_table_rows(table); r++)
        for (int c = 0; c < slr_table_columns(table); c++)
            if (strcmp(slr_table_cell(table, r, c), slr_table_cell(again, r, c)) != 0)
                abort();
    slr_table_free(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slr_table *table;
    slr_error err = {0};
    if (slr_table_parse_csv((const char *)data, size, "input", &table, &err) == SELORA_OK)
        write_and_read(table);
    else if (!err.message[0] || table)
        abort();
    slr_table_free(table);
    return 0;
}
