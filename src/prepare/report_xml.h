/* SPDX-License-Identifier: MIT
 *
 * A report of the IU X-Ray set: AbstractText with a Label, parentImage with an id and a caption, MeSH/major.
 *
 *     slr_xml_report *report;
 *     SLR_TRY(slr_xml_report_parse(data, size, "report 12", &report, err));
 *     use(report->fields[SLR_FIELD_FINDINGS], report->images[0].id);
 *     slr_xml_report_free(report);
 *
 * Refused: documents that declare entities, more than 64 levels, 1 MiB of text, 1000 pictures.
 */
#ifndef SLR_REPORT_XML_H
#define SLR_REPORT_XML_H

#include "prepare/report.h"

enum { SLR_XML_MAX_BYTES = 4 << 20 }; /* of a file */

typedef struct slr_xml_image {
    char *id;      /* the stem of its file; never "" */
    char *caption; /* "" when absent */
} slr_xml_image;

typedef struct slr_xml_report {
    char *fields[SLR_REPORT_FIELDS]; /* UTF-8, blanks as in prompts; NULL when absent or empty */
    slr_xml_image *images;
    size_t image_count, image_capacity;
} slr_xml_report;

/* Messages hold `name`, a line and a column, nothing of the text. */
selora_status slr_xml_report_parse(const char *data, size_t size, const char *name, slr_xml_report **report,
                                   slr_error *err);
void slr_xml_report_free(slr_xml_report *report); /* NULL is legal */

#endif
