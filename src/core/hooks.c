/* SPDX-License-Identifier: MIT */
#include "core/hooks.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/clock.h"

enum { LINE = 1024 };

static void tell(const slr_hooks *hooks, selora_log_level level, const char *format, va_list args)
{
    char line[LINE];
    if (!hooks || !hooks->log)
        return;
    vsnprintf(line, sizeof line, format, args);
    hooks->log(hooks->user, level, line);
}

void slr_note(const slr_hooks *hooks, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tell(hooks, SELORA_LOG_NOTE, format, args);
    va_end(args);
}

void slr_warn(const slr_hooks *hooks, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tell(hooks, SELORA_LOG_WARNING, format, args);
    va_end(args);
}

bool slr_interrupted(const slr_hooks *hooks)
{
    return hooks && hooks->interrupted && hooks->interrupted(hooks->user);
}

slr_task slr_task_begin(const slr_hooks *hooks, const char *name, int64_t total)
{
    return (slr_task){hooks, name, total, slr_clock_seconds()};
}

void slr_task_report(const slr_task *task, int64_t done, const char *format, ...)
{
    char detail[LINE] = "";
    if (!task->hooks || !task->hooks->progress)
        return;
    if (format) {
        va_list args;
        va_start(args, format);
        vsnprintf(detail, sizeof detail, format, args);
        va_end(args);
    }
    selora_progress progress = {task->name, done, task->total, slr_clock_seconds() - task->start, detail};
    task->hooks->progress(task->hooks->user, &progress);
}
