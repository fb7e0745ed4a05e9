/* SPDX-License-Identifier: MIT
 *
 * Reading plain files and nothing else: a folder, FIFO, device or socket given as a file is refused at once
 * instead of blocking or never ending.
 *
 *     char *text;
 *     size_t size;
 *     SLR_TRY(slr_read_file("notes.txt", 1 << 20, &text, &size, err));
 *     free(text);
 */
#ifndef SLR_REGULAR_FILE_H
#define SLR_REGULAR_FILE_H

#include "core/status.h"

/* Opens `path` for reading; *size is its length in bytes now. The caller close()s *fd, which is -1 on failure. */
selora_status slr_open_regular(const char *path, int *fd, uint64_t *size, slr_error *err);

/* Reads up to `size` bytes into `data`; *got is less only where the file ends. `path` is for messages. */
selora_status slr_read_some(int fd, const char *path, void *data, size_t size, size_t *got,
                            slr_error *err);

/* Reads a whole regular file of at most `max_bytes`; *data is NUL-terminated, caller free()s. */
selora_status slr_read_file(const char *path, size_t max_bytes, char **data, size_t *size,
                            slr_error *err);

#endif
