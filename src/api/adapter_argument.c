/* SPDX-License-Identifier: MIT */
#include "api/adapter_argument.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters/adapter_file.h"
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
    for (int i = 0; status == SELORA_OK && i < slr_adapter_set_count(*set); i++)
        if (slr_adapter_set_at(*set, i)->kernel > 1)
            status = slr_fail(err, SELORA_BAD_INPUT, "%s: %s: adapters of convolutions larger than 1x1 are not drawn with; "
                              "selora_adapter_merge() puts them into the weights", path, slr_adapter_set_at(*set, i)->path);
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

selora_status slr_adapter_argument_load(const char *argument, const slr_model *model, bool strict,
                                        const slr_hooks *hooks, slr_adapter_set **set, char **path, double *strength,
                                        slr_error *err)
{
    *set = NULL;
    *path = NULL;
    *strength = 1;
    if (!argument)
        return SELORA_OK;
    *path = slr_copy_text(argument);
    if (!*path)
        return slr_fail_memory(err, strlen(argument), "a path");
    *strength = cut_strength(*path);
    selora_status status = slr_adapter_open(*path, model, *strength, strict, hooks, set, err);
    if (status != SELORA_OK) {
        free(*path);
        *path = NULL;
    }
    return status;
}
