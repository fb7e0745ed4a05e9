/* SPDX-License-Identifier: MIT
 *
 * Attention by blocks of queries with whole score rows: scores, maximum, exp, sum, mix. Only q, k, v, the output and
 * the log-sum-exp are kept; backward recomputes the probabilities. Threads share out heads and, forward, blocks.
 */
#include <math.h>
#include <omp.h>

#include "kernels/cpu/cpu_gemm.h"
#include "kernels/cpu/vector_math.h"

enum { SCORES = 1 << 18, MIN_QUERIES = 64, MAX_QUERIES = 512 };

typedef struct head {
    int64_t batch, queries, keys, dim, stride, block, blocks;
    int heads;
    float scale;
    bool causal;
} head;

/* Queries of one block: as many as give SCORES scores, a megabyte; of equal size. */
static int64_t block_of(int64_t queries, int64_t keys)
{
    int64_t most = SCORES / keys;
    most = most < MIN_QUERIES ? MIN_QUERIES : most > MAX_QUERIES ? MAX_QUERIES : most;
    int64_t blocks = (queries + most - 1) / most;
    return (queries + blocks - 1) / blocks;
}

static head head_of(const slr_op *op, const slr_tensor *q, const slr_tensor *k)
{
    int64_t width = q->shape[2], block = block_of(q->shape[1], k->shape[1]);
    return (head){q->shape[0], q->shape[1], k->shape[1], width / op->u.attention.heads, width, block,
                  (q->shape[1] + block - 1) / block, op->u.attention.heads, (float)op->u.attention.scale,
                  op->u.attention.causal};
}

/* Floats of one block of scores, a multiple of 16. */
static size_t score_floats(const head *h)
{
    return (size_t)(h->block * h->keys + 15) / 16 * 16;
}

/* Probabilities and their gradients, then packing space: bytes for one thread. */
static size_t thread_bytes(const head *h)
{
    return 2 * score_floats(h) * sizeof(float) + SLR_CPU(gemm_packing)();
}

size_t SLR_CPU(attention_workspace)(const slr_graph *graph, const slr_op *op, int threads)
{
    head h = head_of(op, slr_graph_tensor(graph, op->in[0]), slr_graph_tensor(graph, op->in[1]));
    return (size_t)threads * thread_bytes(&h);
}

/* The space of the calling thread. */
typedef struct space {
    float *p, *ds;
    void *packing;
} space;

static space own_space(const slr_call *call, const head *h)
{
    float *at = (float *)call->workspace + (size_t)omp_get_thread_num() * thread_bytes(h) / sizeof(float);
    return (space){at, at + score_floats(h), at + 2 * score_floats(h)};
}

/* scores (count, keys) = rows of a times rows of b: q k^T, dy v^T. */
static void products(const head *h, const float *a, const float *b, int64_t count, float *scores, void *packing)
{
    slr_gemm g = {.rows = count, .columns = h->keys, .depth = h->dim, .a = a, .a_row = h->stride, .a_step = 1,
                  .b = b, .b_row = 1, .b_step = h->stride, .c = scores, .c_row = h->keys};
    SLR_CPU(gemm_serial)(&g, packing);
}

/* y (count, dim) = scores times rows of x: p v, ds k. */
static void mix(const head *h, const float *scores, const float *x, int64_t count, float *y, bool add,
                void *packing)
{
    slr_gemm g = {.rows = count, .columns = h->dim, .depth = h->keys, .a = scores, .a_row = h->keys, .a_step = 1,
                  .b = x, .b_row = h->stride, .b_step = 1, .c = y, .c_row = h->stride, .add = add};
    SLR_CPU(gemm_serial)(&g, packing);
}

/* y (keys, dim) = scores^T times rows of x: ds^T q, p^T dy. */
static void mix_back(const head *h, const float *scores, const float *x, int64_t count, float *y, bool add,
                     void *packing)
{
    slr_gemm g = {.rows = h->keys, .columns = h->dim, .depth = count, .a = scores, .a_row = 1, .a_step = h->keys,
                  .b = x, .b_row = h->stride, .b_step = 1, .c = y, .c_row = h->stride, .add = add};
    SLR_CPU(gemm_serial)(&g, packing);
}

static int64_t visible(const head *h, int64_t query)
{
    return h->causal && query + 1 < h->keys ? query + 1 : h->keys;
}

/* exp(scale (score - most)) over the visible keys, zeros after them; returns the log-sum-exp, *sum the sum. */
static float soften_row(float *row, int64_t seen, int64_t keys, float scale, float *sum)
{
    float most = row[0];
    double total = 0;
#pragma omp simd reduction(max : most)
    for (int64_t j = 0; j < seen; j++)
        most = row[j] > most ? row[j] : most;
#pragma omp simd reduction(+ : total)
    for (int64_t j = 0; j < seen; j++) {
        row[j] = slr_exp(scale * (row[j] - most));
        total += (double)row[j];
    }
    for (int64_t j = seen; j < keys; j++)
        row[j] = 0;
    *sum = (float)total;
    return (float)((double)(scale * most) + log(total));
}

static void forward_block(const slr_call *call, const head *h, int64_t task)
{
    int64_t block = task % h->blocks, i = task / h->blocks % h->heads, n = task / h->blocks / h->heads;
    int64_t first = block * h->block, k_at = n * h->keys * h->stride + i * h->dim;
    int64_t count = h->queries - first < h->block ? h->queries - first : h->block;
    int64_t at = (n * h->queries + first) * h->stride + i * h->dim;
    float *y = call->y + at, inverse[MAX_QUERIES];
    space own = own_space(call, h);
    products(h, call->x[0] + at, call->x[1] + k_at, count, own.p, own.packing);
    for (int64_t r = 0; r < count; r++) {
        float sum, lse = soften_row(own.p + r * h->keys, visible(h, first + r), h->keys, h->scale, &sum);
        inverse[r] = 1.0f / sum;
        if (call->saved)
            call->saved[(n * h->heads + i) * h->queries + first + r] = lse;
    }
    mix(h, own.p, call->x[2] + k_at, count, y, false, own.packing);
    for (int64_t r = 0; r < count; r++)
#pragma omp simd
        for (int64_t d = 0; d < h->dim; d++)
            y[r * h->stride + d] *= inverse[r];
}

void SLR_CPU(attention_fwd)(const slr_call *call)
{
    head h = head_of(call->op, call->in[0], call->in[1]);
#pragma omp parallel for num_threads(call->threads) schedule(dynamic)
    for (int64_t task = 0; task < h.batch * h.heads * h.blocks; task++)
        forward_block(call, &h, task);
}

/* p = exp(score - lse) and ds = p (dy v^T - dy . y) scale, row by row. */
static void backward_rows(const slr_call *call, const head *h, int64_t at, const float *lse, int64_t first,
                          int64_t count, float *p, float *ds)
{
    float scale = h->scale;
    for (int64_t r = 0; r < count; r++) {
        const float *y = call->y + at + r * h->stride, *dy = call->dy + at + r * h->stride;
        float *p_row = p + r * h->keys, *ds_row = ds + r * h->keys, along = 0, own = lse[r];
        int64_t seen = visible(h, first + r);
#pragma omp simd reduction(+ : along)
        for (int64_t d = 0; d < h->dim; d++)
            along += y[d] * dy[d];
#pragma omp simd
        for (int64_t j = 0; j < seen; j++) {
            p_row[j] = slr_exp(scale * p_row[j] - own);
            ds_row[j] = p_row[j] * (ds_row[j] - along) * scale;
        }
        for (int64_t j = seen; j < h->keys; j++)
            p_row[j] = ds_row[j] = 0;
    }
}

static void backward_head(const slr_call *call, const head *h, int64_t task)
{
    int64_t i = task % h->heads, n = task / h->heads;
    int64_t k_at = n * h->keys * h->stride + i * h->dim;
    const float *lse = call->saved + task * h->queries;
    space own = own_space(call, h);
    for (int64_t first = 0; first < h->queries; first += h->block) {
        int64_t count = h->queries - first < h->block ? h->queries - first : h->block;
        int64_t at = (n * h->queries + first) * h->stride + i * h->dim;
        products(h, call->x[0] + at, call->x[1] + k_at, count, own.p, own.packing);
        products(h, call->dy + at, call->x[2] + k_at, count, own.ds, own.packing);
        backward_rows(call, h, at, lse + first, first, count, own.p, own.ds);
        if (call->dx[0])
            mix(h, own.ds, call->x[1] + k_at, count, call->dx[0] + at, call->accumulate[0], own.packing);
        if (call->dx[1])
            mix_back(h, own.ds, call->x[0] + at, count, call->dx[1] + k_at, first > 0 || call->accumulate[1],
                     own.packing);
        if (call->dx[2])
            mix_back(h, own.p, call->dy + at, count, call->dx[2] + k_at, first > 0 || call->accumulate[2],
                     own.packing);
    }
}

void SLR_CPU(attention_bwd)(const slr_call *call)
{
    head h = head_of(call->op, call->in[0], call->in[1]);
#pragma omp parallel for num_threads(call->threads) schedule(dynamic)
    for (int64_t task = 0; task < h.batch * h.heads; task++)
        backward_head(call, &h, task);
}
