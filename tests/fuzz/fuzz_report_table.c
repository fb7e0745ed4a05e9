/* SPDX-License-Identifier: MIT
 * A column map, a line end, and any bytes as a table of reports. Every row is found by its own name, and
 * prompts are clean. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/utf8.h"
#include "prepare/prompts.h"
#include "prepare/report_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fill(const char *text, size_t size, const slr_report_columns *columns, const char *name)
{
    slr_prompts *prompts;
    slr_prompt result;
    slr_prompt_counts counts;
    slr_prompt_options options = {.template = "{age}-year-old {sex}, {view} view, {text}", .columns = *columns};
    slr_prompt_picture picture = {.name = name, .study_uid = name, .series_uid = name, .patient_id = name};
    if (slr_prompts_new(&options, &prompts, NULL) != SELORA_OK)
        abort();
    if (slr_prompts_add_table(prompts, text, size, "input", NULL) != SELORA_OK)
        abort();
    selora_status status = slr_prompts_fill(prompts, &picture, 1, &result, &counts, NULL);
    if (status == SELORA_OK && result.text &&
        (slr_utf8_valid(result.text, strlen(result.text)) != strlen(result.text) ||
         !slr_utf8_is_printable(result.text)))
        abort();
    slr_prompts_free(prompts);
}

static void check(const char *text, size_t size, const slr_report_columns *columns)
{
    slr_report_table *table;
    slr_error err = {0};
    if (slr_report_table_parse(text, size, "input", columns, &table, &err) != SELORA_OK) {
        if (!err.message[0] || table)
            abort();
        return;
    }
    for (size_t row = 0; row < slr_report_table_rows(table) && row < 50; row++)
        for (int role = SLR_ROLE_IMAGE; role <= SLR_ROLE_PATIENT_ID; role++) {
            size_t found;
            const char *name = slr_report_table_cell(table, row, role);
            slr_report_keys keys = {.image = name, .series = name, .study = name, .patient_id = name};
            if (slr_report_table_find(table, &keys, &found) && found >= slr_report_table_rows(table))
                abort();
            if (row == 0 && *name)
                fill(text, size, columns, name);
        }
    slr_report_table_free(table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    slr_report_columns columns = {0};
    char *storage = NULL, *map = end ? slr_copy_text_n((const char *)data, (size_t)(end - data)) : NULL;
    if (map && *map && slr_report_columns_parse(&columns, map, &storage, NULL) != SELORA_OK && storage)
        abort();
    if (end)
        check((const char *)end + 1, size - (size_t)(end - data) - 1, &columns);
    free(map);
    free(storage);
    return 0;
}
