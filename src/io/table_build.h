/* SPDX-License-Identifier: MIT
 *
 * How the readers of io/csv.h fill a table: texts go into one block and are named by their offset
 * in it.
 */
#ifndef SLR_TABLE_BUILD_H
#define SLR_TABLE_BUILD_H

#include "io/csv.h"

enum {
    SLR_TABLE_MAX_BYTES = 1 << 28, /* of a file */
    SLR_TABLE_MAX_COLUMNS = 1024,
    SLR_TABLE_MAX_CELLS = 1 << 26
};

struct slr_table {
    char *text; /* NUL-terminated pieces; offset 0 is the empty one */
    size_t text_size, text_capacity;
    size_t *names;
    size_t name_capacity;
    int columns;
    size_t *cells; /* (rows, columns) */
    size_t cell_capacity;
    size_t *lines; /* (rows) */
    size_t line_capacity, rows;
    bool nested[SLR_TABLE_MAX_COLUMNS];
};

/* An empty table; NULL when memory lacks. */
slr_table *slr_table_new(void);

/* Adds bytes to the piece that is being written; end closes it with a NUL and gives its offset. */
bool slr_table_put(slr_table *table, const char *bytes, size_t size);
bool slr_table_end(slr_table *table, size_t begin, size_t *offset);
/* Both at once. */
bool slr_table_add_text(slr_table *table, const char *bytes, size_t size, size_t *offset);

bool slr_table_add_name(slr_table *table, size_t offset);
/* `cells`: table->columns offsets. */
bool slr_table_add_row(slr_table *table, const size_t *cells, size_t line);

selora_status slr_table_fail_memory(const char *name, slr_error *err);
/* Refuses what is not UTF-8 without NUL; `name` and the line go into the message. */
selora_status slr_table_check_text(const char *data, size_t size, const char *name, slr_error *err);

#endif
