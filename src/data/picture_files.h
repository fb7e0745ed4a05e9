/* SPDX-License-Identifier: MIT
 *
 * The picture files below a folder, told by the ends of their names.
 *
 *     slr_picture_files files = {0};
 *     SLR_TRY(slr_picture_files_list("images", &files, err));
 *     for (size_t i = 0; i < files.count; i++)
 *         use(files.names[i]);                       ("a.png", "scans/b.jpg")
 *     slr_picture_files_free(&files);
 */
#ifndef SLR_PICTURE_FILES_H
#define SLR_PICTURE_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

typedef struct slr_picture_files {
    char **names; /* relative to the folder, sorted byte by byte */
    size_t count, capacity;
} slr_picture_files;

/* Walks the folder; leaves out hidden files and folders and links to folders. Pictures of formats
 * that selora does not read are listed too. On failure there is nothing to free. */
selora_status slr_picture_files_list(const char *folder, slr_picture_files *files, slr_error *err);
void slr_picture_files_free(slr_picture_files *files);

bool slr_is_picture_name(const char *name);  /* ends in an extension of any known format */
bool slr_is_readable_name(const char *name); /* of PNG or JPEG */

#endif
