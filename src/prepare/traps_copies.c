/* SPDX-License-Identifier: MIT
 * Traps of copies: the same picture or patient more than once, worse on both sides of the split. */
#include <stdlib.h>

#include "core/memory.h"
#include "prepare/association.h"
#include "prepare/duplicates.h"
#include "prepare/traps_parts.h"

/* Adds the pictures whose group (numbers[i]) has another side than its first member; sides: (groups). */
static void add_crossing(const slr_trap_set *set, const uint32_t *numbers, unsigned char *sides,
                         slr_trap *trap)
{
    for (size_t i = 0; i < set->count; i++) {
        unsigned char side = (unsigned char)set->pictures[i].side;
        if (side == SLR_SIDE_NONE)
            continue;
        if (sides[numbers[i]] == SLR_SIDE_NONE)
            sides[numbers[i]] = side;
        else if (sides[numbers[i]] != side)
            slr_trap_add(trap, i);
    }
}

static selora_status find_copies(const slr_trap_set *set, slr_clusters *clusters, uint32_t *numbers,
                                 unsigned char *sides, slr_traps *traps, slr_error *err)
{
    slr_duplicate_counts counts;
    slr_picture_print *prints = slr_alloc(set->count + 1, sizeof *prints);
    if (!prints)
        return slr_fail_memory(err, set->count * sizeof *prints, "the comparison of pictures");
    for (size_t i = 0; i < set->count; i++)
        prints[i] =
            (slr_picture_print){set->pictures[i].file, set->pictures[i].pixels, set->pictures[i].near};
    selora_status status = slr_duplicates_join(prints, set->count, clusters, &counts, err);
    free(prints);
    SLR_TRY(status);
    slr_trap *trap = &traps->found[SLR_TRAP_DUPLICATES], *crossing = &traps->found[SLR_TRAP_SPLIT_COPIES];
    for (size_t i = 0; i < set->count; i++) {
        numbers[i] = slr_clusters_root(clusters, (uint32_t)i);
        if (numbers[i] != i)
            slr_trap_add(trap, i);
    }
    if (trap->count)
        slr_trap_say(trap, SLR_TRAP_WARNING,
                     "%zu equal files, %zu with equal pixels, %zu nearly equal; the largest cluster has %zu",
                     counts.files, counts.pixels, counts.near, counts.largest);
    add_crossing(set, numbers, sides, crossing);
    if (crossing->count)
        slr_trap_say(crossing, SLR_TRAP_ERROR,
                     "%zu copies are in another part of the split than their originals", crossing->count);
    return SELORA_OK;
}

static selora_status find_patients(const slr_trap_set *set, uint32_t *numbers, unsigned char *sides,
                                   slr_traps *traps, slr_error *err)
{
    uint32_t different;
    const char **texts = slr_alloc(set->count + 1, sizeof *texts);
    if (!texts)
        return slr_fail_memory(err, set->count * sizeof *texts, "the comparison of patients");
    for (size_t i = 0; i < set->count; i++)
        texts[i] = set->pictures[i].patient;
    selora_status status = slr_number_texts(texts, set->count, numbers, &different, err);
    slr_trap *trap = &traps->found[SLR_TRAP_SPLIT_PATIENTS];
    for (size_t i = 0; status == SELORA_OK && i < set->count; i++) {
        unsigned char side = (unsigned char)set->pictures[i].side;
        if (!texts[i] || !*texts[i] || side == SLR_SIDE_NONE)
            continue;
        if (sides[numbers[i]] == SLR_SIDE_NONE)
            sides[numbers[i]] = side;
        else if (sides[numbers[i]] != side)
            slr_trap_add(trap, i);
    }
    free(texts);
    if (trap->count)
        slr_trap_say(trap, SLR_TRAP_ERROR, "%zu pictures are of patients of another part of the split",
                     trap->count);
    return status;
}

selora_status slr_traps_of_copies(const slr_trap_set *set, slr_traps *traps, slr_error *err)
{
    slr_clusters clusters;
    SLR_TRY(slr_clusters_new(set->count, &clusters, err));
    uint32_t *numbers = slr_alloc(set->count + 1, sizeof *numbers);
    unsigned char *sides = slr_alloc(2 * set->count + 2, 1);
    selora_status status =
        numbers && sides ? SELORA_OK
                         : slr_fail_memory(err, set->count * sizeof *numbers, "the comparison of pictures");
    if (status == SELORA_OK)
        status = find_copies(set, &clusters, numbers, sides, traps, err);
    if (status == SELORA_OK)
        status = find_patients(set, numbers, sides + set->count + 1, traps, err);
    free(numbers);
    free(sides);
    slr_clusters_free(&clusters);
    return status;
}
