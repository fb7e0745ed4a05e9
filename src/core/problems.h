/* SPDX-License-Identifier: MIT
 *
 * A list of everything that is wrong with an input, reported in one go.
 *
 *     slr_problems problems = {0};
 *     slr_problems_add(&problems, "%s: missing", name);
 *     SLR_TRY(slr_problems_report(&problems, "models/x", err));     (SELORA_OK when the list is empty)
 */
#ifndef SLR_PROBLEMS_H
#define SLR_PROBLEMS_H

#include "core/status.h"

enum { SLR_PROBLEMS_CAPACITY = 3500 };

typedef struct slr_problems {
    int count;
    int shown; /* those that fitted into the text */
    size_t length;
    char text[SLR_PROBLEMS_CAPACITY];
} slr_problems;

void slr_problems_add(slr_problems *problems, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds the lines of another list. */
void slr_problems_join(slr_problems *problems, const slr_problems *more);

/* SELORA_BAD_INPUT with "subject: N problems" and a line for each of the first ones; SELORA_OK for none. */
selora_status slr_problems_report(const slr_problems *problems, const char *subject, slr_error *err);

#endif
