/* SPDX-License-Identifier: MIT
 *
 * The files that the sources of a data set hold: folders are walked, files taken as they are.
 *
 *     slr_source_files files = {0};
 *     SLR_TRY(slr_source_files_list(sources, count, out, &files, err));
 *     for (size_t i = 0; i < files.count; i++)
 *         use(files.files[i].path);
 *     slr_source_files_free(&files);
 *
 * The order is that of the sources, within one byte by byte by name: it does not depend on the file system.
 * What a file is, its content tells; its name only says what was promised.
 */
#ifndef SLR_SOURCE_FILES_H
#define SLR_SOURCE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef struct slr_source_file {
    char *path;
    const char *name; /* inside `path`: below its source; of a source that is a file, the last part */
    uint64_t size, device, inode;
    uint32_t source; /* counted from 0 */
    bool named;      /* given as a source itself */
    bool closed;     /* a folder that cannot be listed: what it holds is missing */
} slr_source_file;

typedef struct slr_source_files {
    slr_source_file *files;
    size_t count, capacity;
    size_t others; /* devices, dead links, links to folders, files that came twice, data sets: left out */
} slr_source_files;

/* Hidden files and links to folders are left out, and data sets that were prepared below a source, the folder
 * `out` (NULL: none) among them. A source that is not there is an error; an empty one is none. On failure
 * there is nothing to free. */
selora_status slr_source_files_list(const char *const *sources, size_t count, const char *out,
                                    slr_source_files *files, slr_error *err);
void slr_source_files_free(slr_source_files *files);

/* The name promises a picture: .png, .jpg, .dcm, .nii, .nii.gz ... */
bool slr_source_name_promises(const char *name);
/* Whether the last letters of a name are `ending`, in any case. */
bool slr_source_name_ends(const char *name, const char *ending);

#endif
