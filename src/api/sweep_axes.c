/* SPDX-License-Identifier: MIT */
#include "api/sweep_axes.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/json.h"

enum { MAX_FILE = 1 << 20, MAX_VALUES = 1000 };

static void clear_axis(slr_sweep_axis *axis)
{
    for (size_t i = 0; i < axis->count; i++)
        free(axis->values[i]);
    free(axis->values);
    *axis = (slr_sweep_axis){.option = axis->option};
}

void slr_sweep_axes_free(slr_sweep_axes *axes)
{
    for (size_t i = 0; i < axes->count; i++)
        clear_axis(&axes->axes[i]);
    free(axes->axes);
    free(axes->out);
    free(axes->controls);
    *axes = (slr_sweep_axes){0};
}

/* Words that people use for two of the options. */
static const char *option_name(const char *name)
{
    return strcmp(name, "interval") == 0 ? "probe-every" : strcmp(name, "seeds") == 0 ? "seed" : name;
}

/* What a sweep decides by itself. */
static bool is_its_own(const char *name)
{
    static const char *const names[] = {"out", "resume", "dry-run", "prepare", "prepare-with"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* The axis of an option, emptied; *axis NULL when the name is none of `selora train`. */
static selora_status begin_axis(slr_sweep_axes *axes, const char *name, slr_sweep_axis **axis, slr_error *err)
{
    size_t count;
    const selora_option *list = selora_train_option_list(&count), *option = NULL;
    *axis = NULL;
    for (size_t i = 0; i < count && !option; i++)
        option = strcmp(list[i].name, option_name(name)) == 0 ? &list[i] : NULL;
    if (!option)
        return SELORA_OK;
    for (size_t i = 0; i < axes->count; i++)
        if (axes->axes[i].option == option) {
            *axis = &axes->axes[i];
            clear_axis(*axis);
            return SELORA_OK;
        }
    if (!slr_grow((void **)&axes->axes, &axes->capacity, axes->count, sizeof *axes->axes))
        return slr_fail_memory(err, sizeof *axes->axes, "the sweep");
    *axis = &axes->axes[axes->count++];
    **axis = (slr_sweep_axis){.option = option};
    return SELORA_OK;
}

/* Takes `value` over, also on failure. */
static selora_status add_value(slr_sweep_axis *axis, char *value, slr_error *err)
{
    bool full = axis->count == MAX_VALUES, twice = false;
    for (size_t i = 0; value && i < axis->count; i++)
        twice = twice || strcmp(axis->values[i], value) == 0;
    selora_status status = SELORA_OK;
    if (!value || !slr_grow((void **)&axis->values, &axis->capacity, axis->count, sizeof *axis->values))
        status = slr_fail_memory(err, 0, "the sweep");
    else if (full || twice)
        status = slr_fail(err, SELORA_USAGE, "%s: %s%s", axis->option->name, full ? "more than a thousand values" : value,
                          full ? "" : " stands there twice");
    else
        axis->values[axis->count++] = value;
    if (status != SELORA_OK)
        free(value);
    return status;
}

/* "1.05,1.1": values with commas between them. */
static selora_status add_list(slr_sweep_axis *axis, const char *list, slr_error *err)
{
    for (;;) {
        size_t length = strcspn(list, ",");
        SLR_TRY(add_value(axis, slr_copy_text_n(list, length), err));
        if (!list[length])
            return SELORA_OK;
        list += length + 1;
    }
}

static bool is_scalar(const json_t *value)
{
    return json_is_string(value) || json_is_number(value) || json_is_boolean(value);
}

static selora_status read_member(slr_sweep_axes *axes, const char *path, const char *name, const json_t *value,
                                 slr_error *err)
{
    slr_sweep_axis *axis;
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    if (is_its_own(name))
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: a sweep does that by itself; data sets are prepared before it", path, name);
    SLR_TRY(begin_axis(axes, name, &axis, err));
    if (!axis)
        return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: no option of `selora train`; controls and out are known beside them",
                        path, name);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        if (!is_scalar(item))
            return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: expected a value or a list of values", path, name);
        SLR_TRY(add_value(axis, slr_json_plain_text(item), err));
    }
    return count > 0 ? SELORA_OK : slr_fail(err, SELORA_BAD_INPUT, "%s: %s: the list is empty", path, name);
}

static selora_status set_text(char **place, const char *text, slr_error *err)
{
    free(*place);
    *place = slr_copy_text(text);
    return *place ? SELORA_OK : slr_fail_memory(err, 0, "the sweep");
}

/* A text with commas, or a list of texts. */
static selora_status read_controls(slr_sweep_axes *axes, const char *path, const json_t *value, slr_error *err)
{
    SLR_TRY(set_text(&axes->controls, json_is_string(value) ? json_string_value(value) : "", err));
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *word = json_string_value(json_array_get(value, i));
        char *joined = word ? slr_format("%s%s%s", axes->controls, i ? "," : "", word) : NULL;
        if (!joined)
            return slr_fail(err, SELORA_BAD_INPUT, "%s: controls: expected a list of names", path);
        free(axes->controls);
        axes->controls = joined;
    }
    return SELORA_OK;
}

/* run.json of a run counts as well: its "options", less those that a sweep decides. */
static selora_status read_object(slr_sweep_axes *axes, const char *path, json_t *root, slr_error *err)
{
    const char *name;
    json_t *value, *inner = json_object_get(root, "options");
    if (inner) {
        json_object_foreach(inner, name, value)
            if (!json_is_null(value) && !is_its_own(name))
                SLR_TRY(read_member(axes, path, name, value, err));
        if (json_object_get(root, "format"))
            return SELORA_OK; /* the rest of run.json are facts */
    }
    json_object_foreach(root, name, value) {
        if (json_is_null(value) || value == inner)
            continue;
        if (strcmp(name, "controls") == 0)
            SLR_TRY(read_controls(axes, path, value, err));
        else if (strcmp(name, "out") == 0 && json_is_string(value))
            SLR_TRY(set_text(&axes->out, json_string_value(value), err));
        else
            SLR_TRY(read_member(axes, path, name, value, err));
    }
    return SELORA_OK;
}

static selora_status read_file(slr_sweep_axes *axes, const char *path, slr_error *err)
{
    json_t *root;
    SLR_TRY(slr_json_load_file(path, MAX_FILE, &root, err));
    selora_status status = json_is_object(root)
                               ? read_object(axes, path, root, err)
                               : slr_fail(err, SELORA_BAD_INPUT, "%s: expected an object with options of `selora train`", path);
    json_decref(root);
    return status;
}

/* NAME=VALUE[,VALUE...] lines of --set. */
static selora_status read_settings(slr_sweep_axes *axes, const char *lines, slr_error *err)
{
    while (lines && *lines) {
        size_t length = strcspn(lines, "\n"), name_length = strcspn(lines, "=\n");
        slr_sweep_axis *axis = NULL;
        char *name = slr_copy_text_n(lines, name_length), *values = NULL;
        selora_status status = name ? SELORA_OK : slr_fail_memory(err, 0, "the sweep");
        if (status == SELORA_OK && (name_length == length || is_its_own(name)))
            status = slr_fail(err, SELORA_USAGE, "--set: found \"%s\", expected OPTION=VALUE[,VALUE...] of `selora train`", name);
        if (status == SELORA_OK)
            status = begin_axis(axes, name, &axis, err);
        if (status == SELORA_OK && !axis)
            status = slr_fail(err, SELORA_USAGE, "--set %s: no option of `selora train`", name);
        if (status == SELORA_OK) {
            values = slr_copy_text_n(lines + name_length + 1, length - name_length - 1);
            status = values ? add_list(axis, values, err) : slr_fail_memory(err, 0, "the sweep");
        }
        free(values);
        free(name);
        SLR_TRY(status);
        lines += length + (lines[length] == '\n');
    }
    return SELORA_OK;
}

static selora_status read_all(slr_sweep_axes *axes, const selora_sweep_options *o, slr_error *err)
{
    const struct {
        const char *name, *list;
        bool whole; /* a path: commas are part of it */
    } given[] = {{"model", o->model, true}, {"data", o->data, true}, {"method", o->method, false},
                 {"lambda", o->lambda, false}, {"probe-every", o->interval, false}, {"lr", o->lr, false},
                 {"steps", o->steps, false}, {"seed", o->seeds, false}};
    if (o->file)
        SLR_TRY(read_file(axes, o->file, err));
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        slr_sweep_axis *axis;
        if (!given[i].list)
            continue;
        SLR_TRY(begin_axis(axes, given[i].name, &axis, err));
        SLR_TRY(given[i].whole ? add_value(axis, slr_copy_text(given[i].list), err) : add_list(axis, given[i].list, err));
    }
    SLR_TRY(read_settings(axes, o->set, err));
    if (o->out)
        SLR_TRY(set_text(&axes->out, o->out, err));
    return o->controls ? set_text(&axes->controls, o->controls, err) : SELORA_OK;
}

selora_status slr_sweep_axes_read(slr_sweep_axes *axes, const selora_sweep_options *options, slr_error *err)
{
    *axes = (slr_sweep_axes){0};
    selora_status status = read_all(axes, options, err);
    if (status == SELORA_OK && (!axes->out || !axes->out[0]))
        status = slr_fail(err, SELORA_USAGE, "--out DIR is missing: the folder of the runs and their comparison");
    if (status != SELORA_OK)
        slr_sweep_axes_free(axes);
    return status;
}
