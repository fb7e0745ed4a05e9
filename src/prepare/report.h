/* SPDX-License-Identifier: MIT
 *
 * The parts of a report and the columns of a table that hold them.
 *
 *     slr_report_columns columns = {0};
 *     SLR_TRY(slr_report_columns_parse(&columns, "image=Dateiname,findings=Befund", &storage, err));
 */
#ifndef SLR_REPORT_H
#define SLR_REPORT_H

#include <stddef.h>

#include "core/status.h"

/* What a template may name. The later ones have values in DICOM headers too. */
typedef enum slr_report_field {
    SLR_FIELD_TEXT, /* the text of a table or caption file; else the chosen part of the report */
    SLR_FIELD_FINDINGS,
    SLR_FIELD_IMPRESSION,
    SLR_FIELD_INDICATION,
    SLR_FIELD_COMPARISON,
    SLR_FIELD_MESH, /* terms, joined by "; " */
    SLR_FIELD_MODALITY,
    SLR_FIELD_VIEW,
    SLR_FIELD_LATERALITY,
    SLR_FIELD_BODY_PART,
    SLR_FIELD_SEX,
    SLR_FIELD_AGE,
    SLR_REPORT_FIELDS
} slr_report_field;

/* Roles of columns that are no part of a prompt. The first five say which pictures a row is about. */
typedef enum slr_report_role {
    SLR_ROLE_IMAGE = SLR_REPORT_FIELDS, /* name of the file, with or without folders and ending */
    SLR_ROLE_SERIES,                    /* Series Instance UID */
    SLR_ROLE_STUDY,                     /* Study Instance UID */
    SLR_ROLE_REPORT,                    /* its number, which another table has beside names of images */
    SLR_ROLE_PATIENT_ID,                /* Patient ID of the header */
    SLR_ROLE_PATIENT,                   /* --patient-col: who it is, for the split */
    SLR_REPORT_ROLES
} slr_report_role;

/* Names of columns, NULL: the usual ones where a table has them. Borrowed. */
typedef struct slr_report_columns {
    const char *names[SLR_REPORT_ROLES]; /* [slr_report_field or slr_report_role] */
} slr_report_columns;

/* "role=column,role=column" into `columns`, whose names then lie in *storage (free() it). */
selora_status slr_report_columns_parse(slr_report_columns *columns, const char *map, char **storage,
                                       slr_error *err);

const char *slr_report_role_name(int role); /* "findings", "image": roles of a map, names in a template */
int slr_report_role_find(const char *name, size_t length); /* -1: none */

#endif
