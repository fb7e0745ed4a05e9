/* SPDX-License-Identifier: MIT
 *
 * Inside of a selora_context: what every public function gets its threads, backend, messages and error from.
 *
 *     selora_status selora_thing(selora_context *context, ...)
 *     {
 *         slr_error *err = slr_context_begin(context);
 *         ... SLR_TRY(slr_thing(..., err)); ...
 *     }
 */
#ifndef SLR_CONTEXT_H
#define SLR_CONTEXT_H

#include "adapters/adapter_set.h"
#include "core/hooks.h"
#include "models/model.h"

struct selora_context {
    slr_hooks hooks;
    int threads;
    const slr_backend *backend; /* as asked for; slr_context_backend() */
    bool any_backend;           /* not asked for: the fastest */
    const char *compute;        /* for jobs without an option of that name */
    slr_error error;
    char **texts; /* of option files, kept until the context goes */
    size_t text_count, text_capacity;
};

struct selora_model {
    slr_model *model;
};

struct selora_adapter {
    slr_adapter_set *set;
    bool borrowed; /* belongs to a trainer */
    const char *merge_only; /* a convolution that has to be merged into the weights; NULL for none */
};

/* Clears the last error and returns the place for the next one. */
slr_error *slr_context_begin(selora_context *context);

/* The backend for "f32" (or NULL) or "bf16". SELORA_USAGE: the processor, or the backend asked for, does not have it. */
selora_status slr_context_backend(const selora_context *context, const char *compute, const slr_backend **backend,
                                  slr_error *err);

/* How a model is held in memory for that backend; `weights` as on the command line, NULL: "auto". SELORA_USAGE for another word. */
selora_status slr_context_weights(const slr_backend *backend, const char *weights, slr_weight_policy *policy, slr_error *err);

/* Ranges of an option table, for programs that fill the struct themselves. NaN stands for "not given" where the default is
 * NaN. */
selora_status slr_options_check_ranges(const selora_option *list, size_t count, const void *options, const void *defaults,
                                       slr_error *err);

#endif
