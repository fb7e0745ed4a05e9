/* SPDX-License-Identifier: MIT
 * The search is L-BFGS (Nocedal & Wright, algorithm 7.4) with halved steps. */
#include "eval/logistic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "eval/feature_set.h"

enum { MEMORY = 12, MOST_ITERATIONS = 500, MOST_HALVINGS = 40, FOLDS = 5 };

static const double smallest_gradient = 1e-8;

typedef struct problem {
    const double *x;
    const uint8_t *y;
    size_t n, dim;
    double lambda;
} problem;

static double dot(const double *a, const double *b, size_t count)
{
    double s[4] = {0};
    size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (size_t k = 0; k < 4; k++)
            s[k] += a[i + k] * b[i + k];
    for (; i < count; i++)
        s[0] += a[i] * b[i];
    return (s[0] + s[1]) + (s[2] + s[3]);
}

double slr_sigmoid(double z)
{
    return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
}

/* log(1 + e^z) - y z */
static double log_loss(double z, bool y)
{
    double s = y ? -z : z;
    return s > 0 ? s + log1p(exp(-s)) : log1p(exp(s));
}

static double objective(const problem *p, const double *w, double *gradient)
{
    double loss = 0, scale = 1 / (double)p->n;
    for (size_t j = 0; j < p->dim; j++)
        gradient[j] = p->lambda * w[j];
    gradient[p->dim] = 0;
    for (size_t i = 0; i < p->n; i++) {
        const double *row = p->x + i * p->dim;
        double z = dot(row, w, p->dim) + w[p->dim], r = (slr_sigmoid(z) - (p->y[i] ? 1 : 0)) * scale;
        loss += log_loss(z, p->y[i]);
        for (size_t j = 0; j < p->dim; j++)
            gradient[j] += r * row[j];
        gradient[p->dim] += r;
    }
    return loss * scale + 0.5 * p->lambda * dot(w, w, p->dim);
}

/* What the search keeps; vectors of dim + 1. */
typedef struct search {
    double *gradient, *next, *next_gradient, *direction;
    double *s[MEMORY], *y[MEMORY], rho[MEMORY];
    int kept, newest;
    double *memory;
} search;

static bool new_search(search *v, size_t size)
{
    *v = (search){.memory = slr_alloc((4 + 2 * MEMORY) * size, sizeof *v->memory), .newest = -1};
    if (!v->memory)
        return false;
    double **const vectors[] = {&v->gradient, &v->next, &v->next_gradient, &v->direction};
    for (size_t i = 0; i < 4; i++)
        *vectors[i] = v->memory + i * size;
    for (size_t i = 0; i < MEMORY; i++) {
        v->s[i] = v->memory + (4 + 2 * i) * size;
        v->y[i] = v->memory + (5 + 2 * i) * size;
    }
    return true;
}

/* direction = -H gradient */
static void find_direction(search *v, size_t size)
{
    double alpha[MEMORY];
    for (size_t j = 0; j < size; j++)
        v->direction[j] = -v->gradient[j];
    for (int k = 0; k < v->kept; k++) {
        int at = (v->newest - k + MEMORY) % MEMORY;
        alpha[at] = v->rho[at] * dot(v->s[at], v->direction, size);
        for (size_t j = 0; j < size; j++)
            v->direction[j] -= alpha[at] * v->y[at][j];
    }
    double scale = v->kept ? 1 / (v->rho[v->newest] * dot(v->y[v->newest], v->y[v->newest], size)) : 1;
    for (size_t j = 0; j < size; j++)
        v->direction[j] *= scale;
    for (int k = v->kept - 1; k >= 0; k--) {
        int at = (v->newest - k + MEMORY) % MEMORY;
        double beta = v->rho[at] * dot(v->y[at], v->direction, size);
        for (size_t j = 0; j < size; j++)
            v->direction[j] += (alpha[at] - beta) * v->s[at][j];
    }
}

static void remember(search *v, const double *w, size_t size)
{
    int at = (v->newest + 1) % MEMORY;
    for (size_t j = 0; j < size; j++) {
        v->s[at][j] = v->next[j] - w[j];
        v->y[at][j] = v->next_gradient[j] - v->gradient[j];
    }
    double sy = dot(v->s[at], v->y[at], size);
    if (sy <= 1e-300)
        return;
    v->rho[at] = 1 / sy;
    v->newest = at;
    v->kept = v->kept < MEMORY ? v->kept + 1 : MEMORY;
}

static double largest(const double *values, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs(values[i]));
    return most;
}

static int minimise(const problem *p, search *v, double *w)
{
    size_t size = p->dim + 1;
    double f = objective(p, w, v->gradient);
    for (int iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
        if (largest(v->gradient, size) < smallest_gradient)
            return iteration;
        find_direction(v, size);
        double slope = dot(v->gradient, v->direction, size), step = 1, g = f;
        int halvings = 0;
        for (; halvings < MOST_HALVINGS; halvings++, step /= 2) {
            for (size_t j = 0; j < size; j++)
                v->next[j] = w[j] + step * v->direction[j];
            g = objective(p, v->next, v->next_gradient);
            if (g <= f + 1e-4 * step * slope)
                break;
        }
        if (halvings == MOST_HALVINGS) /* no smaller value can be told apart any more */
            return iteration;
        remember(v, w, size);
        memcpy(w, v->next, size * sizeof *w);
        memcpy(v->gradient, v->next_gradient, size * sizeof *w);
        f = g;
    }
    return MOST_ITERATIONS;
}

static bool has_both(const uint8_t *y, size_t n)
{
    size_t positives = 0;
    for (size_t i = 0; i < n; i++)
        positives += y[i] != 0;
    return positives > 0 && positives < n;
}

selora_status slr_logistic_fit(const double *x, const uint8_t *y, size_t n, size_t dim, double lambda,
                               slr_logistic *model, slr_error *err)
{
    search v;
    const problem p = {x, y, n, dim, lambda};
    if (!has_both(y, n))
        return slr_fail(err, SELORA_USAGE,
                        "a classifier needs pictures with and without its label, found one kind only");
    if (!model->weights) {
        model->dim = dim;
        model->weights = slr_alloc(dim + 1, sizeof *model->weights);
    }
    if (!model->weights || !new_search(&v, dim + 1))
        return slr_fail_memory(err, (dim + 1) * (4 + 2 * MEMORY) * sizeof(double), "a classifier");
    model->iterations = minimise(&p, &v, model->weights);
    free(v.memory);
    return isfinite(dot(model->weights, model->weights, dim + 1))
               ? SELORA_OK
               : slr_fail(err, SELORA_NUMERIC, "a classifier's weights are not finite");
}

void slr_logistic_free(slr_logistic *model)
{
    free(model->weights);
    *model = (slr_logistic){0};
}

double slr_logistic_score(const slr_logistic *model, const double *row)
{
    return dot(row, model->weights, model->dim) + model->weights[model->dim];
}

/* ---- the penalty ---- */

enum { PENALTIES = 8 }; /* that cross-validation chooses among, descending */

static double penalty(int index)
{
    return pow(10, 1 - 0.75 * index); /* 10 .. 5.6e-5 */
}

/* fold[i] of each row: whole groups, as many in each fold. */
static selora_status draw_folds(const int32_t *groups, size_t n, uint64_t seed, int *fold, slr_error *err)
{
    int64_t *labels = slr_alloc(n, sizeof *labels);
    int32_t *dense = slr_alloc(n, sizeof *dense);
    uint32_t *order = NULL;
    size_t count = 0;
    selora_status status = labels && dense ? SELORA_OK : slr_fail_memory(err, n * sizeof *labels, "folds");
    for (size_t i = 0; status == SELORA_OK && i < n; i++)
        labels[i] = groups[i];
    if (status == SELORA_OK)
        status = slr_dense_groups(labels, n, dense, &count, err);
    if (status == SELORA_OK && !(order = slr_alloc(count, sizeof *order)))
        status = slr_fail_memory(err, count * sizeof *order, "folds");
    if (status == SELORA_OK) {
        slr_rng rng = slr_rng_at(seed, SLR_STREAM_AUDIT, 1, 0);
        slr_rng_permutation(&rng, order, (uint32_t)count);
        for (size_t i = 0; i < n; i++)
            fold[i] = (int)(order[dense[i]] % FOLDS);
    }
    free(labels);
    free(dense);
    free(order);
    return status;
}

/* Held-out log loss of one fold for each penalty, the search going on from penalty to penalty; NaN where a
 * class lacks. */
static selora_status test_fold(const double *x, const uint8_t *y, const int *fold, size_t n, size_t dim,
                               int held_out, double *losses, slr_error *err)
{
    size_t kept = 0;
    double *rows = slr_alloc(n, dim * sizeof *rows);
    uint8_t *labels = slr_alloc(n, sizeof *labels);
    slr_logistic model = {0};
    selora_status status =
        rows && labels ? SELORA_OK : slr_fail_memory(err, n * dim * sizeof *rows, "a fold");
    for (size_t i = 0; status == SELORA_OK && i < n; i++)
        if (fold[i] != held_out) {
            memcpy(rows + kept * dim, x + i * dim, dim * sizeof *rows);
            labels[kept++] = y[i];
        }
    bool usable = status == SELORA_OK && kept < n && has_both(labels, kept);
    for (int k = 0; k < PENALTIES; k++) {
        losses[k] = NAN;
        if (!usable || status != SELORA_OK)
            continue;
        status = slr_logistic_fit(rows, labels, kept, dim, penalty(k), &model, err);
        losses[k] = 0;
        for (size_t i = 0; status == SELORA_OK && i < n; i++)
            if (fold[i] == held_out)
                losses[k] += log_loss(slr_logistic_score(&model, x + i * dim), y[i]);
    }
    slr_logistic_free(&model);
    free(rows);
    free(labels);
    return status;
}

selora_status slr_logistic_choose(const double *x, const uint8_t *y, const int32_t *groups, size_t n,
                                  size_t dim, uint64_t seed, int threads, double *lambda, slr_error *err)
{
    double losses[FOLDS][PENALTIES], best = INFINITY;
    selora_status statuses[FOLDS];
    int *fold = slr_alloc(n, sizeof *fold), chosen = PENALTIES / 2;
    if (!fold)
        return slr_fail_memory(err, n * sizeof *fold, "folds");
    selora_status status = draw_folds(groups, n, seed, fold, err);
    if (status == SELORA_OK) {
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
        for (int f = 0; f < FOLDS; f++)
            statuses[f] = test_fold(x, y, fold, n, dim, f, losses[f], NULL);
        for (int f = 0; f < FOLDS && status == SELORA_OK; f++)
            if (statuses[f] != SELORA_OK)
                status = slr_fail(err, statuses[f], "cross-validation of the classifier failed");
    }
    for (int k = 0; status == SELORA_OK && k < PENALTIES; k++) {
        double sum = 0;
        int used = 0;
        for (int f = 0; f < FOLDS; f++)
            if (!isnan(losses[f][k])) {
                sum += losses[f][k];
                used++;
            }
        if (used > 0 && sum < best) {
            best = sum;
            chosen = k;
        }
    }
    *lambda = penalty(chosen);
    free(fold);
    return status;
}
