/* SPDX-License-Identifier: MIT
 * selora_prepare() and selora_purge(): the jobs, and what is told about them. */
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/inspect.h"
#include "api/prepare_data.h"
#include "api/prepare_options.h"
#include "core/memory.h"
#include "prepare/private_folder.h"

/* A JSON object as lines of notes. */
static void note_object(const slr_hooks *hooks, const json_t *object)
{
    char *text = slr_inspect_text(object);
    for (char *line = text; line && *line;) {
        char *end = line + strcspn(line, "\n");
        bool last = !*end;
        *end = 0;
        slr_note(hooks, "%s", line);
        line = end + !last;
    }
    free(text);
}

/* Values and their counts in one line: {"DX": 3, "CR": 4} -> "DX 3, CR 4". */
static json_t *in_one_line(const json_t *counts)
{
    char *text = NULL;
    size_t size;
    const char *key;
    json_t *value;
    FILE *out = open_memstream(&text, &size);
    bool first = true;
    if (!out)
        return json_string("");
    json_object_foreach((json_t *)(uintptr_t)counts, key, value) {
        fprintf(out, "%s%s %lld", first ? "" : ", ", key, (long long)json_integer_value(value));
        first = false;
    }
    fclose(out);
    json_t *line = json_string(first ? "none" : text);
    free(text);
    return line;
}

/* The counts without what only programs want. */
static void note_counts(const slr_hooks *hooks, const json_t *manifest)
{
    static const char *const lists[] = {"files",    "skipped", "pictures",     "headers_and_pixels",
                                        "warnings", "prompts", "may_tell_who", "split",
                                        "run"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const char *key;
        json_t *value, *part = json_object_get(manifest, lists[i]), *shown = json_object(),
                       *named = json_object();
        json_object_foreach(part, key, value)
            json_object_set_new(shown, key, json_is_object(value) ? in_one_line(value) : json_incref(value));
        json_object_set_new(named, lists[i],
                            json_object_size(shown) ? json_incref(shown) : json_string("none"));
        note_object(hooks, named);
        json_decref(named);
        json_decref(shown);
    }
}

static void tell_traps(const slr_hooks *hooks, const json_t *traps)
{
    size_t index;
    json_t *trap;
    json_array_foreach((json_t *)(uintptr_t)traps, index, trap) {
        const char *severity = json_string_value(json_object_get(trap, "severity"));
        const char *name = json_string_value(json_object_get(trap, "trap"));
        const char *seen = json_string_value(json_object_get(trap, "seen"));
        const char *advice = json_string_value(json_object_get(trap, "advice"));
        json_t *rows = json_pack("{sO}", "first_rows", json_object_get(trap, "first_rows"));
        if (strcmp(severity, "ok") != 0) {
            if (strcmp(severity, "note") == 0)
                slr_note(hooks, "%s: %s; %s", name, seen, advice);
            else
                slr_warn(hooks, "%s: %s; %s", name, seen, advice);
            if (json_array_size(json_object_get(rows, "first_rows")))
                note_object(hooks, rows);
        }
        json_decref(rows);
    }
}

selora_status slr_prepare_data(selora_context *context, const selora_prepare_options *options, slr_error *err)
{
    slr_prepare_arguments arguments;
    json_t *manifest = NULL;
    selora_status status = slr_prepare_arguments_read(options, &arguments, err);
    if (status == SELORA_OK)
        status = slr_prepare(&arguments.job, &context->hooks, &manifest, err);
    if (manifest) {
        note_counts(&context->hooks, manifest);
        tell_traps(&context->hooks, json_object_get(manifest, "traps"));
        if (status == SELORA_OK)
            slr_note(&context->hooks, "the data set is in %s; look at its contact_sheet.png", options->out);
    }
    json_decref(manifest);
    slr_prepare_arguments_free(&arguments);
    return status;
}

selora_status selora_prepare(selora_context *context, const selora_prepare_options *options)
{
    size_t count;
    const selora_option *list = selora_prepare_option_list(&count);
    const selora_prepare_options defaults = selora_prepare_defaults();
    SLR_TRY(selora_options_check(context, list, count, options));
    slr_error *err = slr_context_begin(context);
    SLR_TRY(slr_options_check_ranges(list, count, options, &defaults, err));
    return slr_prepare_data(context, options, err);
}

selora_status selora_purge(selora_context *context, const char *folder, int all)
{
    size_t removed;
    slr_error *err = slr_context_begin(context);
    SLR_TRY(slr_purge(folder, all != 0, &removed, err));
    slr_note(&context->hooks, "%zu files were removed from %s", removed, folder);
    return SELORA_OK;
}
