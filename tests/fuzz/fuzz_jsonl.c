/* SPDX-License-Identifier: MIT
 * Any bytes as a JSON Lines table. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"
#include "io/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slr_table *table;
    slr_error err = {0};
    selora_status status = slr_table_parse_jsonl((const char *)data, size, "input", &table, &err);
    if (status != SELORA_OK && (!err.message[0] || table))
        abort();
    for (size_t r = 0; table && r < slr_table_rows(table); r++) {
        if (slr_table_line(table, r) < r + 1)
            abort();
        for (int c = 0; c < slr_table_columns(table); c++) {
            const char *cell = slr_table_cell(table, r, c);
            if (slr_utf8_valid(cell, strlen(cell)) != strlen(cell))
                abort();
        }
    }
    slr_table_free(table);
    return 0;
}
