/* SPDX-License-Identifier: MIT
 *
 * What a long job tells its caller while it runs, and how the caller stops it. Passed down by pointer; NULL is
 * legal everywhere and means that nobody listens.
 */
#ifndef SLR_HOOKS_H
#define SLR_HOOKS_H

#include <stdbool.h>

#include "core/status.h"

typedef selora_hooks slr_hooks;

void slr_note(const slr_hooks *hooks, const char *format, ...) __attribute__((format(printf, 2, 3)));
void slr_warn(const slr_hooks *hooks, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool slr_interrupted(const slr_hooks *hooks);

/* A progress line: begin, then report after each unit of work. */
typedef struct slr_task {
    const slr_hooks *hooks;
    const char *name;
    int64_t total;
    double start;
} slr_task;

slr_task slr_task_begin(const slr_hooks *hooks, const char *name, int64_t total);
/* `format` NULL: no detail. */
void slr_task_report(const slr_task *task, int64_t done, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
