/* SPDX-License-Identifier: MIT
 * Neighbourhood grey tone difference: how far levels are from the mean of the pixels around them. */
#include <math.h>
#include <string.h>

#include "eval/texture_parts.h"

/* sum |level - mean of the neighbours| by level; the neighbourhood is 3 x 3, cut at the border. */
static void add_differences(const slr_texture *t, double *by_level)
{
    int width = t->width, height = t->height;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int top = y > 0 ? y - 1 : 0, bottom = y + 1 < height ? y + 1 : y;
            int left = x > 0 ? x - 1 : 0, right = x + 1 < width ? x + 1 : x;
            int64_t sum = 0, here = t->levels[(size_t)y * (size_t)width + (size_t)x];
            for (int v = top; v <= bottom; v++)
                for (int u = left; u <= right; u++)
                    sum += t->levels[(size_t)v * (size_t)width + (size_t)u];
            int around = (bottom - top + 1) * (right - left + 1) - 1;
            if (around > 0)
                by_level[here] += fabs((double)here - (double)(sum - here) / around);
        }
}

/* Levels that occur: i, p_i and s_i in t->by_level[0..2]; how many there are. */
static size_t gather(slr_texture *t)
{
    double *level = t->by_level[0], *p = t->by_level[1], *s = t->by_level[2], *differences = t->by_level[3];
    double pixels = (double)slr_texture_pixels(t);
    size_t count = 0;
    memset(differences, 0, ((size_t)t->level_count + 1) * sizeof *differences);
    add_differences(t, differences);
    for (int i = 1; i <= t->level_count; i++)
        if (t->level_counts[i] > 0) {
            level[count] = i;
            p[count] = (double)t->level_counts[i] / pixels;
            s[count++] = differences[i];
        }
    return count;
}

typedef struct pair_sums {
    double contrast, busyness, complexity, strength;
} pair_sums;

/* Over pairs i < j: each sum has equal terms for (i, j) and (j, i), and 0 for (i, i). */
static pair_sums add_level_pairs(const slr_texture *t, size_t count)
{
    const double *level = t->by_level[0], *p = t->by_level[1], *s = t->by_level[2];
    pair_sums sums = {0};
    for (size_t a = 0; a < count; a++) {
        double contrast = 0, busyness = 0, complexity = 0, strength = 0;
        for (size_t b = a + 1; b < count; b++) {
            double gap = level[b] - level[a], both = p[a] + p[b];
            contrast += p[b] * gap * gap;
            busyness += fabs(level[a] * p[a] - level[b] * p[b]);
            complexity += gap * (p[a] * s[a] + p[b] * s[b]) / both;
            strength += both * gap * gap;
        }
        sums.contrast += 2 * p[a] * contrast;
        sums.busyness += 2 * busyness;
        sums.complexity += 2 * complexity;
        sums.strength += 2 * strength;
    }
    return sums;
}

void slr_texture_ngtdm(slr_texture *t, double f[SLR_NGTDM_FEATURES])
{
    size_t count = gather(t);
    const double *p = t->by_level[1], *s = t->by_level[2];
    double pixels = (double)slr_texture_pixels(t), levels = (double)count, coarse = 0, total = 0;
    for (size_t i = 0; i < count; i++) {
        coarse += p[i] * s[i];
        total += s[i];
    }
    pair_sums sums = add_level_pairs(t, count);
    f[0] = coarse > 0 ? 1 / coarse : 1e6;
    f[1] = count > 1 ? sums.contrast / (levels * (levels - 1)) * total / pixels : 0;
    f[2] = sums.busyness > 0 ? coarse / sums.busyness : 0;
    f[3] = sums.complexity / pixels;
    f[4] = total > 0 ? sums.strength / total : 0;
}
