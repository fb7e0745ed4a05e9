/* SPDX-License-Identifier: MIT */
#include "eval/frechet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "eval/dense.h"

/* Both sides moved by one row, their common mean: large offsets would cost digits, and distances stay. Where no side has
 * more rows than features, the products of all rows serve every part: centring both sides of a product is centring its
 * rows and columns. */
struct slr_frechet {
    size_t n, m, dim;
    double *x, *y;    /* (n, dim), (m, dim) */
    double *products; /* (n, m): x_i . y_j, or NULL */
};

selora_status slr_frechet_new(const double *x, size_t n, const double *y, size_t m, size_t dim, slr_frechet **frechet,
                              slr_error *err)
{
    *frechet = NULL;
    if (n < 2 || m < 2 || dim < 1)
        return slr_fail(err, SELORA_BAD_INPUT, "a Frechet distance needs at least 2 rows on each side; found %zu and %zu", n,
                        m);
    SLR_TRY(slr_dense_check(n > m ? n : m, dim, err));
    slr_frechet *f = slr_alloc(1, sizeof *f);
    double *means = slr_alloc(2 * dim, sizeof *means);
    bool small = n <= dim && m <= dim;
    if (f) {
        *f = (slr_frechet){.n = n, .m = m, .dim = dim, .x = slr_alloc(n * dim, sizeof *x), .y = slr_alloc(m * dim, sizeof *y),
                           .products = small ? slr_alloc(n * m, sizeof *x) : NULL};
    }
    if (!f || !means || !f->x || !f->y || (small && !f->products)) {
        slr_frechet_free(f);
        free(means);
        return slr_fail_memory(err, (n + m) * dim * sizeof *x, "a Frechet distance");
    }
    slr_mean_row(x, NULL, n, dim, means);
    slr_mean_row(y, NULL, m, dim, means + dim);
    for (size_t j = 0; j < dim; j++)
        means[j] = 0.5 * (means[j] + means[dim + j]);
    for (size_t i = 0; i < n * dim; i++)
        f->x[i] = x[i] - means[i % dim];
    for (size_t i = 0; i < m * dim; i++)
        f->y[i] = y[i] - means[i % dim];
    if (small)
        slr_rows_by_rows(f->x, n, f->y, m, dim, f->products);
    free(means);
    *frechet = f;
    return SELORA_OK;
}

void slr_frechet_free(slr_frechet *frechet)
{
    if (!frechet)
        return;
    free(frechet->x);
    free(frechet->y);
    free(frechet->products);
    free(frechet);
}

/* Trace of the sample covariance of some rows whose mean is known. */
static double trace(const double *x, const size_t *rows, size_t count, size_t dim, const double *mean)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const double *row = x + (rows ? rows[i] : i) * dim;
        double part = 0;
        for (size_t j = 0; j < dim; j++)
            part += (row[j] - mean[j]) * (row[j] - mean[j]);
        sum += part;
    }
    return sum / (double)(count - 1);
}

/* The sum of singular values of Xc Yc^T from the products of all rows. */
static selora_status cross_of_products(const slr_frechet *f, const size_t *xs, size_t n, const size_t *ys, size_t m,
                                       double *sum, slr_error *err)
{
    double *part = slr_alloc(n * m, sizeof *part), *columns = slr_alloc(m, sizeof *columns);
    selora_status status = part && columns ? SELORA_OK : slr_fail_memory(err, n * m * sizeof *part, "products");
    for (size_t i = 0; status == SELORA_OK && i < n; i++) {
        const double *row = f->products + (xs ? xs[i] : i) * f->m;
        double mean = 0;
        for (size_t j = 0; j < m; j++)
            mean += row[ys ? ys[j] : j];
        mean /= (double)m;
        for (size_t j = 0; j < m; j++) {
            part[i * m + j] = row[ys ? ys[j] : j] - mean;
            columns[j] += part[i * m + j] / (double)n;
        }
    }
    for (size_t i = 0; status == SELORA_OK && i < n * m; i++)
        part[i] -= columns[i % m];
    if (status == SELORA_OK)
        status = slr_singular_sum(part, n, m, sum, err);
    free(part);
    free(columns);
    return status;
}

/* Centred rows, or their triangle where there are more rows than features; *rows of them. */
static selora_status factor(const double *x, const size_t *chosen, size_t count, size_t dim, const double *mean,
                            double **out, size_t *rows, slr_error *err)
{
    *out = slr_alloc(count * dim, sizeof **out);
    if (!*out)
        return slr_fail_memory(err, count * dim * sizeof **out, "centred features");
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < dim; j++)
            (*out)[i * dim + j] = x[(chosen ? chosen[i] : i) * dim + j] - mean[j];
    *rows = count < dim ? count : dim;
    return count > dim ? slr_triangle(*out, count, dim, err) : SELORA_OK;
}

static selora_status cross_of_rows(const slr_frechet *f, const size_t *xs, size_t n, const size_t *ys, size_t m,
                                   const double *means, double *sum, slr_error *err)
{
    double *x = NULL, *y = NULL, *products = NULL;
    size_t x_rows, y_rows;
    selora_status status;
    SLR_TRY_OUT(factor(f->x, xs, n, f->dim, means, &x, &x_rows, err));
    SLR_TRY_OUT(factor(f->y, ys, m, f->dim, means + f->dim, &y, &y_rows, err));
    products = slr_alloc(x_rows * y_rows, sizeof *products);
    if (!products) {
        status = slr_fail_memory(err, x_rows * y_rows * sizeof *products, "products");
        goto out;
    }
    slr_rows_by_rows(x, x_rows, y, y_rows, f->dim, products);
    status = slr_singular_sum(products, x_rows, y_rows, sum, err);
out:
    free(x);
    free(y);
    free(products);
    return status;
}

selora_status slr_frechet_part(const slr_frechet *f, const size_t *x_rows, size_t x_count, const size_t *y_rows,
                               size_t y_count, double *d2, slr_error *err)
{
    size_t n = x_rows ? x_count : f->n, m = y_rows ? y_count : f->m;
    double cross = 0, apart = 0, *means;
    if (n < 2 || m < 2)
        return slr_fail(err, SELORA_BAD_INPUT, "a Frechet distance needs at least 2 rows on each side; found %zu and %zu", n,
                        m);
    means = slr_alloc(2 * f->dim, sizeof *means);
    if (!means)
        return slr_fail_memory(err, 2 * f->dim * sizeof *means, "means");
    slr_mean_row(f->x, x_rows, n, f->dim, means);
    slr_mean_row(f->y, y_rows, m, f->dim, means + f->dim);
    for (size_t j = 0; j < f->dim; j++)
        apart += (means[j] - means[f->dim + j]) * (means[j] - means[f->dim + j]);
    double spread = trace(f->x, x_rows, n, f->dim, means) + trace(f->y, y_rows, m, f->dim, means + f->dim);
    selora_status status = f->products ? cross_of_products(f, x_rows, n, y_rows, m, &cross, err)
                                       : cross_of_rows(f, x_rows, n, y_rows, m, means, &cross, err);
    free(means);
    double value = apart + spread - 2 * cross / sqrt((double)(n - 1) * (double)(m - 1));
    *d2 = value > 0 ? value : 0;
    if (status == SELORA_OK && !isfinite(value))
        return slr_fail(err, SELORA_NUMERIC, "a Frechet distance is not finite: features are too large");
    return status;
}

selora_status slr_frechet_distance(const double *x, size_t n, const double *y, size_t m, size_t dim, double *d2,
                                   slr_error *err)
{
    slr_frechet *frechet;
    SLR_TRY(slr_frechet_new(x, n, y, m, dim, &frechet, err));
    selora_status status = slr_frechet_part(frechet, NULL, 0, NULL, 0, d2, err);
    slr_frechet_free(frechet);
    return status;
}

void slr_frechet_fit(const double *sizes, const double *d2, size_t count, slr_frechet_inf *inf)
{
    double u = 0, v = 0, uu = 0, uv = 0, vv = 0;
    for (size_t i = 0; i < count; i++) {
        u += 1 / sizes[i] / (double)count;
        v += d2[i] / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        double a = 1 / sizes[i] - u, b = d2[i] - v;
        uu += a * a;
        uv += a * b;
        vv += b * b;
    }
    inf->slope = uu > 0 ? uv / uu : 0;
    inf->value = v - inf->slope * u;
    inf->r2 = uu > 0 && vv > 0 ? uv * uv / (uu * vv) : 0;
}

/* Draw `draw` of `count` rows out of `all`, as numbers. */
static bool draw_rows(uint64_t seed, uint32_t item, uint32_t draw, size_t all, size_t count, size_t *rows)
{
    uint32_t *order = slr_alloc(all, sizeof *order);
    slr_rng rng = slr_rng_at(seed, SLR_STREAM_JUDGING, item, draw);
    if (!order)
        return false;
    slr_rng_permutation(&rng, order, (uint32_t)all);
    for (size_t i = 0; i < count; i++)
        rows[i] = order[i];
    free(order);
    return true;
}

selora_status slr_frechet_infinity(const slr_frechet *f, uint64_t seed, uint32_t item, int threads, slr_frechet_inf *inf,
                                   slr_error *err)
{
    enum { PARTS = SLR_INF_SIZES * SLR_INF_DRAWS };
    double parts[PARTS], sizes[SLR_INF_SIZES], means[SLR_INF_SIZES] = {0};
    size_t most = f->n < f->m ? f->n : f->m;
    selora_status status = SELORA_OK;
    *inf = (slr_frechet_inf){0};
    if (most < 8)
        return slr_fail(err, SELORA_BAD_INPUT, "%zu rows are too few to extrapolate from; expected 8", most);
    for (int k = 0; k < SLR_INF_SIZES; k++)
        sizes[k] = round((double)most / 4 + ((double)most - (double)most / 4) * k / (SLR_INF_SIZES - 1));
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int p = PARTS - 1; p >= 0; p--) { /* the largest first */
        size_t count = (size_t)sizes[p / SLR_INF_DRAWS], *rows = slr_alloc(2 * count, sizeof *rows);
        slr_error own = {0};
        selora_status now = SELORA_OK;
        if (!rows || !draw_rows(seed, item, 2 * (uint32_t)p, f->n, count, rows) ||
            !draw_rows(seed, item, 2 * (uint32_t)p + 1, f->m, count, rows + count))
            now = slr_fail_memory(&own, 2 * count * sizeof *rows, "subsets");
        if (now == SELORA_OK)
            now = slr_frechet_part(f, rows, count, rows + count, count, &parts[p], &own);
        if (now != SELORA_OK) {
#pragma omp critical
            status = slr_fail(err, now, "%s", own.message);
        }
        free(rows);
    }
    for (int p = 0; p < PARTS; p++)
        means[p / SLR_INF_DRAWS] += parts[p] / SLR_INF_DRAWS;
    slr_frechet_fit(sizes, means, SLR_INF_SIZES, inf);
    inf->reliable = most >= f->dim && inf->r2 >= 0.9;
    return status;
}
