/* SPDX-License-Identifier: MIT */
#include "api/sweep_plan.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/checksum.h"
#include "io/json.h"
#include "report/run_file.h"

enum { MAX_RUNS = 10000, MAX_NAME = 160, CONTROLS = SLR_CONTROL_UNIFORM + 1 };

static const char *const control_names[CONTROLS] = {"", "static", "random", "uniform"};

/* Options that plain LoRA does not look at. */
static const char *const growth_options[] = {"lambda", "probe-every", "expand-until", "probe-rows", "probe-window", "probe-z",
                                             "fisher", "normalise", "mu", "probe-norm", "warm-v", "probe-pass", "probe-init",
                                             "adopt", "opt-on-expand", "rank-max"};

const char *slr_sweep_control_name(slr_sweep_control control)
{
    return control_names[control];
}

void slr_sweep_plan_free(slr_sweep_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        free(plan->runs[i].name);
        free(plan->runs[i].arm);
        free(plan->runs[i].folder);
        free(plan->runs[i].pattern);
        json_decref(plan->runs[i].varied);
    }
    free(plan->runs);
    slr_sweep_axes_free(&plan->axes);
    *plan = (slr_sweep_plan){0};
}

static bool is_plain(const selora_train_options *o)
{
    return o->method && strcmp(o->method, "lora") == 0;
}

static bool grows(const char *option)
{
    for (size_t i = 0; i < sizeof growth_options / sizeof *growth_options; i++)
        if (strcmp(option, growth_options[i]) == 0)
            return true;
    return false;
}

/* Every option of growth as it is without one, so that equal runs of plain LoRA are equal. */
static void forget_growth(selora_train_options *o)
{
    const selora_train_options d = selora_train_defaults();
    o->lambda = d.lambda;
    o->probe_every = d.probe_every;
    o->expand_until = d.expand_until;
    o->probe_rows = d.probe_rows;
    o->probe_window = d.probe_window;
    o->probe_z = d.probe_z;
    o->fisher = d.fisher;
    o->normalise = d.normalise;
    o->mu = d.mu;
    o->probe_norm = d.probe_norm;
    o->warm_v = d.warm_v;
    o->probe_pass = d.probe_pass;
    o->probe_init = d.probe_init;
    o->adopt = d.adopt;
    o->opt_on_expand = d.opt_on_expand;
    o->rank_max = d.rank_max;
}

/* Adds "_option-value" to a name, in letters that every file system takes: one number has one name, however it was written. */
static void add_part(char name[MAX_NAME + 64], const char *option, const json_t *value)
{
    size_t at = strlen(name);
    char *text = slr_json_plain_text(value);
    int length = text ? (int)strlen(text) : 0;
    if (json_is_real(value) && length > 2 && strncmp(text + length - 2, ".0", 2) == 0)
        length -= 2;
    snprintf(name + at, MAX_NAME + 64 - at, "%s%s-%.*s", at ? "_" : "", option, length, text ? text : "");
    free(text);
    for (; name[at]; at++)
        if (!isalnum((unsigned char)name[at]) && !strchr("._+-", name[at]))
            name[at] = '-';
}

/* Names that are too long, and may be cut, are told apart by a sum of all that varies but the seed. */
static selora_status shorten(char name[MAX_NAME + 64], const json_t *varied, slr_error *err)
{
    char hex[SLR_SHA256_HEX];
    if (strlen(name) <= MAX_NAME)
        return SELORA_OK;
    json_t *of_arm = json_copy((json_t *)(uintptr_t)varied);
    json_object_del(of_arm, "seed");
    char *text = slr_json_text(of_arm, 0);
    selora_status status = text ? slr_sha256_memory(text, strlen(text), hex, err) : slr_fail_memory(err, 0, "the sweep");
    if (status == SELORA_OK)
        snprintf(name + MAX_NAME - 17, 18, "-%.16s", hex);
    free(text);
    json_decref(of_arm);
    return status;
}

static slr_sweep_run *find(const slr_sweep_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(plan->runs[i].name, name) == 0)
            return &plan->runs[i];
    return NULL;
}

/* The new run takes `varied` over, also on failure. */
static selora_status add_run(slr_sweep_plan *plan, const char *out, const char *arm, const char *name, json_t *varied,
                             slr_sweep_run **run, slr_error *err)
{
    *run = NULL;
    bool room = plan->count < MAX_RUNS && slr_grow((void **)&plan->runs, &plan->capacity, plan->count, sizeof *plan->runs);
    if (!room) {
        json_decref(varied);
        return plan->count < MAX_RUNS ? slr_fail_memory(err, 0, "the sweep")
                                      : slr_fail(err, SELORA_USAGE, "the sweep has more than %d runs", MAX_RUNS);
    }
    *run = &plan->runs[plan->count++];
    **run = (slr_sweep_run){.name = slr_copy_text(name), .arm = slr_copy_text(arm), .folder = slr_format("%s/%s", out, name),
                            .varied = varied};
    bool whole = (*run)->name && (*run)->arm && (*run)->folder && varied;
    return whole ? SELORA_OK : slr_fail_memory(err, 0, "the sweep");
}

/* One combination of values: place[i] is which value axis i has. */
static selora_status add_combination(slr_sweep_plan *plan, selora_context *context, const slr_sweep_axes *axes,
                                     const size_t *place, slr_error *err)
{
    size_t count;
    const selora_option *list = selora_train_option_list(&count);
    selora_train_options options = selora_train_defaults();
    char arm[MAX_NAME + 64] = "", name[MAX_NAME + 64];
    slr_sweep_run *run;
    for (size_t i = 0; i < axes->count; i++)
        SLR_TRY(selora_option_set(context, list, count, &options, axes->axes[i].option->name, axes->axes[i].values[place[i]]));
    bool plain = is_plain(&options);
    json_t *varied = json_object();
    if (plain)
        forget_growth(&options);
    for (size_t i = 0; i < axes->count; i++) {
        const char *option = axes->axes[i].option->name;
        if (axes->axes[i].count < 2 || (plain && grows(option)))
            continue;
        json_object_set_new(varied, option, slr_option_json(axes->axes[i].option, &options));
        if (strcmp(option, "seed") != 0)
            add_part(arm, option, json_object_get(varied, option));
    }
    if (!arm[0])
        snprintf(arm, sizeof arm, "run");
    selora_status status = shorten(arm, varied, err);
    if (status != SELORA_OK) {
        json_decref(varied);
        return status;
    }
    snprintf(name, sizeof name, "%s", arm);
    if (json_object_get(varied, "seed"))
        add_part(name, "seed", json_object_get(varied, "seed"));
    if (find(plan, name)) { /* of plain LoRA, with another lambda */
        json_decref(varied);
        return SELORA_OK;
    }
    SLR_TRY(add_run(plan, axes->out, arm, name, varied, &run, err));
    run->options = options;
    run->options.out = run->folder;
    return SELORA_OK;
}

/* The place of the axis that turns slowest. */
static size_t seed_axis(const slr_sweep_axes *axes)
{
    for (size_t i = 0; i < axes->count; i++)
        if (strcmp(axes->axes[i].option->name, "seed") == 0)
            return i;
    return axes->count;
}

/* Turns the places like a counter, the last axis fastest, the seed slowest; false after the last. */
static bool next_places(const slr_sweep_axes *axes, size_t *place)
{
    size_t slow = seed_axis(axes);
    for (size_t i = axes->count; i-- > 0;) {
        if (i != slow && ++place[i] < axes->axes[i].count)
            return true;
        if (i != slow)
            place[i] = 0;
    }
    return slow < axes->count && ++place[slow] < axes->axes[slow].count;
}

static selora_status read_controls(const char *list, bool wanted[CONTROLS], slr_error *err)
{
    memset(wanted, 0, CONTROLS * sizeof *wanted);
    while (list && *list) {
        size_t length = strcspn(list, ",");
        int found = 0;
        for (int c = 1; c < CONTROLS; c++)
            if (strlen(control_names[c]) == length && strncmp(list, control_names[c], length) == 0)
                found = c;
        if (!found && !(length == 4 && strncmp(list, "none", 4) == 0))
            return slr_fail(err, SELORA_USAGE, "controls: found \"%.*s\", expected static, random, uniform or none", (int)length,
                            list);
        wanted[found] = true;
        list += length + (list[length] == ',');
    }
    return SELORA_OK;
}

static selora_status add_control(slr_sweep_plan *plan, const char *out, size_t parent, slr_sweep_control control,
                                 slr_error *err)
{
    slr_sweep_run *run;
    const selora_train_options options = plan->runs[parent].options;
    char *name = slr_format("%s_%s", plan->runs[parent].name, control_names[control]);
    char *arm = slr_format("%s_%s", plan->runs[parent].arm, control_names[control]);
    json_t *varied = json_copy(plan->runs[parent].varied);
    selora_status status = name && arm ? add_run(plan, out, arm, name, varied, &run, err) : slr_fail_memory(err, 0, "the sweep");
    if (status == SELORA_OK) {
        run->control = control;
        run->parent = parent;
        run->pattern = slr_format("%s/patterns/%s.json", out, name);
        run->options = options;
        forget_growth(&run->options);
        run->options.method = "lora";
        run->options.out = run->folder;
        run->options.rank_pattern = run->pattern;
        status = run->pattern ? SELORA_OK : slr_fail_memory(err, 0, "the sweep");
    }
    free(name);
    free(arm);
    return status;
}

static selora_status add_all(slr_sweep_plan *plan, selora_context *context, const slr_sweep_axes *axes, slr_error *err)
{
    bool controls[CONTROLS];
    size_t *place = slr_alloc(axes->count + 1, sizeof *place);
    if (!place)
        return slr_fail_memory(err, axes->count, "the sweep");
    selora_status status = read_controls(axes->controls, controls, err);
    do {
        size_t parent = plan->count;
        if (status == SELORA_OK)
            status = add_combination(plan, context, axes, place, err);
        for (int c = 1; c < CONTROLS && status == SELORA_OK; c++) {
            if (!controls[c] || parent == plan->count || is_plain(&plan->runs[parent].options))
                continue;
            status = plan->runs[parent].options.init_adapter
                         ? slr_fail(err, SELORA_USAGE, "controls: they begin at nothing, so they cannot stand beside runs with "
                                    "init-adapter")
                         : add_control(plan, axes->out, parent, (slr_sweep_control)c, err);
        }
    } while (status == SELORA_OK && next_places(axes, place));
    free(place);
    return status;
}

/* What the runs' options point to is the axes' and so the plan's. */
selora_status slr_sweep_plan_make(slr_sweep_plan *plan, selora_context *context, const selora_sweep_options *options,
                                  slr_error *err)
{
    size_t count;
    const selora_option *list = selora_train_option_list(&count);
    *plan = (slr_sweep_plan){0};
    selora_status status = slr_sweep_axes_read(&plan->axes, options, err);
    if (status == SELORA_OK)
        status = add_all(plan, context, &plan->axes, err);
    for (size_t i = 0; status == SELORA_OK && i < plan->count; i++)
        status = selora_options_check(context, list, count, &plan->runs[i].options);
    if (status != SELORA_OK)
        slr_sweep_plan_free(plan);
    return status;
}
