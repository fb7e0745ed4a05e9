/* SPDX-License-Identifier: MIT */
#include "api/adapter_argument.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters/adapter_file.h"
#include "adapters/adapter_join.h"
#include "api/adapter_export.h"
#include "core/memory.h"

selora_status slr_adapter_open(const char *path, const slr_model *model, double strength, bool strict,
                               const slr_hooks *hooks, slr_adapter_set **set, slr_error *err)
{
    *set = NULL;
    if (!isfinite(strength))
        return slr_fail(err, SELORA_USAGE, "%s: the strength of an adapter must be a finite number", path);
    slr_graph *graph = slr_model_record(model, false);
    if (!graph)
        return slr_fail_memory(err, 0, "the model's graph");
    slr_problems left_over = {0};
    selora_status status = slr_adapter_file_load(path, graph, strict ? NULL : &left_over, set, err);
    slr_graph_free(graph);
    if (status == SELORA_OK)
        status = slr_left_over_tell(&left_over, path, strict, hooks, err);
    if (status == SELORA_OK) {
        slr_adapter_set_strength(*set, NULL, strength);
    } else {
        slr_adapter_set_free(*set);
        *set = NULL;
    }
    return status;
}

/* Cuts a trailing ":number" off, unless a file of the whole name exists. */
static double cut_strength(char *path)
{
    char *colon = strrchr(path, ':'), *end;
    if (!colon || !colon[1] || access(path, F_OK) == 0)
        return 1;
    double strength = strtod(colon + 1, &end);
    if (*end)
        return 1;
    *colon = 0;
    return strength;
}

static selora_status load_one(const char *text, size_t length, const slr_model *model, bool strict,
                              const slr_hooks *hooks, slr_chosen_adapters *chosen, slr_adapter_set **set,
                              slr_error *err)
{
    char *path = chosen->paths[chosen->count] = slr_copy_text_n(text, length);
    if (!path)
        return slr_fail_memory(err, length, "a path");
    double strength = chosen->strengths[chosen->count++] = cut_strength(path);
    return slr_adapter_open(path, model, strength, strict, hooks, set, err);
}

selora_status slr_chosen_adapters_load(const char *argument, const slr_model *model, bool strict,
                                       const slr_hooks *hooks, slr_chosen_adapters *chosen, slr_error *err)
{
    *chosen = (slr_chosen_adapters){0};
    while (argument && *argument) {
        size_t length = strcspn(argument, "\n");
        if (chosen->count == SLR_MOST_ADAPTERS)
            return slr_fail(err, SELORA_USAGE, "--adapter: more than %d", SLR_MOST_ADAPTERS);
        SLR_TRY(load_one(argument, length, model, strict, hooks, chosen, &chosen->sets[chosen->count], err));
        argument += length + (argument[length] == '\n');
    }
    return SELORA_OK;
}

static void free_sets(slr_chosen_adapters *chosen)
{
    for (int i = 0; i < chosen->count; i++) {
        slr_adapter_set_free(chosen->sets[i]);
        chosen->sets[i] = NULL;
    }
}

selora_status slr_chosen_adapters_join(slr_chosen_adapters *chosen, slr_error *err)
{
    if (chosen->count > 1)
        SLR_TRY(slr_adapter_sets_join(chosen->sets, chosen->count, &chosen->set, err));
    if (chosen->count == 1) {
        chosen->set = chosen->sets[0];
        chosen->sets[0] = NULL;
    }
    free_sets(chosen);
    return SELORA_OK;
}

void slr_chosen_adapters_free(slr_chosen_adapters *chosen)
{
    for (int i = 0; i < chosen->count; i++)
        free(chosen->paths[i]);
    free_sets(chosen);
    slr_adapter_set_free(chosen->set);
    *chosen = (slr_chosen_adapters){0};
}

selora_status slr_chosen_adapters_hash(const slr_chosen_adapters *chosen, char hex[SLR_SHA256_HEX], slr_error *err)
{
    char all[SLR_MOST_ADAPTERS * SLR_SHA256_HEX] = "";
    hex[0] = 0;
    for (int i = 0; i < chosen->count; i++) {
        SLR_TRY(slr_adapter_hash(chosen->paths[i], hex, err));
        strcat(all, hex);
    }
    return chosen->count > 1 ? slr_sha256_memory(all, strlen(all), hex, err) : SELORA_OK;
}
