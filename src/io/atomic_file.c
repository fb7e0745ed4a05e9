/* SPDX-License-Identifier: MIT */
#include "io/atomic_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"

struct slr_atomic_file {
    char *path, *temporary;
    FILE *stream;
};

static void sync_parent(const char *path)
{
    char *parent = slr_copy_text(path);
    char *slash = parent ? strrchr(parent, '/') : NULL;
    if (slash)
        slash[slash == parent ? 1 : 0] = 0;
    int fd = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd); /* best effort: some file systems refuse it on folders */
        close(fd);
    }
    free(parent);
}

static void file_free(slr_atomic_file *file)
{
    if (!file)
        return;
    free(file->path);
    free(file->temporary);
    free(file);
}

selora_status slr_atomic_open(const char *path, unsigned mode, slr_atomic_file **result, slr_error *err)
{
    *result = NULL;
    slr_atomic_file *file = slr_alloc(1, sizeof *file);
    if (file) {
        file->path = slr_copy_text(path);
        file->temporary = slr_format("%s.%ld.tmp", path, (long)getpid());
    }
    if (!file || !file->path || !file->temporary) {
        file_free(file);
        return slr_fail_memory(err, strlen(path), path);
    }
    int fd = open(file->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, (mode_t)mode);
    file->stream = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (!file->stream) {
        selora_status status = slr_fail_errno(err, path, "write the file");
        if (fd >= 0)
            close(fd);
        file_free(file);
        return status;
    }
    *result = file;
    return SELORA_OK;
}

FILE *slr_atomic_stream(slr_atomic_file *file)
{
    return file->stream;
}

selora_status slr_atomic_commit(slr_atomic_file *file, slr_error *err)
{
    selora_status status = SELORA_OK;
    bool bad = ferror(file->stream) != 0;
    if (bad && errno == 0)
        errno = ENOSPC; /* the failing fwrite's errno is lost only if something reset it */
    if (bad || fflush(file->stream) != 0 || fsync(fileno(file->stream)) != 0)
        status = slr_fail_errno(err, file->path, "write the file (the earlier one, if any, is untouched)");
    if (fclose(file->stream) != 0 && status == SELORA_OK)
        status = slr_fail_errno(err, file->path, "write the file (the earlier one, if any, is untouched)");
    if (status == SELORA_OK && rename(file->temporary, file->path) != 0)
        status = slr_fail_errno(err, file->path, "replace the file");
    if (status == SELORA_OK)
        sync_parent(file->path);
    else
        unlink(file->temporary);
    file_free(file);
    return status;
}

void slr_atomic_abort(slr_atomic_file *file)
{
    if (!file)
        return;
    fclose(file->stream);
    unlink(file->temporary);
    file_free(file);
}

selora_status slr_atomic_write(const char *path, unsigned mode, const void *data, size_t size,
                               slr_error *err)
{
    slr_atomic_file *file;
    SLR_TRY(slr_atomic_open(path, mode, &file, err));
    fwrite(data, 1, size, slr_atomic_stream(file));
    return slr_atomic_commit(file, err);
}

selora_status slr_make_folders(const char *path, unsigned mode, slr_error *err)
{
    char *partial = slr_copy_text(path);
    if (!partial)
        return slr_fail_memory(err, strlen(path), path);
    selora_status status = SELORA_OK;
    for (char *at = partial + 1; status == SELORA_OK; at++) {
        char kept = *at;
        if (kept != '/' && kept != 0)
            continue;
        *at = 0;
        struct stat info;
        if (mkdir(partial, (mode_t)mode) != 0 && errno != EEXIST)
            status = slr_fail_errno(err, path, "make the folder");
        else if (stat(partial, &info) != 0 || !S_ISDIR(info.st_mode))
            status = slr_fail(err, SELORA_BAD_INPUT, "%s: exists and is not a folder", partial);
        *at = kept;
        if (kept == 0)
            break;
    }
    free(partial);
    return status;
}

selora_status slr_remove_tree(const char *path, slr_error *err)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return errno == ENOENT ? SELORA_OK : slr_fail_errno(err, path, "remove");
    if (!S_ISDIR(info.st_mode))
        return unlink(path) == 0 ? SELORA_OK : slr_fail_errno(err, path, "remove");
    DIR *folder = opendir(path);
    if (!folder)
        return slr_fail_errno(err, path, "remove the folder");
    selora_status status = SELORA_OK;
    for (struct dirent *entry; status == SELORA_OK && (entry = readdir(folder));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *inner = slr_format("%s/%s", path, entry->d_name);
        status = inner ? slr_remove_tree(inner, err) : slr_fail_memory(err, strlen(path), path);
        free(inner);
    }
    closedir(folder);
    if (status == SELORA_OK && rmdir(path) != 0)
        status = slr_fail_errno(err, path, "remove the folder");
    return status;
}

selora_status slr_atomic_folder_begin(const char *path, unsigned mode, char **temporary, slr_error *err)
{
    *temporary = slr_format("%s.%ld.tmp", path, (long)getpid());
    if (!*temporary)
        return slr_fail_memory(err, strlen(path), path);
    selora_status status = slr_remove_tree(*temporary, err);
    if (status == SELORA_OK && mkdir(*temporary, (mode_t)mode) != 0)
        status = slr_fail_errno(err, path, "make the folder");
    if (status != SELORA_OK) {
        free(*temporary);
        *temporary = NULL;
    }
    return status;
}

static selora_status sync_files_in(const char *folder, slr_error *err)
{
    DIR *listing = opendir(folder);
    if (!listing)
        return slr_fail_errno(err, folder, "read the folder");
    selora_status status = SELORA_OK;
    for (struct dirent *entry; status == SELORA_OK && (entry = readdir(listing));) {
        if (entry->d_name[0] == '.')
            continue;
        int fd = openat(dirfd(listing), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0 && fsync(fd) != 0 && errno != EINVAL)
            status = slr_fail_errno(err, folder, "write its files to disk");
        if (fd >= 0)
            close(fd);
    }
    fsync(dirfd(listing));
    closedir(listing);
    return status;
}

selora_status slr_atomic_folder_commit(const char *temporary, const char *path, slr_error *err)
{
    SLR_TRY(sync_files_in(temporary, err));
    if (rename(temporary, path) != 0)
        return slr_fail_errno(err, path, "put the finished folder in place");
    sync_parent(path);
    return SELORA_OK;
}

selora_status slr_read_file(const char *path, size_t max_bytes, char **data, size_t *size,
                            slr_error *err)
{
    struct stat info;
    *data = NULL;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return slr_fail_errno(err, path, "open the file");
    selora_status status = SELORA_OK;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: not a regular file", path);
    else if ((uint64_t)info.st_size > max_bytes)
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: %lld bytes, at most %zu are accepted here", path,
                          (long long)info.st_size, max_bytes);
    size_t wanted = status == SELORA_OK ? (size_t)info.st_size : 0, got = 0;
    char *buffer = status == SELORA_OK ? malloc(wanted + 1) : NULL;
    if (status == SELORA_OK && !buffer)
        status = slr_fail_memory(err, wanted, path);
    while (status == SELORA_OK && got < wanted) {
        ssize_t part = read(fd, buffer + got, wanted - got);
        if (part < 0)
            status = slr_fail_errno(err, path, "read the file");
        else if (part == 0)
            break; /* shrank meanwhile */
        else
            got += (size_t)part;
    }
    close(fd);
    if (status != SELORA_OK) {
        free(buffer);
        return status;
    }
    buffer[got] = 0;
    *data = buffer;
    *size = got;
    return SELORA_OK;
}
