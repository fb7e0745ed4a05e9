/* SPDX-License-Identifier: MIT */
#include "prepare/duplicates.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* ---- the difference hash ---- */

enum { HASH_WIDTH = 9, HASH_HEIGHT = 8 };

static double grey(const slr_image *image, int x, int y)
{
    size_t pixel = (size_t)y * (size_t)image->width + (size_t)x;
    const float *at = image->pixels + pixel * (size_t)image->channels;
    return image->channels == 3 ? 0.299 * at[0] + 0.587 * at[1] + 0.114 * at[2] : at[0];
}

/* Pixels [*from, *to) of part `index` of `parts`; at least one. */
static void part(int size, int index, int parts, int *from, int *to)
{
    *from = (int)((int64_t)size * index / parts);
    *to = (int)((int64_t)size * (index + 1) / parts);
    if (*to <= *from)
        *to = *from + 1;
}

static double mean_of_cell(const slr_image *image, int column, int row)
{
    int left, right, top, bottom;
    double sum = 0;
    part(image->width, column, HASH_WIDTH, &left, &right);
    part(image->height, row, HASH_HEIGHT, &top, &bottom);
    for (int y = top; y < bottom; y++)
        for (int x = left; x < right; x++)
            sum += grey(image, x, y);
    return sum / ((double)(right - left) * (bottom - top));
}

uint64_t slr_difference_hash(const slr_image *image)
{
    uint64_t hash = 0;
    for (int y = 0; y < HASH_HEIGHT; y++) {
        double left = mean_of_cell(image, 0, y);
        for (int x = 0; x + 1 < HASH_WIDTH; x++) {
            double right = mean_of_cell(image, x + 1, y);
            hash |= (uint64_t)(left < right) << (8 * y + x);
            left = right;
        }
    }
    return hash;
}

/* ---- near pictures ---- */

typedef struct near_print {
    uint64_t hash;
    uint32_t item, block; /* block: the bits that the list is sorted by now */
} near_print;

static int by_hash(const void *a, const void *b)
{
    const near_print *left = a, *right = b;
    int order = (left->hash > right->hash) - (left->hash < right->hash);
    return order ? order : (left->item > right->item) - (left->item < right->item);
}

static int by_block(const void *a, const void *b)
{
    const near_print *left = a, *right = b;
    int order = (left->block > right->block) - (left->block < right->block);
    return order ? order : (left->item > right->item) - (left->item < right->item);
}

/* Joins equal hashes; what stays in the list is one of each. */
static size_t join_same_hash(near_print *list, size_t count, slr_clusters *clusters)
{
    size_t kept = 0;
    if (count > 1)
        qsort(list, count, sizeof *list, by_hash);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && list[kept - 1].hash == list[i].hash)
            slr_clusters_join(clusters, list[kept - 1].item, list[i].item);
        else
            list[kept++] = list[i];
    }
    return kept;
}

/* Two hashes at most four bits apart are equal in one of five blocks of 13 bits (the last has 12). */
static void join_near(near_print *list, size_t count, slr_clusters *clusters)
{
    for (int block = 0; block <= SLR_NEAR_BITS; block++) {
        for (size_t i = 0; i < count; i++)
            list[i].block = (uint32_t)(list[i].hash >> (13 * block)) & 0x1fff;
        if (count > 1)
            qsort(list, count, sizeof *list, by_block);
        for (size_t i = 0; i < count; i++)
            for (size_t k = i + 1; k < count && list[k].block == list[i].block; k++)
                if (__builtin_popcountll(list[i].hash ^ list[k].hash) <= SLR_NEAR_BITS)
                    slr_clusters_join(clusters, list[i].item, list[k].item);
    }
}

static selora_status join_by_near(const slr_picture_print *prints, slr_clusters *clusters, slr_error *err)
{
    size_t count = 0;
    near_print *list = slr_alloc(clusters->count, sizeof *list);
    if (!list)
        return slr_fail_memory(err, clusters->count * sizeof *list, "the comparison of pictures");
    for (uint32_t i = 0; i < clusters->count; i++)
        if (prints[i].near != 0)
            list[count++] = (near_print){prints[i].near, i, 0};
    count = join_same_hash(list, count, clusters);
    join_near(list, count, clusters);
    free(list);
    return SELORA_OK;
}

/* ---- all three kinds ---- */

static size_t cluster_count(slr_clusters *clusters)
{
    size_t roots = 0;
    for (uint32_t i = 0; i < clusters->count; i++)
        roots += slr_clusters_root(clusters, i) == i;
    return roots;
}

static selora_status join_all(const slr_picture_print *prints, const char **texts, slr_clusters *own,
                              slr_duplicate_counts *counts, slr_error *err)
{
    for (uint32_t i = 0; i < own->count; i++)
        texts[i] = prints[i].file;
    SLR_TRY(slr_clusters_join_equal(own, texts, &counts->files, err));
    for (uint32_t i = 0; i < own->count; i++)
        texts[i] = prints[i].pixels;
    SLR_TRY(slr_clusters_join_equal(own, texts, &counts->pixels, err));
    size_t before = cluster_count(own);
    SLR_TRY(join_by_near(prints, own, err));
    counts->near = before - cluster_count(own);
    return SELORA_OK;
}

static selora_status count_sizes(slr_clusters *own, slr_duplicate_counts *counts, slr_error *err)
{
    uint32_t *sizes = slr_alloc(own->count, sizeof *sizes);
    if (!sizes)
        return slr_fail_memory(err, own->count * sizeof *sizes, "the comparison of pictures");
    for (uint32_t i = 0; i < own->count; i++) {
        uint32_t size = ++sizes[slr_clusters_root(own, i)];
        counts->clusters += size == 2;
        if (size > 1 && size > counts->largest)
            counts->largest = size;
    }
    free(sizes);
    return SELORA_OK;
}

selora_status slr_duplicates_join(const slr_picture_print *prints, size_t count, slr_clusters *clusters,
                                  slr_duplicate_counts *counts, slr_error *err)
{
    slr_clusters own;
    *counts = (slr_duplicate_counts){0};
    SLR_TRY(slr_clusters_new(count, &own, err));
    const char **texts = slr_alloc(count, sizeof *texts);
    selora_status status = texts ? join_all(prints, texts, &own, counts, err)
                                 : slr_fail_memory(err, count * sizeof *texts, "the comparison of pictures");
    if (status == SELORA_OK)
        status = count_sizes(&own, counts, err);
    for (uint32_t i = 0; status == SELORA_OK && i < own.count; i++)
        slr_clusters_join(clusters, i, slr_clusters_root(&own, i));
    free(texts);
    slr_clusters_free(&own);
    return status;
}
