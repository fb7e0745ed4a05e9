/* SPDX-License-Identifier: MIT */
#include "eval/prdc.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "eval/dense.h"

enum { BLOCK = 256 };

/* One side: rows less the mean of x, which keeps norms near the size of distances. Squared radii for variant v with
 * nothing left out (0) or fold g left out (1 + g) are at radii[(i * variants + v) * versions + version]. */
typedef struct ball_side {
    double *rows;       /* (count, dim) */
    double *norms;      /* (count): squared lengths */
    double *radii, *reach; /* reach (count): the largest of a row's radii */
    size_t count;
    int folds, versions;
    const int32_t *fold; /* (count), or NULL for one fold */
    uint32_t *hit;       /* (variants, count), of y: bit `version`: the row is inside a ball of x */
} ball_side;

typedef struct ball_pass {
    ball_side x, y;
    size_t dim;
    const slr_prdc_variant *variants;
    int variant_count, most_k, threads;
} ball_pass;

/* What the pass over pairs counts for a variant; integers, so threads may add in any order. */
typedef struct ball_counts {
    uint64_t dense[1 + SLR_MOST_FOLDS];  /* pairs inside balls of x: by version */
    uint64_t dense_y[SLR_MOST_FOLDS];    /* version 0 by fold of y */
} ball_counts;

static double squared_distance(const double *a, const double *b, size_t dim)
{
    double parts[4] = {0};
    size_t j = 0;
    for (; j + 4 <= dim; j += 4)
        for (size_t k = 0; k < 4; k++)
            parts[k] += (a[j + k] - b[j + k]) * (a[j + k] - b[j + k]);
    for (; j < dim; j++)
        parts[0] += (a[j] - b[j]) * (a[j] - b[j]);
    return (parts[0] + parts[1]) + (parts[2] + parts[3]);
}

/* A bound of what |a|^2 + |b|^2 - 2 a.b is off by. */
static double slack(const ball_pass *p, double norms)
{
    return 4.5e-16 * (double)(p->dim + 8) * norms;
}

static int fold_of(const ball_side *side, size_t i)
{
    return side->fold ? side->fold[i] : 0;
}

static selora_status new_side(const ball_pass *p, ball_side *side, const double *rows, size_t count, const double *mean,
                              const slr_folds *folds, slr_error *err)
{
    side->count = count;
    side->folds = folds ? folds->folds : 1;
    side->fold = folds ? folds->fold : NULL;
    side->versions = 1 + (folds && folds->folds > 1 ? folds->folds : 0);
    side->rows = slr_alloc(count * p->dim, sizeof *side->rows);
    side->norms = slr_alloc(count, sizeof *side->norms);
    side->reach = slr_alloc(count, sizeof *side->reach);
    side->radii = slr_alloc(count * (size_t)(p->variant_count * side->versions), sizeof *side->radii);
    side->hit = slr_alloc(count * (size_t)p->variant_count, sizeof *side->hit);
    if (!side->rows || !side->norms || !side->reach || !side->radii || !side->hit)
        return slr_fail_memory(err, count * p->dim * sizeof *side->rows, "neighbours");
    for (size_t i = 0; i < count; i++) {
        double *row = side->rows + i * p->dim;
        for (size_t j = 0; j < p->dim; j++) {
            row[j] = rows[i * p->dim + j] - mean[j];
            side->norms[i] += row[j] * row[j];
        }
    }
    return SELORA_OK;
}

static void free_side(ball_side *side)
{
    free(side->rows);
    free(side->norms);
    free(side->reach);
    free(side->radii);
    free(side->hit);
}

/* Puts a distance into a rising list of `size` numbers that drops its last. */
static void keep_nearest(double *list, int size, double distance)
{
    int at = size - 1;
    for (; at > 0 && list[at - 1] > distance; at--)
        list[at] = list[at - 1];
    list[at] = distance;
}

/* The nearest of each fold for rows [begin, begin + count) of a side: lists (count, folds, most_k). */
static void find_nearest(const ball_pass *p, const ball_side *side, size_t begin, size_t count, double *block, double *lists)
{
    size_t per_row = (size_t)(side->folds * p->most_k);
    for (size_t i = 0; i < count * per_row; i++)
        lists[i] = INFINITY;
    for (size_t at = 0; at < side->count; at += BLOCK) {
        size_t width = side->count - at < BLOCK ? side->count - at : BLOCK;
        slr_rows_by_rows(side->rows + begin * p->dim, count, side->rows + at * p->dim, width, p->dim, block);
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < width; j++) {
                double norms = side->norms[begin + i] + side->norms[at + j];
                double *list = lists + i * per_row + (size_t)(fold_of(side, at + j) * p->most_k);
                if (norms - 2 * block[i * width + j] > list[p->most_k - 1] + slack(p, norms) || begin + i == at + j)
                    continue;
                double exact = squared_distance(side->rows + (begin + i) * p->dim, side->rows + (at + j) * p->dim, p->dim);
                if (exact < list[p->most_k - 1])
                    keep_nearest(list, p->most_k, exact);
            }
    }
}

/* The k-th smallest of the lists of all folds but `without` (-1: of all); INFINITY where there are fewer. */
static double kth(const double *lists, int folds, int most_k, int k, int without)
{
    int at[SLR_MOST_FOLDS] = {0};
    double last = INFINITY;
    for (int found = 0; found < k; found++) {
        int best = -1;
        for (int g = 0; g < folds; g++)
            if (g != without && at[g] < most_k &&
                (best < 0 || lists[g * most_k + at[g]] < lists[best * most_k + at[best]]))
                best = g;
        if (best < 0)
            return INFINITY;
        last = lists[best * most_k + at[best]++];
    }
    return last;
}

static void set_radii(const ball_pass *p, ball_side *side, size_t row, const double *lists)
{
    for (int v = 0; v < p->variant_count; v++)
        for (int version = 0; version < side->versions; version++) {
            double radius = kth(lists, side->folds, p->most_k, p->variants[v].k, version - 1);
            side->radii[(row * (size_t)p->variant_count + (size_t)v) * (size_t)side->versions + (size_t)version] = radius;
            if (isfinite(radius) && radius > side->reach[row])
                side->reach[row] = radius;
        }
}

/* Radii of a side; `twins` counts rows that another row equals. */
static selora_status judge_side(const ball_pass *p, ball_side *side, size_t *twins, slr_error *err)
{
    size_t per_row = (size_t)(side->folds * p->most_k), equal = 0;
    bool failed = false;
#pragma omp parallel num_threads(p->threads) reduction(+ : equal)
    {
        double *block = slr_alloc_aligned(BLOCK * BLOCK, sizeof *block);
        double *lists = slr_alloc(BLOCK * per_row, sizeof *lists);
        bool ready = block && lists;
#pragma omp for schedule(dynamic)
        for (size_t begin = 0; begin < side->count; begin += BLOCK) {
            size_t count = side->count - begin < BLOCK ? side->count - begin : BLOCK;
            if (!ready) {
#pragma omp atomic write
                failed = true;
                continue;
            }
            find_nearest(p, side, begin, count, block, lists);
            for (size_t i = 0; i < count; i++) {
                set_radii(p, side, begin + i, lists + i * per_row);
                equal += kth(lists + i * per_row, side->folds, p->most_k, 1, -1) == 0;
            }
        }
        free(block);
        free(lists);
    }
    *twins = equal;
    return failed ? slr_fail_memory(err, BLOCK * per_row * sizeof(double), "neighbours") : SELORA_OK;
}

static bool inside(double distance, double radius, bool closed)
{
    return closed ? distance <= radius : distance < radius;
}

/* Of a row of x and a variant. */
typedef struct row_bits {
    uint32_t covered;        /* bit `version` of x: its ball holds a row of y */
    uint32_t covering_folds; /* the folds of the rows in its ball, nothing left out */
    uint32_t recalled;       /* bit `version` of y: it is inside a ball of y */
} row_bits;

/* One near pair (i, j). `hit` (variants, m): bit version: in a ball of x. */
static void judge_pair(const ball_pass *p, size_t i, size_t j, row_bits *bits, uint32_t *hit, ball_counts *counts)
{
    double distance = squared_distance(p->x.rows + i * p->dim, p->y.rows + j * p->dim, p->dim);
    int x_fold = fold_of(&p->x, i), y_fold = fold_of(&p->y, j);
    for (int v = 0; v < p->variant_count; v++) {
        const double *rx = p->x.radii + (i * (size_t)p->variant_count + (size_t)v) * (size_t)p->x.versions;
        const double *ry = p->y.radii + (j * (size_t)p->variant_count + (size_t)v) * (size_t)p->y.versions;
        bool closed = p->variants[v].closed;
        for (int version = 0; version < p->x.versions; version++) {
            if (version == 1 + x_fold || !inside(distance, rx[version], closed))
                continue;
            hit[(size_t)v * p->y.count + j] |= 1u << version;
            bits[v].covered |= 1u << version;
            counts[v].dense[version]++;
            if (version == 0) {
                bits[v].covering_folds |= 1u << y_fold;
                counts[v].dense_y[y_fold]++;
            }
        }
        for (int version = 0; version < p->y.versions; version++)
            if (version != 1 + y_fold && inside(distance, ry[version], closed))
                bits[v].recalled |= 1u << version;
    }
}

static void judge_rows(const ball_pass *p, size_t begin, size_t count, double *block, row_bits *bits, uint32_t *hit,
                       ball_counts *counts)
{
    for (size_t at = 0; at < p->y.count; at += BLOCK) {
        size_t width = p->y.count - at < BLOCK ? p->y.count - at : BLOCK;
        slr_rows_by_rows(p->x.rows + begin * p->dim, count, p->y.rows + at * p->dim, width, p->dim, block);
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < width; j++) {
                double norms = p->x.norms[begin + i] + p->y.norms[at + j];
                double reach = p->x.reach[begin + i], other = p->y.reach[at + j];
                if (norms - 2 * block[i * width + j] <= (reach > other ? reach : other) + slack(p, norms))
                    judge_pair(p, begin + i, at + j, bits + (begin + i) * (size_t)p->variant_count, hit, counts);
            }
    }
}

/* All pairs of the two sides. bits (n, variants), counts (variants). */
static selora_status judge_pairs(ball_pass *p, row_bits *bits, ball_counts *counts, slr_error *err)
{
    size_t cells = p->y.count * (size_t)p->variant_count;
    bool failed = false;
#pragma omp parallel num_threads(p->threads)
    {
        double *block = slr_alloc_aligned(BLOCK * BLOCK, sizeof *block);
        uint32_t *hit = slr_alloc(cells, sizeof *hit);
        ball_counts own[SLR_PRDC_MOST_VARIANTS];
        bool ready = block && hit;
        memset(own, 0, sizeof own);
#pragma omp for schedule(dynamic)
        for (size_t begin = 0; begin < p->x.count; begin += BLOCK)
            if (ready)
                judge_rows(p, begin, p->x.count - begin < BLOCK ? p->x.count - begin : BLOCK, block, bits, hit, own);
            else
#pragma omp atomic write
                failed = true;
#pragma omp critical
        {
            for (size_t i = 0; ready && i < cells; i++)
                p->y.hit[i] |= hit[i];
            for (int v = 0; v < p->variant_count; v++)
                for (int f = 0; f <= SLR_MOST_FOLDS; f++) {
                    counts[v].dense[f] += own[v].dense[f];
                    if (f < SLR_MOST_FOLDS)
                        counts[v].dense_y[f] += own[v].dense_y[f];
                }
        }
        free(block);
        free(hit);
    }
    return failed ? slr_fail_memory(err, cells * sizeof(uint32_t), "neighbours") : SELORA_OK;
}

/* The values with fold x_out of x or y_out of y left out (-1: none). */
static void values_of(const ball_pass *p, int v, const row_bits *bits, const ball_counts *counts, int x_out, int y_out,
                      double *values)
{
    double n = 0, m = 0, precise = 0, recalled = 0, covered = 0, dense = (double)counts[v].dense[1 + x_out];
    for (size_t j = 0; j < p->y.count; j++) {
        bool kept = fold_of(&p->y, j) != y_out || y_out < 0;
        m += kept;
        precise += kept && (p->y.hit[(size_t)v * p->y.count + j] >> (1 + x_out) & 1);
    }
    for (size_t i = 0; i < p->x.count; i++) {
        const row_bits *row = &bits[i * (size_t)p->variant_count + (size_t)v];
        bool kept = fold_of(&p->x, i) != x_out || x_out < 0;
        n += kept;
        recalled += kept && (row->recalled >> (1 + y_out) & 1);
        covered += kept && (y_out >= 0 ? (row->covering_folds & ~(1u << y_out)) != 0 : (row->covered >> (1 + x_out) & 1));
    }
    if (y_out >= 0)
        dense -= (double)counts[v].dense_y[y_out];
    values[SLR_PRECISION] = precise / m;
    values[SLR_RECALL] = recalled / n;
    values[SLR_DENSITY] = dense / (p->variants[v].k * m);
    values[SLR_COVERAGE] = covered / n;
}

/* Does every fold left out leave more than k rows? */
static bool enough_rows(const ball_side *side, int k)
{
    size_t sizes[SLR_MOST_FOLDS] = {0};
    for (size_t i = 0; i < side->count; i++)
        sizes[fold_of(side, i)]++;
    for (int g = 0; g < side->folds; g++)
        if (side->count - sizes[g] <= (size_t)k)
            return false;
    return side->folds > 1;
}

static void finish(const ball_pass *p, int v, const row_bits *bits, const ball_counts *counts, slr_prdc *prdc)
{
    double theta[2 * SLR_MOST_FOLDS][SLR_PRDC_VALUES];
    bool folded = enough_rows(&p->x, p->variants[v].k) && enough_rows(&p->y, p->variants[v].k);
    values_of(p, v, bits, counts, -1, -1, prdc->value);
    for (int g = 0; folded && g < p->x.folds; g++)
        values_of(p, v, bits, counts, g, -1, theta[g]);
    for (int g = 0; folded && g < p->y.folds; g++)
        values_of(p, v, bits, counts, -1, g, theta[p->x.folds + g]);
    for (int o = 0; o < SLR_PRDC_VALUES; o++)
        prdc->se[o] = folded ? sqrt(slr_jackknife_part(&theta[0][o], p->x.folds, SLR_PRDC_VALUES) +
                                    slr_jackknife_part(&theta[p->x.folds][o], p->y.folds, SLR_PRDC_VALUES))
                             : NAN;
    for (int side = 0; side < 2; side++) {
        const ball_side *s = side ? &p->y : &p->x;
        prdc->points[side] = 0;
        for (size_t i = 0; i < s->count; i++)
            prdc->points[side] += s->radii[(i * (size_t)p->variant_count + (size_t)v) * (size_t)s->versions] == 0;
    }
}

static selora_status check_variants(size_t n, size_t m, const slr_prdc_variant *variants, int count, slr_error *err)
{
    size_t least = n < m ? n : m;
    for (int v = 0; v < count; v++)
        if (variants[v].k < 1 || variants[v].k > SLR_PRDC_MOST_K || (size_t)variants[v].k >= least)
            return slr_fail(err, SELORA_BAD_INPUT, "precision and recall with k = %d neighbours need more than %d pictures on "
                            "each side (k at most %d); found %zu and %zu", variants[v].k, variants[v].k, SLR_PRDC_MOST_K, n, m);
    return SELORA_OK;
}

selora_status slr_prdc_judge(const double *x, size_t n, const double *y, size_t m, size_t dim, const slr_folds *x_folds,
                             const slr_folds *y_folds, const slr_prdc_variant *variants, int variant_count, int threads,
                             slr_prdc *prdc, slr_error *err)
{
    SLR_TRY(check_variants(n, m, variants, variant_count, err));
    SLR_TRY(slr_dense_check(n > m ? n : m, dim, err));
    ball_pass pass = {.dim = dim, .variants = variants, .variant_count = variant_count, .threads = threads};
    ball_counts counts[SLR_PRDC_MOST_VARIANTS];
    size_t twins[2] = {0};
    for (int v = 0; v < variant_count; v++)
        pass.most_k = variants[v].k > pass.most_k ? variants[v].k : pass.most_k;
    double *mean = slr_alloc(dim, sizeof *mean);
    row_bits *bits = slr_alloc(n * (size_t)variant_count, sizeof *bits);
    selora_status status = mean && bits ? SELORA_OK : slr_fail_memory(err, n * sizeof *bits, "neighbours");
    memset(counts, 0, sizeof counts);
    if (status != SELORA_OK)
        goto out;
    slr_mean_row(x, NULL, n, dim, mean);
    SLR_TRY_OUT(new_side(&pass, &pass.x, x, n, mean, x_folds, err));
    SLR_TRY_OUT(new_side(&pass, &pass.y, y, m, mean, y_folds, err));
    SLR_TRY_OUT(judge_side(&pass, &pass.x, &twins[0], err));
    SLR_TRY_OUT(judge_side(&pass, &pass.y, &twins[1], err));
    SLR_TRY_OUT(judge_pairs(&pass, bits, counts, err));
    for (int v = 0; v < variant_count; v++) {
        finish(&pass, v, bits, counts, &prdc[v]);
        memcpy(prdc[v].twins, twins, sizeof twins);
    }
out:
    free_side(&pass.x);
    free_side(&pass.y);
    free(mean);
    free(bits);
    return status;
}
