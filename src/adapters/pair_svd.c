/* SPDX-License-Identifier: MIT */
#include "adapters/pair_svd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

enum { MOST_SWEEPS = 60 };

/* Columns that are shorter than this part of the longest are rounding. */
static const double nothing = 0x1p-40;

static double dot(const double *x, const double *y, size_t count)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < count; i++)
        sum += x[i] * y[i];
    return sum;
}

/* ---- QR ---- */

/* `count` columns of `length` numbers, one behind the other. Reflector j stands below and on the diagonal of column j
 * after slr_qr(), R above; the diagonal of R and the reflectors' factors have places of their own. */
typedef struct columns {
    size_t count, length, reflectors;
    double *data, *diagonal, *factor;
} columns;

static bool columns_new(columns *c, size_t count, size_t length)
{
    c->count = count;
    c->length = length;
    c->reflectors = count < length ? count : length;
    c->data = slr_alloc(count * length, sizeof *c->data);
    c->diagonal = slr_alloc(c->reflectors, sizeof *c->diagonal);
    c->factor = slr_alloc(c->reflectors, sizeof *c->factor);
    return c->data && c->diagonal && c->factor;
}

static void columns_free(columns *c)
{
    free(c->data);
    free(c->diagonal);
    free(c->factor);
}

/* x -= factor v (v . x) for the reflector j, over rows j and below. */
static void reflect(const columns *c, size_t j, double *x)
{
    const double *v = c->data + j * c->length + j;
    size_t rows = c->length - j;
    double step = c->factor[j] * dot(v, x + j, rows);
    for (size_t i = 0; i < rows; i++)
        x[j + i] -= step * v[i];
}

static void factorise(columns *c)
{
    for (size_t j = 0; j < c->reflectors; j++) {
        double *v = c->data + j * c->length + j;
        double square = dot(v, v, c->length - j), norm = sqrt(square);
        c->diagonal[j] = v[0] > 0 ? -norm : norm;
        if (norm > 0) {
            v[0] -= c->diagonal[j];
            c->factor[j] = 1 / (norm * fabs(v[0]));
        }
        for (size_t k = j + 1; k < c->count; k++)
            reflect(c, j, c->data + k * c->length);
    }
}

/* R(i, k); i <= k. */
static double triangle(const columns *c, size_t i, size_t k)
{
    return i == k ? c->diagonal[i] : c->data[k * c->length + i];
}

/* x = Q x in place; x has its numbers in the first rows, zeros below. */
static void apply_q(const columns *c, double *x)
{
    for (size_t j = c->reflectors; j-- > 0;)
        reflect(c, j, x);
}

/* ---- one-sided Jacobi ---- */

static void turn(double *x, double *y, size_t count, double cosine, double sine)
{
    for (size_t i = 0; i < count; i++) {
        double a = x[i], b = y[i];
        x[i] = cosine * a - sine * b;
        y[i] = sine * a + cosine * b;
    }
}

/* Makes columns p and q of w orthogonal, the same turn on v; false when they are. */
static bool rotate(double *w, size_t length, double *v, size_t count, size_t p, size_t q, double least)
{
    double *wp = w + p * length, *wq = w + q * length;
    double alpha = dot(wp, wp, length), beta = dot(wq, wq, length), gamma = dot(wp, wq, length);
    if (alpha <= least || beta <= least || fabs(gamma) <= 0x1p-52 * sqrt(alpha) * sqrt(beta))
        return false;
    double zeta = (beta - alpha) / (2 * gamma);
    double t = (zeta >= 0 ? 1 : -1) / (fabs(zeta) + sqrt(1 + zeta * zeta)), cosine = 1 / sqrt(1 + t * t);
    turn(wp, wq, length, cosine, cosine * t);
    turn(v + p * count, v + q * count, count, cosine, cosine * t);
    return true;
}

/* w: `count` columns of `length`, turned until they are orthogonal; v, (count, count), the turns. */
static void jacobi(double *w, size_t length, double *v, size_t count)
{
    double square = dot(w, w, count * length), least = square * 0x1p-104;
    for (size_t i = 0; i < count; i++)
        v[i * count + i] = 1;
    bool turned = true;
    for (int sweep = 0; turned && sweep < MOST_SWEEPS; sweep++) {
        turned = false;
        for (size_t p = 0; p + 1 < count; p++)
            for (size_t q = p + 1; q < count; q++)
                turned |= rotate(w, length, v, count, p, q, least);
    }
}

/* ---- the pair ---- */

typedef struct decomposition {
    columns a, b;     /* of A transposed and B */
    size_t ka, kb;    /* rows of their triangles */
    bool wide;        /* ka > kb: the columns turned are those of the product's transpose */
    size_t count, length;
    double *w, *v, *norms;
    size_t *order;
} decomposition;

static void take_factors(decomposition *d, const slr_pair *pair)
{
    size_t rank = (size_t)pair->rank, in = (size_t)pair->in, out = (size_t)pair->out;
    for (size_t i = 0; i < rank * in; i++)
        d->a.data[i] = (double)pair->a[i];
    for (size_t i = 0; i < rank; i++)
        for (size_t o = 0; o < out; o++)
            d->b.data[i * out + o] = (double)pair->b[o * rank + i];
}

/* w = R_B R_A^T, or its transpose, by columns. */
static void multiply_triangles(decomposition *d)
{
    for (size_t j = 0; j < d->ka; j++)
        for (size_t i = 0; i < d->kb; i++) {
            double sum = 0;
            for (size_t l = i > j ? i : j; l < d->a.count; l++)
                sum += triangle(&d->b, i, l) * triangle(&d->a, j, l);
            d->w[d->wide ? i * d->ka + j : j * d->kb + i] = sum;
        }
}

/* Longest first, equal ones as they stand. */
static void sort_columns(decomposition *d)
{
    for (size_t i = 0; i < d->count; i++) {
        size_t at = i;
        d->norms[i] = sqrt(dot(d->w + i * d->length, d->w + i * d->length, d->length));
        for (; at > 0 && d->norms[d->order[at - 1]] < d->norms[i]; at--)
            d->order[at] = d->order[at - 1];
        d->order[at] = i;
    }
}

/* Component `at` of the result from column i. */
static void take_component(const decomposition *d, size_t i, size_t at, slr_pair_svd *svd)
{
    double *left = svd->left + at * d->b.length, *right = svd->right + at * d->a.length;
    double *image = d->wide ? right : left, *source = d->wide ? left : right;
    svd->values[at] = d->norms[i];
    for (size_t k = 0; k < d->length; k++)
        image[k] = d->w[i * d->length + k] / d->norms[i];
    memcpy(source, d->v + i * d->count, d->count * sizeof *source);
    apply_q(&d->b, left);
    apply_q(&d->a, right);
    size_t largest = 0;
    for (size_t k = 1; k < d->a.length; k++)
        if (fabs(right[k]) > fabs(right[largest]))
            largest = k;
    if (right[largest] < 0) {
        for (size_t k = 0; k < d->a.length; k++)
            right[k] = -right[k];
        for (size_t k = 0; k < d->b.length; k++)
            left[k] = -left[k];
    }
}

static bool decompose(decomposition *d, const slr_pair *pair, slr_pair_svd *svd)
{
    if (!columns_new(&d->a, (size_t)pair->rank, (size_t)pair->in) ||
        !columns_new(&d->b, (size_t)pair->rank, (size_t)pair->out))
        return false;
    d->ka = d->a.reflectors;
    d->kb = d->b.reflectors;
    d->wide = d->ka > d->kb;
    d->count = d->wide ? d->kb : d->ka;
    d->length = d->wide ? d->ka : d->kb;
    d->w = slr_alloc(d->count * d->length, sizeof *d->w);
    d->v = slr_alloc(d->count * d->count, sizeof *d->v);
    d->norms = slr_alloc(d->count, sizeof *d->norms);
    d->order = slr_alloc(d->count, sizeof *d->order);
    svd->values = slr_alloc(d->count, sizeof *svd->values);
    svd->left = slr_alloc(d->count * d->b.length, sizeof *svd->left);
    svd->right = slr_alloc(d->count * d->a.length, sizeof *svd->right);
    if (!d->w || !d->v || !d->norms || !d->order || !svd->values || !svd->left || !svd->right)
        return false;
    take_factors(d, pair);
    factorise(&d->a);
    factorise(&d->b);
    multiply_triangles(d);
    jacobi(d->w, d->length, d->v, d->count);
    sort_columns(d);
    double least = nothing * d->norms[d->order[0]];
    for (size_t i = 0; i < d->count && d->norms[d->order[i]] > least; i++)
        take_component(d, d->order[i], (size_t)svd->count++, svd);
    return true;
}

selora_status slr_pair_svd_of(const slr_pair *pair, slr_pair_svd *svd, slr_error *err)
{
    decomposition d = {0};
    *svd = (slr_pair_svd){0};
    bool fine = decompose(&d, pair, svd);
    columns_free(&d.a);
    columns_free(&d.b);
    free(d.w);
    free(d.v);
    free(d.norms);
    free(d.order);
    if (fine)
        return SELORA_OK;
    slr_pair_svd_free(svd);
    return slr_fail_memory(err, (size_t)pair->rank * (size_t)(pair->in + pair->out) * 2 * sizeof(double), pair->path);
}

void slr_pair_svd_free(slr_pair_svd *svd)
{
    free(svd->values);
    free(svd->left);
    free(svd->right);
    *svd = (slr_pair_svd){0};
}
