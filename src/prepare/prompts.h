/* SPDX-License-Identifier: MIT
 *
 * A prompt for each picture, from tables, XML reports, caption files and header texts.
 *
 *     slr_prompt_options options = {.template = "{view} view, {text}", .tokenizer = tokenizer};
 *     slr_prompts *prompts;
 *     SLR_TRY(slr_prompts_new(&options, &prompts, err));
 *     SLR_TRY(slr_prompts_add_table(prompts, data, size, "reports.csv", err));
 *     SLR_TRY(slr_prompts_add_xml(prompts, data, size, "report 12", err));
 *     slr_prompt_counts counts;
 *     SLR_TRY(slr_prompts_fill(prompts, pictures, count, results, &counts, err));
 *     for (size_t i = 0; i < count; i++)
 *         if (results[i].text) ...                                    (else results[i].skip says why)
 *     slr_prompts_free(prompts);                                      (the texts too)
 *
 * Messages name sources as the caller calls them, rows and columns; never what stands in a cell.
 */
#ifndef SLR_PROMPTS_H
#define SLR_PROMPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/hooks.h"
#include "core/status.h"
#include "prepare/prompt_clean.h"
#include "prepare/report.h"
#include "prepare/text_scan.h"
#include "prepare/token_budget.h"

/* Which part of a report {text} is; the other part stands in where it is missing. */
typedef enum slr_report_choice {
    SLR_REPORT_FINDINGS,
    SLR_REPORT_IMPRESSION,
    SLR_REPORT_BOTH /* findings, a blank, impression */
} slr_report_choice;

/* Zero-initialised: {text} from findings, XXXX kept, ages as buckets. Texts are borrowed. */
typedef struct slr_prompt_options {
    const char *template;       /* NULL: {text}; see prepare/prompt_template.h */
    slr_report_choice choice;
    slr_xxxx_policy xxxx;
    bool exact_age;             /* ages in years instead of 30-34; over 89 is 90+ in any case */
    slr_report_columns columns; /* of tables */
    const char *label_column;   /* --stratify; NULL: none */
    const slr_tokenizer *tokenizer; /* NULL: nothing is counted or shortened */
    slr_truncate truncate;
} slr_prompt_options;

/* What is known of a picture. Every text may be NULL; header texts are as they stand in the header. */
typedef struct slr_prompt_picture {
    const char *name; /* as a table may name it, with folders: "set1/CXR1_1_IM-0001-3001.dcm" */
    const char *path; /* opens it, for a caption file beside it; NULL: none is looked for */
    const char *modality, *view, *laterality, *body_part, *sex, *age;
    const char *patient_id, *study_uid, *series_uid;
} slr_prompt_picture;

typedef enum slr_prompt_skip {
    SLR_PROMPT_USED,
    SLR_PROMPT_NO_REPORT, /* nothing names it */
    SLR_PROMPT_NO_TEXT,   /* its report has neither findings nor impression, its row no text */
    SLR_PROMPT_XXXX,      /* --xxxx split */
    SLR_PROMPT_SKIPS
} slr_prompt_skip;

typedef struct slr_prompt {
    const char *text; /* NULL: skipped */
    slr_prompt_skip skip;
    const char *patient; /* cell of the patient column; "" */
    const char *label;   /* cell of the label column; "" */
    const char *view;    /* AP, PA, LL, RL, LATERAL ... from header, table or caption; "" */
    size_t report;       /* pictures with the same number share a report; 0: none */
} slr_prompt;

typedef struct slr_prompt_counts {
    size_t skips[SLR_PROMPT_SKIPS]; /* [SLR_PROMPT_USED]: pictures with a prompt */
    size_t from_table, from_xml, from_caption, from_header; /* where their texts come from */
    size_t other_part;      /* findings asked for, impression taken, or the other way round */
    size_t fields_missing;  /* places of the template that stayed empty */
    size_t reports, reports_unused; /* rows and XML reports; those that name no picture */
    size_t xxxx_prompts, xxxx_words;
    size_t same_text, most_same; /* pictures that share their prompt with another; those of the commonest */
    size_t ages_over_89, words_unknown; /* header texts outside the defined terms: left out */
    slr_token_budget tokens; /* its rows are places in `pictures`, from 1 */
    slr_text_scan scan;
} slr_prompt_counts;

typedef struct slr_prompts slr_prompts;
selora_status slr_prompts_new(const slr_prompt_options *options, slr_prompts **prompts, slr_error *err);
void slr_prompts_free(slr_prompts *prompts); /* NULL is legal */

/* CSV, or JSON Lines when the first character is {. `name` stands for the file in messages. */
selora_status slr_prompts_add_table(slr_prompts *prompts, const char *data, size_t size, const char *name,
                                    slr_error *err);
/* One report in the form of the IU X-Ray set. A damaged one is SELORA_BAD_INPUT and changes nothing. */
selora_status slr_prompts_add_xml(slr_prompts *prompts, const char *data, size_t size, const char *name,
                                  slr_error *err);

/* Fills results[count]; their texts belong to `prompts`. Call it once, after everything was added. */
selora_status slr_prompts_fill(slr_prompts *prompts, const slr_prompt_picture *pictures, size_t count,
                               slr_prompt *results, slr_prompt_counts *counts, slr_error *err);

#endif
