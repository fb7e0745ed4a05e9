/* SPDX-License-Identifier: MIT */
#include "data/prompt_list.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/memory.h"
#include "io/csv.h"
#include "io/regular_file.h"
#include "io/table_build.h"

enum { PROMPT_FILE_LIMIT = 256 << 20 };

static selora_status append(slr_prompt_list *list, size_t *capacity, const char *text, size_t length, slr_error *err)
{
    if (!slr_grow((void **)&list->prompts, capacity, list->count, sizeof *list->prompts))
        return slr_fail_memory(err, *capacity * sizeof *list->prompts, "the prompts");
    char *copy = slr_copy_text_n(text, length);
    if (!copy)
        return slr_fail_memory(err, length, "a prompt");
    list->prompts[list->count++] = copy;
    return SELORA_OK;
}

static selora_status read_lines(const char *path, slr_prompt_list *list, slr_error *err)
{
    char *text;
    size_t size, capacity = 0;
    SLR_TRY(slr_read_file(path, PROMPT_FILE_LIMIT, &text, &size, err));
    selora_status status = slr_table_check_text(text, size, path, err);
    const char *at = text;
    if (strncmp(at, "\xEF\xBB\xBF", 3) == 0)
        at += 3;
    while (status == SELORA_OK && *at) {
        size_t line = strcspn(at, "\r\n");
        if (strspn(at, " \t") < line)
            status = append(list, &capacity, at, line, err);
        at += line + strspn(at + line, "\r\n");
    }
    free(text);
    return status;
}

static selora_status read_rows(const char *path, const slr_table *table, slr_prompt_list *list, slr_error *err)
{
    int column = slr_table_column(table, "text");
    size_t capacity = 0;
    if (column < 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: no column named text", path);
    for (size_t row = 0; row < slr_table_rows(table); row++) {
        const char *cell = slr_table_cell(table, row, column);
        SLR_TRY(append(list, &capacity, cell, strlen(cell), err));
    }
    return SELORA_OK;
}

static bool ends_in(const char *path, const char *ending)
{
    size_t length = strlen(path), tail = strlen(ending);
    return length >= tail && strcasecmp(path + length - tail, ending) == 0;
}

selora_status slr_prompt_list_read(const char *path, slr_prompt_list *list, slr_error *err)
{
    *list = (slr_prompt_list){0};
    selora_status status;
    bool is_csv = ends_in(path, ".csv");
    if (is_csv || ends_in(path, ".jsonl")) {
        slr_table *table;
        SLR_TRY(is_csv ? slr_table_read_csv(path, &table, err) : slr_table_read_jsonl(path, &table, err));
        status = read_rows(path, table, list, err);
        slr_table_free(table);
    } else {
        status = read_lines(path, list, err);
    }
    if (status == SELORA_OK && list->count == 0)
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: holds no prompt", path);
    if (status != SELORA_OK)
        slr_prompt_list_free(list);
    return status;
}

selora_status slr_prompt_list_single(const char *prompt, slr_prompt_list *list, slr_error *err)
{
    size_t capacity = 0;
    *list = (slr_prompt_list){0};
    selora_status status = append(list, &capacity, prompt, strlen(prompt), err);
    if (status != SELORA_OK)
        slr_prompt_list_free(list);
    return status;
}

void slr_prompt_list_free(slr_prompt_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->prompts[i]);
    free(list->prompts);
    *list = (slr_prompt_list){0};
}
