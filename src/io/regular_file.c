/* SPDX-License-Identifier: MIT */
#include "io/regular_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static selora_status check_kind(const char *path, mode_t mode, slr_error *err)
{
    if (S_ISREG(mode))
        return SELORA_OK;
    return slr_fail(err, SELORA_BAD_INPUT, "%s: is %s, a plain file was expected", path,
                    S_ISDIR(mode)    ? "a folder"
                    : S_ISFIFO(mode) ? "a pipe"
                    : S_ISSOCK(mode) ? "a socket"
                                     : "a device");
}

selora_status slr_open_regular(const char *path, int *fd, uint64_t *size, slr_error *err)
{
    struct stat info;
    *fd = -1;
    *size = 0;
    if (stat(path, &info) != 0)
        return slr_fail_errno(err, path, "open the file");
    SLR_TRY(check_kind(path, info.st_mode, err)); /* before open(): opening some devices acts on them */
    int opened = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (opened < 0)
        return slr_fail_errno(err, path, "open the file");
    selora_status status = fstat(opened, &info) == 0 ? check_kind(path, info.st_mode, err)
                                                     : slr_fail_errno(err, path, "open the file");
    if (status != SELORA_OK) {
        close(opened);
        return status;
    }
    *fd = opened;
    *size = (uint64_t)info.st_size;
    return SELORA_OK;
}

selora_status slr_read_some(int fd, const char *path, void *data, size_t size, size_t *got,
                            slr_error *err)
{
    for (*got = 0; *got < size;) {
        ssize_t part = read(fd, (char *)data + *got, size - *got);
        if (part == 0)
            break;
        if (part > 0)
            *got += (size_t)part;
        else if (errno != EINTR)
            return slr_fail_errno(err, path, "read the file");
    }
    return SELORA_OK;
}

selora_status slr_read_file(const char *path, size_t max_bytes, char **data, size_t *size,
                            slr_error *err)
{
    int fd;
    uint64_t length;
    *data = NULL;
    *size = 0;
    SLR_TRY(slr_open_regular(path, &fd, &length, err));
    selora_status status = SELORA_OK;
    char *buffer = NULL;
    size_t got = 0;
    if (length > max_bytes)
        status = slr_fail(err, SELORA_BAD_INPUT, "%s: %llu bytes, at most %zu are accepted here", path,
                          (unsigned long long)length, max_bytes);
    else if (length >= SIZE_MAX || !(buffer = malloc((size_t)length + 1)))
        status = slr_fail_memory(err, (size_t)length, path);
    else
        status = slr_read_some(fd, path, buffer, (size_t)length, &got, err);
    close(fd);
    if (status != SELORA_OK) {
        free(buffer);
        return status;
    }
    buffer[got] = 0; /* less than `length` when the file shrank meanwhile */
    *data = buffer;
    *size = got;
    return SELORA_OK;
}
