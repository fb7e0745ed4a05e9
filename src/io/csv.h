/* SPDX-License-Identifier: MIT
 *
 * Tables from CSV (RFC 4180: quotes, embedded commas and line breaks, CRLF, UTF-8 with or without
 * BOM) and from JSON Lines (one object a line; numbers and booleans become text, keys columns).
 * Every cell is valid UTF-8 without NUL. All ragged rows are reported in one go.
 *
 *     slr_table *table;
 *     SLR_TRY(slr_table_read_csv("metadata.csv", &table, err));
 *     int column = slr_table_column(table, "file_name");
 *     const char *cell = slr_table_cell(table, row, column);
 *     slr_table_free(table);
 */
#ifndef SLR_CSV_H
#define SLR_CSV_H

#include <stdbool.h>
#include <stdio.h>

#include "core/status.h"

typedef struct slr_table slr_table;
selora_status slr_table_read_csv(const char *path, slr_table **table, slr_error *err);
selora_status slr_table_read_jsonl(const char *path, slr_table **table, slr_error *err);
selora_status slr_table_parse_csv(const char *data, size_t size, const char *name,
                                  slr_table **table, slr_error *err);
selora_status slr_table_parse_jsonl(const char *data, size_t size, const char *name,
                                    slr_table **table, slr_error *err);
void slr_table_free(slr_table *table);

size_t slr_table_rows(const slr_table *table); /* without the header */
int slr_table_columns(const slr_table *table);
const char *slr_table_column_name(const slr_table *table, int column);
int slr_table_column(const slr_table *table, const char *name); /* -1 when absent */
/* "" when empty or absent (column -1). */
const char *slr_table_cell(const slr_table *table, size_t row, int column);
/* JSON Lines: some cell of the column holds a list or object; such cells are JSON text. */
bool slr_table_is_nested(const slr_table *table, int column);
/* 1-based line of the file on which a row begins, for messages. */
size_t slr_table_line(const slr_table *table, size_t row);

/* Writes one field, quoted when it must be. */
void slr_csv_write_field(FILE *stream, const char *text);

#endif
