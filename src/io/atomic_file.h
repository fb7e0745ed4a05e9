/* SPDX-License-Identifier: MIT
 *
 * Files that exist whole or not at all: written under a temporary name in the same folder, fsynced,
 * renamed over the old one, folder fsynced. A crash at any moment leaves the old file.
 *
 *     slr_atomic_file *file;
 *     SLR_TRY(slr_atomic_open("run/best.bin", 0644, &file, err));
 *     fwrite(data, 1, size, slr_atomic_stream(file));        (errors are caught by commit)
 *     SLR_TRY(slr_atomic_commit(file, err));                 (frees; slr_atomic_abort() discards and frees)
 *
 * The temporary is `path`.PID-N.tmp; only a crash or a pulled plug leaves one behind. A symbolic link at `path`
 * is replaced, not followed. A folder or device at `path` is refused. A full disk is SELORA_NO_RESOURCE.
 */
#ifndef SLR_ATOMIC_FILE_H
#define SLR_ATOMIC_FILE_H

#include <stdio.h>

#include "core/status.h"
#include "io/regular_file.h"

typedef struct slr_atomic_file slr_atomic_file;
selora_status slr_atomic_open(const char *path, unsigned mode, slr_atomic_file **file, slr_error *err);
FILE *slr_atomic_stream(slr_atomic_file *file);
selora_status slr_atomic_commit(slr_atomic_file *file, slr_error *err); /* always frees `file` */
void slr_atomic_abort(slr_atomic_file *file);                          /* NULL is legal */

/* The whole of it for a block of memory. */
selora_status slr_atomic_write(const char *path, unsigned mode, const void *data, size_t size,
                               slr_error *err);

/* A folder that appears whole: build it under the returned temporary sibling name (caller free()s), then
 * commit renames it to `path` (which must not exist) after fsyncing every file and folder in it. When
 * commit fails the temporary folder is still there: slr_remove_tree() it. */
selora_status slr_atomic_folder_begin(const char *path, unsigned mode, char **temporary, slr_error *err);
selora_status slr_atomic_folder_commit(const char *temporary, const char *path, slr_error *err);

/* mkdir -p; SELORA_OK when it exists already. */
selora_status slr_make_folders(const char *path, unsigned mode, slr_error *err);
/* Removes a folder and all in it (links themselves, never what they point to). Missing is fine. */
selora_status slr_remove_tree(const char *path, slr_error *err);
/* Removes what killed processes have left directly in `folder`: files and folders with names of temporaries. Best effort,
 * for folders that no other process writes into. */
void slr_remove_left_overs(const char *folder);
/* Makes the folder that holds `path` remember its names after a power loss; best effort. */
void slr_sync_parent(const char *path);

#endif
