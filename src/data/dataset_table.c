/* SPDX-License-Identifier: MIT
 * Pictures named by metadata.csv or metadata.jsonl. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "core/utf8.h"
#include "data/dataset_build.h"
#include "data/picture_files.h"

typedef struct columns {
    int image, caption, group;
} columns;

/* One metadata file while it is read. */
typedef struct reader {
    slr_dataset *data;
    const slr_table *table;
    const char *inside; /* folder below the dataset's, "" for itself */
    char *where;        /* "train/metadata.csv", for messages */
    columns columns;
    slr_side side;
    size_t first; /* source of its first row */
} reader;

/* ---- columns ---- */

/* "a, b, c", cut where it grows too long; names that could harm a terminal are left out. */
static void list_columns(const slr_table *table, char *text, size_t capacity)
{
    size_t used = 0;
    text[0] = 0;
    for (int c = 0; c < slr_table_columns(table); c++) {
        const char *name = slr_table_column_name(table, c);
        size_t length = strlen(name);
        if (length == 0 || length > 100 || used + length + 3 > capacity ||
            !slr_utf8_is_printable(name))
            continue;
        used += (size_t)snprintf(text + used, capacity - used, "%s%s", used ? ", " : "", name);
    }
}

/* file_name, or the one column that ends in _file_name; -1 when there is none or more. */
static int find_image_column(const slr_table *table)
{
    static const char ending[] = "_file_name";
    int found = slr_table_column(table, "file_name");
    for (int c = 0; found < 0 && c < slr_table_columns(table); c++) {
        const char *name = slr_table_column_name(table, c);
        size_t length = strlen(name), tail = sizeof ending - 1;
        if (length < tail || strcmp(name + length - tail, ending) != 0)
            continue;
        for (int other = c + 1; other < slr_table_columns(table); other++) {
            const char *second = slr_table_column_name(table, other);
            length = strlen(second);
            if (length >= tail && strcmp(second + length - tail, ending) == 0)
                return -1;
        }
        found = c;
    }
    return found;
}

static void check_column(reader *in, int column, const char *name, const char *remedy)
{
    char list[400];
    list_columns(in->table, list, sizeof list);
    if (column < 0)
        slr_problems_add(&in->data->problems, "%s: no column %s (there are: %s); %s", in->where,
                         name, list, remedy);
    else if (slr_table_is_nested(in->table, column))
        slr_problems_add(&in->data->problems,
                         "%s: column %s holds lists or objects, texts were expected", in->where,
                         name);
}

static bool find_columns(reader *in)
{
    const slr_dataset_options *options = &in->data->options;
    int before = in->data->problems.count;
    const char *caption = options->caption_column ? options->caption_column : "text";
    in->columns.image = options->image_column ? slr_table_column(in->table, options->image_column)
                                              : find_image_column(in->table);
    check_column(in, in->columns.image, options->image_column ? options->image_column : "file_name",
                 "it names the pictures");
    in->columns.caption = slr_table_column(in->table, caption);
    check_column(in, in->columns.caption, caption, "choose the captions with --caption-column");
    in->columns.group = -1;
    if (options->group_column) {
        in->columns.group = slr_table_column(in->table, options->group_column);
        check_column(in, in->columns.group, options->group_column, "correct --group-column");
    }
    return in->data->problems.count == before;
}

/* ---- rows ---- */

/* What is wrong with a name, or NULL. Both kinds of slash count: tables come from other systems. */
static const char *refuse_name(const char *name)
{
    if (!*name)
        return "the name of the picture is empty";
    if (!slr_utf8_is_printable(name))
        return "the name of the picture holds control characters";
    if (strstr(name, "://"))
        return "an address is given, a file inside the folder was expected";
    bool drive =
        isalpha((unsigned char)name[0]) && name[1] == ':' && (name[2] == '/' || name[2] == '\\');
    if (name[0] == '/' || name[0] == '\\' || drive)
        return "an absolute path is given, one relative to the table was expected";
    for (const char *part = name; part; part = strpbrk(part, "/\\")) {
        part += part != name;
        if (part[0] == '.' && part[1] == '.' && strchr("/\\", part[2])) /* also at the end */
            return "the path leads out of the folder (..)";
    }
    return NULL;
}

/* Drops "." parts and doubled slashes, in place: one spelling for one file. */
static void simplify(char *name)
{
    char *out = name;
    for (const char *part = name; *part;) {
        size_t length = strcspn(part, "/");
        if (length > 0 && !(length == 1 && part[0] == '.')) {
            if (out > name)
                *out++ = '/';
            memmove(out, part, length);
            out += length;
        }
        part += length;
        part += *part == '/';
    }
    *out = 0;
}

static void add_problem(reader *in, size_t row, const char *what, const char *name)
{
    slr_problems_add(&in->data->problems, "%s row %zu (line %zu): %s%s%s", in->where, row + 1,
                     slr_table_line(in->table, row), name, *name ? ": " : "", what);
}

static selora_status read_row(reader *in, size_t row, slr_error *err)
{
    const char *cell = slr_table_cell(in->table, row, in->columns.image);
    const char *group = slr_table_cell(in->table, row, in->columns.group);
    const char *refusal = refuse_name(cell);
    if (in->columns.group >= 0 && !*group)
        add_problem(in, row, "the group is empty", "");
    if (refusal) {
        add_problem(in, row, refusal, slr_utf8_is_printable(cell) ? cell : "");
        return SELORA_OK;
    }
    char *name = slr_copy_text(cell);
    if (!name)
        return slr_fail_memory(err, strlen(cell), "a path");
    simplify(name);
    slr_data_source source = {.item = {.caption =
                                           slr_table_cell(in->table, row, in->columns.caption),
                                       .group = group,
                                       .row = row + 1,
                                       .side = in->side},
                              .path = slr_dataset_path(in->data, in->inside, name),
                              .table = in->data->table_count - 1,
                              .table_row = row};
    struct stat info;
    errno = 0;
    if (source.path && stat(source.path, &info) != 0)
        add_problem(in, row,
                    errno != ENOENT      ? strerror(errno)
                    : strchr(cell, '\\') ? "no such file; write / between folders"
                                         : "no such file",
                    cell);
    else if (source.path && !S_ISREG(info.st_mode))
        add_problem(in, row, "is not a plain file", cell);
    free(name);
    return slr_dataset_add(in->data, source, err);
}

/* ---- the table against the folder ---- */

static int by_path(const void *a, const void *b)
{
    const slr_data_source *left = *(const slr_data_source *const *)a;
    const slr_data_source *right = *(const slr_data_source *const *)b;
    int order = strcmp(left->path, right->path);
    if (order == 0)
        order = left->table_row < right->table_row ? -1 : left->table_row > right->table_row;
    return order;
}

static int path_to_source(const void *path, const void *source)
{
    return strcmp(path, (*(const slr_data_source *const *)source)->path);
}

static selora_status count_unlisted(reader *in, const slr_data_source **sorted, size_t count,
                                    slr_error *err)
{
    slr_picture_files files;
    char *folder = *in->inside ? slr_format("%s/%s", in->data->folder, in->inside)
                               : slr_copy_text(in->data->folder);
    selora_status status = folder ? slr_picture_files_list(folder, &files, err)
                                  : slr_fail_memory(err, strlen(in->inside), "a path");
    free(folder);
    SLR_TRY(status);
    for (size_t i = 0; status == SELORA_OK && i < files.count; i++) {
        char *path = slr_dataset_path(in->data, in->inside, files.names[i]);
        if (!path)
            status = slr_fail_memory(err, strlen(files.names[i]), "a path");
        else if (count == 0 || !bsearch(path, sorted, count, sizeof *sorted, path_to_source))
            in->data->counts.unlisted++;
        free(path);
    }
    slr_picture_files_free(&files);
    return status;
}

/* Files that two rows name, files that none names. */
static selora_status compare_with_folder(reader *in, slr_error *err)
{
    size_t count = in->data->count - in->first;
    const slr_data_source **sorted = slr_alloc(count, sizeof *sorted);
    if (!sorted)
        return slr_fail_memory(err, count * sizeof *sorted, "the list of pictures");
    for (size_t i = 0; i < count; i++)
        sorted[i] = &in->data->sources[in->first + i];
    if (count > 1)
        qsort(sorted, count, sizeof *sorted, by_path);
    for (size_t i = 1; i < count; i++)
        if (strcmp(sorted[i - 1]->path, sorted[i]->path) == 0) {
            char what[64];
            snprintf(what, sizeof what, "listed already in row %zu", sorted[i - 1]->item.row);
            add_problem(in, sorted[i]->table_row, what, sorted[i]->path + sorted[i]->name);
        }
    selora_status status = count_unlisted(in, sorted, count, err);
    free(sorted);
    return status;
}

static selora_status read_rows(reader *in, slr_error *err)
{
    if (!find_columns(in))
        return SELORA_OK;
    if (slr_table_rows(in->table) == 0)
        slr_problems_add(&in->data->problems, "%s: has no rows", in->where);
    for (size_t row = 0; row < slr_table_rows(in->table); row++)
        SLR_TRY(read_row(in, row, err));
    return compare_with_folder(in, err);
}

selora_status slr_dataset_read_table(slr_dataset *data, const char *inside, const char *file,
                                     slr_side side, slr_error *err)
{
    slr_table *table = NULL;
    reader in = {.data = data, .inside = inside, .side = side, .first = data->count};
    char *path = slr_dataset_path(data, inside, file);
    in.where = slr_format("%s%s%s", inside, *inside ? "/" : "", file);
    selora_status status = !path || !in.where       ? slr_fail_memory(err, strlen(file), "a path")
                           : strstr(file, ".jsonl") ? slr_table_read_jsonl(path, &table, err)
                                                    : slr_table_read_csv(path, &table, err);
    if (status == SELORA_OK) {
        data->tables[data->table_count++] = table;
        in.table = table;
        status = read_rows(&in, err);
    }
    free(in.where);
    free(path);
    return status;
}
