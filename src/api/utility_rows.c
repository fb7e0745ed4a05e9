/* SPDX-License-Identifier: MIT */
#include "api/utility_rows.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/memory.h"

enum { UNKNOWN = 2 };

/* ---- which labels ---- */

static selora_status read_label(const char *text, size_t length, slr_utility_label *label, slr_error *err)
{
    label->name = slr_copy_text_n(text, length);
    if (!label->name)
        return slr_fail_memory(err, length, "a label");
    const char *equals = strchr(label->name, '=');
    if (strncmp(label->name, "term:", 5) == 0) {
        label->value = slr_copy_text(label->name + 5);
        for (char *at = label->value; at && *at; at++)
            *at = (char)tolower((unsigned char)*at);
        if (label->value && !label->value[0])
            return slr_fail(err, SELORA_USAGE, "--label term: expected words after the colon");
        return label->value ? SELORA_OK : slr_fail_memory(err, length, "a label");
    }
    label->column = slr_copy_text_n(label->name, equals ? (size_t)(equals - label->name) : length);
    label->value = equals ? slr_copy_text(equals + 1) : NULL;
    return label->column && (!equals || label->value) ? SELORA_OK : slr_fail_memory(err, length, "a label");
}

selora_status slr_utility_labels_read(const char *list, slr_utility_labels *labels, slr_error *err)
{
    *labels = (slr_utility_labels){0};
    while (list && *list) {
        size_t length = strcspn(list, "\n");
        if (labels->count == SLR_UTILITY_LABELS)
            return slr_fail(err, SELORA_USAGE, "--label: more than %d", SLR_UTILITY_LABELS);
        SLR_TRY(read_label(list, length, &labels->items[labels->count++], err));
        list += length + (list[length] == '\n');
    }
    return labels->count
               ? SELORA_OK
               : slr_fail(err, SELORA_USAGE, "--label COLUMN, COLUMN=VALUE or term:WORDS is missing");
}

void slr_utility_labels_free(slr_utility_labels *labels)
{
    for (size_t i = 0; i < labels->count; i++) {
        free(labels->items[i].name);
        free(labels->items[i].column);
        free(labels->items[i].value);
    }
    *labels = (slr_utility_labels){0};
}

/* ---- what a picture has ---- */

static bool is_word_at(const char *text, size_t at, const char *word)
{
    size_t length = strlen(word);
    return strncasecmp(text + at, word, length) == 0 && (at == 0 || !isalnum((unsigned char)text[at - 1])) &&
           !isalnum((unsigned char)text[at + length]);
}

/* Does the prompt hold the words (in lower case), not after "no" or "without" in the same part of a sentence? */
static bool prompt_tells(const char *prompt, const char *words)
{
    bool denied = false;
    for (size_t at = 0; prompt[at]; at++) {
        if (strchr(".,;:\n", prompt[at]))
            denied = false;
        else if (is_word_at(prompt, at, "no") || is_word_at(prompt, at, "without"))
            denied = true;
        else if (!denied && is_word_at(prompt, at, words))
            return true;
    }
    return false;
}

static int yes_or_no(const char *cell)
{
    static const char *const yes[] = {"1", "1.0", "yes", "true", "y", "positive"};
    static const char *const no[] = {"0", "0.0", "no", "false", "n", "negative"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (strcasecmp(cell, yes[i]) == 0)
            return 1;
        if (strcasecmp(cell, no[i]) == 0)
            return 0;
    }
    return UNKNOWN;
}

static int own_label(const slr_image_set *set, size_t item, const slr_utility_label *label)
{
    if (!label->column)
        return prompt_tells(slr_image_set_item(set, item)->prompt, label->value);
    const char *cell = slr_image_set_cell(set, item, label->column);
    if (!cell[0])
        return UNKNOWN;
    return label->value ? strcmp(cell, label->value) == 0 : yes_or_no(cell);
}

/* What most pictures of that prompt have. */
static int label_by_prompt(const slr_utility_side *known, const char *prompt, size_t label, size_t labels)
{
    size_t with = 0, all = 0;
    for (size_t i = 0; known && i < known->features.count; i++)
        if (strcmp(slr_image_set_item(known->set, known->items[i])->prompt, prompt) == 0) {
            with += known->labels[i * labels + label];
            all++;
        }
    return all ? 2 * with > all : UNKNOWN;
}

/* Fills labels of item; false when one is not known. */
static bool label_item(const slr_utility_side *side, size_t item, const slr_utility_labels *labels,
                       const slr_utility_side *known, uint8_t *out)
{
    for (size_t l = 0; l < labels->count; l++) {
        int found = own_label(side->set, item, &labels->items[l]);
        if (found == UNKNOWN && known)
            found = label_by_prompt(known, slr_image_set_item(side->set, item)->prompt, l, labels->count);
        if (found == UNKNOWN)
            return false;
        out[l] = (uint8_t)found;
    }
    return true;
}

/* ---- a side ---- */

selora_status slr_utility_side_open(const char *folder, slr_side which, const char *group_column, int threads,
                                    bool may_lack, const slr_hooks *hooks, slr_utility_side *side,
                                    slr_error *err)
{
    slr_image_set_options options = {.side = which, .group_column = group_column, .threads = threads};
    *side = (slr_utility_side){0};
    slr_error detail = {0};
    selora_status status = slr_image_set_open(folder, &options, hooks, &side->set, &detail);
    if (status == SELORA_OK || (may_lack && status == SELORA_BAD_INPUT && !side->set))
        return SELORA_OK;
    return slr_fail(err, status, "%s", detail.message);
}

/* Where each row of the features lies in the set. */
static selora_status find_items(slr_utility_side *side, size_t *items, slr_error *err)
{
    size_t at = 0, count = slr_image_set_count(side->set);
    for (size_t i = 0; i < side->features.count; i++) {
        while (at < count && slr_image_set_item(side->set, at)->row != side->features.rows[i])
            at++; /* both are in the order of the set */
        if (at == count)
            return slr_fail(err, SELORA_BAD_INPUT, "%s: row %lld of the features is no picture of it",
                            slr_image_set_folder(side->set), (long long)side->features.rows[i]);
        items[i] = at++;
    }
    return SELORA_OK;
}

static selora_status keep_labelled(slr_utility_side *side, const slr_utility_labels *labels,
                                   const slr_utility_side *known, slr_error *err)
{
    size_t count = side->features.count, kept = 0;
    size_t *chosen = slr_alloc(count + 1, sizeof *chosen);
    slr_feature_set taken = {0};
    selora_status status = chosen ? SELORA_OK : slr_fail_memory(err, count * sizeof *chosen, "rows");
    for (size_t i = 0; status == SELORA_OK && i < count; i++)
        if (label_item(side, side->items[i], labels, known, side->labels + kept * labels->count)) {
            side->items[kept] = side->items[i];
            chosen[kept++] = i;
        }
    side->unlabelled = count - kept;
    if (status == SELORA_OK && kept == 0)
        status = slr_fail(err, SELORA_BAD_INPUT,
                          "%s: no picture has all labels; names of columns, or prompts that real "
                          "training pictures have, tell them",
                          slr_image_set_folder(side->set));
    if (status == SELORA_OK)
        status = slr_feature_set_take(&side->features, chosen, kept, &taken, err);
    if (status == SELORA_OK) {
        slr_feature_set_free(&side->features);
        side->features = taken;
        side->rows = (slr_utility_rows){kept, taken.values, side->labels, taken.groups};
    }
    free(chosen);
    return status;
}

selora_status slr_utility_side_fill(slr_utility_side *side, slr_extractor *x,
                                    const slr_utility_labels *labels, const slr_utility_side *known,
                                    const slr_hooks *hooks, slr_error *err)
{
    if (!side->set)
        return SELORA_OK;
    SLR_TRY(slr_extract(x, side->set, hooks, &side->features, err));
    size_t count = side->features.count;
    side->items = slr_alloc(count + 1, sizeof *side->items);
    side->labels = slr_alloc(count + 1, labels->count);
    if (!side->items || !side->labels)
        return slr_fail_memory(err, count * sizeof *side->items, "rows");
    SLR_TRY(find_items(side, side->items, err));
    return keep_labelled(side, labels, known, err);
}

void slr_utility_side_free(slr_utility_side *side)
{
    slr_image_set_free(side->set);
    slr_feature_set_free(&side->features);
    free(side->items);
    free(side->labels);
    *side = (slr_utility_side){0};
}
