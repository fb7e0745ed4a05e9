/* SPDX-License-Identifier: MIT */
#include "prepare/source_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "data/picture_files.h"
#include "prepare/private_folder.h"

enum { MAX_DEPTH = 64, MAX_FILES = 1 << 26 };

typedef struct walker {
    slr_source_files *files;
    const char *root; /* the source */
    uint32_t source;
    bool has_out;
    dev_t out_device;
    ino_t out_inode;
} walker;

bool slr_source_name_ends(const char *name, const char *ending)
{
    size_t length = strlen(name), tail = strlen(ending);
    return length >= tail && strcasecmp(name + length - tail, ending) == 0;
}

bool slr_source_name_promises(const char *name)
{
    static const char *const endings[] = {".dcm", ".dicom", ".nii", ".nii.gz", ".hdr", ".ima"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (slr_source_name_ends(name, endings[i]))
            return true;
    return slr_is_picture_name(name);
}

static selora_status add_file(walker *w, char *path, size_t name, const struct stat *info, bool named,
                              slr_error *err)
{
    slr_source_files *files = w->files;
    if (files->count >= MAX_FILES) {
        free(path);
        return slr_fail(err, SELORA_BAD_INPUT, "more than %d files in the sources", MAX_FILES);
    }
    if (!path || !slr_grow((void **)&files->files, &files->capacity, files->count, sizeof *files->files)) {
        free(path);
        return slr_fail_memory(err, 0, "the list of files");
    }
    files->files[files->count++] = (slr_source_file){.path = path,
                                                     .name = path + name,
                                                     .size = (uint64_t)info->st_size,
                                                     .source = w->source,
                                                     .device = (uint64_t)info->st_dev,
                                                     .inode = (uint64_t)info->st_ino,
                                                     .named = named};
    return SELORA_OK;
}

/* Its pictures come from files that lie somewhere, too: they would count twice. */
static bool is_data_set(const char *folder)
{
    char *salt = slr_format("%s/" SLR_PRIVATE_NAME "/salt", folder);
    bool found = salt && access(salt, F_OK) == 0;
    free(salt);
    return found;
}

static selora_status walk(walker *w, const char *folder, size_t name, int depth, slr_error *err);

/* The job goes on without what it holds, and says so. */
static selora_status add_closed(walker *w, char *path, size_t name, const struct stat *info, slr_error *err)
{
    SLR_TRY(add_file(w, path, name, info, false, err));
    w->files->files[w->files->count - 1].closed = true;
    return SELORA_OK;
}

static selora_status visit(walker *w, const char *folder, const char *entry, size_t name, int depth,
                           slr_error *err)
{
    struct stat info;
    char *path = slr_format("%s/%s", folder, entry);
    if (!path)
        return slr_fail_memory(err, strlen(folder), "the list of files");
    bool there = lstat(path, &info) == 0, linked = there && S_ISLNK(info.st_mode);
    if (linked)
        there = stat(path, &info) == 0;
    if (there && S_ISREG(info.st_mode))
        return add_file(w, path, name, &info, false, err);
    selora_status status = SELORA_OK;
    bool is_out = w->has_out && there && info.st_dev == w->out_device && info.st_ino == w->out_inode;
    if (!there || !S_ISDIR(info.st_mode) || linked || is_out || is_data_set(path))
        w->files->others++;
    else if (depth >= MAX_DEPTH || access(path, R_OK | X_OK) != 0)
        return add_closed(w, path, name, &info, err);
    else
        status = walk(w, path, name, depth + 1, err);
    free(path);
    return status;
}

static selora_status walk(walker *w, const char *folder, size_t name, int depth, slr_error *err)
{
    DIR *listing = opendir(folder);
    if (!listing)
        return slr_fail_errno(err, folder, "list the folder");
    selora_status status = SELORA_OK;
    struct dirent *entry;
    while (status == SELORA_OK && (errno = 0, entry = readdir(listing)))
        if (entry->d_name[0] != '.')
            status = visit(w, folder, entry->d_name, name, depth, err);
    if (status == SELORA_OK && errno != 0)
        status = slr_fail_errno(err, folder, "list the folder");
    closedir(listing);
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const slr_source_file *)a)->name, ((const slr_source_file *)b)->name);
}

static selora_status list_source(walker *w, slr_error *err)
{
    struct stat info;
    if (stat(w->root, &info) != 0)
        return slr_fail_errno(err, w->root, "find the source");
    size_t length = strlen(w->root), before = w->files->count;
    while (length > 1 && w->root[length - 1] == '/')
        length--;
    char *root = slr_copy_text_n(w->root, length);
    if (!root)
        return slr_fail_memory(err, length, "the list of files");
    const char *slash = strrchr(root, '/');
    if (S_ISREG(info.st_mode))
        return add_file(w, root, slash ? (size_t)(slash + 1 - root) : 0, &info, true, err);
    selora_status status =
        S_ISDIR(info.st_mode)
            ? walk(w, root, length + 1, 0, err)
            : slr_fail(err, SELORA_BAD_INPUT, "%s: a folder or file was expected as a source", root);
    free(root);
    if (w->files->count > before + 1)
        qsort(w->files->files + before, w->files->count - before, sizeof *w->files->files, by_name);
    return status;
}

/* ---- files that two sources reach ---- */

typedef struct identity {
    uint64_t device, inode;
    size_t index;
} identity;

static int by_identity(const void *a, const void *b)
{
    const identity *left = a, *right = b;
    if (left->device != right->device)
        return left->device < right->device ? -1 : 1;
    if (left->inode != right->inode)
        return left->inode < right->inode ? -1 : 1;
    return left->index < right->index ? -1 : left->index > right->index;
}

static selora_status drop_repeats(slr_source_files *files, slr_error *err)
{
    identity *list = slr_alloc(files->count + 1, sizeof *list);
    if (!list)
        return slr_fail_memory(err, files->count * sizeof *list, "the list of files");
    for (size_t i = 0; i < files->count; i++)
        list[i] = (identity){files->files[i].device, files->files[i].inode, i};
    if (files->count > 1)
        qsort(list, files->count, sizeof *list, by_identity);
    for (size_t i = 1; i < files->count; i++)
        if (list[i].device == list[i - 1].device && list[i].inode == list[i - 1].inode) {
            slr_source_file *file = &files->files[list[i].index];
            free(file->path);
            file->path = NULL;
        }
    free(list);
    size_t kept = 0;
    for (size_t i = 0; i < files->count; i++)
        if (files->files[i].path)
            files->files[kept++] = files->files[i];
    files->others += files->count - kept;
    files->count = kept;
    return SELORA_OK;
}

selora_status slr_source_files_list(const char *const *sources, size_t count, const char *out,
                                    slr_source_files *files, slr_error *err)
{
    struct stat info;
    *files = (slr_source_files){0};
    walker w = {.files = files, .has_out = out && stat(out, &info) == 0};
    if (w.has_out) {
        w.out_device = info.st_dev;
        w.out_inode = info.st_ino;
    }
    selora_status status = SELORA_OK;
    for (size_t i = 0; status == SELORA_OK && i < count; i++) {
        w.root = sources[i];
        w.source = (uint32_t)i;
        status = list_source(&w, err);
    }
    if (status == SELORA_OK)
        status = drop_repeats(files, err);
    if (status != SELORA_OK)
        slr_source_files_free(files);
    return status;
}

void slr_source_files_free(slr_source_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->files[i].path);
    free(files->files);
    *files = (slr_source_files){0};
}
