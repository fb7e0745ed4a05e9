/* SPDX-License-Identifier: MIT
 *
 * Eight by eight pictures of a data set on one sheet, each with the number of its row: inversions and bad
 * windows show at once.
 *
 *     SLR_TRY(slr_contact_sheet_new(count, &sheet, err));
 *     for (int c = 0; c < sheet.cells; c++)
 *         SLR_TRY(slr_contact_sheet_put(&sheet, c, row + 1, &picture, err));      (row:
 * slr_contact_sheet_row(count, c)) SLR_TRY(slr_contact_sheet_write(&sheet, "out/contact_sheet.png", err));
 *     slr_contact_sheet_free(&sheet);
 */
#ifndef SLR_CONTACT_SHEET_H
#define SLR_CONTACT_SHEET_H

#include "core/status.h"
#include "io/image.h"

enum { SLR_SHEET_SIDE = 8, SLR_SHEET_CELL = 128, SLR_SHEET_STRIP = 12 };

typedef struct slr_contact_sheet {
    slr_image image; /* RGB */
    int cells;
} slr_contact_sheet;

/* A sheet for `pictures` pictures of a set, at most 64 of them. */
selora_status slr_contact_sheet_new(size_t pictures, slr_contact_sheet *sheet, slr_error *err);
/* Which row (from 0) a cell shows: evenly spread over the set. */
size_t slr_contact_sheet_row(size_t pictures, int cell);
/* Shrinks the picture into its cell and writes the number under it. */
selora_status slr_contact_sheet_put(slr_contact_sheet *sheet, int cell, size_t number,
                                    const slr_image *picture, slr_error *err);
/* Mode 0600: it shows patients. */
selora_status slr_contact_sheet_write(const slr_contact_sheet *sheet, const char *path, slr_error *err);
void slr_contact_sheet_free(slr_contact_sheet *sheet);

#endif
