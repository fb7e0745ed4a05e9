/* SPDX-License-Identifier: MIT */
#include "data/split_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "core/problems.h"
#include "io/atomic_file.h"
#include "io/csv.h"

enum { MAX_BYTES = 1 << 28 };

const char *slr_side_name(slr_side side)
{
    static const char *const names[] = {"", "train", "validation", "test"};
    return names[side];
}

static slr_side side_of(const char *name)
{
    for (slr_side side = SLR_SIDE_TRAIN; side <= SLR_SIDE_TEST; side++)
        if (strcmp(name, slr_side_name(side)) == 0)
            return side;
    return SLR_SIDE_NONE;
}

/* Data sets have files of that name and other columns. */
static bool is_ours(const char *data, size_t size, bool *by_patient)
{
    static const char *const headers[] = {"row,side,picture", "row,side,patient"};
    for (int i = 0; i < 2; i++) {
        size_t length = strlen(headers[i]);
        *by_patient = i == 1;
        if (size > length && memcmp(data, headers[i], length) == 0 && (data[length] == '\n' ||
                                                                       data[length] == '\r'))
            return true;
    }
    return false;
}

static void read_row(const slr_table *table, size_t row, slr_split_row *result, slr_problems *problems)
{
    char number[32];
    const char *key = slr_table_cell(table, row, 2);
    snprintf(number, sizeof number, "%zu", row + 1);
    result->side = side_of(slr_table_cell(table, row, 1));
    if (strcmp(slr_table_cell(table, row, 0), number) != 0)
        slr_problems_add(problems, "line %zu: column row: %s was expected", slr_table_line(table, row),
                         number);
    if (result->side == SLR_SIDE_NONE)
        slr_problems_add(problems, "line %zu: column side: train, validation or test was expected",
                         slr_table_line(table, row));
    if (strlen(key) != SLR_SPLIT_KEY - 1 || strspn(key, "0123456789abcdef") != SLR_SPLIT_KEY - 1)
        slr_problems_add(problems, "line %zu: column %s: %d hex digits were expected", slr_table_line(table,
                                                                                                      row),
                         slr_table_column_name(table, 2), SLR_SPLIT_KEY - 1);
    else
        memcpy(result->key, key, SLR_SPLIT_KEY);
}

typedef struct placed {
    const slr_split_row *row;
    size_t index;
} placed;

static int by_key(const void *a, const void *b)
{
    const placed *left = a, *right = b;
    int order = strcmp(left->row->key, right->row->key);
    return order ? order : (left->index > right->index) - (left->index < right->index);
}

/* Nobody stands on two sides. */
static selora_status check_sides(const slr_split_file *file, slr_problems *problems, const char *name,
                                 slr_error *err)
{
    placed *list = slr_alloc(file->count, sizeof *list);
    if (!list)
        return slr_fail_memory(err, file->count * sizeof *list, name);
    for (size_t i = 0; i < file->count; i++)
        list[i] = (placed){&file->rows[i], i};
    if (file->count > 1)
        qsort(list, file->count, sizeof *list, by_key);
    for (size_t i = 1; i < file->count; i++)
        if (strcmp(list[i - 1].row->key, list[i].row->key) == 0 && list[i - 1].row->side != list[i].row->side)
            slr_problems_add(problems, "rows %zu and %zu: one key on two sides, %s and %s",
                             list[i - 1].index + 1,
                             list[i].index + 1, slr_side_name(list[i - 1].row->side), slr_side_name(list[i].row->side));
    free(list);
    return slr_problems_report(problems, name, err);
}

static selora_status read_rows(const slr_table *table, slr_split_file *file, const char *name, slr_error *err)
{
    file->count = slr_table_rows(table);
    file->rows = slr_alloc(file->count, sizeof *file->rows);
    slr_problems *problems = slr_alloc(1, sizeof *problems);
    if (!file->rows || !problems) {
        free(problems);
        return slr_fail_memory(err, file->count * sizeof *file->rows, name);
    }
    for (size_t i = 0; i < file->count; i++)
        read_row(table, i, &file->rows[i], problems);
    selora_status status = slr_problems_report(problems, name, err);
    if (status == SELORA_OK)
        status = check_sides(file, problems, name, err);
    free(problems);
    return status;
}

selora_status slr_split_file_parse(const char *data, size_t size, const char *name, slr_split_file **file,
                                   slr_error *err)
{
    slr_table *table = NULL;
    bool by_patient;
    *file = NULL;
    if (!is_ours(data, size, &by_patient))
        return SELORA_OK;
    SLR_TRY(slr_table_parse_csv(data, size, name, &table, err));
    slr_split_file *made = slr_alloc(1, sizeof *made);
    selora_status status = made ? read_rows(table, made, name, err) : slr_fail_memory(err, sizeof *made,
                                                                                      name);
    slr_table_free(table);
    if (status != SELORA_OK) {
        slr_split_file_free(made);
        return status;
    }
    made->by_patient = by_patient;
    *file = made;
    return SELORA_OK;
}

selora_status slr_split_file_read(const char *path, slr_split_file **file, slr_error *err)
{
    struct stat info;
    char *data;
    size_t size;
    *file = NULL;
    if (stat(path, &info) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return SELORA_OK;
    SLR_TRY(slr_read_file(path, MAX_BYTES, &data, &size, err));
    selora_status status = slr_split_file_parse(data, size, path, file, err);
    free(data);
    return status;
}

void slr_split_file_free(slr_split_file *file)
{
    if (file)
        free(file->rows);
    free(file);
}

selora_status slr_split_file_write(const char *path, const slr_split_row *rows, size_t count,
                                   bool by_patient, slr_error *err)
{
    slr_atomic_file *file;
    SLR_TRY(slr_atomic_open(path, 0600, &file, err));
    FILE *stream = slr_atomic_stream(file);
    fprintf(stream, "row,side,%s\n", by_patient ? "patient" : "picture");
    for (size_t i = 0; i < count; i++)
        fprintf(stream, "%zu,%s,%s\n", i + 1, slr_side_name(rows[i].side), rows[i].key);
    return slr_atomic_commit(file, err);
}
