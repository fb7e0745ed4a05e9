/* SPDX-License-Identifier: MIT
 * selora_convert(): an adapter of any format written in another one. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters/adapter_names.h"
#include "adapters/base_model.h"
#include "adapters/formats.h"
#include "api/adapter_export.h"
#include "api/context.h"
#include "core/memory.h"
#include "io/atomic_file.h"

selora_status slr_export_options_read(const char *to, const char *dtype, const char *pad_rank,
                                      const char *te_keys, const slr_adapter_format **format,
                                      slr_export_options *options, slr_error *err)
{
    const char *type = dtype ? dtype : "f32", *keys = te_keys ? te_keys : "one";
    const char *pad = pad_rank ? pad_rank : "needed";
    *format = to ? slr_format_named(to) : NULL;
    if (!*format)
        return slr_fail(err, SELORA_USAGE, "--to: found \"%s\", expected kohya, diffusers, diffusers-compact, peft or selora",
                        to ? to : "");
    *options = (slr_export_options){.pad_most = strcmp(pad, "max") == 0, .text_both = strcmp(keys, "both") == 0};
    if (strcmp(type, "f32") == 0)
        options->dtype = SLR_DTYPE_F32;
    else if (strcmp(type, "f16") == 0)
        options->dtype = SLR_DTYPE_F16;
    else if (strcmp(type, "bf16") == 0)
        options->dtype = SLR_DTYPE_BF16;
    else
        return slr_fail(err, SELORA_USAGE, "--dtype: found \"%s\", expected f32, f16 or bf16", type);
    if (options->text_both && *format != &slr_format_kohya && *format != &slr_format_peft)
        return slr_fail(err, SELORA_USAGE, "--te-keys both: diffusers files need one name a layer; only --to kohya takes it");
    if (options->pad_most && *format == &slr_format_diffusers_compact)
        return slr_fail(err, SELORA_USAGE, "--pad-rank max: --to diffusers is the file with equal ranks");
    return SELORA_OK;
}

selora_status slr_export_place(const slr_adapter_format *format, const char *out, char **path, slr_error *err)
{
    bool file = slr_ends_in(out, ".safetensors"), diffusers = strncmp(format->name, "diffusers", 9) == 0;
    *path = NULL;
    if (!out[0])
        return slr_fail(err, SELORA_USAGE, "the name of the output is empty");
    if (format->folder && file)
        return slr_fail(err, SELORA_USAGE, "%s: --to %s makes a folder; choose a name without .safetensors", out,
                        format->name);
    if (!format->folder && !file && !diffusers)
        return slr_fail(err, SELORA_USAGE, "%s: --to %s makes a file; choose a name that ends in .safetensors", out,
                        format->name);
    *path = format->folder || file ? slr_copy_text(out) : slr_format("%s/pytorch_lora_weights.safetensors", out);
    if (!*path)
        return slr_fail_memory(err, 0, "a path");
    if (access(*path, F_OK) == 0) {
        selora_status status = slr_fail(err, SELORA_USAGE, "%s: exists already; choose another name", *path);
        free(*path);
        *path = NULL;
        return status;
    }
    return SELORA_OK;
}

void slr_export_note(const slr_hooks *hooks, const slr_adapter_format *format, const slr_export_options *options,
                     const slr_export_report *report, const char *path)
{
    slr_note(hooks, "%s: %d layers as %s, ranks stored up to %d", path, report->layers, format->name, report->stored_rank);
    if (options->dtype != SLR_DTYPE_F32)
        slr_note(hooks, "rounding to %s changes dW by %.2g of its norm, at most by %.2g (%s)",
                 slr_dtype_name(options->dtype), report->total, report->worst, report->worst_layer);
}

static selora_status keep_components(slr_pairs *pairs, const char *list, slr_error *err)
{
    bool unet = strcmp(list, "unet") == 0, text = strcmp(list, "text") == 0;
    if (!unet && !text && strcmp(list, "unet,text") != 0 && strcmp(list, "text,unet") != 0)
        return slr_fail(err, SELORA_USAGE, "--components: found \"%s\", expected unet, text or unet,text", list);
    if (unet || text)
        slr_pairs_keep(pairs, unet ? "unet" : "text_encoder");
    if (pairs->count == 0)
        return slr_fail(err, SELORA_BAD_INPUT, "--components %s: the adapter has no layer of it", list);
    return SELORA_OK;
}

/* Layers that only other base models have, where no model is at hand to compare with. */
static selora_status check_base(const slr_pairs *pairs, const char *path, slr_error *err)
{
    for (size_t i = 0; i < pairs->count; i++) {
        const slr_pair *pair = &pairs->items[i];
        const char *base = slr_pair_foreign_base(pair);
        if (base)
            return slr_fail(err, SELORA_BAD_INPUT, "%s: %s (%lld -> %lld) is a layer of %s; an adapter for Stable Diffusion 1.x "
                            "is expected", path, pair->path, (long long)pair->in, (long long)pair->out, base);
    }
    return SELORA_OK;
}

selora_status slr_left_over_tell(const slr_problems *left_over, const char *path, bool strict, const slr_hooks *hooks,
                                 slr_error *err)
{
    if (left_over->count > 0 && strict)
        return slr_problems_report(left_over, path, err);
    if (left_over->count > 0)
        slr_warn(hooks, "%s: %d tensors or layers are not used (--strict refuses them):", path, left_over->count);
    for (const char *line = left_over->text; left_over->count > 0 && *line;) {
        size_t length = strcspn(line, "\n");
        slr_warn(hooks, "  %.*s", (int)length, line);
        line += length + strspn(line + length, "\n ");
    }
    if (left_over->shown < left_over->count)
        slr_warn(hooks, "  and %d more", left_over->count - left_over->shown);
    return SELORA_OK;
}

selora_status slr_export_parent(const char *path, slr_error *err)
{
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return SELORA_OK;
    char *folder = slr_copy_text_n(path, (size_t)(slash - path));
    selora_status status = folder ? slr_make_folders(folder, 0755, err) : slr_fail_memory(err, 0, "a path");
    free(folder);
    return status;
}

static selora_status convert(selora_context *context, const selora_convert_options *o, slr_pairs *pairs, char *path,
                             const slr_adapter_format *format, const slr_export_options *options, slr_error *err)
{
    slr_export_report report;
    SLR_TRY(slr_pairs_load(o->adapter, pairs, err));
    slr_note(&context->hooks, "%s: %zu layers, read as %s", o->adapter, pairs->count, pairs->format);
    SLR_TRY(slr_left_over_tell(&pairs->left_over, o->adapter, o->strict, &context->hooks, err));
    SLR_TRY(check_base(pairs, o->adapter, err));
    SLR_TRY(keep_components(pairs, o->components ? o->components : "unet,text", err));
    SLR_TRY(format->write(pairs, options, path, &report, err));
    slr_export_note(&context->hooks, format, options, &report, path);
    return SELORA_OK;
}

selora_status selora_convert(selora_context *context, const selora_convert_options *options)
{
    slr_error *err = slr_context_begin(context);
    const slr_adapter_format *format;
    slr_export_options export;
    slr_pairs *pairs = slr_alloc(1, sizeof *pairs);
    char *path = NULL;
    selora_status status = !pairs ? slr_fail_memory(err, sizeof *pairs, "the adapter")
                           : !options->adapter || !options->out
                               ? slr_fail(err, SELORA_USAGE, "convert: expected the adapter and the name of the output")
                               : slr_export_options_read(options->to, options->dtype, options->pad_rank,
                                                         options->te_keys, &format, &export, err);
    if (status == SELORA_OK)
        status = slr_export_place(format, options->out, &path, err);
    if (status == SELORA_OK && !format->folder)
        status = slr_export_parent(path, err);
    if (status == SELORA_OK)
        status = convert(context, options, pairs, path, format, &export, err);
    if (pairs)
        slr_pairs_free(pairs);
    free(pairs);
    free(path);
    return status;
}
