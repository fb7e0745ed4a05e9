/* SPDX-License-Identifier: MIT
 *
 * The sections of a run report, a file each or two, and what they share.
 */
#ifndef SLR_REPORT_PARTS_H
#define SLR_REPORT_PARTS_H

#include "report/html.h"
#include "report/plot.h"
#include "report/run_record.h"
#include "report/run_report.h"

/* What of a run follows from its tables. NAN and -1: not recorded. */
typedef struct slr_run_figures {
    double steps, best_loss, best_step, last_loss, least_loss; /* validation */
    bool validated, diverged;  /* the last validation loss is more than twice the least */
    double median_s, p95_s, total_s, probe_share, probe_step_s, other_step_s; /* of steps */
    double parameters_start, parameters_end, rank_end;
    double flops, flops_with_probe; /* of a step */
} slr_run_figures;
typedef struct slr_report {
    slr_html *page;
    const slr_report_settings *settings;
    slr_run_record *runs;
    slr_run_figures *figures; /* of each run */
    size_t count;
} slr_report;

void slr_report_answers(const slr_report *report);                        /* report_answers.c: what reviewers ask */
selora_status slr_report_curves(const slr_report *report, slr_error *err); /* report_curves.c: losses, rates, parameters */
void slr_report_costs(const slr_report *report);                          /* report_curves.c: time, memory, multiply-adds */
selora_status slr_report_ranks(const slr_report *report, slr_error *err);  /* report_ranks.c: map, ratios, trace */
selora_status slr_report_pictures(const slr_report *report, slr_error *err); /* report_pictures.c: grids over time */
selora_status slr_report_picture(slr_html *page, const char *path, int most_width, const char *alternative, slr_error *err);
void slr_report_judged(const slr_report *report);                         /* report_judged.c: metrics and audits */
void slr_report_settings_table(const slr_report *report);                 /* report_judged.c: options */

#endif
