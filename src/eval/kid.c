/* SPDX-License-Identifier: MIT */
#include "eval/kid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "eval/dense.h"

enum { SMALL_BLOCK = 64, LARGE_BLOCK = 512 };

/* Which pairs of rows a sum is over. */
enum { KIND_XX, KIND_XY, KIND_YY, KINDS };

typedef struct kernel_block {
    size_t begin, count; /* rows of the pool: x, then y */
    bool of_y;
} kernel_block;

/* One pass over the pool of n + m rows. A column of `weights` holds a number for each row; for column c the pass finds the
 * sums over pairs i != j of weight_i k_ij weight_j of each kind. Column 0 is all ones. */
typedef struct kernel_pass {
    const double *x, *y;
    size_t n, m, dim, block_size;
    kernel_block *blocks;
    size_t block_count, pair_count;
    size_t columns;
    double *weights; /* (n + m, columns) */
    double *partial; /* (pairs, columns) */
    double *edges;   /* (pairs, 2, block size): sums of a block's rows and columns */
    double *sums;    /* (KINDS, columns); of XY each pair once, of the others twice */
    double *rows;    /* (n + m): sum over j != i of k_ij */
} kernel_pass;

static const double *pool_row(const kernel_pass *p, size_t i)
{
    return i < p->n ? p->x + i * p->dim : p->y + (i - p->n) * p->dim;
}

static double kernel(double product, size_t dim)
{
    double base = product / (double)dim + 1;
    return base * base * base;
}

static void free_pass(kernel_pass *p)
{
    free(p->blocks);
    free(p->weights);
    free(p->partial);
    free(p->edges);
    free(p->sums);
    free(p->rows);
}

static void lay_blocks(kernel_pass *p)
{
    for (int side = 0; side < 2; side++) {
        size_t begin = side ? p->n : 0, end = side ? p->n + p->m : p->n;
        for (size_t at = begin; at < end; at += p->block_size)
            p->blocks[p->block_count++] =
                (kernel_block){at, end - at < p->block_size ? end - at : p->block_size, side == 1};
    }
    p->pair_count = p->block_count * (p->block_count + 1) / 2;
}

static selora_status new_pass(kernel_pass *p, slr_error *err)
{
    size_t larger = p->n > p->m ? p->n : p->m, pool = p->n + p->m;
    p->block_size = larger / 8 < SMALL_BLOCK ? SMALL_BLOCK : larger / 8 > LARGE_BLOCK ? LARGE_BLOCK : larger / 8;
    p->blocks = slr_alloc(pool / p->block_size + 2, sizeof *p->blocks);
    if (p->blocks)
        lay_blocks(p);
    p->weights = slr_alloc(pool * p->columns, sizeof *p->weights);
    p->partial = slr_alloc(p->pair_count * p->columns, sizeof *p->partial);
    p->edges = slr_alloc(p->pair_count * 2 * p->block_size, sizeof *p->edges);
    p->sums = slr_alloc(KINDS * p->columns, sizeof *p->sums);
    p->rows = slr_alloc(pool, sizeof *p->rows);
    if (!p->blocks || !p->weights || !p->partial || !p->edges || !p->sums || !p->rows)
        return slr_fail_memory(err, pool * p->columns * sizeof *p->weights, "a kernel distance");
    return SELORA_OK;
}

/* The numbers of the blocks of a pair: (0,0), (0,1), (1,1), (0,2) .. */
static void pair_blocks(size_t pair, size_t *first, size_t *second)
{
    size_t j = 0;
    while ((j + 1) * (j + 2) / 2 <= pair)
        j++;
    *second = j;
    *first = pair - j * (j + 1) / 2;
}

static void run_pair(const kernel_pass *p, size_t pair, double *block, double *product)
{
    size_t first, second;
    pair_blocks(pair, &first, &second);
    const kernel_block *a = &p->blocks[first], *b = &p->blocks[second];
    double *rows = p->edges + pair * 2 * p->block_size, *columns = rows + p->block_size;
    double *partial = p->partial + pair * p->columns;
    slr_rows_by_rows(pool_row(p, a->begin), a->count, pool_row(p, b->begin), b->count, p->dim, block);
    for (size_t i = 0; i < a->count; i++) {
        double *line = block + i * b->count;
        for (size_t j = 0; j < b->count; j++)
            line[j] = kernel(line[j], p->dim);
        if (first == second)
            line[i] = 0;
        for (size_t j = 0; j < b->count; j++) {
            rows[i] += line[j];
            columns[j] += line[j];
        }
    }
    slr_product_into(block, a->count, b->count, p->weights + b->begin * p->columns, p->columns, p->columns, product);
    double times = a->of_y == b->of_y && first != second ? 2 : 1; /* pairs of one side count in both orders */
    for (size_t i = 0; i < a->count; i++) {
        const double *weights = p->weights + (a->begin + i) * p->columns, *line = product + i * p->columns;
        for (size_t c = 0; c < p->columns; c++)
            partial[c] += times * weights[c] * line[c];
    }
}

static void gather(kernel_pass *p)
{
    for (size_t pair = 0; pair < p->pair_count; pair++) {
        size_t first, second;
        pair_blocks(pair, &first, &second);
        const kernel_block *a = &p->blocks[first], *b = &p->blocks[second];
        const double *rows = p->edges + pair * 2 * p->block_size;
        double *sums = p->sums + (a->of_y ? KIND_YY : b->of_y ? KIND_XY : KIND_XX) * p->columns;
        for (size_t c = 0; c < p->columns; c++)
            sums[c] += p->partial[pair * p->columns + c];
        for (size_t i = 0; i < a->count; i++)
            p->rows[a->begin + i] += rows[i];
        for (size_t j = 0; first != second && j < b->count; j++)
            p->rows[b->begin + j] += rows[p->block_size + j];
    }
}

static selora_status run_pass(kernel_pass *p, int threads, slr_error *err)
{
    bool failed = false;
#pragma omp parallel num_threads(threads)
    {
        double *block = slr_alloc_aligned(p->block_size * p->block_size, sizeof *block);
        double *product = slr_alloc_aligned(p->block_size * p->columns, sizeof *product);
        bool ready = block && product;
#pragma omp for schedule(dynamic)
        for (size_t pair = 0; pair < p->pair_count; pair++)
            if (ready)
                run_pair(p, pair, block, product);
            else
#pragma omp atomic write
                failed = true;
        free(block);
        free(product);
    }
    if (failed)
        return slr_fail_memory(err, p->block_size * p->columns * sizeof(double), "a kernel distance");
    gather(p);
    return SELORA_OK;
}

/* The order of columns: all ones, folds of x left out, folds of y left out, subsets, permutations. */
typedef struct column_plan {
    size_t x_folds, y_folds, subsets, permutations, subset_size;
} column_plan;

static size_t first_subset(const column_plan *c)
{
    return 1 + c->x_folds + c->y_folds;
}

static selora_status draw_columns(kernel_pass *p, const column_plan *c, const slr_kid_options *o, slr_error *err)
{
    size_t pool = p->n + p->m, begin = first_subset(c);
    uint32_t *order = slr_alloc(pool, sizeof *order);
    if (!order)
        return slr_fail_memory(err, pool * sizeof *order, "permutations");
    for (size_t s = 0; s < c->subsets; s++) {
        slr_rng rng = slr_rng_at(o->seed, SLR_STREAM_JUDGING, o->item, (uint32_t)(2 * s));
        slr_rng_permutation(&rng, order, (uint32_t)p->n);
        for (size_t i = 0; i < c->subset_size; i++)
            p->weights[order[i] * p->columns + begin + s] = 1;
        slr_rng_permutation(&rng, order, (uint32_t)p->m);
        for (size_t i = 0; i < c->subset_size; i++)
            p->weights[(p->n + order[i]) * p->columns + begin + s] = 1;
    }
    begin += c->subsets;
    for (size_t b = 0; b < c->permutations; b++) {
        slr_rng rng = slr_rng_at(o->seed, SLR_STREAM_JUDGING, o->item, (uint32_t)(2 * b + 1));
        slr_rng_permutation(&rng, order, (uint32_t)pool);
        for (size_t i = 0; i < p->n; i++)
            p->weights[order[i] * p->columns + begin + b] = 1;
    }
    free(order);
    return SELORA_OK;
}

static void set_columns(kernel_pass *p, const column_plan *c, const slr_folds *x_folds, const slr_folds *y_folds)
{
    for (size_t i = 0; i < p->n + p->m; i++) {
        double *row = p->weights + i * p->columns;
        bool of_x = i < p->n;
        row[0] = 1;
        for (size_t g = 0; g < c->x_folds; g++)
            row[1 + g] = !of_x || x_folds->fold[i] != (int32_t)g;
        for (size_t g = 0; g < c->y_folds; g++)
            row[1 + c->x_folds + g] = of_x || y_folds->fold[i - p->n] != (int32_t)g;
    }
}

/* The estimate of a column that takes n rows of x and m of y. */
static double estimate(const kernel_pass *p, size_t column, double n, double m)
{
    const double *sums = p->sums + column;
    return sums[KIND_XX * p->columns] / (n * (n - 1)) + sums[KIND_YY * p->columns] / (m * (m - 1)) -
           2 * sums[KIND_XY * p->columns] / (n * m);
}

static double fold_size(const slr_folds *folds, size_t g)
{
    double size = 0;
    for (size_t i = 0; i < folds->count; i++)
        size += folds->fold[i] == (int32_t)g;
    return size;
}

static double jackknife(const kernel_pass *p, const column_plan *c, const slr_folds *x_folds, const slr_folds *y_folds)
{
    double theta[2 * SLR_MOST_FOLDS], n = (double)p->n, m = (double)p->m;
    if (c->x_folds < 2 || c->y_folds < 2)
        return NAN;
    for (size_t g = 0; g < c->x_folds; g++)
        theta[g] = estimate(p, 1 + g, n - fold_size(x_folds, g), m);
    for (size_t g = 0; g < c->y_folds; g++)
        theta[c->x_folds + g] = estimate(p, 1 + c->x_folds + g, n, m - fold_size(y_folds, g));
    return sqrt(slr_jackknife_part(theta, (int)c->x_folds, 1) + slr_jackknife_part(theta + c->x_folds, (int)c->y_folds, 1));
}

/* How often labels drawn by chance are as far apart as the true ones. */
static double p_value(const kernel_pass *p, const column_plan *c, double value)
{
    size_t reached = 0, begin = first_subset(c) + c->subsets;
    double n = (double)p->n, m = (double)p->m, total = 0, scale = 0;
    for (size_t i = 0; i < p->n + p->m; i++)
        total += p->rows[i];
    scale = fabs(total) / ((n + m) * (n + m - 1));
    for (size_t b = 0; b < c->permutations; b++) {
        double edge = 0, inside = p->sums[KIND_XX * p->columns + begin + b] + p->sums[KIND_YY * p->columns + begin + b] +
                                  2 * p->sums[KIND_XY * p->columns + begin + b];
        for (size_t i = 0; i < p->n + p->m; i++)
            edge += p->weights[i * p->columns + begin + b] * p->rows[i];
        double drawn = inside / (n * (n - 1)) + (total - 2 * edge + inside) / (m * (m - 1)) -
                       2 * (edge - inside) / (n * m);
        reached += drawn >= value - 1e-12 * scale; /* the same labels in another order of additions */
    }
    return c->permutations ? (1 + (double)reached) / ((double)c->permutations + 1) : NAN;
}

static void judge_subsets(const kernel_pass *p, const column_plan *c, slr_kid *kid)
{
    double mean = 0, square = 0, size = (double)c->subset_size;
    for (size_t s = 0; s < c->subsets; s++)
        mean += estimate(p, first_subset(c) + s, size, size) / (double)c->subsets;
    for (size_t s = 0; s < c->subsets; s++) {
        double apart = estimate(p, first_subset(c) + s, size, size) - mean;
        square += apart * apart / (double)c->subsets;
    }
    kid->subset_size = c->subset_size;
    kid->subset_mean = c->subsets ? mean : NAN;
    kid->subset_sd = c->subsets ? sqrt(square) : NAN;
}

static void judge_main(const kernel_pass *p, slr_kid *kid)
{
    double n = (double)p->n, m = (double)p->m, own[2] = {0};
    for (size_t i = 0; i < p->n + p->m; i++) {
        const double *row = pool_row(p, i);
        double square = 0;
        for (size_t j = 0; j < p->dim; j++)
            square += row[j] * row[j];
        own[i >= p->n] += kernel(square, p->dim);
    }
    double xx = p->sums[KIND_XX * p->columns], yy = p->sums[KIND_YY * p->columns];
    kid->xx = xx / (n * (n - 1));
    kid->yy = yy / (m * (m - 1));
    kid->xy = p->sums[KIND_XY * p->columns] / (n * m);
    kid->value = kid->xx + kid->yy - 2 * kid->xy;
    kid->biased = (xx + own[0]) / (n * n) + (yy + own[1]) / (m * m) - 2 * kid->xy;
}

selora_status slr_kid_judge(const double *x, size_t n, const double *y, size_t m, size_t dim, const slr_folds *x_folds,
                            const slr_folds *y_folds, const slr_kid_options *options, slr_kid *kid, slr_error *err)
{
    size_t least = n < m ? n : m, half = least / 2;
    bool folded = x_folds && y_folds;
    if (least < 2 || dim < 1)
        return slr_fail(err, SELORA_BAD_INPUT, "a kernel distance needs at least 2 rows on each side; found %zu and %zu", n, m);
    SLR_TRY(slr_dense_check(n + m, dim, err));
    column_plan plan = {.x_folds = folded ? (size_t)x_folds->folds : 0, .y_folds = folded ? (size_t)y_folds->folds : 0,
                        .subsets = half >= 2 ? options->subsets : 0, .permutations = options->permutations,
                        .subset_size = half < 1000 ? half : 1000};
    kernel_pass pass = {.x = x, .y = y, .n = n, .m = m, .dim = dim,
                        .columns = first_subset(&plan) + plan.subsets + plan.permutations};
    selora_status status = new_pass(&pass, err);
    if (status == SELORA_OK) {
        set_columns(&pass, &plan, x_folds, y_folds);
        status = draw_columns(&pass, &plan, options, err);
    }
    if (status == SELORA_OK)
        status = run_pass(&pass, options->threads, err);
    if (status == SELORA_OK) {
        *kid = (slr_kid){0};
        judge_main(&pass, kid);
        kid->se = jackknife(&pass, &plan, x_folds, y_folds);
        kid->p_value = p_value(&pass, &plan, kid->value);
        judge_subsets(&pass, &plan, kid);
        if (!isfinite(kid->value))
            status = slr_fail(err, SELORA_NUMERIC, "a kernel distance is not finite: features are too large");
    }
    free_pass(&pass);
    return status;
}
