/* SPDX-License-Identifier: MIT */
#include "data/picture_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "core/memory.h"

enum { MAX_DEPTH = 32, MAX_FILES = 1 << 26 };

static bool ends_in(const char *name, const char *const *extensions)
{
    const char *dot = strrchr(name, '.');
    for (; dot && *extensions; extensions++)
        if (strcasecmp(dot + 1, *extensions) == 0)
            return true;
    return false;
}

bool slr_is_readable_name(const char *name)
{
    static const char *const extensions[] = {"png", "jpg", "jpeg", "jpe", "jfif", NULL};
    return ends_in(name, extensions);
}

bool slr_is_picture_name(const char *name)
{
    static const char *const extensions[] = {"webp", "bmp", "gif", "tif",  "tiff", "avif",
                                             "jxl",  "jp2", "dcm", "heic", NULL};
    return slr_is_readable_name(name) || ends_in(name, extensions);
}

static selora_status add_name(slr_picture_files *files, const char *name, slr_error *err)
{
    if (files->count >= MAX_FILES)
        return slr_fail(err, SELORA_BAD_INPUT, "more than %d pictures in one folder", MAX_FILES);
    if (!slr_grow((void **)&files->names, &files->capacity, files->count, sizeof *files->names) ||
        !(files->names[files->count] = slr_copy_text(name)))
        return slr_fail_memory(err, strlen(name), "the list of pictures");
    files->count++;
    return SELORA_OK;
}

static selora_status walk(const char *folder, const char *inside, int depth,
                          slr_picture_files *files, slr_error *err);

static selora_status visit(const char *folder, const char *relative, int depth,
                           slr_picture_files *files, slr_error *err)
{
    struct stat info;
    char *path = slr_format("%s/%s", folder, relative);
    if (!path)
        return slr_fail_memory(err, strlen(relative), "the list of pictures");
    bool there = lstat(path, &info) == 0;
    bool inner = there && S_ISDIR(info.st_mode);
    if (there &&
        S_ISLNK(info.st_mode)) /* a link to a file is that file, to a folder perhaps a circle */
        there = stat(path, &info) == 0 && !S_ISDIR(info.st_mode);
    free(path);
    if (inner && depth < MAX_DEPTH)
        return walk(folder, relative, depth + 1, files, err);
    return there && !inner && slr_is_picture_name(relative) ? add_name(files, relative, err)
                                                            : SELORA_OK;
}

static selora_status walk(const char *folder, const char *inside, int depth,
                          slr_picture_files *files, slr_error *err)
{
    char *path = *inside ? slr_format("%s/%s", folder, inside) : slr_copy_text(folder);
    DIR *listing = path ? opendir(path) : NULL;
    selora_status status = SELORA_OK;
    if (!path)
        status = slr_fail_memory(err, strlen(folder), "the list of pictures");
    else if (!listing)
        status = slr_fail_errno(err, path, "list the folder");
    struct dirent *entry;
    while (status == SELORA_OK && (errno = 0, entry = readdir(listing))) {
        if (entry->d_name[0] == '.')
            continue;
        char *relative = slr_format("%s%s%s", inside, *inside ? "/" : "", entry->d_name);
        status = relative ? visit(folder, relative, depth, files, err)
                          : slr_fail_memory(err, strlen(entry->d_name), "the list of pictures");
        free(relative);
    }
    if (status == SELORA_OK && errno != 0)
        status = slr_fail_errno(err, path, "list the folder");
    if (listing)
        closedir(listing);
    free(path);
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

selora_status slr_picture_files_list(const char *folder, slr_picture_files *files, slr_error *err)
{
    memset(files, 0, sizeof *files);
    selora_status status = walk(folder, "", 0, files, err);
    if (status != SELORA_OK)
        slr_picture_files_free(files);
    else if (files->count > 1)
        qsort(files->names, files->count, sizeof *files->names, by_name);
    return status;
}

void slr_picture_files_free(slr_picture_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->names[i]);
    free(files->names);
    memset(files, 0, sizeof *files);
}
