/* SPDX-License-Identifier: MIT */
#include "prepare/clusters.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

selora_status slr_clusters_new(size_t count, slr_clusters *clusters, slr_error *err)
{
    *clusters = (slr_clusters){0};
    if (count >= UINT32_MAX)
        return slr_fail(err, SELORA_BAD_INPUT, "%zu pictures are more than can be compared", count);
    clusters->parents = slr_alloc(count, sizeof *clusters->parents);
    if (!clusters->parents)
        return slr_fail_memory(err, count * sizeof *clusters->parents, "the groups of pictures");
    clusters->count = (uint32_t)count;
    for (uint32_t i = 0; i < clusters->count; i++)
        clusters->parents[i] = i;
    return SELORA_OK;
}

void slr_clusters_free(slr_clusters *clusters)
{
    free(clusters->parents);
    *clusters = (slr_clusters){0};
}

uint32_t slr_clusters_root(slr_clusters *clusters, uint32_t item)
{
    uint32_t *parents = clusters->parents;
    while (parents[item] != item)
        item = parents[item] = parents[parents[item]];
    return item;
}

bool slr_clusters_join(slr_clusters *clusters, uint32_t a, uint32_t b)
{
    a = slr_clusters_root(clusters, a);
    b = slr_clusters_root(clusters, b);
    clusters->parents[a < b ? b : a] = a < b ? a : b;
    return a != b;
}

typedef struct keyed {
    const char *text;
    uint32_t item;
} keyed;

static int by_text(const void *a, const void *b)
{
    const keyed *left = a, *right = b;
    int order = strcmp(left->text, right->text);
    return order ? order : (left->item > right->item) - (left->item < right->item);
}

selora_status slr_clusters_join_equal(slr_clusters *clusters, const char *const *texts, size_t *joined,
                                      slr_error *err)
{
    size_t count = 0;
    keyed *items = slr_alloc(clusters->count, sizeof *items);
    if (!items)
        return slr_fail_memory(err, clusters->count * sizeof *items, "the groups of pictures");
    for (uint32_t i = 0; i < clusters->count; i++)
        if (texts[i] && *texts[i])
            items[count++] = (keyed){texts[i], i};
    if (count > 1)
        qsort(items, count, sizeof *items, by_text);
    size_t joins = 0;
    for (size_t i = 1; i < count; i++)
        if (strcmp(items[i - 1].text, items[i].text) == 0)
            joins += slr_clusters_join(clusters, items[i - 1].item, items[i].item);
    if (joined)
        *joined = joins;
    free(items);
    return SELORA_OK;
}
