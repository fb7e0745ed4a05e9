/* SPDX-License-Identifier: MIT
 * selora_compress(): an adapter of any format with smaller ranks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/compress.h"
#include "adapters/formats.h"
#include "api/adapter_export.h"
#include "api/context.h"
#include "api/inspect.h"
#include "core/memory.h"
#include "io/json.h"

/* "200000", "200K", "1.5M"; 0 for another text. */
static int64_t read_count(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (*end == 'K' || *end == 'k' || *end == 'M' || *end == 'm')
        value *= *end == 'K' || *end == 'k' ? 1e3 : 1e6, end++;
    return end == text || *end || !(value >= 1) || value > 1e15 ? 0 : (int64_t)value;
}

static selora_status read_goal(const selora_compress_options *o, int threads, slr_compression *goal, slr_error *err)
{
    size_t count;
    const selora_option *list = selora_compress_option_list(&count);
    const selora_compress_options defaults = selora_compress_defaults();
    bool energy = !isnan(o->energy);
    *goal = (slr_compression){.kind = o->rank      ? SLR_COMPRESS_RANK
                                      : energy     ? SLR_COMPRESS_ENERGY
                                                   : SLR_COMPRESS_PARAMETERS,
                              .rank = o->rank, .energy = o->energy, .threads = threads};
    if ((o->rank != 0) + energy + (o->parameters != NULL) != 1)
        return slr_fail(err, SELORA_USAGE, "compress: expected one of --rank N, --energy SHARE, --parameters N");
    if (o->rank || energy)
        return slr_options_check_ranges(list, count, o, &defaults, err);
    goal->parameters = read_count(o->parameters);
    return goal->parameters > 0 ? SELORA_OK
                                : slr_fail(err, SELORA_USAGE, "--parameters: found \"%s\", expected a number such as 200000, "
                                           "200K or 1.5M", o->parameters);
}

/* The goal in the header, as short as facts are. */
static void note_goal(slr_pairs *pairs, const slr_compression *goal)
{
    char text[64];
    if (goal->kind == SLR_COMPRESS_RANK)
        snprintf(text, sizeof text, "rank-%lld", (long long)goal->rank);
    else if (goal->kind == SLR_COMPRESS_ENERGY)
        snprintf(text, sizeof text, "energy-%.6f", goal->energy);
    else
        snprintf(text, sizeof text, "parameters-%lld", (long long)goal->parameters);
    slr_pairs_note(pairs, "selora.compressed", text);
}

static const char *format_name(const selora_compress_options *o, const slr_pairs *pairs)
{
    if (o->to && strcmp(o->to, "same") != 0)
        return o->to;
    return slr_format_named(pairs->format) ? pairs->format : "selora";
}

/* Numbers for people: two digits of an error, six of a norm. */
static json_t *rounded(double value, int digits)
{
    char text[40];
    snprintf(text, sizeof text, "%.*g", digits, value);
    return json_real(strtod(text, NULL));
}

static char *describe(const slr_compress_report *report, const char *format, bool json)
{
    json_t *facts = json_object(), *layers = json_array();
    json_object_set_new(facts, "kind", json_string("compression"));
    json_object_set_new(facts, "format", json_string(format));
    json_object_set_new(facts, "parameters_before", json_integer(report->parameters_before));
    json_object_set_new(facts, "parameters", json_integer(report->parameters));
    slr_json_put_count(facts, "layers_left_out", report->left_out);
    json_object_set_new(facts, "norm", json ? json_real(report->norm) : rounded(report->norm, 6));
    json_object_set_new(facts, "error", json ? json_real(report->error) : rounded(report->error, 3));
    for (size_t i = 0; i < report->count; i++) {
        const slr_compressed_layer *layer = &report->layers[i];
        json_t *row = json_pack("{s:s, s:i, s:i}", "layer", layer->path, "rank_before", layer->rank_before, "rank", layer->rank);
        json_object_set_new(row, "norm", json ? json_real(layer->norm) : rounded(layer->norm, 6));
        json_object_set_new(row, "error", json ? json_real(layer->error) : rounded(layer->error, 3));
        json_array_append_new(layers, row);
    }
    json_object_set_new(facts, "layers", layers);
    char *text = json ? slr_json_text(facts, 2) : slr_inspect_text(facts);
    json_decref(facts);
    return text;
}

/* Ranks of their own save nothing in a file that stores the largest for all. */
static void tell_padding(const slr_hooks *hooks, const slr_pairs *pairs, const slr_adapter_format *format,
                         const slr_export_options *options)
{
    static const char *const components[] = {"unet", "text_encoder"};
    int64_t stored = 0, own = 0;
    if (format == &slr_format_diffusers_compact || (format != &slr_format_diffusers && format != &slr_format_selora &&
                                                    !options->pad_most))
        return;
    for (size_t i = 0; i < pairs->count; i++) {
        const slr_pair *pair = &pairs->items[i];
        bool unet = strncmp(pair->path, "unet.", 5) == 0;
        own += pair->rank * (pair->in + pair->out);
        stored += slr_pairs_most_rank(pairs, components[unet ? 0 : 1]) * (pair->in + pair->out);
    }
    if (stored > own + own / 10)
        slr_note(hooks, "%s stores the largest rank for all layers: %lld numbers instead of %lld; --to kohya and --to "
                 "diffusers-compact store each layer's own", format->name, (long long)stored, (long long)own);
}

static selora_status write(selora_context *context, const selora_compress_options *o, const slr_compression *goal,
                           slr_pairs *pairs, char **report, slr_error *err)
{
    const slr_adapter_format *format;
    slr_export_options options;
    slr_export_report exported;
    slr_compress_report done = {0};
    char *path = NULL;
    SLR_TRY(slr_export_options_read(format_name(o, pairs), o->dtype, o->pad_rank, o->te_keys, &format, &options, err));
    SLR_TRY(slr_export_place(format, o->out, &path, err));
    selora_status status = slr_pairs_compress(pairs, goal, &done, err);
    if (status == SELORA_OK) {
        note_goal(pairs, goal);
        *report = describe(&done, format->name, o->json);
        status = *report ? SELORA_OK : slr_fail_memory(err, 0, "the report");
    }
    if (status == SELORA_OK && !format->folder)
        status = slr_export_parent(path, err);
    if (status == SELORA_OK)
        status = format->write(pairs, &options, path, &exported, err);
    if (status == SELORA_OK) {
        slr_export_note(&context->hooks, format, &options, &exported, path);
        tell_padding(&context->hooks, pairs, format, &options);
    }
    slr_compress_report_free(&done);
    free(path);
    return status;
}

selora_status selora_compress(selora_context *context, const selora_compress_options *options, char **report)
{
    slr_error *err = slr_context_begin(context);
    slr_compression goal;
    *report = NULL;
    if (!options->adapter || !options->out)
        return slr_fail(err, SELORA_USAGE, "compress: expected the adapter and the name of the output");
    SLR_TRY(read_goal(options, context->threads, &goal, err));
    slr_pairs *pairs = slr_alloc(1, sizeof *pairs);
    if (!pairs)
        return slr_fail_memory(err, sizeof *pairs, "the adapter");
    selora_status status = slr_pairs_load(options->adapter, pairs, err);
    if (status == SELORA_OK)
        slr_note(&context->hooks, "%s: %zu layers, read as %s", options->adapter, pairs->count, pairs->format);
    if (status == SELORA_OK)
        status = slr_left_over_tell(&pairs->left_over, options->adapter, options->strict, &context->hooks, err);
    if (status == SELORA_OK)
        status = write(context, options, &goal, pairs, report, err);
    if (status != SELORA_OK) {
        free(*report);
        *report = NULL;
    }
    slr_pairs_free(pairs);
    free(pairs);
    return status;
}
