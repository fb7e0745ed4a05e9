/* SPDX-License-Identifier: MIT
 *
 * The rows of a prepared data set: what is known of each picture, as texts in columns. The first columns are
 * metadata.csv, whose values come from the allow-list; the others stay in the private folder.
 *
 *     slr_rows rows = {0};
 *     SLR_TRY(slr_rows_read("out/.selora/rows.csv", &rows, err));       (no file: no rows)
 *     size_t row;
 *     SLR_TRY(slr_rows_add(&rows, &row, err));
 *     SLR_TRY(slr_rows_set(&rows, row, SLR_COLUMN_MODALITY, "DX", err));
 *     SLR_TRY(slr_rows_write(&rows, "out/metadata.csv", SLR_COLUMNS_PUBLIC, err));
 *     slr_rows_free(&rows);
 */
#ifndef SLR_PREPARED_ROWS_H
#define SLR_PREPARED_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef enum slr_row_column {
    SLR_COLUMN_FILE_NAME,
    SLR_COLUMN_TEXT,
    SLR_COLUMN_PATIENT,    /* salted key; "" unknown */
    SLR_COLUMN_PIXELS_KEY, /* salted key of its pixels: what a picture of nobody known is split by */
    SLR_COLUMN_LABEL,
    SLR_COLUMN_REPORT, /* pictures with one number share a report; "" none */
    SLR_COLUMN_SOURCE, /* number of the source on the command line */
    SLR_COLUMN_KIND,
    SLR_COLUMN_MODALITY,
    SLR_COLUMN_VIEW,
    SLR_COLUMN_BODY_PART,
    SLR_COLUMN_LATERALITY,
    SLR_COLUMN_SEX,
    SLR_COLUMN_AGE,
    SLR_COLUMN_PHOTOMETRIC,
    SLR_COLUMN_BITS,
    SLR_COLUMN_VOI,
    SLR_COLUMN_INVERTED,
    SLR_COLUMN_PADDING,
    SLR_COLUMN_SYNTAX,
    SLR_COLUMN_LOSSY,
    SLR_COLUMN_BURNED_IN,
    SLR_COLUMN_DEIDENTIFIED,
    SLR_COLUMN_COLOUR,
    SLR_COLUMN_FRAME,  /* from 0 */
    SLR_COLUMN_FRAMES, /* of its file, or slices of its series */
    SLR_COLUMN_PLANE,  /* NIfTI: axis and side, such as "axial radiological" */
    SLR_COLUMN_WIDTH,  /* of the source */
    SLR_COLUMN_HEIGHT,
    SLR_COLUMNS_PUBLIC, /* ---- below: private ---- */
    SLR_COLUMN_SIDE = SLR_COLUMNS_PUBLIC,
    SLR_COLUMN_FILE_KEY, /* salted keys of the bytes of the file, its series */
    SLR_COLUMN_SERIES_KEY,
    SLR_COLUMN_NEAR,       /* difference hash, hexadecimal */
    SLR_COLUMN_WARNINGS,   /* bits of medical/picture_facts.h */
    SLR_COLUMN_MEASURES,   /* prepare/picture_measures.h */
    SLR_COLUMNS
} slr_row_column;

const char *slr_row_column_name(slr_row_column column);

typedef struct slr_rows {
    char **cells; /* (count, SLR_COLUMNS); NULL is "" */
    size_t count, capacity;
} slr_rows;

/* Names what is wrong with the file; a missing one gives no rows. */
selora_status slr_rows_read(const char *path, slr_rows *rows, slr_error *err);
/* The first `columns` columns; mode 0600, whole or not at all. */
selora_status slr_rows_write(const slr_rows *rows, const char *path, int columns, slr_error *err);

selora_status slr_rows_add(slr_rows *rows, size_t *row, slr_error *err);
selora_status slr_rows_set(slr_rows *rows, size_t row, slr_row_column column, const char *text,
                           slr_error *err);
selora_status slr_rows_set_number(slr_rows *rows, size_t row, slr_row_column column, int64_t value,
                                  slr_error *err);
const char *slr_rows_get(const slr_rows *rows, size_t row, slr_row_column column); /* never NULL */
void slr_rows_free(slr_rows *rows); /* also of zeroed ones; zeroes them */

#endif
