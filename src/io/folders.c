/* SPDX-License-Identifier: MIT
 * Folders made, removed, and put in place whole. Walks go by descriptor, so a link swapped in meanwhile leads
 * nowhere. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/atomic_file.h"

enum { MAX_DEPTH = 64, MAX_NAMES = 10000 };

static selora_status make_one(const char *part, const char *whole, mode_t mode, slr_error *err)
{
    struct stat info;
    if (stat(part, &info) != 0) { /* asked first: mkdir of an existing automount may say EROFS */
        if (mkdir(part, mode) == 0)
            return SELORA_OK;
        if (errno != EEXIST || stat(part, &info) != 0)
            return slr_fail_errno(err, whole, "make the folder");
    }
    if (!S_ISDIR(info.st_mode))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: exists and is not a folder", part);
    return SELORA_OK;
}

selora_status slr_make_folders(const char *path, unsigned mode, slr_error *err)
{
    if (!*path)
        return slr_fail(err, SELORA_BAD_INPUT, "the name of the folder to make is empty");
    char *partial = slr_copy_text(path);
    if (!partial)
        return slr_fail_memory(err, strlen(path), path);
    selora_status status = SELORA_OK;
    for (char *at = partial + 1; status == SELORA_OK; at++) {
        char kept = *at;
        if (kept != '/' && kept != 0)
            continue;
        *at = 0;
        status = make_one(partial, path, (mode_t)mode, err);
        *at = kept;
        if (kept == 0)
            break;
    }
    free(partial);
    return status;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Empties the folder open at `fd`, which is closed. errno tells why when false. */
static bool empty_folder(int fd, int depth)
{
    DIR *listing = fdopendir(fd);
    if (!listing) {
        close(fd);
        return false;
    }
    bool fine = true;
    struct dirent *entry;
    while (fine && (errno = 0, entry = readdir(listing))) {
        if (is_dots(entry->d_name) || unlinkat(fd, entry->d_name, 0) == 0)
            continue;
        int inner = errno == EISDIR || errno == EPERM
                        ? openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                        : -1;
        if (inner >= 0 && depth >= MAX_DEPTH) {
            close(inner);
            inner = -1;
            errno = ELOOP;
        }
        fine = inner >= 0 && empty_folder(inner, depth + 1) && unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0;
    }
    int code = errno;
    closedir(listing);
    errno = code;
    return fine && code == 0;
}

selora_status slr_remove_tree(const char *path, slr_error *err)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return errno == ENOENT ? SELORA_OK : slr_fail_errno(err, path, "remove");
    if (!S_ISDIR(info.st_mode))
        return unlink(path) == 0 ? SELORA_OK : slr_fail_errno(err, path, "remove");
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || !empty_folder(fd, 0) || rmdir(path) != 0)
        return slr_fail_errno(err, path, "remove the folder");
    return SELORA_OK;
}

/* NAME.PID-N.tmp */
static bool is_temporary(const char *name)
{
    static const char digits[] = "0123456789";
    for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.')) {
        const char *dash = dot + 1 + strspn(dot + 1, digits);
        const char *end = *dash == '-' ? dash + 1 + strspn(dash + 1, digits) : dash;
        if (dot > name && dash > dot + 1 && end > dash + 1 && strcmp(end, ".tmp") == 0)
            return true;
    }
    return false;
}

void slr_remove_left_overs(const char *folder)
{
    DIR *listing = opendir(folder);
    for (struct dirent *entry; listing && (entry = readdir(listing));) {
        char *path = is_temporary(entry->d_name) ? slr_format("%s/%s", folder, entry->d_name) : NULL;
        if (path)
            slr_remove_tree(path, NULL);
        free(path);
    }
    if (listing)
        closedir(listing);
}

/* fsyncs every file and folder below the folder open at `fd`, which is closed. */
static bool sync_tree(int fd, int depth)
{
    DIR *listing = fdopendir(fd);
    if (!listing) {
        close(fd);
        return false;
    }
    bool fine = true;
    struct dirent *entry;
    while (fine && (errno = 0, entry = readdir(listing))) {
        if (is_dots(entry->d_name))
            continue;
        int inner = openat(fd, entry->d_name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        struct stat info;
        if (inner < 0 || fstat(inner, &info) != 0) {
            fine = inner < 0 && errno == ELOOP; /* a link holds nothing of ours */
            if (inner >= 0)
                close(inner);
        } else if (S_ISDIR(info.st_mode) && depth < MAX_DEPTH) {
            fine = sync_tree(inner, depth + 1);
        } else {
            fine = fsync(inner) == 0 || errno == EINVAL;
            close(inner);
        }
    }
    if (fine)
        fine = errno == 0 && (fsync(fd) == 0 || errno == EINVAL);
    int code = errno;
    closedir(listing);
    errno = code;
    return fine;
}

selora_status slr_atomic_folder_begin(const char *path, unsigned mode, char **temporary, slr_error *err)
{
    *temporary = NULL;
    for (int attempt = 0; attempt < MAX_NAMES; attempt++) {
        char *name = slr_format("%s.%ld-%d.tmp", path, (long)getpid(), attempt);
        if (!name)
            return slr_fail_memory(err, strlen(path), path);
        if (mkdir(name, (mode_t)mode) == 0) {
            *temporary = name;
            return SELORA_OK;
        }
        int code = errno;
        free(name);
        errno = code;
        if (code != EEXIST)
            break;
    }
    return slr_fail_errno(err, path, "make the folder");
}

selora_status slr_atomic_folder_commit(const char *temporary, const char *path, slr_error *err)
{
    int fd = open(temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || !sync_tree(fd, 0))
        return slr_fail_errno(err, path, "write the files of the folder to disk");
    int failed = renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE);
    if (failed && (errno == EINVAL || errno == ENOSYS)) { /* this file system cannot insist */
        struct stat info;
        failed = lstat(path, &info) == 0 ? (errno = EEXIST, -1) : rename(temporary, path);
    }
    if (failed)
        return slr_fail_errno(err, path, "put the finished folder in place");
    slr_sync_parent(path);
    return SELORA_OK;
}
