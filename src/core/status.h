/* SPDX-License-Identifier: MIT
 *
 * How everything inside selora fails: a status is returned, one line of detail goes into an slr_error.
 *
 *     selora_status slr_thing_load(const char *path, slr_error *err)
 *     {
 *         if (!looks_right(path))
 *             return slr_fail(err, SELORA_BAD_INPUT, "%s: found %d, expected %d; do this", path, a, b);
 *         SLR_TRY(slr_other_thing(path, err));
 *         return SELORA_OK;
 *     }
 */
#ifndef SLR_STATUS_H
#define SLR_STATUS_H

#include "selora.h"

enum { SLR_ERROR_CAPACITY = 4096 };

/* The first failure of a call. Zero-initialise; `err` may be NULL where nobody wants the detail. */
typedef struct slr_error {
    selora_status status;
    char message[SLR_ERROR_CAPACITY]; /* one line (several for lists of problems), no trailing newline */
} slr_error;

/* Records status and message (truncated to the capacity) and returns `status`, which must not be SELORA_OK. */
selora_status slr_fail(slr_error *err, selora_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before a message that is already recorded; returns its status. */
selora_status slr_fail_within(slr_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* SELORA_NO_RESOURCE with the size that could not be had. */
selora_status slr_fail_memory(slr_error *err, size_t bytes, const char *what);

/* SELORA_BAD_INPUT or SELORA_NO_RESOURCE (ENOSPC, EACCES, EROFS, EDQUOT, EFBIG, ENOMEM ...) from errno, naming `path`. */
selora_status slr_fail_errno(slr_error *err, const char *path, const char *action);

/* Forwards a failure to the caller. */
#define SLR_TRY(expression)                                                                        \
    do {                                                                                           \
        selora_status slr_try_status = (expression);                                               \
        if (slr_try_status != SELORA_OK)                                                           \
            return slr_try_status;                                                                 \
    } while (0)

/* The same for functions with one clean-up place: sets `status` and jumps to `out`. */
#define SLR_TRY_OUT(expression)                                                                    \
    do {                                                                                           \
        status = (expression);                                                                     \
        if (status != SELORA_OK)                                                                   \
            goto out;                                                                              \
    } while (0)

#endif
