/* SPDX-License-Identifier: MIT */
#include "prepare/private_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/atomic_file.h"
#include "io/json.h"

/* What a data set may hold. */
static const char *const own_names[] = {SLR_PRIVATE_NAME, "images",        "metadata.csv",
                                        "split.csv",      "manifest.json", "contact_sheet.png"};
enum { OWN_NAMES = sizeof own_names / sizeof *own_names, MANIFEST_LIMIT = 64 << 20, LOCK_TRIES = 40 };

static bool is_own(const char *name)
{
    for (int i = 0; i < OWN_NAMES; i++)
        if (strcmp(name, own_names[i]) == 0)
            return true;
    size_t length = strlen(name); /* a temporary of a killed process */
    return length > 4 && strcmp(name + length - 4, ".tmp") == 0;
}

static bool has(const char *folder, const char *name)
{
    char *path = slr_format("%s/%s", folder, name);
    bool there = path && access(path, F_OK) == 0;
    free(path);
    return there;
}

static selora_status check_contents(const char *out, slr_error *err)
{
    DIR *listing = opendir(out);
    if (!listing)
        return slr_fail_errno(err, out, "read the folder");
    bool hidden = has(out, SLR_PRIVATE_NAME), empty = true;
    selora_status status = SELORA_OK;
    struct dirent *entry;
    while (status == SELORA_OK && (entry = readdir(listing))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        empty = false;
        if (!is_own(entry->d_name))
            status = slr_fail(err, SELORA_USAGE,
                              "--out: %s holds %s, which is not of a prepared data set; name a new or empty "
                              "folder",
                              out, entry->d_name);
    }
    closedir(listing);
    if (status == SELORA_OK && !empty && !hidden)
        return slr_fail(err, SELORA_USAGE,
                        "--out: %s has no private folder %s (was it purged, or written by something else?): "
                        "nothing can be added; name a new folder",
                        out, SLR_PRIVATE_NAME);
    return status;
}

static selora_status take_lock(slr_private_folder *folder, slr_error *err)
{
    char *path = slr_format("%s/lock", folder->hidden);
    if (!path)
        return slr_fail_memory(err, 0, "a path");
    folder->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    selora_status status = folder->lock < 0 ? slr_fail_errno(err, path, "open the lock") : SELORA_OK;
    free(path);
    int tries = 0;
    while (status == SELORA_OK && tries < LOCK_TRIES && flock(folder->lock, LOCK_EX | LOCK_NB) != 0) {
        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000},
                  NULL); /* workers of a killed process are about to end */
        tries++;
    }
    if (tries == LOCK_TRIES)
        status = slr_fail(err, SELORA_USAGE,
                          "--out: another process is at work in %s; wait for it, or name another folder",
                          folder->out);
    return status;
}

static selora_status make_folder(const char *path, slr_error *err)
{
    struct stat info;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return slr_fail_errno(err, path, "make the folder");
    if (lstat(path, &info) != 0)
        return slr_fail_errno(err, path, "look at the folder");
    if (!S_ISDIR(info.st_mode))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: is no folder", path);
    if (info.st_mode & 077 && chmod(path, 0700) != 0)
        return slr_fail_errno(err, path, "keep others out of");
    return SELORA_OK;
}

static selora_status open_all(const char *out, slr_private_folder *folder, slr_error *err)
{
    folder->out = slr_copy_text(out);
    folder->hidden = slr_format("%s/%s", out, SLR_PRIVATE_NAME);
    folder->unfinished = slr_format("%s/%s/new", out, SLR_PRIVATE_NAME);
    if (!folder->out || !folder->hidden || !folder->unfinished)
        return slr_fail_memory(err, strlen(out), "a path");
    SLR_TRY(slr_make_folders(out, 0700, err));
    SLR_TRY(check_contents(out, err));
    SLR_TRY(make_folder(folder->hidden, err));
    SLR_TRY(take_lock(folder, err));
    SLR_TRY(slr_remove_tree(folder->unfinished, err));
    SLR_TRY(make_folder(folder->unfinished, err));
    slr_remove_left_overs(out);
    slr_remove_left_overs(folder->hidden);
    char *images = slr_format("%s/images", out);
    selora_status status = images ? slr_make_folders(images, 0700, err) : slr_fail_memory(err, 0, "a path");
    free(images);
    return status;
}

selora_status slr_private_folder_open(const char *out, slr_private_folder *folder, slr_error *err)
{
    *folder = (slr_private_folder){.lock = -1};
    selora_status status = open_all(out, folder, err);
    if (status != SELORA_OK)
        slr_private_folder_close(folder);
    return status;
}

void slr_private_folder_close(slr_private_folder *folder)
{
    if (folder->out && folder->lock >= 0) {
        slr_remove_tree(folder->unfinished, NULL);
        close(folder->lock);
    }
    free(folder->out);
    free(folder->hidden);
    free(folder->unfinished);
    *folder = (slr_private_folder){.lock = -1};
}

/* ---- purge ---- */

typedef enum folder_kind { FOLDER_OTHER, FOLDER_DATA_SET, FOLDER_RUN } folder_kind;

static bool is_data_set(const char *folder)
{
    char *path = slr_format("%s/manifest.json", folder);
    json_t *root = NULL;
    bool own = path && slr_json_load_file(path, MANIFEST_LIMIT, &root, NULL) == SELORA_OK &&
               json_is_string(json_object_get(root, "format")) &&
               strcmp(json_string_value(json_object_get(root, "format")), SLR_DATA_SET_FORMAT) == 0;
    json_decref(root);
    free(path);
    return own || has(folder, SLR_PRIVATE_NAME "/salt");
}

static folder_kind kind_of(const char *folder)
{
    if (is_data_set(folder))
        return FOLDER_DATA_SET;
    return has(folder, "run.json") && has(folder, "log.jsonl") ? FOLDER_RUN : FOLDER_OTHER;
}

/* Plain files below a path, which may be one. */
static size_t count_files(const char *path)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return 0;
    DIR *listing = S_ISDIR(info.st_mode) ? opendir(path) : NULL;
    if (!listing)
        return !S_ISDIR(info.st_mode);
    size_t count = 0;
    struct dirent *entry;
    while ((entry = readdir(listing))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *inner = slr_format("%s/%s", path, entry->d_name);
        count += inner ? count_files(inner) : 0;
        free(inner);
    }
    closedir(listing);
    return count;
}

static selora_status remove_one(const char *folder, const char *name, size_t *removed, slr_error *err)
{
    struct stat info;
    char *path = slr_format("%s/%s", folder, name);
    if (!path)
        return slr_fail_memory(err, 0, "a path");
    selora_status status = SELORA_OK;
    if (lstat(path, &info) == 0) {
        size_t files = count_files(path);
        if (S_ISDIR(info.st_mode))
            status = slr_remove_tree(path, err);
        else if (unlink(path) != 0)
            status = slr_fail_errno(err, path, "remove");
        *removed += status == SELORA_OK ? files : 0;
    }
    free(path);
    return status;
}

/* A run may hold the data set that was prepared for it. */
static selora_status purge_run(const char *folder, bool all, size_t *removed, slr_error *err)
{
    SLR_TRY(remove_one(folder, "cache", removed, err));
    SLR_TRY(remove_one(folder, all ? "data" : "data/" SLR_PRIVATE_NAME, removed, err));
    return all ? remove_one(folder, "samples", removed, err) : SELORA_OK;
}

selora_status slr_purge(const char *folder, bool all, size_t *removed, slr_error *err)
{
    struct stat info;
    *removed = 0;
    if (stat(folder, &info) != 0)
        return slr_fail_errno(err, folder, "find");
    folder_kind kind = S_ISDIR(info.st_mode) ? kind_of(folder) : FOLDER_OTHER;
    if (kind == FOLDER_OTHER)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "%s: is neither a data set of `selora prepare` nor a run of `selora train`; nothing "
                        "was removed",
                        folder);
    if (kind == FOLDER_RUN)
        return purge_run(folder, all, removed, err);
    for (int i = all ? OWN_NAMES - 1 : 0; i >= 0; i--)
        SLR_TRY(remove_one(folder, own_names[i], removed, err));
    if (all)
        (void)rmdir(folder); /* what others put there stays */
    return SELORA_OK;
}
