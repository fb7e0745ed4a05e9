/* SPDX-License-Identifier: MIT */
#include "core/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

selora_status slr_fail(slr_error *err, selora_status status, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        err->status = status;
    }
    return status;
}

selora_status slr_fail_within(slr_error *err, const char *format, ...)
{
    if (!err)
        return SELORA_BAD_INPUT;
    char detail[SLR_ERROR_CAPACITY];
    memcpy(detail, err->message, sizeof detail);
    va_list args;
    va_start(args, format);
    int length = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    if (length >= 0 && (size_t)length < sizeof err->message)
        snprintf(err->message + length, sizeof err->message - (size_t)length, ": %s", detail);
    return err->status;
}

selora_status slr_fail_memory(slr_error *err, size_t bytes, const char *what)
{
    return slr_fail(err, SELORA_NO_RESOURCE, "not enough memory: %.1f MiB for %s could not be allocated",
                    (double)bytes / (1024.0 * 1024.0), what);
}

selora_status slr_fail_errno(slr_error *err, const char *path, const char *action)
{
    int code = errno;
    int lacking = code == ENOSPC || code == EACCES || code == EPERM || code == EROFS ||
                  code == EDQUOT || code == EFBIG || code == ENOMEM || code == EMFILE || code == ENFILE ||
                  code == EIO;
    return slr_fail(err, lacking ? SELORA_NO_RESOURCE : SELORA_BAD_INPUT, "%s: cannot %s: %s", path,
                    action, strerror(code));
}
