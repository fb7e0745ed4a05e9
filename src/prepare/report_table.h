/* SPDX-License-Identifier: MIT
 *
 * Reports in a table, a row for each picture, series, study or patient.
 *
 *     slr_report_table *table;
 *     SLR_TRY(slr_report_table_parse(data, size, "reports.csv", &columns, &table, err));
 *     slr_report_keys keys = {.image = "set1/CXR1.dcm", .study = uid};
 *     size_t row;
 *     if (slr_report_table_find(table, &keys, &row))
 *         use(slr_report_table_cell(table, row, SLR_FIELD_FINDINGS));
 *     slr_report_table_free(table);
 *
 * A row is found by the first of image, series, study, report and patient ID that the table has a column for.
 * Names of images may lack their folders or their ending: "set1/CXR1.dcm" is found as such, then as
 * set1/CXR1, CXR1.dcm and CXR1.
 */
#ifndef SLR_REPORT_TABLE_H
#define SLR_REPORT_TABLE_H

#include <stdbool.h>

#include "prepare/report.h"

enum { SLR_CELL_MAX_BYTES = 1 << 16 }; /* of a cell that is used */

typedef struct slr_report_table slr_report_table;
/* All that is wrong with its columns and rows in one go: no key column, two rows of one key, empty keys, long
   cells. */
selora_status slr_report_table_parse(const char *data, size_t size, const char *name,
                                     const slr_report_columns *columns,
                                     slr_report_table **table, slr_error *err);
void slr_report_table_free(slr_report_table *table); /* NULL is legal */

/* Of a picture; NULL where it has none. */
typedef struct slr_report_keys {
    const char *image, *series, *study, *report, *patient_id;
} slr_report_keys;
bool slr_report_table_find(const slr_report_table *table, const slr_report_keys *keys, size_t *row);

size_t slr_report_table_rows(const slr_report_table *table);
/* `role`: a field or role; "" when the cell is empty or there is no such column. */
const char *slr_report_table_cell(const slr_report_table *table, size_t row, int role);

/* Any other column by its name; -1 when there is none. */
int slr_report_table_column(const slr_report_table *table, const char *name);
const char *slr_report_table_other(const slr_report_table *table, size_t row, int column);

/* The role that rows are found by. */
int slr_report_table_key(const slr_report_table *table);
/* The column holds names of images or patients. */
bool slr_report_table_is_key(const slr_report_table *table, int column);

#endif
