/* SPDX-License-Identifier: MIT
 *
 * The folder of a prepared data set and what only its owner may see of it: OUT/.selora holds the salt of the
 * keys, the rows with their keys, and pictures that are not finished.
 *
 *     slr_private_folder folder;
 *     SLR_TRY(slr_private_folder_open("out", &folder, err));     (made when it is not there; locked until it
 * is closed)
 *     ... folder.hidden is "out/.selora" ...
 *     slr_private_folder_close(&folder);
 */
#ifndef SLR_PRIVATE_FOLDER_H
#define SLR_PRIVATE_FOLDER_H

#include <stdbool.h>

#include "core/hooks.h"

#define SLR_PRIVATE_NAME ".selora"
#define SLR_DATA_SET_FORMAT "selora data set"

typedef struct slr_private_folder {
    char *out, *hidden, *unfinished; /* OUT, OUT/.selora, OUT/.selora/new (empty) */
    int lock;                        /* -1: none */
} slr_private_folder;

/* Refuses a folder that holds anything else, and one that another process writes into. */
selora_status slr_private_folder_open(const char *out, slr_private_folder *folder, slr_error *err);
void slr_private_folder_close(slr_private_folder *folder); /* also of a zeroed one */

/* Takes away what was made from patients in `folder`, a data set or a run: the salt and the keys, unfinished
 * pictures, cached latents. all: the pictures, texts, tables and samples, too. *removed: files. Other folders
 * are refused. */
selora_status slr_purge(const char *folder, bool all, size_t *removed, slr_error *err);

#endif
