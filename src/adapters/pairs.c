/* SPDX-License-Identifier: MIT */
#include "adapters/pairs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/adapter_names.h"
#include "core/memory.h"

enum { MAX_FACT = 100 };

static void free_pair(slr_pair *pair)
{
    free(pair->path);
    free(pair->a);
    free(pair->b);
}

void slr_pairs_free(slr_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++)
        free_pair(&pairs->items[i]);
    free(pairs->items);
    json_decref(pairs->facts);
    *pairs = (slr_pairs){0};
}

selora_status slr_pairs_add(slr_pairs *pairs, const char *path, int64_t in, int64_t out, int rank,
                            slr_pair **pair, slr_error *err)
{
    slr_pair made = {.path = slr_copy_text(path), .in = in, .out = out, .rank = rank,
                     .stored_rank = rank, .scale = 1, .applied = 1, .alpha = NAN};
    size_t a, b;
    if (slr_mul_size((size_t)rank, (size_t)in, &a) && slr_mul_size((size_t)rank, (size_t)out, &b)) {
        made.a = slr_alloc(a, sizeof *made.a);
        made.b = slr_alloc(b, sizeof *made.b);
    }
    if (!made.path || !made.a || !made.b ||
        !slr_grow((void **)&pairs->items, &pairs->capacity, pairs->count, sizeof *pairs->items)) {
        free_pair(&made);
        return slr_fail_memory(err, (size_t)rank * (size_t)(in + out) * sizeof(slr_real), path);
    }
    pairs->items[pairs->count] = made;
    *pair = &pairs->items[pairs->count++];
    return SELORA_OK;
}

static int by_path(const void *x, const void *y)
{
    return strcmp(((const slr_pair *)x)->path, ((const slr_pair *)y)->path);
}

void slr_pairs_sort(slr_pairs *pairs)
{
    if (pairs->count > 1)
        qsort(pairs->items, pairs->count, sizeof *pairs->items, by_path);
}

slr_pair *slr_pairs_find(const slr_pairs *pairs, const char *path)
{
    slr_pair wanted = {.path = (char *)(uintptr_t)path};
    return pairs->count == 0
               ? NULL
               : bsearch(&wanted, pairs->items, pairs->count, sizeof *pairs->items, by_path);
}

void slr_pairs_keep(slr_pairs *pairs, const char *component)
{
    size_t kept = 0;
    for (size_t i = 0; i < pairs->count; i++)
        if (strcmp(slr_component_of(pairs->items[i].path), component) == 0)
            pairs->items[kept++] = pairs->items[i];
        else
            free_pair(&pairs->items[i]);
    pairs->count = kept;
}

int slr_pairs_most_rank(const slr_pairs *pairs, const char *component)
{
    int most = 0;
    for (size_t i = 0; i < pairs->count; i++)
        if (strcmp(slr_component_of(pairs->items[i].path), component) == 0 &&
            pairs->items[i].rank > most)
            most = pairs->items[i].rank;
    return most;
}

/* tr((B^T B)(A A^T)) for A (rank, in), B (out, rank): the squared norm of B A. */
static double squared(const double *a, const double *b, int rank, int64_t in, int64_t out)
{
    double sum = 0;
    for (int i = 0; i < rank; i++)
        for (int j = 0; j <= i; j++) {
            double aa = 0, bb = 0;
            for (int64_t k = 0; k < in; k++)
                aa += a[i * in + k] * a[j * in + k];
            for (int64_t k = 0; k < out; k++)
                bb += b[i * out + k] * b[j * out + k];
            sum += (i == j ? 1 : 2) * aa * bb;
        }
    return sum < 0 ? 0 : sum;
}

double slr_pair_norm(const slr_pair *pair)
{
    size_t rank = (size_t)pair->rank, in = (size_t)pair->in, out = (size_t)pair->out;
    double *a = slr_alloc(rank * in, sizeof *a), *b = slr_alloc(rank * out, sizeof *b), norm = NAN;
    if (a && b) {
        for (size_t i = 0; i < rank * in; i++)
            a[i] = (double)pair->a[i];
        for (size_t o = 0; o < out; o++)
            for (size_t i = 0; i < rank; i++)
                b[i * out + o] = (double)pair->b[o * rank + i];
        norm = fabs(pair->scale) * sqrt(squared(a, b, pair->rank, pair->in, pair->out));
    }
    free(a);
    free(b);
    return norm;
}

double slr_pair_distance(const slr_pair *pair, const slr_real *a, const slr_real *b, int rows,
                         double factor)
{
    /* f B'A' - s B A = (f B' - s B) A' + s B (A' - A), with A and B padded to `rows`. */
    size_t n = (size_t)rows, in = (size_t)pair->in, out = (size_t)pair->out, rank = (size_t)pair->rank;
    double *left = slr_alloc(2 * n * in, sizeof *left), *right = slr_alloc(2 * n * out, sizeof *right);
    double norm = NAN;
    if (left && right) {
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < in; k++) {
                double own = i < rank ? (double)pair->a[i * in + k] : 0;
                left[i * in + k] = (double)a[i * in + k];
                left[(n + i) * in + k] = (double)a[i * in + k] - own;
            }
        for (size_t i = 0; i < n; i++)
            for (size_t o = 0; o < out; o++) {
                double own = i < rank ? pair->scale * (double)pair->b[o * rank + i] : 0;
                right[i * out + o] = factor * (double)b[o * n + i] - own;
                right[(n + i) * out + o] = own;
            }
        norm = sqrt(squared(left, right, 2 * rows, pair->in, pair->out));
    }
    free(left);
    free(right);
    return norm;
}

void slr_pairs_note(slr_pairs *pairs, const char *key, const char *text)
{
    static const char plain[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-._";
    if (!text || !text[0] || strlen(text) > MAX_FACT || text[strspn(text, plain)])
        return;
    if (!pairs->facts)
        pairs->facts = json_object();
    json_object_set_new(pairs->facts, key, json_string(text));
}
