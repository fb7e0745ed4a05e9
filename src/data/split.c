/* SPDX-License-Identifier: MIT */
#include "data/split.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "data/split_file.h"

static const double held_out_share = 0.2; /* of all, for validation and test; of those, for test */

void slr_split_free(slr_split *split)
{
    free(split->train);
    memset(split, 0, sizeof *split);
}

/* sides[i] of each item -> the three lists. */
static selora_status fill(const uint8_t *sides, uint32_t count, slr_split *split, slr_error *err)
{
    memset(split, 0, sizeof *split);
    for (uint32_t i = 0; i < count; i++) {
        split->train_count += sides[i] == SLR_SIDE_TRAIN;
        split->validation_count += sides[i] == SLR_SIDE_VALIDATION;
        split->test_count += sides[i] == SLR_SIDE_TEST;
    }
    split->train = slr_alloc(count, sizeof *split->train);
    if (!split->train)
        return slr_fail_memory(err, count * sizeof *split->train, "the split");
    split->validation = split->train + split->train_count;
    split->test = split->validation + split->validation_count;
    uint32_t *next[4] = {NULL, split->train, split->validation, split->test};
    for (uint32_t i = 0; i < count; i++)
        *next[sides[i]]++ = i;
    return SELORA_OK;
}

/* ---- by seed ---- */

/* Groups as the split sees them. */
typedef struct group_list {
    uint32_t count;  /* groups */
    uint32_t *sizes; /* (items): of a group, by its number; 0 for numbers that do not occur */
    uint32_t *order; /* (groups): their numbers, shuffled */
    uint8_t *sides;  /* (items): of a group, by its number */
} group_list;

static void group_list_free(group_list *list)
{
    free(list->sizes);
    free(list->order);
    free(list->sides);
}

/* Groups are numbered by their first items here, so that their names do not matter to the draw. */
static selora_status group_list_fill(group_list *list, const uint32_t *groups, uint32_t count,
                                     uint64_t seed, slr_error *err)
{
    uint32_t *numbers = slr_alloc(count, sizeof *numbers), *drawn = slr_alloc(count, sizeof *drawn);
    list->sizes = slr_alloc(count, sizeof *list->sizes);
    list->order = slr_alloc(count, sizeof *list->order);
    list->sides = slr_alloc(count, 1);
    selora_status status = SELORA_OK;
    if (!numbers || !drawn || !list->sizes || !list->order || !list->sides) {
        status = slr_fail_memory(err, count * sizeof *numbers, "the split");
        goto out;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t group = groups ? groups[i] : i;
        if (list->sizes[group]++ == 0)
            numbers[list->count++] = group;
    }
    slr_rng rng = slr_rng_at(seed, SLR_STREAM_SPLIT, 0, 0);
    slr_rng_permutation(&rng, drawn, list->count);
    for (uint32_t i = 0; i < list->count; i++)
        list->order[i] = numbers[drawn[i]];
out:
    free(numbers);
    free(drawn);
    return status;
}

/* Gives groups to a side in the drawn order while each brings it nearer to `wanted` items; the
 * smallest one when all are too large. A group is left for training in any case: *left counts those
 * without a side. */
static void take_groups(group_list *list, slr_side side, uint32_t wanted, uint32_t *left)
{
    uint32_t taken = 0;
    for (uint32_t i = 0; *left > 1 && i < list->count; i++) {
        uint32_t group = list->order[i];
        if (list->sides[group] != SLR_SIDE_NONE || taken >= wanted ||
            list->sizes[group] > 2 * (uint64_t)(wanted - taken))
            continue;
        list->sides[group] = (uint8_t)side;
        taken += list->sizes[group];
        (*left)--;
    }
    if (taken > 0 || wanted == 0 || *left < 2)
        return;
    uint32_t smallest = UINT32_MAX;
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t group = list->order[i];
        if (list->sides[group] == SLR_SIDE_NONE &&
            (smallest == UINT32_MAX || list->sizes[group] < list->sizes[smallest]))
            smallest = group;
    }
    list->sides[smallest] = (uint8_t)side;
    (*left)--;
}

selora_status slr_split_items(const uint32_t *groups, uint32_t count, uint64_t seed,
                              slr_split *split, slr_error *err)
{
    memset(split, 0, sizeof *split);
    if (count == 0)
        return slr_fail(err, SELORA_USAGE, "nothing to split");
    group_list list = {0};
    uint8_t *sides = NULL;
    selora_status status = group_list_fill(&list, groups, count, seed, err);
    if (status != SELORA_OK)
        goto out;
    uint32_t held = (uint32_t)ceil(held_out_share * count), left = list.count;
    uint32_t test = held < 2 ? 0 : (uint32_t)ceil(held_out_share * held);
    take_groups(&list, SLR_SIDE_VALIDATION, held - test, &left);
    take_groups(&list, SLR_SIDE_TEST, test, &left);
    if (!(sides = slr_alloc(count, 1))) {
        status = slr_fail_memory(err, count, "the split");
        goto out;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint8_t side = list.sides[groups ? groups[i] : i];
        sides[i] = side == SLR_SIDE_NONE ? SLR_SIDE_TRAIN : side;
    }
    status = fill(sides, count, split, err);
out:
    free(sides);
    group_list_free(&list);
    return status;
}

/* ---- of a dataset ---- */

typedef const char *item_key(const slr_data_item *item);

static const char *group_key(const slr_data_item *item)
{
    return item->group;
}

static const char *contents_key(const slr_data_item *item)
{
    return item->sha256;
}

typedef struct keyed {
    const char *key;
    uint32_t item;
} keyed;

static int by_key(const void *a, const void *b)
{
    const keyed *left = a, *right = b;
    int order = strcmp(left->key, right->key);
    return order ? order : (left->item > right->item) - (left->item < right->item);
}

/* The smallest item of a cluster stands for it. */
static uint32_t find_root(uint32_t *parents, uint32_t item)
{
    while (parents[item] != item)
        item = parents[item] = parents[parents[item]];
    return item;
}

/* Joins the clusters of items with equal keys; an empty key joins nothing. */
static selora_status join_equal(const slr_dataset *data, item_key *key, uint32_t *parents,
                                slr_error *err)
{
    size_t count = slr_dataset_count(data);
    keyed *items = slr_alloc(count, sizeof *items);
    if (!items)
        return slr_fail_memory(err, count * sizeof *items, "the split");
    for (size_t i = 0; i < count; i++)
        items[i] = (keyed){key(slr_dataset_item(data, i)), (uint32_t)i};
    qsort(items, count, sizeof *items, by_key);
    for (size_t i = 1; i < count; i++) {
        if (!*items[i].key || strcmp(items[i - 1].key, items[i].key) != 0)
            continue;
        uint32_t a = find_root(parents, items[i - 1].item), b = find_root(parents, items[i].item);
        parents[a < b ? b : a] = a < b ? a : b;
    }
    free(items);
    return SELORA_OK;
}

/* The folders' own split, refused where it leaks. */
static selora_status split_as_given(const slr_dataset *data, uint32_t *clusters, slr_split *split,
                                    slr_error *err)
{
    uint32_t count = (uint32_t)slr_dataset_count(data);
    uint8_t *sides = slr_alloc(count, 1);
    if (!sides)
        return slr_fail_memory(err, count, "the split");
    selora_status status = SELORA_OK;
    for (uint32_t i = 0; status == SELORA_OK && i < count; i++) {
        const slr_data_item *item = slr_dataset_item(data, i);
        const slr_data_item *first = slr_dataset_item(data, find_root(clusters, i));
        sides[i] = (uint8_t)item->side;
        if (item->side != first->side)
            status =
                slr_fail(err, SELORA_BAD_INPUT,
                         "the same picture or the same group stands in %s (row %zu) and in %s (row "
                         "%zu); keep each on one side",
                         slr_side_name(first->side), first->row, slr_side_name(item->side), item->row);
    }
    if (status == SELORA_OK)
        status = fill(sides, count, split, err);
    free(sides);
    if (status == SELORA_OK && split->train_count == 0) {
        slr_split_free(split);
        return slr_fail(err, SELORA_BAD_INPUT, "no picture is for training");
    }
    return status;
}

selora_status slr_split_dataset(const slr_dataset *data, uint64_t seed, slr_split *split,
                                slr_error *err)
{
    size_t count = slr_dataset_count(data);
    memset(split, 0, sizeof *split);
    uint32_t *clusters = slr_alloc(count, sizeof *clusters);
    if (!clusters)
        return slr_fail_memory(err, count * sizeof *clusters, "the split");
    for (size_t i = 0; i < count; i++)
        clusters[i] = (uint32_t)i;
    selora_status status = join_equal(data, group_key, clusters, err);
    if (status == SELORA_OK)
        status = join_equal(data, contents_key, clusters, err);
    if (status == SELORA_OK && slr_dataset_item(data, 0)->side != SLR_SIDE_NONE) {
        status = split_as_given(data, clusters, split, err);
    } else if (status == SELORA_OK) {
        for (size_t i = 0; i < count; i++)
            clusters[i] = find_root(clusters, (uint32_t)i);
        status = slr_split_items(clusters, (uint32_t)count, seed, split, err);
    }
    free(clusters);
    return status;
}

/* ---- counting it again ---- */

typedef struct grouped {
    const char *group;
    slr_side side;
} grouped;

static int by_group(const void *a, const void *b)
{
    return strcmp(((const grouped *)a)->group, ((const grouped *)b)->group);
}

selora_status slr_split_count_groups(const slr_dataset *data, const slr_split *split, size_t *groups,
                                     size_t *crossing,
                                     slr_error *err)
{
    const struct {
        const uint32_t *items;
        size_t count;
        slr_side side;
    } parts[] = {{split->train, split->train_count, SLR_SIDE_TRAIN},
                 {split->validation, split->validation_count, SLR_SIDE_VALIDATION},
                 {split->test, split->test_count, SLR_SIDE_TEST}};
    size_t count = 0;
    grouped *list = slr_alloc(slr_dataset_count(data), sizeof *list);
    if (!list)
        return slr_fail_memory(err, slr_dataset_count(data) * sizeof *list, "the split");
    for (int part = 0; part < 3; part++)
        for (size_t i = 0; i < parts[part].count; i++) {
            const char *group = slr_dataset_item(data, parts[part].items[i])->group;
            if (*group)
                list[count++] = (grouped){group, parts[part].side};
        }
    if (count > 1)
        qsort(list, count, sizeof *list, by_group);
    *groups = *crossing = 0;
    for (size_t begin = 0, end; begin < count; begin = end) {
        bool crosses = false;
        for (end = begin; end < count && strcmp(list[end].group, list[begin].group) == 0; end++)
            crosses = crosses || list[end].side != list[begin].side;
        ++*groups;
        *crossing += crosses;
    }
    free(list);
    return SELORA_OK;
}
