/* SPDX-License-Identifier: MIT
 * Grey level co-occurrence: distance 1, symmetric, each feature the mean over four directions. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "eval/texture_parts.h"

/* One direction. Counts are of the symmetric matrix: every pair stands for (i, j) and (j, i). */
typedef struct glcm {
    double total;             /* of the matrix */
    double *px, *sums, *gaps; /* shares by i, by i + j, by |i - j| */
    double product;           /* sum i j p */
    double energy, entropy, largest;
} glcm;

/* Unordered pairs of neighbours, the lower level first. */
static void list_pairs(slr_texture *t, int dy, int dx)
{
    t->pairs = 0;
    for (int y = 0; y + dy < t->height; y++) {
        const int32_t *here = t->levels + (size_t)y * (size_t)t->width, *there = here + dy * t->width + dx;
        for (int x = dx < 0 ? 1 : 0; x < t->width - (dx > 0); x++) {
            int32_t a = here[x], b = there[x];
            t->first[t->pairs] = a < b ? a : b;
            t->second[t->pairs++] = a < b ? b : a;
        }
    }
}

/* Marginals from the cells; sums of whole numbers are exact in any order. */
static void add_cells(const slr_texture *t, glcm *m)
{
    double squares = 0, logs = 0, largest = 0, product = 0;
    for (size_t c = 0; c < t->cell_count; c++) {
        const slr_pair_cell *cell = &t->cells[c];
        bool same = cell->first == cell->second;
        double count = (double)cell->count, entry = same ? 2 * count : count;
        m->px[cell->first] += count;
        m->px[cell->second] += count;
        m->sums[cell->first + cell->second] += 2 * count;
        m->gaps[cell->second - cell->first] += 2 * count;
        product += 2 * count * (double)cell->first * (double)cell->second;
        squares += (same ? 1 : 2) * entry * entry;
        logs += entry > 1 ? 2 * count * log2(entry) : 0;
        largest = entry > largest ? entry : largest;
    }
    m->product = product / m->total;
    m->energy = squares / (m->total * m->total);
    m->entropy = log2(m->total) - logs / m->total;
    m->largest = largest / m->total;
}

static void count_direction(slr_texture *t, const int direction[2], glcm *m)
{
    size_t levels = (size_t)t->level_count;
    *m = (glcm){.px = t->by_level[0], .sums = t->by_level[1], .gaps = t->by_level[2]};
    list_pairs(t, direction[0], direction[1]);
    slr_texture_count_pairs(t);
    m->total = 2 * (double)t->pairs;
    memset(m->px, 0, (levels + 1) * sizeof *m->px);
    memset(m->sums, 0, (2 * levels + 1) * sizeof *m->sums);
    memset(m->gaps, 0, levels * sizeof *m->gaps);
    add_cells(t, m);
    for (size_t i = 1; i <= levels; i++)
        m->px[i] /= m->total;
    for (size_t k = 2; k <= 2 * levels; k++)
        m->sums[k] /= m->total;
    for (size_t k = 0; k < levels; k++)
        m->gaps[k] /= m->total;
}

/* Features of i + j about 2 mu. */
static void add_sums(const glcm *m, size_t levels, double mu, double f[SLR_GLCM_FEATURES])
{
    double tendency = 0, shade = 0, prominence = 0;
    for (size_t k = 2; k <= 2 * levels; k++) {
        double d = (double)k - 2 * mu, square = d * d;
        tendency += square * m->sums[k];
        shade += square * d * m->sums[k];
        prominence += square * square * m->sums[k];
    }
    f[2] += tendency;
    f[3] += shade;
    f[4] += prominence;
    f[13] += slr_texture_entropy(m->sums + 2, 2 * levels - 1);
}

/* Features of |i - j|. */
static void add_gaps(const glcm *m, size_t levels, double f[SLR_GLCM_FEATURES])
{
    double average = 0, contrast = 0, id = 0, idn = 0, idm = 0, idmn = 0, inverse = 0, variance = 0;
    double ng = (double)levels;
    for (size_t i = 0; i < levels; i++) {
        double k = (double)i, p = m->gaps[i];
        average += k * p;
        contrast += k * k * p;
        id += p / (1 + k);
        idn += p / (1 + k / ng);
        idm += p / (1 + k * k);
        idmn += p / (1 + k * k / (ng * ng));
        inverse += i > 0 ? p / (k * k) : 0;
    }
    for (size_t i = 0; i < levels; i++)
        variance += ((double)i - average) * ((double)i - average) * m->gaps[i];
    f[5] += contrast;
    f[7] += average;
    f[8] += variance;
    f[9] += slr_texture_entropy(m->gaps, levels);
    f[15] += id;
    f[16] += idn;
    f[17] += idm;
    f[18] += idmn;
    f[19] += inverse;
}

/* HXY1 and HXY2 of a symmetric matrix are both twice H(px). */
static void add_direction(const glcm *m, size_t levels, double f[SLR_GLCM_FEATURES])
{
    double mu = 0, variance = 0, hx = slr_texture_entropy(m->px + 1, levels);
    for (size_t i = 1; i <= levels; i++)
        mu += (double)i * m->px[i];
    for (size_t i = 1; i <= levels; i++)
        variance += ((double)i - mu) * ((double)i - mu) * m->px[i];
    f[0] += m->product;
    f[1] += mu;
    add_sums(m, levels, mu, f);
    add_gaps(m, levels, f);
    f[6] += variance > 0 ? (m->product - mu * mu) / variance : 1;
    f[10] += m->energy;
    f[11] += m->entropy;
    f[12] += m->largest;
    f[14] += variance;
    f[20] += hx > 0 ? (m->entropy - 2 * hx) / hx : 0;
    f[21] += 2 * hx > m->entropy ? sqrt(1 - exp(-2 * (2 * hx - m->entropy))) : 0;
}

void slr_texture_glcm(slr_texture *t, double f[SLR_GLCM_FEATURES])
{
    int used = 0;
    memset(f, 0, SLR_GLCM_FEATURES * sizeof *f);
    for (int d = 0; d < 4; d++) {
        glcm m;
        count_direction(t, slr_texture_directions[d], &m);
        if (t->pairs == 0) /* a picture one pixel wide or high */
            continue;
        add_direction(&m, (size_t)t->level_count, f);
        used++;
    }
    for (int i = 0; used > 0 && i < SLR_GLCM_FEATURES; i++)
        f[i] /= used;
}
