/* SPDX-License-Identifier: MIT */
#include "io/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"

enum { MAX_NAMES = 10000 }; /* temporaries of one name tried before giving up */

struct slr_atomic_file {
    char *path, *temporary;
    FILE *stream;
};

void slr_sync_parent(const char *path)
{
    char *parent = slr_copy_text(path);
    char *slash = parent ? strrchr(parent, '/') : NULL;
    if (slash)
        slash[slash == parent ? 1 : 0] = 0;
    int fd = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd); /* some file systems refuse it on folders: nothing to be done then */
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

/* Renaming onto /dev/null or a pipe would replace it for everybody; onto a folder it would fail, but only after
 * all the work is done. */
static selora_status check_target(const char *path, slr_error *err)
{
    struct stat info;
    if (!*path)
        return slr_fail(err, SELORA_BAD_INPUT, "the name of the file to write is empty");
    if (stat(path, &info) != 0 || S_ISREG(info.st_mode))
        return SELORA_OK;
    return slr_fail(err, SELORA_BAD_INPUT, "%s: is a %s, cannot be written as a file; give another name", path,
                    S_ISDIR(info.st_mode) ? "folder" : "device or pipe");
}

/* Creates a temporary that no other thread or process has; its name goes into file->temporary. */
static selora_status create_temporary(slr_atomic_file *file, mode_t mode, int *fd, slr_error *err)
{
    for (int attempt = 0; attempt < MAX_NAMES; attempt++) {
        free(file->temporary);
        file->temporary = slr_format("%s.%ld-%d.tmp", file->path, (long)getpid(), attempt);
        if (!file->temporary)
            return slr_fail_memory(err, strlen(file->path), file->path);
        *fd = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (*fd >= 0)
            return SELORA_OK;
        if (errno != EEXIST)
            break;
    }
    return slr_fail_errno(err, file->path, "write the file");
}

selora_status slr_atomic_open(const char *path, unsigned mode, slr_atomic_file **result, slr_error *err)
{
    *result = NULL;
    SLR_TRY(check_target(path, err));
    slr_atomic_file *file = slr_alloc(1, sizeof *file);
    if (!file || !(file->path = slr_copy_text(path))) {
        file_free(file);
        return slr_fail_memory(err, strlen(path), path);
    }
    int fd = -1;
    selora_status status = create_temporary(file, (mode_t)mode, &fd, err);
    if (status == SELORA_OK && !(file->stream = fdopen(fd, "wb"))) {
        status = slr_fail_errno(err, path, "write the file");
        close(fd);
        unlink(file->temporary);
    }
    if (status != SELORA_OK) {
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

/* stdio keeps no errno of an earlier failing write: `code` is the last one there was, believed when it is one that
 * writing gives. */
static selora_status fail_write(const slr_atomic_file *file, int code, slr_error *err)
{
    bool known = code == ENOSPC || code == EDQUOT || code == EFBIG || code == EIO || code == ENOMEM;
    return slr_fail(err, SELORA_NO_RESOURCE, "%s: cannot write the file: %s; an earlier one is untouched", file->path,
                    known ? strerror(code) : "not all of it could be written (is the disk full?)");
}

selora_status slr_atomic_commit(slr_atomic_file *file, slr_error *err)
{
    selora_status status = SELORA_OK;
    if (ferror(file->stream) || fflush(file->stream) != 0)
        status = fail_write(file, errno, err);
    if (status == SELORA_OK && fsync(fileno(file->stream)) != 0 && errno != EINVAL)
        status = fail_write(file, errno, err);
    if (fclose(file->stream) != 0 && status == SELORA_OK)
        status = fail_write(file, errno, err);
    if (status == SELORA_OK && rename(file->temporary, file->path) != 0)
        status = slr_fail_errno(err, file->path, "replace the file");
    if (status == SELORA_OK)
        slr_sync_parent(file->path);
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
    errno = 0;
    if (size > 0)
        fwrite(data, 1, size, slr_atomic_stream(file));
    return slr_atomic_commit(file, err);
}
