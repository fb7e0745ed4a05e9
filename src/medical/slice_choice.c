/* SPDX-License-Identifier: MIT */
#include "medical/slice_choice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

selora_status slr_slice_choose(const slr_medical_options *options, int64_t count, int64_t largest,
                               int64_t **chosen, size_t *chosen_count, slr_error *err)
{
    int64_t first = 0, step = 1, last = count - 1;
    *chosen = NULL;
    *chosen_count = 0;
    switch (options->slice) {
    case SLR_SLICE_ALL:
        break;
    case SLR_SLICE_EVERY:
        step = options->slice_number;
        break;
    case SLR_SLICE_INDEX:
        first = last = options->slice_number;
        break;
    case SLR_SLICE_LARGEST:
        first = last = largest;
        break;
    default:
        first = last = count / 2;
    }
    if (step < 1 || first < 0 || last >= count || first > last)
        return slr_fail(err, SELORA_BAD_INPUT, "slice %lld is asked for and there are %lld, counted from 0",
                        (long long)first, (long long)count);
    size_t n = (size_t)((last - first) / step + 1);
    int64_t *list = slr_alloc(n, sizeof *list);
    if (!list)
        return slr_fail_memory(err, n * sizeof *list, "a list of slices");
    for (size_t i = 0; i < n; i++)
        list[i] = first + (int64_t)i * step;
    *chosen = list;
    *chosen_count = n;
    return SELORA_OK;
}

/* ---- series ---- */

typedef struct placed {
    size_t index;
    bool has_place;
    double along; /* the normal, mm */
} placed;

static int by_place(const void *a, const void *b)
{
    const placed *left = a, *right = b;
    if (left->has_place != right->has_place)
        return left->has_place ? -1 : 1;
    if (left->has_place && left->along != right->along)
        return left->along < right->along ? -1 : 1;
    return (left->index > right->index) - (left->index < right->index);
}

static bool has_place(const slr_picture_facts *facts)
{
    return facts->has_position && facts->has_orientation;
}

static void normal_of(const double o[6], double normal[3])
{
    normal[0] = o[1] * o[5] - o[2] * o[4];
    normal[1] = o[2] * o[3] - o[0] * o[5];
    normal[2] = o[0] * o[4] - o[1] * o[3];
}

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

selora_status slr_series_order(const slr_picture_facts *const *facts, size_t count, size_t *order,
                               slr_series_problems *problems, slr_error *err)
{
    const double same_place = 1e-3, same_direction = 1e-3; /* mm; 1 - cosine */
    const slr_picture_facts *first = NULL;
    double normal[3] = {0}, own[3];
    memset(problems, 0, sizeof *problems);
    placed *list = slr_alloc(count, sizeof *list);
    if (!list)
        return slr_fail_memory(err, count * sizeof *list, "the slices of a series");
    for (size_t i = 0; i < count; i++) {
        list[i] = (placed){.index = i, .has_place = has_place(facts[i])};
        if (!list[i].has_place) {
            problems->unplaced++;
            continue;
        }
        if (!first)
            normal_of((first = facts[i])->orientation, normal);
        normal_of(facts[i]->orientation, own);
        list[i].along = dot(facts[i]->position, normal);
        problems->turned +=
            !(dot(own, normal) >= (1.0 - same_direction) * sqrt(dot(own, own) * dot(normal, normal)));
    }
    qsort(list, count, sizeof *list, by_place);
    for (size_t i = 0; i < count; i++) {
        order[i] = list[i].index;
        problems->equal += i > 0 && list[i].has_place && list[i].along - list[i - 1].along < same_place;
    }
    free(list);
    return SELORA_OK;
}

/* ---- the largest slice ---- */

int slr_volume_bin(const slr_volume_counts *counts, double value)
{
    double share = (value - counts->low) / (counts->high - counts->low);
    if (!(share > 0.0))
        return 0;
    return share >= 1.0 ? SLR_VOLUME_BINS - 1 : (int)(share * (SLR_VOLUME_BINS - 1) + 0.5);
}

int slr_volume_percentile_bin(const slr_volume_counts *counts, double p)
{
    uint64_t total = 0, below = 0;
    for (int i = 0; i < SLR_VOLUME_BINS; i++)
        total += counts->bins[i];
    for (int i = 0; i < SLR_VOLUME_BINS; i++) {
        below += counts->bins[i];
        if ((double)below > p / 100.0 * (double)total)
            return i;
    }
    return SLR_VOLUME_BINS - 1;
}
