/* SPDX-License-Identifier: MIT */
#include "data/dataset.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "data/dataset_build.h"
#include "data/picture_files.h"
#include "io/image.h"
#include "io/regular_file.h"

enum { MAX_PICTURE_BYTES = 1 << 30, MAX_ITEMS = 1 << 30 };

/* ---- building ---- */

char *slr_dataset_path(const slr_dataset *data, const char *inside, const char *name)
{
    return slr_format("%s/%s%s%s", data->folder, inside, *inside ? "/" : "", name);
}

static void source_free(slr_data_source *source)
{
    free(source->path);
    free(source->caption);
}

selora_status slr_dataset_add(slr_dataset *data, slr_data_source source, slr_error *err)
{
    if (!source.path || data->count >= MAX_ITEMS ||
        !slr_grow((void **)&data->sources, &data->capacity, data->count, sizeof *data->sources)) {
        source_free(&source);
        return slr_fail(err, SELORA_NO_RESOURCE, "not enough memory for the list of pictures");
    }
    source.item.path = source.path;
    source.name = strlen(data->folder) + 1;
    data->counts.empty_captions += !*source.item.caption;
    data->sources[data->count++] = source;
    return SELORA_OK;
}

/* ---- which layout ---- */

static bool exists(const slr_dataset *data, const char *inside, const char *name, mode_t kind)
{
    struct stat info;
    char *path = slr_dataset_path(data, inside, name);
    bool found = path && stat(path, &info) == 0 && (info.st_mode & S_IFMT) == kind;
    free(path);
    return found;
}

/* The metadata file of a folder, NULL for none. Two of them are a problem. */
static const char *find_table(slr_dataset *data, const char *inside)
{
    bool csv = exists(data, inside, "metadata.csv", S_IFREG);
    bool jsonl = exists(data, inside, "metadata.jsonl", S_IFREG);
    if (csv && jsonl)
        slr_problems_add(&data->problems, "%s%sboth metadata.csv and metadata.jsonl; keep one",
                         inside, *inside ? ": " : "");
    if (!csv && !jsonl && exists(data, inside, "metadata.parquet", S_IFREG))
        slr_problems_add(&data->problems,
                         "%s%smetadata.parquet is not read; save it as metadata.csv", inside,
                         *inside ? ": " : "");
    return csv ? "metadata.csv" : jsonl ? "metadata.jsonl" : NULL;
}

static bool has_table(const slr_dataset *data, const char *inside)
{
    return exists(data, inside, "metadata.csv", S_IFREG) ||
           exists(data, inside, "metadata.jsonl", S_IFREG);
}

static selora_status read_folder(slr_dataset *data, const char *inside, slr_side side,
                                 slr_error *err)
{
    int before = data->problems.count;
    const char *table = find_table(data, inside);
    if (data->problems.count > before)
        return SELORA_OK;
    return table ? slr_dataset_read_table(data, inside, table, side, err)
                 : slr_dataset_read_captions(data, inside, side, err);
}

/* Names of the folders of a given split. */
static const struct {
    const char *name;
    slr_side side;
} side_folders[] = {
    {"train", SLR_SIDE_TRAIN},    {"validation", SLR_SIDE_VALIDATION},
    {"val", SLR_SIDE_VALIDATION}, {"valid", SLR_SIDE_VALIDATION},
    {"test", SLR_SIDE_TEST},
};
enum { SIDE_FOLDERS = sizeof side_folders / sizeof *side_folders };

static selora_status read_sides(slr_dataset *data, slr_error *err)
{
    slr_side last = SLR_SIDE_NONE;
    if (!exists(data, "", "train", S_IFDIR))
        slr_problems_add(&data->problems, "no folder train beside the folders of the other parts");
    for (int i = 0; i < SIDE_FOLDERS; i++) {
        if (!exists(data, "", side_folders[i].name, S_IFDIR))
            continue;
        if (side_folders[i].side == last)
            slr_problems_add(&data->problems, "%s: a second folder for validation; keep one",
                             side_folders[i].name);
        else
            SLR_TRY(read_folder(data, side_folders[i].name, side_folders[i].side, err));
        last = side_folders[i].side;
    }
    return SELORA_OK;
}

static slr_side side_of_name(const char *name)
{
    size_t length = strcspn(name, "/");
    for (int i = 0; name[length] && i < SIDE_FOLDERS; i++)
        if (strlen(side_folders[i].name) == length &&
            strncmp(name, side_folders[i].name, length) == 0)
            return side_folders[i].side;
    return SLR_SIDE_NONE;
}

/* One table over train/..., validation/...: the folders give the split when every row lies in one.
 */
static void take_sides_from_names(slr_dataset *data)
{
    size_t inside = 0;
    for (size_t i = 0; i < data->count; i++) {
        slr_data_source *source = &data->sources[i];
        source->item.side = side_of_name(source->path + source->name);
        inside += source->item.side != SLR_SIDE_NONE;
    }
    if (inside != 0 && inside != data->count)
        slr_problems_add(
            &data->problems,
            "%zu rows lie in folders train, validation or test, %zu do not: which part "
            "are these for? Move them, or rename the folders",
            inside, data->count - inside);
}

static selora_status read_layout(slr_dataset *data, slr_error *err)
{
    bool sides = false;
    bool table = has_table(data, "");
    for (int i = 0; i < SIDE_FOLDERS; i++) {
        bool folder = exists(data, "", side_folders[i].name, S_IFDIR);
        sides = sides || folder;
        if (table && folder && has_table(data, side_folders[i].name))
            slr_problems_add(&data->problems,
                             "a metadata file both in the folder and in %s; keep one kind",
                             side_folders[i].name);
    }
    if (!table && sides)
        return read_sides(data, err);
    SLR_TRY(read_folder(data, "", SLR_SIDE_NONE, err));
    if (!table)
        return SELORA_OK;
    take_sides_from_names(data);
    return data->problems.count == 0 ? slr_dataset_take_split(data, err) : SELORA_OK;
}

selora_status slr_dataset_open(const char *folder, const slr_dataset_options *options,
                               slr_dataset **result, slr_error *err)
{
    struct stat info;
    *result = NULL;
    if (stat(folder, &info) != 0)
        return slr_fail_errno(err, folder, "open the data folder");
    if (!S_ISDIR(info.st_mode))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: is a file, a folder of pictures was expected",
                        folder);
    slr_dataset *data = slr_alloc(1, sizeof *data);
    if (!data || !(data->folder = slr_copy_text(folder))) {
        slr_dataset_free(data);
        return slr_fail_memory(err, sizeof *data, "the list of pictures");
    }
    for (size_t end = strlen(data->folder); end > 1 && data->folder[end - 1] == '/'; end--)
        data->folder[end - 1] = 0;
    if (options)
        data->options = *options;
    selora_status status = read_layout(data, err);
    if (status == SELORA_OK)
        status = slr_problems_report(&data->problems, data->folder, err);
    memset(&data->options, 0, sizeof data->options);
    if (status == SELORA_OK && data->side_source == SLR_SIDES_NONE && data->sources[0].item.side != SLR_SIDE_NONE)
        data->side_source = SLR_SIDES_FOLDERS;
    if (status == SELORA_OK)
        *result = data;
    else
        slr_dataset_free(data);
    return status;
}

void slr_dataset_free(slr_dataset *data)
{
    if (!data)
        return;
    for (size_t i = 0; i < data->count; i++)
        source_free(&data->sources[i]);
    for (int i = 0; i < data->table_count; i++)
        slr_table_free(data->tables[i]);
    free(data->sources);
    free(data->folder);
    free(data);
}

/* ---- reading it ---- */

size_t slr_dataset_count(const slr_dataset *data)
{
    return data->count;
}

const slr_data_item *slr_dataset_item(const slr_dataset *data, size_t index)
{
    return &data->sources[index].item;
}

const char *slr_dataset_cell(const slr_dataset *data, size_t index, const char *column)
{
    const slr_data_source *source = &data->sources[index];
    if (source->table < 0)
        return "";
    const slr_table *table = data->tables[source->table];
    return slr_table_cell(table, source->table_row, slr_table_column(table, column));
}

bool slr_dataset_has_column(const slr_dataset *data, const char *column)
{
    for (int i = 0; i < data->table_count; i++)
        if (slr_table_column(data->tables[i], column) < 0)
            return false;
    return data->table_count > 0;
}

slr_side_source slr_dataset_side_source(const slr_dataset *data)
{
    return data->side_source;
}

slr_dataset_counts slr_dataset_get_counts(const slr_dataset *data)
{
    return data->counts;
}

/* ---- contents ---- */

/* Fills size and checksum; a damaged picture becomes a problem. */
static selora_status check_picture(slr_dataset *data, slr_data_source *source, slr_error *err)
{
    slr_data_item *item = &source->item;
    slr_image image = {0};
    slr_error detail = {0};
    char *bytes = NULL, *name = slr_format("row %zu (%s)", item->row, source->path + source->name);
    size_t size;
    selora_status status =
        name ? slr_read_file(source->path, MAX_PICTURE_BYTES, &bytes, &size, &detail)
             : slr_fail_memory(&detail, strlen(source->path), "a path");
    if (status == SELORA_OK)
        status = slr_sha256_memory(bytes, size, item->sha256, &detail);
    if (status == SELORA_OK)
        status = slr_image_read_memory(bytes, size, name, NULL, &image, &detail);
    item->width = image.width;
    item->height = image.height;
    item->channels = image.channels;
    item->bits = image.bits;
    slr_image_free(&image);
    free(bytes);
    free(name);
    if (status == SELORA_BAD_INPUT)
        slr_problems_add(&data->problems, "%s", detail.message);
    else if (status != SELORA_OK)
        return slr_fail(err, status, "%s", detail.message);
    return SELORA_OK;
}

static int by_contents(const void *a, const void *b)
{
    return strcmp(((const slr_data_source *)*(void *const *)a)->item.sha256,
                  ((const slr_data_source *)*(void *const *)b)->item.sha256);
}

static selora_status count_duplicates(slr_dataset *data, slr_error *err)
{
    slr_data_source **sorted = slr_alloc(data->count, sizeof *sorted);
    if (!sorted)
        return slr_fail_memory(err, data->count * sizeof *sorted, "the list of pictures");
    for (size_t i = 0; i < data->count; i++)
        sorted[i] = &data->sources[i];
    qsort(sorted, data->count, sizeof *sorted, by_contents);
    data->counts.duplicates = 0;
    for (size_t i = 1; i < data->count; i++)
        data->counts.duplicates += strcmp(sorted[i - 1]->item.sha256, sorted[i]->item.sha256) == 0;
    free(sorted);
    return SELORA_OK;
}

selora_status slr_dataset_check_pictures(slr_dataset *data, const slr_hooks *hooks, slr_error *err)
{
    slr_task task = slr_task_begin(hooks, "checking pictures", (int64_t)data->count);
    memset(&data->problems, 0, sizeof data->problems);
    for (size_t i = 0; i < data->count; i++) {
        if (slr_interrupted(hooks))
            return slr_fail(err, SELORA_INTERRUPTED, "interrupted while checking pictures");
        SLR_TRY(check_picture(data, &data->sources[i], err));
        slr_task_report(&task, (int64_t)i + 1, NULL);
    }
    SLR_TRY(slr_problems_report(&data->problems, data->folder, err));
    SLR_TRY(count_duplicates(data, err));
    data->checked = true;
    return SELORA_OK;
}

static void hash_text(slr_sha256 *hash, const char *text)
{
    slr_sha256_update(hash, text, strlen(text) + 1); /* the NUL keeps neighbours apart */
}

selora_status slr_dataset_hash(const slr_dataset *data, char hex[SLR_SHA256_HEX], slr_error *err)
{
    hex[0] = 0;
    if (!data->checked)
        return slr_fail(err, SELORA_USAGE,
                        "the checksum of a data list needs its pictures checked before");
    slr_sha256 *hash = slr_sha256_new();
    if (!hash)
        return slr_fail(err, SELORA_NO_RESOURCE, "libcrypto cannot compute a SHA-256");
    hash_text(hash, "selora data list 1");
    for (size_t i = 0; i < data->count; i++) {
        const slr_data_item *item = slr_dataset_item(data, i);
        char side[2] = {(char)('0' + item->side), 0};
        hash_text(hash, item->sha256);
        hash_text(hash, item->caption);
        hash_text(hash, item->group);
        hash_text(hash, side);
    }
    slr_sha256_finish(hash, hex);
    return *hex ? SELORA_OK
                : slr_fail(err, SELORA_NO_RESOURCE, "libcrypto cannot compute a SHA-256");
}
