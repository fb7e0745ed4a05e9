/* SPDX-License-Identifier: MIT
 *
 * The comparison of one reference case: a row for each expected tensor, by the rules of
 * docs/verify.md.
 *
 *     slr_case_report report = {.c = c, .rtol = 0, .write = callback, .user = user};
 *     slr_case_compare(&report, "expect.output", SLR_CASE_MAP, values);
 *     ...
 *     if (report.failed) ...
 */
#ifndef SLR_CASE_REPORT_H
#define SLR_CASE_REPORT_H

#include "eval/reference_case.h"

typedef struct slr_case_report {
    const slr_reference_case *c;
    bool bf16;                  /* matrix products of bf16: wider default tolerances */
    double rtol;                /* of every floating tensor; 0: the default of its kind */
    selora_verify_report write; /* may be NULL */
    void *user;
    double gradient_floor; /* smallest denominator of gradients; see slr_case_report_gradients() */
    int rows;
    bool failed;
} slr_case_report;

/* A gradient may be zero or nearly cancel: its error is measured against at least 1e-3 of the
 * largest gradient of the case. Call before comparing gradients. */
void slr_case_report_gradients(slr_case_report *report);

/* Compares all of the expected tensor with the engine's values. */
void slr_case_compare(slr_case_report *report, const char *name, slr_case_layout layout,
                      const slr_real *values);
/* The same for values that lie in the case's own order. */
void slr_case_compare_doubles(slr_case_report *report, const char *name, const double *values);
/* Whole numbers must be equal. */
void slr_case_compare_integers(slr_case_report *report, const char *name, const int64_t *values);

#endif
