/* SPDX-License-Identifier: MIT
 *
 * What prepare/prompts.h is made of: its sources, and one picture while its prompt is filled.
 */
#ifndef SLR_PROMPT_SUBJECT_H
#define SLR_PROMPT_SUBJECT_H

#include "prepare/prompt_template.h"
#include "prepare/prompts.h"
#include "prepare/report_table.h"
#include "prepare/report_xml.h"

enum { SLR_PROMPT_TABLES = 32 };

typedef struct slr_prompt_table {
    slr_report_table *table;
    bool *used; /* (rows) */
    size_t before; /* rows of earlier tables */
} slr_prompt_table;

typedef struct slr_prompt_xml {
    slr_xml_report *report;
    bool used;
} slr_prompt_xml;

/* The id of an XML report's picture from its beginning or from behind an underscore on. */
typedef struct slr_prompt_id {
    const char *text;
    size_t report, image;
    bool whole;
} slr_prompt_id;

struct slr_prompts {
    slr_prompt_options options;
    slr_prompt_template *template;
    slr_prompt_table tables[SLR_PROMPT_TABLES];
    int table_count;
    slr_prompt_xml *xmls;
    size_t xml_count, xml_capacity;
    slr_prompt_id *tails; /* sorted */
    size_t tail_count, tail_capacity;
    char **texts; /* owned prompts, by picture; NULL where skipped */
    size_t text_count;
};

typedef struct slr_prompt_subject {
    slr_prompts *prompts;
    slr_prompt_counts *counts;
    const slr_prompt_picture *picture;
    size_t rows[SLR_PROMPT_TABLES];
    bool has_row[SLR_PROMPT_TABLES];
    const slr_xml_report *xml;
    size_t xml_number;       /* from 1 */
    const char *xml_caption; /* of this picture; "" */
    char *beside;            /* owned; NULL: no caption file */
    const char *view;        /* a defined term, or NULL */
    bool over_89;
} slr_prompt_subject;

/* Finds rows, report, caption file and view of s->picture. `number` names it in messages. */
selora_status slr_prompt_find_sources(slr_prompt_subject *s, size_t number, slr_error *err);
bool slr_prompt_has_source(const slr_prompt_subject *s);

/* The first table with something in the column: of a role, or of that name; "". */
const char *slr_prompt_cell(const slr_prompt_subject *s, int role);
const char *slr_prompt_other_cell(const slr_prompt_subject *s, const char *name);

/* What stands for a field of the template, uncleaned, in fresh memory; "" is missing, NULL: no memory. */
char *slr_prompt_value(slr_prompt_subject *s, const char *field);

#endif
