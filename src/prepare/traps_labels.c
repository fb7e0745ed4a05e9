/* SPDX-License-Identifier: MIT
 * Traps of labels: what must not tell a label, and does. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/quantile.h"
#include "core/utf8.h"
#include "prepare/association.h"
#include "prepare/traps_parts.h"

enum { MIN_PICTURES = 20, MIN_CLASS = 5, MAX_LABELS = 64, MAX_CLASSES = 12, QUARTERS = 4 };
static const double surprising = 0.01, tells = 0.95;

typedef struct labels {
    const slr_trap_set *set;
    uint32_t *numbers; /* (pictures) */
    uint32_t count;
    uint32_t *other; /* (pictures): what is compared */
    double *values;
    unsigned char *classes;
    const char **texts;
} labels;

static void labels_free(labels *l)
{
    free(l->numbers);
    free(l->other);
    free(l->values);
    free(l->classes);
    free(l->texts);
}

static selora_status labels_fill(labels *l, const slr_trap_set *set, slr_error *err)
{
    size_t n = set->count + 1;
    *l = (labels){.set = set,
                  .numbers = slr_alloc(n, sizeof *l->numbers),
                  .other = slr_alloc(n, sizeof *l->other),
                  .values = slr_alloc(n, sizeof *l->values),
                  .classes = slr_alloc(n, 1),
                  .texts = slr_alloc(n, sizeof *l->texts)};
    if (!l->numbers || !l->other || !l->values || !l->classes || !l->texts)
        return slr_fail_memory(err, n * sizeof *l->values, "the labels");
    bool labelled = false;
    for (size_t i = 0; i < set->count; i++) {
        l->texts[i] = set->pictures[i].label;
        labelled |= l->texts[i] && *l->texts[i];
    }
    for (size_t i = 0; i < set->count && !labelled; i++)
        l->texts[i] = set->pictures[i].text;
    SLR_TRY(slr_number_texts(l->texts, set->count, l->numbers, &l->count, err));
    if (!labelled && l->count > MAX_CLASSES)
        l->count = 0; /* texts of their own, no classes */
    return SELORA_OK;
}

/* p of the table of labels and l->other. */
static selora_status table_p(const labels *l, uint32_t kinds, double *p, slr_error *err)
{
    uint32_t *counts = slr_alloc((size_t)l->count * kinds, sizeof *counts);
    if (!counts)
        return slr_fail_memory(err, (size_t)l->count * kinds * sizeof *counts, "a comparison of labels");
    for (size_t i = 0; i < l->set->count; i++)
        counts[l->numbers[i] * kinds + l->other[i]]++;
    *p = slr_independence_p(counts, l->count, kinds);
    free(counts);
    return SELORA_OK;
}

/* Sizes that occur often, the others as one: in a table with tiny counts chi-square means nothing. */
static selora_status number_sizes(labels *l, uint32_t *kinds, slr_error *err)
{
    uint32_t frequent = 0, seen = 0;
    for (size_t i = 0; i < l->set->count; i++)
        l->values[i] = (double)l->set->pictures[i].width * 65536 + l->set->pictures[i].height;
    uint32_t *map = slr_alloc(l->set->count + 1, sizeof *map),
             *uses = slr_alloc(l->set->count + 1, sizeof *uses);
    double *sizes = slr_alloc(l->set->count + 1, sizeof *sizes);
    if (!map || !uses || !sizes) {
        free(map);
        free(uses);
        free(sizes);
        return slr_fail_memory(err, l->set->count * sizeof *sizes, "a comparison of sizes");
    }
    for (size_t i = 0; i < l->set->count; i++) {
        uint32_t k = 0;
        while (k < seen && sizes[k] != l->values[i] && k < MAX_LABELS)
            k++;
        if (k == seen && seen < MAX_LABELS)
            sizes[seen++] = l->values[i];
        l->other[i] = k;
        uses[k]++;
    }
    for (uint32_t k = 0; k <= MAX_LABELS && k <= l->set->count; k++)
        map[k] = uses[k] >= MIN_CLASS && k < MAX_LABELS ? 1 + frequent++ : 0;
    for (size_t i = 0; i < l->set->count; i++)
        l->other[i] = map[l->other[i]];
    *kinds = frequent + 1;
    free(map);
    free(uses);
    free(sizes);
    return SELORA_OK;
}

/* Quarters of the set by sharpness. */
static selora_status number_sharpness(labels *l, slr_error *err)
{
    size_t n = l->set->count;
    double *sorted = slr_alloc(n + 1, sizeof *sorted);
    if (!sorted)
        return slr_fail_memory(err, n * sizeof *sorted, "a comparison of sharpness");
    for (size_t i = 0; i < n; i++)
        sorted[i] = l->values[i] = l->set->pictures[i].measures.sharpness;
    slr_sort_doubles(sorted, n);
    for (size_t i = 0; i < n; i++) {
        l->other[i] = 0;
        for (uint32_t q = 1; q < QUARTERS; q++)
            l->other[i] += l->values[i] >= sorted[n * q / QUARTERS] && sorted[n * q / QUARTERS] > sorted[0];
    }
    free(sorted);
    return SELORA_OK;
}

static void take_all(const labels *l, slr_trap *trap)
{
    for (size_t i = 0; i < l->set->count; i++)
        slr_trap_add(trap, i);
}

static selora_status compare_size(labels *l, slr_traps *traps, slr_error *err)
{
    uint32_t kinds = 0;
    double p = 1;
    SLR_TRY(number_sizes(l, &kinds, err));
    SLR_TRY(table_p(l, kinds, &p, err));
    slr_trap *trap = &traps->found[SLR_TRAP_SIZE_LABEL];
    if (p < surprising) {
        take_all(l, trap);
        slr_trap_say(trap, SLR_TRAP_WARNING,
                     "the size of a picture tells its label (chi-square, p = %.1e; %u sizes)", p, kinds);
    }
    return SELORA_OK;
}

static selora_status compare_sharpness(labels *l, slr_traps *traps, slr_error *err)
{
    double p = 1;
    for (size_t i = 0; i < l->set->count; i++)
        if (!l->set->pictures[i].measured)
            return SELORA_OK;
    SLR_TRY(number_sharpness(l, err));
    SLR_TRY(table_p(l, QUARTERS, &p, err));
    slr_trap *trap = &traps->found[SLR_TRAP_BLUR_LABEL];
    if (p < surprising) {
        take_all(l, trap);
        slr_trap_say(trap, SLR_TRAP_WARNING,
                     "sharpness tells the label (quarters of the set, chi-square, p = %.1e)", p);
    }
    return SELORA_OK;
}

/* ---- columns ---- */

/* All cells are numbers, and they differ enough to be measurements. */
static bool read_numbers(const labels *l, int column)
{
    for (size_t i = 0; i < l->set->count; i++) {
        const char *text = l->set->cell(l->set->context, i, column);
        char *end;
        l->values[i] = strtod(text, &end);
        if (end == text || *end || !isfinite(l->values[i]))
            return false;
    }
    return true;
}

/* The largest separation of one label from the others by a column. */
static selora_status column_auc(labels *l, int column, double *largest, slr_error *err)
{
    uint32_t different = 0;
    *largest = 0;
    for (size_t i = 0; i < l->set->count; i++)
        l->texts[i] = l->set->cell(l->set->context, i, column);
    SLR_TRY(slr_number_texts(l->texts, l->set->count, l->other, &different, err));
    if (different < 2)
        return SELORA_OK;
    bool numbers = read_numbers(l, column);
    for (uint32_t label = 0; label < l->count && label < MAX_CLASSES; label++) {
        size_t members = 0;
        double auc;
        for (size_t i = 0; i < l->set->count; i++)
            members += l->classes[i] = l->numbers[i] == label;
        if (members < MIN_CLASS || l->set->count - members < MIN_CLASS)
            continue;
        SLR_TRY(slr_category_separation(l->other, different, l->classes, l->set->count, &auc, err));
        *largest = fmax(*largest, auc);
        if (numbers) {
            SLR_TRY(slr_separation(l->values, l->classes, l->set->count, 1, &auc, err));
            *largest = fmax(*largest, auc);
        }
    }
    return SELORA_OK;
}

static selora_status compare_columns(labels *l, slr_traps *traps, slr_error *err)
{
    char names[120] = "";
    size_t used = 0, count = 0;
    double worst = 0;
    for (int c = 0; l->set->cell && c < l->set->columns; c++) {
        double auc;
        const char *name = l->set->column_name(l->set->context, c);
        SLR_TRY(column_auc(l, c, &auc, err));
        if (auc <= tells)
            continue;
        count++;
        worst = fmax(worst, auc);
        if (slr_utf8_is_printable(name) && used + strlen(name) + 3 < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", name);
    }
    slr_trap *trap = &traps->found[SLR_TRAP_COLUMN_LABEL];
    if (count) {
        take_all(l, trap);
        slr_trap_say(trap, SLR_TRAP_WARNING, "%zu column%s tell%s the label (area under the curve %.3f): %s",
                     count, count > 1 ? "s" : "", count > 1 ? "" : "s", worst, names);
    }
    return SELORA_OK;
}

selora_status slr_traps_of_labels(const slr_trap_set *set, slr_traps *traps, slr_error *err)
{
    labels l;
    selora_status status = labels_fill(&l, set, err);
    bool usable = status == SELORA_OK && set->count >= MIN_PICTURES && l.count >= 2 && l.count <= MAX_LABELS;
    if (usable)
        status = compare_size(&l, traps, err);
    if (usable && status == SELORA_OK)
        status = compare_sharpness(&l, traps, err);
    if (usable && status == SELORA_OK)
        status = compare_columns(&l, traps, err);
    labels_free(&l);
    return status;
}
