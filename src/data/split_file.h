/* SPDX-License-Identifier: MIT
 *
 * split.csv of a prepared folder: which side each row of metadata.csv is on, and whose picture it is.
 *
 *     row,side,patient            (or row,side,picture: no patients are known, the split is by picture)
 *     1,train,0f3a55e0c1d2b3a4
 *
 *     slr_split_file *file;
 *     SLR_TRY(slr_split_file_read("out/split.csv", &file, err));     (NULL: there is none, or another
 * program's)
 *     for (size_t i = 0; i < file->count; i++)
 *         use(file->rows[i].side);                                   (of row i + 1)
 *     slr_split_file_free(file);
 */
#ifndef SLR_SPLIT_FILE_H
#define SLR_SPLIT_FILE_H

#include <stdbool.h>

#include "core/status.h"
#include "data/dataset.h"

enum { SLR_SPLIT_KEY = 17 };

typedef struct slr_split_row {
    slr_side side; /* never SLR_SIDE_NONE */
    char key[SLR_SPLIT_KEY];
} slr_split_row;

typedef struct slr_split_file {
    slr_split_row *rows;
    size_t count;
    bool by_patient;
} slr_split_file;

/* A missing file, and one whose header is not that of split.csv, leave *file NULL. A key that
 * stands on two sides is SELORA_BAD_INPUT. */
selora_status slr_split_file_read(const char *path, slr_split_file **file, slr_error *err);
selora_status slr_split_file_parse(const char *data, size_t size, const char *name, slr_split_file **file,
                                   slr_error *err);
void slr_split_file_free(slr_split_file *file); /* NULL is legal */

/* Aside and renamed onto `path`, mode 0600. */
selora_status slr_split_file_write(const char *path, const slr_split_row *rows, size_t count,
                                   bool by_patient, slr_error *err);

const char *slr_side_name(slr_side side); /* "train", "validation", "test" */

#endif
