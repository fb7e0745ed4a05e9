/* SPDX-License-Identifier: MIT */
#include "api/context.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/threads.h"

enum { MAX_THREADS = 256 };

const char *selora_version(void)
{
    return SELORA_VERSION;
}

/* The runtime's own count: this thread's affinity would be one where OMP_PROC_BIND is set. */
static int allowed_processors(void)
{
    int count = omp_get_num_procs();
    return count < 1 ? 1 : count > MAX_THREADS ? MAX_THREADS : count;
}

static bool is_any(const char *backend)
{
    return !backend || strcmp(backend, "auto") == 0 || strcmp(backend, "cpu") == 0;
}

static const slr_backend *find_backend(const char *name)
{
    if (is_any(name))
        return slr_backend_cpu();
    return strcmp(name, "ref") == 0 ? slr_backend_ref() : slr_backend_cpu_variant(name);
}

selora_status selora_context_new(const selora_settings *settings, selora_context **result)
{
    static const selora_settings defaults;
    const selora_settings *s = settings ? settings : &defaults;
    *result = NULL;
    const slr_backend *backend = find_backend(s->backend);
    if (s->compute && strcmp(s->compute, "f32") != 0 && strcmp(s->compute, "bf16") != 0)
        return SELORA_USAGE;
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
    context->any_backend = is_any(s->backend);
    context->compute = s->compute && strcmp(s->compute, "bf16") == 0 ? "bf16" : "f32";
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

selora_status slr_context_backend(const selora_context *context, const char *compute, const slr_backend **backend,
                                  slr_error *err)
{
    bool bf16 = compute && strcmp(compute, "bf16") == 0;
    if (compute && !bf16 && strcmp(compute, "f32") != 0)
        return slr_fail(err, SELORA_USAGE, "--compute: found \"%s\", expected f32 or bf16", compute);
    *backend = context->backend;
    if (context->any_backend)
        *backend = slr_backend_cpu_compute(bf16 ? SLR_COMPUTE_BF16 : SLR_COMPUTE_F32);
    if (!*backend)
        return slr_fail(err, SELORA_USAGE, "--compute bf16: this processor has neither AVX512_BF16 nor AMX_BF16, or the system "
                        "keeps programs from them; leave it at f32");
    if (bf16 != slr_backend_is_bf16(*backend))
        return slr_fail(err, SELORA_USAGE, "--backend %s does not compute in %s: leave --backend out, or choose another "
                        "--compute", (*backend)->name, bf16 ? "bf16" : "f32");
    return SELORA_OK;
}

selora_status slr_context_weights(const slr_backend *backend, const char *weights, slr_weight_policy *policy, slr_error *err)
{
    if (!slr_weight_policy_named(weights, policy))
        return slr_fail(err, SELORA_USAGE, "--weights: found \"%s\", expected keep, auto, f16, bf16 or f32", weights);
    if (*policy == SLR_WEIGHTS_AUTO && slr_backend_is_bf16(backend))
        *policy = SLR_WEIGHTS_AUTO_BF16;
    return SELORA_OK;
}
