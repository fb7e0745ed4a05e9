/* SPDX-License-Identifier: MIT
 * Options from text and from JSON files; the lists themselves are in option_lists.c. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "core/memory.h"
#include "io/json.h"

enum { OPTION_FILE_LIMIT = 1 << 20 };

static const selora_option *find_option(const selora_option *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    return NULL;
}

static bool is_choice(const char *values, const char *text)
{
    size_t length = strlen(text);
    for (const char *at = values; length > 0; at++) {
        size_t word = strcspn(at, "|");
        if (word == length && strncmp(at, text, word) == 0)
            return true;
        at += word;
        if (!*at)
            break;
    }
    return false;
}

static selora_status set_integer(const selora_option *option, void *place, const char *text, slr_error *err)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || (double)value < option->low || (double)value > option->high)
        return slr_fail(err, SELORA_USAGE, "--%s: found \"%s\", expected a whole number from %.0f to %.0f",
                        option->name, text, option->low, option->high);
    *(int64_t *)place = value;
    return SELORA_OK;
}

static selora_status set_number(const selora_option *option, void *place, const char *text, slr_error *err)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || isnan(value) || value < option->low || value > option->high)
        return slr_fail(err, SELORA_USAGE, "--%s: found \"%s\", expected a number from %g to %g", option->name,
                        text, option->low, option->high);
    *(double *)place = value;
    return SELORA_OK;
}

static selora_status set_seed(const selora_option *option, void *place, const char *text, slr_error *err)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || end == text || *end || strchr(text, '-'))
        return slr_fail(err, SELORA_USAGE, "--%s: found \"%s\", expected a whole number from 0 to 2^64-1",
                        option->name, text);
    *(uint64_t *)place = value;
    return SELORA_OK;
}

static selora_status set_flag(const selora_option *option, void *place, const char *text, slr_error *err)
{
    bool on = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    if (!on && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
        return slr_fail(err, SELORA_USAGE, "--%s: found \"%s\", expected true or false", option->name, text);
    *(int *)place = on;
    return SELORA_OK;
}

static selora_status set_option(const selora_option *option, void *options, const char *text, slr_error *err)
{
    void *place = (char *)options + option->offset;
    switch (option->kind) {
    case SELORA_OPTION_INT: return set_integer(option, place, text, err);
    case SELORA_OPTION_NUMBER: return set_number(option, place, text, err);
    case SELORA_OPTION_SEED: return set_seed(option, place, text, err);
    case SELORA_OPTION_FLAG: return set_flag(option, place, text, err);
    case SELORA_OPTION_CHOICE:
        if (!is_choice(option->values, text))
            return slr_fail(err, SELORA_USAGE, "--%s: found \"%s\", expected one of %s", option->name, text,
                            option->values);
        break;
    case SELORA_OPTION_TEXT:
    case SELORA_OPTION_TEXTS:
        if (!*text && strcmp(option->values, "TEXT") != 0)
            return slr_fail(err, SELORA_USAGE, "--%s: nothing is given, expected %s", option->name, option->values);
        break;
    }
    *(const char **)place = text;
    return SELORA_OK;
}

/* A text that lives as long as the context. */
static const char *keep_text(selora_context *context, char *text)
{
    if (!text || !slr_grow((void **)&context->texts, &context->text_capacity, context->text_count,
                           sizeof *context->texts)) {
        free(text);
        return NULL;
    }
    context->texts[context->text_count++] = text;
    return text;
}

selora_status selora_option_set(selora_context *context, const selora_option *list, size_t count, void *options,
                                const char *name, const char *text)
{
    slr_error *err = slr_context_begin(context);
    const selora_option *option = find_option(list, count, name);
    if (!option)
        return slr_fail(err, SELORA_USAGE, "--%s: no such option; --help lists them", name);
    const char **place = (const char **)(void *)((char *)options + option->offset);
    if (option->kind == SELORA_OPTION_TEXTS && *place) {
        text = keep_text(context, slr_format("%s\n%s", *place, text));
        if (!text)
            return slr_fail_memory(err, 0, name);
    }
    return set_option(option, options, text, err);
}

static char *json_option_text(const json_t *value)
{
    if (json_is_array(value) || json_is_object(value))
        return slr_copy_text("(not a text or number)");
    /* "2", not "2.0": whole numbers may be written so; and with the decimal sign that strtod() wants */
    return json_is_real(value) ? slr_format("%.17g", json_real_value(value)) : slr_json_plain_text(value);
}

static selora_status load_members(selora_context *context, const selora_option *list, size_t count,
                                  void *options, const char *path, json_t *object, slr_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        const selora_option *option = find_option(list, count, name);
        if (!option)
            return slr_fail(err, SELORA_BAD_INPUT, "%s: %s: no such option; --help lists them", path, name);
        if (json_is_null(value))
            continue;
        const char *text = keep_text(context, json_option_text(value));
        if (!text)
            return slr_fail_memory(err, 0, "the options");
        if (set_option(option, options, text, err) != SELORA_OK) {
            err->status = SELORA_BAD_INPUT;
            return slr_fail_within(err, "%s", path);
        }
    }
    return SELORA_OK;
}

selora_status selora_options_load(selora_context *context, const selora_option *list, size_t count, void *options,
                                  const char *path)
{
    slr_error *err = slr_context_begin(context);
    json_t *root;
    SLR_TRY(slr_json_load_file(path, OPTION_FILE_LIMIT, &root, err));
    json_t *object = json_object_get(root, "options");
    if (!object)
        object = root;
    selora_status status = json_is_object(object)
                               ? load_members(context, list, count, options, path, object, err)
                               : slr_fail(err, SELORA_BAD_INPUT, "%s: expected an object with options", path);
    json_decref(root);
    return status;
}

selora_status selora_options_check(selora_context *context, const selora_option *list, size_t count,
                                   const void *options)
{
    slr_error *err = slr_context_begin(context);
    for (size_t i = 0; i < count; i++) {
        const char *const *place = (const char *const *)(const void *)((const char *)options + list[i].offset);
        if (list[i].required && !*place)
            return slr_fail(err, SELORA_USAGE, "--%s %s is missing; --help shows an example", list[i].name,
                            list[i].values);
    }
    return SELORA_OK;
}

selora_status slr_options_check_ranges(const selora_option *list, size_t count, const void *options, const void *defaults,
                                       slr_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const void *place = (const char *)options + list[i].offset, *normal = (const char *)defaults + list[i].offset;
        bool is_number = list[i].kind == SELORA_OPTION_NUMBER;
        if (!is_number && list[i].kind != SELORA_OPTION_INT)
            continue;
        double value = is_number ? *(const double *)place : (double)*(const int64_t *)place;
        bool not_given = is_number && isnan(value) && isnan(*(const double *)normal);
        if (!(value >= list[i].low && value <= list[i].high) && !not_given)
            return slr_fail(err, SELORA_USAGE, "--%s: found %.10g, expected %.10g to %.10g", list[i].name, value, list[i].low,
                            list[i].high);
    }
    return SELORA_OK;
}
