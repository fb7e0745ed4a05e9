/* SPDX-License-Identifier: MIT
 *
 * What `selora evaluate` leaves: metrics.json, a line of a CSV, the table for people. No names, no prompts; and no times, so
 * that the same pictures give the same bytes with any number of threads.
 *
 *     SLR_TRY(slr_evaluation_save(&evaluation, "judged/metrics.json", err));
 */
#ifndef SLR_EVALUATION_FILE_H
#define SLR_EVALUATION_FILE_H

#include "eval/compare_features.h"
#include "io/checksum.h"

/* One side as the report tells it; pictures 0: it is not there. */
typedef struct slr_judged_side {
    size_t pictures, groups, prompts;
    bool patients; /* groups are patients */
    char source[16], sha256[SLR_SHA256_HEX], windows[96];
} slr_judged_side;

typedef struct slr_evaluation {
    slr_metric_table metrics;
    slr_judged_side sides[SLR_ROLES];
    bool files;            /* judged from files of features: no pictures */
    int size;              /* of metric pictures */
    uint64_t seed;
    bool forced;
    size_t shared_prompts; /* synthetic pictures with a prompt of the real side */
    const char *label;     /* of the line in the CSV, such as a step; "" */
} slr_evaluation;

selora_status slr_evaluation_save(const slr_evaluation *evaluation, const char *path, slr_error *err);
/* A line; the header, too, into a new file. A file with other columns is left alone, *appended is false then. */
selora_status slr_evaluation_append(const slr_evaluation *evaluation, const char *path, bool *appended, slr_error *err);
/* The table for a terminal; free() it. NULL when memory lacks. */
char *slr_evaluation_text(const slr_evaluation *evaluation);

/* "real test: 140 pictures, 118 patients"; "" where there is no such side. */
void slr_judged_side_text(const slr_evaluation *evaluation, slr_role role, char text[192]);
/* A value as tables show it: "0.0312", a dash for none. */
const char *slr_metric_value_text(double value, char text[32]);

#endif
