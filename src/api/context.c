/* SPDX-License-Identifier: MIT */
#include "api/context.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/threads.h"

enum { MAX_THREADS = 256 };

const char *selora_version(void)
{
    return SELORA_VERSION;
}

static int allowed_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : count > MAX_THREADS ? MAX_THREADS : count;
}

static const slr_backend *find_backend(const char *name)
{
    if (!name || strcmp(name, "auto") == 0 || strcmp(name, "cpu") == 0)
        return slr_backend_cpu();
    return strcmp(name, "ref") == 0 ? slr_backend_ref() : NULL;
}

selora_status selora_context_new(const selora_settings *settings, selora_context **result)
{
    static const selora_settings defaults;
    const selora_settings *s = settings ? settings : &defaults;
    *result = NULL;
    const slr_backend *backend = find_backend(s->backend);
    if (!backend || s->threads < 0 || s->threads > MAX_THREADS)
        return SELORA_USAGE;
    selora_context *context = slr_alloc(1, sizeof *context);
    if (!context)
        return SELORA_NO_RESOURCE;
    context->hooks = s->hooks;
    int wanted = s->threads ? s->threads : allowed_processors();
    context->threads = slr_threads_start(wanted);
    if (context->threads < wanted)
        slr_warn(&context->hooks, "%d threads run instead of %d: more cannot be started within the limits of memory and "
                 "processes", context->threads, wanted);
    context->backend = backend;
    *result = context;
    return SELORA_OK;
}

void selora_context_free(selora_context *context)
{
    if (!context)
        return;
    for (size_t i = 0; i < context->text_count; i++)
        free(context->texts[i]);
    free(context->texts);
    free(context);
}

const char *selora_error(const selora_context *context)
{
    return context->error.message;
}

slr_error *slr_context_begin(selora_context *context)
{
    context->error.status = SELORA_OK;
    context->error.message[0] = 0;
    return &context->error;
}
