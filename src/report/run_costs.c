/* SPDX-License-Identifier: MIT */
#include "report/run_costs.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "io/json.h"

enum { MAX_JSON = 1 << 16 };
static const char format_name[] = "selora-costs/1";

/* A number of the file. */
typedef struct place {
    const char *group, *key;
    size_t offset;
    bool newest; /* not a sum over processes: the newest that is not 0 */
} place;

#define SECONDS(key, member) {"seconds", key, offsetof(slr_run_costs, member), false}
#define MACS(key, member) {"macs", key, offsetof(slr_run_costs, steps.work.macs.member), true}
#define PROBED(key, member) {"macs_with_probe", key, offsetof(slr_run_costs, steps.probed.member), true}
static const place places[] = {
    SECONDS("steps", steps.all), SECONDS("forward", steps.work.forward), SECONDS("recompute", steps.work.recompute),
    SECONDS("backward", steps.work.backward), SECONDS("adapter", steps.work.adapter), SECONDS("probe", steps.method),
    SECONDS("opening", opening), SECONDS("validation", validating), SECONDS("saving", saving),
    MACS("forward", forward), MACS("recompute", recompute), MACS("backward", backward), MACS("adapter", adapter),
    PROBED("forward", forward), PROBED("recompute", recompute), PROBED("backward", backward), PROBED("adapter", adapter),
    PROBED("probe", probe),
};
enum { PLACES = sizeof places / sizeof *places };

static double *number_at(const slr_run_costs *costs, const place *p)
{
    return (double *)(uintptr_t)((const char *)costs + p->offset);
}

static selora_status read_all(const json_t *root, const char *path, slr_run_costs *costs, slr_error *err)
{
    const json_t *memory = json_object_get(root, "memory");
    const char *format, *machine = "";
    SLR_TRY(slr_json_string_required(root, path, "format", &format, err));
    if (strcmp(format, format_name) != 0)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: not the costs of a run: expected the format %s", path, format_name);
    SLR_TRY(slr_json_string(root, path, "machine", &machine, err));
    snprintf(costs->machine, sizeof costs->machine, "%s", machine);
    SLR_TRY(slr_json_int(root, path, "processes", 0, INT32_MAX, &costs->processes, err));
    SLR_TRY(slr_json_int(root, path, "steps", 0, INT64_MAX / 2, &costs->steps.steps, err));
    SLR_TRY(slr_json_double(memory, path, "planned_bytes", 0, 1e18, &costs->planned_bytes, err));
    SLR_TRY(slr_json_double(memory, path, "peak_bytes", 0, 1e18, &costs->peak_bytes, err));
    for (int i = 0; i < PLACES; i++)
        SLR_TRY(slr_json_double(json_object_get(root, places[i].group), path, places[i].key, 0, 1e24,
                                number_at(costs, &places[i]), err));
    return SELORA_OK;
}

selora_status slr_run_costs_load(const char *folder, slr_run_costs *costs, slr_error *err)
{
    json_t *root = NULL;
    char *path = slr_format("%s/costs.json", folder);
    *costs = (slr_run_costs){0};
    if (!path)
        return slr_fail_memory(err, 0, folder);
    selora_status status = SELORA_OK;
    if (access(path, F_OK) == 0)
        status = slr_json_load_file(path, MAX_JSON, &root, err);
    if (status == SELORA_OK && root)
        status = read_all(root, path, costs, err);
    json_decref(root);
    free(path);
    return status;
}

static slr_run_costs add(const slr_run_costs *before, const slr_run_costs *now)
{
    slr_run_costs sum = *now;
    for (int i = 0; i < PLACES; i++) {
        double earlier = *number_at(before, &places[i]), *value = number_at(&sum, &places[i]);
        *value = !places[i].newest ? earlier + *value : *value > 0 ? *value : earlier;
    }
    sum.steps.steps += before->steps.steps;
    sum.processes += before->processes;
    sum.planned_bytes = fmax(sum.planned_bytes, before->planned_bytes);
    sum.peak_bytes = fmax(sum.peak_bytes, before->peak_bytes);
    return sum;
}

selora_status slr_run_costs_save(const char *folder, const slr_run_costs *before, const slr_run_costs *now, slr_error *err)
{
    slr_run_costs sum = add(before, now);
    char *path = slr_format("%s/costs.json", folder);
    if (!path)
        return slr_fail_memory(err, 0, folder);
    json_t *root = json_object(), *memory = json_object();
    json_object_set_new(root, "format", json_string(format_name));
    json_object_set_new(root, "machine", json_string(sum.machine));
    json_object_set_new(root, "processes", json_integer(sum.processes));
    json_object_set_new(root, "steps", json_integer(sum.steps.steps));
    slr_json_put_count(memory, "planned_bytes", sum.planned_bytes);
    slr_json_put_count(memory, "peak_bytes", sum.peak_bytes);
    json_object_set_new(root, "memory", memory);
    for (int i = 0; i < PLACES; i++) {
        if (!json_object_get(root, places[i].group))
            json_object_set_new(root, places[i].group, json_object());
        json_object_set_new(json_object_get(root, places[i].group), places[i].key, json_real(*number_at(&sum, &places[i])));
    }
    selora_status status = slr_json_save_file(root, path, err);
    json_decref(root);
    free(path);
    return status;
}
