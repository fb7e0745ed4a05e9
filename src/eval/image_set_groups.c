/* SPDX-License-Identifier: MIT
 * Who and what the pictures of an image set show, and how their greys were made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "eval/image_set_build.h"
#include "io/json.h"

enum { MANIFEST_LIMIT = 1 << 26 };

/* ---- groups ---- */

typedef struct named {
    const char *text;
    size_t index;
} named;

static int by_text(const void *a, const void *b)
{
    const named *left = a, *right = b;
    int order = strcmp(left->text, right->text);
    return order ? order : (left->index > right->index) - (left->index < right->index);
}

/* Numbers texts by their first occurrence; an empty one gets a number of its own, or -1. */
static size_t number(const char **texts, size_t count, bool own, named *list, int32_t *ids)
{
    size_t next = 0, first = 0;
    for (size_t i = 0; i < count; i++)
        list[i] = (named){texts[i], i};
    qsort(list, count, sizeof *list, by_text);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !*list[i].text || strcmp(list[i].text, list[i - 1].text) != 0)
            first = list[i].index;
        ids[list[i].index] = (int32_t)first;
    }
    /* In order of the pictures; that of the first picture of a text is there before the others ask for it. */
    for (size_t i = 0; i < count; i++) {
        bool absent = !own && !*texts[i], opens = !absent && ids[i] == (int32_t)i;
        ids[i] = absent ? -1 : opens ? (int32_t)next : ids[ids[i]];
        next += opens;
    }
    return next;
}

/* The column that tells patients where nobody named one; NULL for none. */
static const char *usual_column(const slr_dataset *data)
{
    static const char *const names[] = {"patient_id", "patient", "group"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (slr_dataset_has_column(data, names[i]))
            return names[i];
    return NULL;
}

const char *slr_image_set_patient(const slr_image_set *set, size_t index)
{
    return set->by_split        ? slr_dataset_item(set->data, set->sources[index])->group
           : set->patient_column ? slr_dataset_cell(set->data, set->sources[index], set->patient_column)
                                 : "";
}

static selora_status take_patients(slr_image_set *set, const char *column, const char **texts, slr_error *err)
{
    set->by_split = !column && set->data && slr_dataset_side_source(set->data) >= SLR_SIDES_BY_PATIENT;
    if (!column && set->data && !set->by_split)
        column = usual_column(set->data);
    if (column && set->data && !(set->patient_column = slr_copy_text(column)))
        return slr_fail_memory(err, 0, "the column of patients");
    set->patients = column || (set->by_split && slr_dataset_side_source(set->data) == SLR_SIDES_BY_PATIENT);
    for (size_t i = 0; i < set->count; i++)
        texts[i] = slr_image_set_patient(set, i);
    return SELORA_OK;
}

selora_status slr_image_set_group(slr_image_set *set, const char *column, slr_error *err)
{
    const char **texts = slr_alloc(set->count, sizeof *texts);
    named *list = slr_alloc(set->count, sizeof *list);
    int32_t *ids = slr_alloc(set->count, sizeof *ids);
    selora_status status = texts && list && ids
                               ? SELORA_OK
                               : slr_fail_memory(err, set->count * sizeof *list, "the groups of pictures");
    if (status == SELORA_OK) {
        for (size_t i = 0; i < set->count; i++)
            texts[i] = set->items[i].prompt;
        set->prompts = number(texts, set->count, false, list, ids);
        for (size_t i = 0; i < set->count; i++)
            set->items[i].prompt_id = ids[i];
        if (!set->synthetic || column)
            status = take_patients(set, column, texts, err);
    }
    if (status == SELORA_OK) {
        set->groups = number(texts, set->count, true, list, ids);
        for (size_t i = 0; i < set->count; i++)
            set->items[i].group = ids[i];
    }
    free(texts);
    free(list);
    free(ids);
    return status;
}

/* ---- windows ---- */

static const char *setting(const json_t *settings, const char *key, const char *absent)
{
    const char *text = json_string_value(json_object_get(settings, key));
    return text && *text ? text : absent;
}

/* What manifest.json says about greys; *rule stays NULL where it is not of a prepared set. */
static selora_status read_rule(const char *folder, char **rule, slr_error *err)
{
    json_t *root = NULL;
    char *path = slr_format("%s/manifest.json", folder);
    selora_status status =
        path ? slr_json_load_file(path, MANIFEST_LIMIT, &root, err) : slr_fail_memory(err, 0, "a path");
    free(path);
    SLR_TRY(status);
    const json_t *settings = json_object_get(root, "settings");
    if (json_is_object(settings)) {
        *rule = slr_format("window %s, else %s, padding %s", setting(settings, "window", "of each file"),
                           setting(settings, "no-voi", "percentile"), setting(settings, "padding", "black"));
        status = *rule ? SELORA_OK : slr_fail_memory(err, 0, "the rule of the windows");
    }
    json_decref(root);
    return status;
}

/* "lut 61, window 79": in the order of their first picture. */
static selora_status count_windows(const slr_image_set *set, char **text, slr_error *err)
{
    enum { KINDS = 16 };
    const char *kinds[KINDS];
    size_t counts[KINDS] = {0}, found = 0, length = 0;
    char list[1024] = "";
    for (size_t i = 0; i < set->count; i++) {
        const char *voi = slr_image_set_cell(set, i, "voi");
        size_t k = 0;
        while (k < found && strcmp(kinds[k], voi) != 0)
            k++;
        if (!*voi || k == KINDS)
            continue;
        kinds[k] = voi;
        found += k == found;
        counts[k]++;
    }
    for (size_t k = 0; k < found; k++)
        length += (size_t)snprintf(list + length, sizeof list - length, "%s%.40s %zu", k ? ", " : "",
                                   kinds[k], counts[k]);
    *text = slr_copy_text(list);
    return *text ? SELORA_OK : slr_fail_memory(err, sizeof list, "the counts of windows");
}

selora_status slr_image_set_read_windows(slr_image_set *set, slr_error *err)
{
    bool prepared = set->data && slr_dataset_has_column(set->data, "voi");
    if (prepared) {
        slr_error unread = {0}; /* a set without its manifest is judged all the same; its rule is unknown */
        selora_status status = read_rule(set->folder, &set->window_rule, &unread);
        if (status == SELORA_NO_RESOURCE)
            return slr_fail(err, status, "%s", unread.message);
        for (size_t i = 0; i < set->count; i++)
            set->items[i].source_lossy = strcmp(slr_image_set_cell(set, i, "lossy"), "yes") == 0;
    }
    if (!set->window_rule && !(set->window_rule = slr_copy_text("")))
        return slr_fail_memory(err, 1, "the rule of the windows");
    return count_windows(set, &set->window_counts, err);
}
