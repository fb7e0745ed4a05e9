/* SPDX-License-Identifier: MIT
 * The traps, on what preparing has learned of the pictures as they came. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "prepare/preparation.h"

enum { TYPE = 48 };

/* Columns that a label may not be told by. */
static const slr_row_column compared[] = {
    SLR_COLUMN_SOURCE, SLR_COLUMN_KIND,        SLR_COLUMN_MODALITY, SLR_COLUMN_VIEW,  SLR_COLUMN_SEX,
    SLR_COLUMN_AGE,    SLR_COLUMN_PHOTOMETRIC, SLR_COLUMN_BITS,     SLR_COLUMN_VOI,   SLR_COLUMN_SYNTAX,
    SLR_COLUMN_LOSSY,  SLR_COLUMN_COLOUR,      SLR_COLUMN_WIDTH,    SLR_COLUMN_HEIGHT};

static const char *cell(const void *context, size_t picture, int column)
{
    return slr_rows_get(context, picture, compared[column]);
}

static const char *column_name(const void *context, int column)
{
    (void)context;
    return slr_row_column_name(compared[column]);
}

static void describe(const slr_rows *rows, size_t r, slr_trap_picture *t, char type[TYPE])
{
    unsigned long warnings = strtoul(slr_rows_get(rows, r, SLR_COLUMN_WARNINGS), NULL, 10);
    const char *series = slr_rows_get(rows, r, SLR_COLUMN_SERIES_KEY);
    bool several = strcmp(slr_rows_get(rows, r, SLR_COLUMN_FRAMES), "1") != 0 && !*series;
    snprintf(type, TYPE, "%s, %s bit, %s", slr_rows_get(rows, r, SLR_COLUMN_KIND),
             slr_rows_get(rows, r, SLR_COLUMN_BITS), slr_rows_get(rows, r, SLR_COLUMN_COLOUR));
    *t = (slr_trap_picture){.text = slr_rows_get(rows, r, SLR_COLUMN_TEXT),
                            .label = slr_rows_get(rows, r, SLR_COLUMN_LABEL),
                            .patient = slr_rows_get(rows, r, SLR_COLUMN_PATIENT),
                            .report = slr_rows_get(rows, r, SLR_COLUMN_REPORT),
                            .view = slr_rows_get(rows, r, SLR_COLUMN_VIEW),
                            .modality = slr_rows_get(rows, r, SLR_COLUMN_MODALITY),
                            .body_part = slr_rows_get(rows, r, SLR_COLUMN_BODY_PART),
                            .series = *series ? series : slr_rows_get(rows, r, SLR_COLUMN_FILE_KEY),
                            .source = slr_rows_get(rows, r, SLR_COLUMN_SOURCE),
                            .type = type,
                            .burned_in = slr_rows_get(rows, r, SLR_COLUMN_BURNED_IN),
                            .file = several ? NULL : slr_rows_get(rows, r, SLR_COLUMN_FILE_KEY),
                            .pixels = slr_rows_get(rows, r, SLR_COLUMN_PIXELS_KEY),
                            .near = strtoull(slr_rows_get(rows, r, SLR_COLUMN_NEAR), NULL, 16),
                            .side = slr_prepare_side(rows, r),
                            .width = atoi(slr_rows_get(rows, r, SLR_COLUMN_WIDTH)),
                            .height = atoi(slr_rows_get(rows, r, SLR_COLUMN_HEIGHT)),
                            .constant = warnings & SLR_WARN_CONSTANT};
    t->measured = slr_picture_measures_parse(slr_rows_get(rows, r, SLR_COLUMN_MEASURES), &t->measures);
    if (strcmp(slr_rows_get(rows, r, SLR_COLUMN_KIND), slr_picture_kind_name(SLR_KIND_DICOM)) != 0 &&
        !*t->burned_in)
        t->modality = NULL; /* other files have no header that could say it */
}

selora_status slr_prepare_find_traps(slr_preparation *p, slr_error *err)
{
    size_t n = p->rows.count;
    slr_trap_picture *pictures = slr_alloc(n, sizeof *pictures);
    char(*types)[TYPE] = slr_alloc(n, sizeof *types);
    selora_status status =
        pictures && types ? SELORA_OK : slr_fail_memory(err, n * sizeof *pictures, "the traps");
    for (size_t r = 0; status == SELORA_OK && r < n; r++)
        describe(&p->rows, r, &pictures[r], types[r]);
    if (status == SELORA_OK) {
        slr_trap_set set = {.pictures = pictures,
                            .count = n,
                            .missing = p->counts.bad,
                            .columns = sizeof compared / sizeof *compared,
                            .cell = cell,
                            .column_name = column_name,
                            .context = &p->rows};
        status = slr_traps_find(&set, &p->counts.traps, err);
    }
    free(pictures);
    free(types);
    return status;
}
