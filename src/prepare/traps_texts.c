/* SPDX-License-Identifier: MIT
 * Traps of texts: one prompt for several pictures, views that a shared report hides. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "prepare/association.h"
#include "prepare/header_words.h"
#include "prepare/traps_parts.h"

static const char *text_of(const char *text)
{
    return text ? text : "";
}

static bool same_letters(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!a[i] || tolower((unsigned char)a[i]) != tolower((unsigned char)b[i]))
            return false;
    return true;
}

/* `words` stand in `text` as words of their own, in any case. */
static bool has_words(const char *text, const char *words)
{
    size_t length = strlen(words);
    for (const char *at = text; length > 0 && *at; at++)
        if ((at == text || !isalnum((unsigned char)at[-1])) && same_letters(at, words, length) &&
            !isalnum((unsigned char)at[length]))
            return true;
    return false;
}

static bool names_view(const char *text, const char *view)
{
    const char *name = slr_view_name(view), *words = name ? slr_view_words(name) : NULL;
    return has_words(text, view) || (words && has_words(text, words));
}

static selora_status find_same(const slr_trap_set *set, const char **texts, uint32_t *numbers, uint32_t *uses,
                               slr_traps *traps, slr_error *err)
{
    uint32_t different;
    size_t most = 0, shared = 0;
    for (size_t i = 0; i < set->count; i++)
        texts[i] = text_of(set->pictures[i].text);
    SLR_TRY(slr_number_texts(texts, set->count, numbers, &different, err));
    for (size_t i = 0; i < set->count; i++)
        uses[numbers[i]]++;
    slr_trap *trap = &traps->found[SLR_TRAP_SAME_PROMPT];
    for (size_t i = 0; i < set->count; i++)
        if (uses[numbers[i]] > 1) {
            slr_trap_add(trap, i);
            most = uses[numbers[i]] > most ? uses[numbers[i]] : most;
        }
    for (uint32_t k = 0; k < different; k++)
        shared += uses[k] > 1;
    if (trap->count)
        slr_trap_say(trap, SLR_TRAP_NOTE,
                     "%zu pictures share %zu prompts (%u different in all); the commonest has %zu",
                     trap->count, shared, different, most);
    return SELORA_OK;
}

/* numbers[] are reports (or equal prompts, where no report is known). */
static void find_views(const slr_trap_set *set, const uint32_t *numbers, const char **views,
                       unsigned char *mixed, slr_traps *traps)
{
    slr_trap *trap = &traps->found[SLR_TRAP_VIEWS];
    for (size_t i = 0; i < set->count; i++) {
        const slr_trap_picture *picture = &set->pictures[i];
        const char *view = text_of(picture->view);
        if (!*view || (!*text_of(picture->report) && !*text_of(picture->text)))
            continue; /* having no text is not sharing one */
        if (!views[numbers[i]])
            views[numbers[i]] = view;
        else if (strcmp(views[numbers[i]], view) != 0)
            mixed[numbers[i]] = 1;
    }
    for (size_t i = 0; i < set->count; i++) {
        const char *view = text_of(set->pictures[i].view);
        if (mixed[numbers[i]] && *view && !names_view(text_of(set->pictures[i].text), view))
            slr_trap_add(trap, i);
    }
    if (trap->count)
        slr_trap_say(trap, SLR_TRAP_WARNING,
                     "%zu pictures share a text with another view, and the prompt names no view",
                     trap->count);
}

/* Only where prompts are texts that several pictures would hardly share by themselves: all pictures of a set
 * with one text for each label share it, whatever their view. */
static bool use_reports(const slr_trap_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        if (*text_of(set->pictures[i].report))
            return true;
    return false;
}

selora_status slr_traps_of_texts(const slr_trap_set *set, slr_traps *traps, slr_error *err)
{
    size_t n = set->count + 1;
    const char **texts = slr_alloc(n, sizeof *texts);
    uint32_t *numbers = slr_alloc(n, sizeof *numbers), *uses = slr_alloc(n, sizeof *uses), different;
    unsigned char *mixed = slr_alloc(n, 1);
    selora_status status =
        texts && numbers && uses && mixed ? SELORA_OK : slr_fail_memory(err, n, "the comparison of texts");
    if (status == SELORA_OK)
        status = find_same(set, texts, numbers, uses, traps, err);
    if (status == SELORA_OK && use_reports(set)) {
        for (size_t i = 0; i < set->count; i++)
            texts[i] =
                *text_of(set->pictures[i].report) ? set->pictures[i].report : text_of(set->pictures[i].text);
        status = slr_number_texts(texts, set->count, numbers, &different, err);
    }
    if (status == SELORA_OK) {
        memset(texts, 0, n * sizeof *texts);
        find_views(set, numbers, texts, mixed, traps);
    }
    free(texts);
    free(numbers);
    free(uses);
    free(mixed);
    return status;
}
