/* SPDX-License-Identifier: MIT
 *
 * The report of one run or several beside each other: what reviewers ask for, curves, ranks, pictures, costs, as one page
 * that stands alone. From run files only. Paths, captions and names of pictures never come into it.
 *
 *     slr_report_settings settings = {.list = list, .list_count = count, .title = "Chest X-rays"};
 *     SLR_TRY(slr_run_report_write((const char *[]){"run"}, 1, &settings, "report.html", err));
 */
#ifndef SLR_RUN_REPORT_H
#define SLR_RUN_REPORT_H

#include "core/status.h"

enum { SLR_REPORT_RUNS = 24 };

typedef struct slr_report_settings {
    const selora_option *list; /* of `selora train`: names and kinds decide what of run.json may be shown */
    size_t list_count;
    const char *title;           /* NULL: from the runs' folders */
    const char *picture;         /* PNG or JPEG at the top; NULL: none */
    const char *picture_caption; /* NULL: none */
} slr_report_settings;

selora_status slr_run_report_write(const char *const *folders, size_t count, const slr_report_settings *settings,
                                   const char *path, slr_error *err);

#endif
