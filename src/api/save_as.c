/* SPDX-License-Identifier: MIT */
#include "api/save_as.h"

#include <stdlib.h>
#include <string.h>

#include "adapters/formats.h"
#include "api/adapter_export.h"
#include "core/memory.h"
#include "io/atomic_file.h"

/* The next word of a list with commas, and what follows it; false at its end. */
static bool next_word(const char **list, char word[32])
{
    if (!*list || !**list)
        return false;
    size_t length = strcspn(*list, ",");
    snprintf(word, 32, "%.*s", (int)length, *list);
    *list += length + ((*list)[length] == ',');
    return true;
}

selora_status slr_save_as_check(const char *list, slr_error *err)
{
    char word[32];
    while (next_word(&list, word))
        if (!slr_format_named(word))
            return slr_fail(err, SELORA_USAGE, "--save-as: found \"%s\", expected kohya, diffusers, diffusers-compact, peft "
                            "or selora, several with commas", word);
    return SELORA_OK;
}

static selora_status save_one(const slr_pairs *pairs, const slr_adapter_format *format, const char *folder,
                              const slr_hooks *hooks, slr_error *err)
{
    slr_export_options options = {.dtype = SLR_DTYPE_F32};
    slr_export_report report;
    char *path = slr_format("%s/adapter-%s%s", folder, format->name, format->folder ? "" : ".safetensors");
    if (!path)
        return slr_fail_memory(err, 0, "a path");
    if (format->folder)
        slr_remove_tree(path, NULL);
    selora_status status = format->write(pairs, &options, path, &report, err);
    if (status == SELORA_OK)
        slr_export_note(hooks, format, &options, &report, path);
    free(path);
    return status;
}

selora_status slr_save_as(const char *list, const char *folder, const slr_hooks *hooks, slr_error *err)
{
    char word[32];
    slr_pairs *pairs = slr_alloc(1, sizeof *pairs);
    char *path = slr_format("%s/adapter.safetensors", folder);
    selora_status status = pairs && path ? SELORA_OK : slr_fail_memory(err, 0, "the adapter");
    if (status == SELORA_OK && list && *list)
        status = slr_pairs_load(path, pairs, err);
    while (status == SELORA_OK && next_word(&list, word))
        status = save_one(pairs, slr_format_named(word), folder, hooks, err);
    if (pairs)
        slr_pairs_free(pairs);
    free(pairs);
    free(path);
    return status;
}
