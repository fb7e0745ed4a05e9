/* SPDX-License-Identifier: MIT
 * Traps of pixels: marks, kinds, frames, screenshots, empty pictures, faces. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/quantile.h"
#include "prepare/association.h"
#include "prepare/traps_parts.h"

enum { MARKS = 2, FACE_SLICES = 50, MIN_SHAPES = 8 };
static const double coloured = 8, blocky = 1.25, clean = 1.1, white = 0.5, odd_shape = 1.6, empty = 0.6;

static const char *text_of(const char *text)
{
    return text ? text : "";
}

static bool is_one_of(const char *text, const char *list)
{
    size_t length = strlen(text);
    for (const char *at = list; length > 0 && (at = strstr(at, text)); at++)
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
            return true;
    return false;
}

/* ---- single pictures ---- */

static void find_colour(const slr_trap_set *set, slr_trap *trap)
{
    double most = 0;
    for (size_t i = 0; i < set->count; i++) {
        const slr_picture_measures *m = &set->pictures[i].measures;
        if (set->pictures[i].measured && m->residual > coloured) {
            slr_trap_add(trap, i);
            most = fmax(most, m->residual);
        }
    }
    if (trap->count)
        slr_trap_say(trap, SLR_TRAP_WARNING, "%zu pictures have colours (channels up to %.0f of 255 apart)",
                     trap->count, most);
}

static void find_burned_in(const slr_trap_set *set, slr_trap *trap)
{
    size_t stated = 0, likely = 0, seen = 0;
    for (size_t i = 0; i < set->count; i++) {
        const slr_trap_picture *p = &set->pictures[i];
        bool says_yes = strcmp(text_of(p->burned_in), "yes") == 0;
        bool often = !*text_of(p->burned_in) && is_one_of(text_of(p->modality), "US SC XC ES OT");
        bool marked = p->measured && p->measures.marks >= MARKS;
        stated += says_yes;
        likely += often;
        seen += marked;
        if (says_yes || often || marked)
            slr_trap_add(trap, i);
    }
    if (trap->count)
        slr_trap_say(trap, stated ? SLR_TRAP_WARNING : SLR_TRAP_NOTE,
                     "text in pixels: %zu by their header, %zu of kinds that often "
                     "have it, %zu with small saturated things near the border",
                     stated, likely, seen);
}

static void find_empty(const slr_trap_set *set, slr_traps *traps)
{
    slr_trap *background = &traps->found[SLR_TRAP_BACKGROUND], *constant = &traps->found[SLR_TRAP_CONSTANT];
    for (size_t i = 0; i < set->count; i++) {
        const slr_trap_picture *p = &set->pictures[i];
        if (p->constant)
            slr_trap_add(constant, i);
        else if (p->measured && p->measures.zeros > empty)
            slr_trap_add(background, i);
    }
    if (background->count)
        slr_trap_say(background, SLR_TRAP_NOTE, "%zu pictures are more than %.0f %% exact zeros",
                     background->count, 100 * empty);
    if (constant->count)
        slr_trap_say(constant, SLR_TRAP_WARNING, "%zu pictures have one value everywhere", constant->count);
}

/* ---- pictures beside others ---- */

static double shape_of(const slr_trap_picture *p)
{
    return p->width > 0 && p->height > 0 ? log((double)p->width / p->height) : 0;
}

static double median_of(double *values, size_t count)
{
    slr_sort_doubles(values, count);
    return values[count / 2];
}

/* A black border is the rule; one of another colour, or a shape far from the common ones (either way up), is
 * not. */
static void find_figures(const slr_trap_set *set, double *values, slr_trap *trap)
{
    size_t framed = 0, odd = 0;
    for (size_t i = 0; i < set->count; i++)
        values[i] = fabs(shape_of(&set->pictures[i]));
    double usual = set->count ? median_of(values, set->count) : 0;
    for (size_t i = 0; i < set->count; i++) {
        const slr_trap_picture *p = &set->pictures[i];
        bool frame = p->measured && !p->constant && p->measures.frame > white;
        bool shape = set->count >= MIN_SHAPES && fabs(fabs(shape_of(p)) - usual) > log(odd_shape);
        framed += frame;
        odd += shape;
        if (frame || shape)
            slr_trap_add(trap, i);
    }
    if (trap->count)
        slr_trap_say(trap, SLR_TRAP_WARNING, "%zu pictures in a bright frame, %zu of an odd shape", framed,
                     odd);
}

static selora_status find_types(const slr_trap_set *set, const char **texts, uint32_t *numbers,
                                uint32_t *uses, slr_trap *trap, slr_error *err)
{
    uint32_t different, common = 0;
    size_t used = 0;
    char list[160] = "";
    for (size_t i = 0; i < set->count; i++)
        texts[i] = set->pictures[i].type;
    SLR_TRY(slr_number_texts(texts, set->count, numbers, &different, err));
    if (different < 2)
        return SELORA_OK;
    for (size_t i = 0; i < set->count; i++)
        uses[numbers[i]]++;
    for (uint32_t k = 0; k < different; k++)
        common = uses[k] > uses[common] ? k : common;
    for (size_t i = 0; i < set->count; i++) {
        if (numbers[i] != common)
            slr_trap_add(trap, i);
        const char *name = text_of(texts[i]);
        if (uses[numbers[i]] && used + strlen(name) + 24 < sizeof list) {
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%u %s", used ? "; " : "",
                                     uses[numbers[i]], name);
            uses[numbers[i]] = 0;
        }
    }
    slr_trap_say(trap, SLR_TRAP_NOTE, "%u kinds: %s", different, list);
    return SELORA_OK;
}

/* JPEG in one source and not in another; within one source, in some pictures beside clean ones. */
static void find_screenshots(const slr_trap_set *set, slr_trap *trap)
{
    size_t measured = 0, clean_count = 0;
    for (size_t i = 0; i < set->count; i++) {
        measured += set->pictures[i].measured;
        clean_count += set->pictures[i].measured && set->pictures[i].measures.blockiness < clean;
    }
    for (size_t i = 0; i < set->count && clean_count > 0; i++)
        if (set->pictures[i].measured && set->pictures[i].measures.blockiness > blocky)
            slr_trap_add(trap, i);
    if (trap->count)
        slr_trap_say(trap, SLR_TRAP_WARNING, "%zu pictures show the blocks of JPEG, %zu of %zu are clean",
                     trap->count, clean_count, measured);
}

static selora_status find_faces(const slr_trap_set *set, const char **texts, uint32_t *numbers,
                                uint32_t *uses, slr_trap *trap, slr_error *err)
{
    uint32_t different;
    for (size_t i = 0; i < set->count; i++) {
        const slr_trap_picture *p = &set->pictures[i];
        bool head = is_one_of(text_of(p->modality), "CT MR") &&
                    is_one_of(text_of(p->body_part), "HEAD BRAIN SKULL FACE");
        texts[i] = head ? p->series : NULL;
    }
    SLR_TRY(slr_number_texts(texts, set->count, numbers, &different, err));
    memset(uses, 0, (set->count + 1) * sizeof *uses);
    for (size_t i = 0; i < set->count; i++)
        uses[numbers[i]] += *text_of(texts[i]) != 0;
    for (size_t i = 0; i < set->count; i++)
        if (*text_of(texts[i]) && uses[numbers[i]] > FACE_SLICES)
            slr_trap_add(trap, i);
    if (trap->count)
        slr_trap_say(trap, SLR_TRAP_WARNING, "%zu slices are of series of heads with more than %d slices",
                     trap->count, FACE_SLICES);
    return SELORA_OK;
}

selora_status slr_traps_of_pixels(const slr_trap_set *set, slr_traps *traps, slr_error *err)
{
    size_t n = set->count + 1;
    const char **texts = slr_alloc(n, sizeof *texts);
    uint32_t *numbers = slr_alloc(n, sizeof *numbers), *uses = slr_alloc(n, sizeof *uses);
    double *values = slr_alloc(n, sizeof *values);
    selora_status status = texts && numbers && uses && values
                               ? SELORA_OK
                               : slr_fail_memory(err, n, "the comparison of pictures");
    if (status == SELORA_OK) {
        find_colour(set, &traps->found[SLR_TRAP_COLOUR]);
        find_burned_in(set, &traps->found[SLR_TRAP_BURNED_IN]);
        find_empty(set, traps);
        find_figures(set, values, &traps->found[SLR_TRAP_FIGURES]);
        find_screenshots(set, &traps->found[SLR_TRAP_SCREENSHOTS]);
        status = find_types(set, texts, numbers, uses, &traps->found[SLR_TRAP_TYPES], err);
    }
    if (status == SELORA_OK)
        status = find_faces(set, texts, numbers, uses, &traps->found[SLR_TRAP_FACES], err);
    free(texts);
    free(numbers);
    free(uses);
    free(values);
    return status;
}
