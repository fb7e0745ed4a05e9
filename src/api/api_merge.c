/* SPDX-License-Identifier: MIT
 * selora_merge(): adapters folded into a copy of their model. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters/formats.h"
#include "api/adapter_argument.h"
#include "api/adapter_export.h"
#include "api/context.h"
#include "core/memory.h"
#include "io/json.h"
#include "models/merge_model.h"

static selora_status read_type(const char *text, slr_merge_job *job, slr_error *err)
{
    static const struct {
        const char *name;
        slr_dtype dtype;
    } types[] = {{"f32", SLR_DTYPE_F32}, {"f16", SLR_DTYPE_F16}, {"bf16", SLR_DTYPE_BF16}};
    job->convert = text && strcmp(text, "keep") != 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (job->convert && strcmp(text, types[i].name) == 0) {
            job->dtype = types[i].dtype;
            return SELORA_OK;
        }
    return !job->convert ? SELORA_OK
                         : slr_fail(err, SELORA_USAGE, "--dtype: found \"%s\", expected keep, f32, f16 or bf16", text);
}

/* What is told of the adapters: sums, strengths and sizes, never names. free() it. */
static selora_status describe(const slr_chosen_adapters *chosen, char **text, slr_error *err)
{
    json_t *list = json_array();
    selora_status status = SELORA_OK;
    for (int i = 0; status == SELORA_OK && i < chosen->count; i++) {
        char hash[SLR_SHA256_HEX];
        status = slr_adapter_hash(chosen->paths[i], hash, err);
        if (status == SELORA_OK)
            json_array_append_new(list, json_pack("{s:s, s:f, s:i}", "adapter_sha256", hash, "strength",
                                                  chosen->strengths[i], "layers", slr_adapter_set_count(chosen->sets[i])));
    }
    *text = status == SELORA_OK ? slr_json_text(list, 0) : NULL;
    json_decref(list);
    return status != SELORA_OK || *text ? status : slr_fail_memory(err, 0, "the header");
}

/* "merged/" is a folder, too. free() it. */
static char *without_slashes(const char *out)
{
    size_t length = strlen(out);
    while (length > 1 && out[length - 1] == '/')
        length--;
    return slr_copy_text_n(out, length);
}

static selora_status merge(selora_context *context, const selora_merge_options *o, slr_model *model, const char *out,
                           slr_chosen_adapters *chosen, slr_merge_job *job, slr_error *err)
{
    char hash[SLR_SHA256_HEX], *text = NULL;
    SLR_TRY(slr_chosen_adapters_load(o->adapter, model, o->strict, &context->hooks, chosen, err));
    SLR_TRY(slr_model_hash(model, hash, err));
    SLR_TRY(describe(chosen, &text, err));
    job->model = model;
    job->sets = chosen->sets;
    job->set_count = chosen->count;
    job->model_sha256 = hash;
    job->merged = text;
    selora_status status = slr_export_parent(out, err);
    if (status == SELORA_OK)
        status = slr_merge_model(job, out, err);
    if (status == SELORA_OK)
        slr_note(&context->hooks, "%s: the model with %d adapter%s in its weights, %s", out, chosen->count,
                 chosen->count == 1 ? "" : "s", job->convert ? slr_dtype_name(job->dtype) : "in the types they had");
    free(text);
    return status;
}

selora_status selora_merge(selora_context *context, const selora_merge_options *options)
{
    slr_error *err = slr_context_begin(context);
    slr_model_options open = {.variant = options->variant, .config = options->model_config, .hashed = true,
                              .files_only = true};
    slr_merge_job job = {.threads = context->threads, .hooks = &context->hooks, .config = options->model_config};
    slr_chosen_adapters chosen = {0};
    slr_model *model = NULL;
    if (!options->model || !options->adapter || !options->adapter[0] || !options->out || !options->out[0])
        return slr_fail(err, SELORA_USAGE, "merge: expected a model, an adapter and the name of the output");
    SLR_TRY(read_type(options->dtype, &job, err));
    if (access(options->out, F_OK) == 0)
        return slr_fail(err, SELORA_USAGE, "%s: exists already; choose another name", options->out);
    SLR_TRY(slr_model_open(options->model, &open, &model, err));
    char *out = without_slashes(options->out);
    selora_status status = out ? merge(context, options, model, out, &chosen, &job, err) : slr_fail_memory(err, 0, "a path");
    free(out);
    slr_chosen_adapters_free(&chosen);
    slr_model_free(model);
    return status;
}
