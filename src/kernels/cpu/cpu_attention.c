/* SPDX-License-Identifier: MIT
 *
 * Attention by blocks of queries with whole score rows: scores, maximum, exp, sum, mix. Only q, k, v, the output and
 * the log-sum-exp are kept; backward recomputes the probabilities. Products run single-threaded inside the
 * parallel loop over heads and blocks.
 */
#include <cblas.h>
#include <math.h>

#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/vector_math.h"

#include <omp.h>

enum { QUERIES = 32 };

typedef struct head {
    int64_t batch, queries, keys, dim, stride, blocks;
    int heads;
    float scale;
    bool causal;
} head;

static head head_of(const slr_op *op, const slr_tensor *q, const slr_tensor *k)
{
    int64_t width = q->shape[2];
    return (head){q->shape[0], q->shape[1], k->shape[1], width / op->u.attention.heads, width,
                  (q->shape[1] + QUERIES - 1) / QUERIES, op->u.attention.heads,
                  (float)op->u.attention.scale, op->u.attention.causal};
}

/* Two score blocks a thread: probabilities and their gradients. */
size_t SLR_CPU(attention_workspace)(const slr_graph *graph, const slr_op *op, int threads)
{
    const slr_tensor *k = slr_graph_tensor(graph, op->in[1]);
    return (size_t)threads * 2 * QUERIES * (size_t)k->shape[1] * sizeof(float);
}

/* scores (count, keys) = scale q k^T. */
static void scores_of(const head *h, const float *q, const float *k, int64_t count, float *scores)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)count, (int)h->keys, (int)h->dim, h->scale,
                q, (int)h->stride, k, (int)h->stride, 0, scores, (int)h->keys);
}

static int64_t visible(const head *h, int64_t query)
{
    return h->causal && query + 1 < h->keys ? query + 1 : h->keys;
}

/* exp(score - most) over the visible keys, zeros after them; returns the log-sum-exp, *sum the sum. */
static float soften_row(float *row, int64_t seen, int64_t keys, float *sum)
{
    float most = row[0], total = 0;
#pragma omp simd reduction(max : most)
    for (int64_t j = 0; j < seen; j++)
        most = row[j] > most ? row[j] : most;
#pragma omp simd reduction(+ : total)
    for (int64_t j = 0; j < seen; j++) {
        row[j] = slr_exp(row[j] - most);
        total += row[j];
    }
    for (int64_t j = seen; j < keys; j++)
        row[j] = 0;
    *sum = total;
    return most + logf(total);
}

static void forward_block(const slr_call *call, const head *h, int64_t task, float *scores)
{
    int64_t block = task % h->blocks, i = task / h->blocks % h->heads, n = task / h->blocks / h->heads;
    int64_t first = block * QUERIES;
    int64_t count = h->queries - first < QUERIES ? h->queries - first : QUERIES;
    const float *q = call->x[0] + (n * h->queries + first) * h->stride + i * h->dim;
    const float *k = call->x[1] + n * h->keys * h->stride + i * h->dim;
    const float *v = call->x[2] + n * h->keys * h->stride + i * h->dim;
    float *y = call->y + (n * h->queries + first) * h->stride + i * h->dim, inverse[QUERIES];
    scores_of(h, q, k, count, scores);
    for (int64_t r = 0; r < count; r++) {
        float sum, lse = soften_row(scores + r * h->keys, visible(h, first + r), h->keys, &sum);
        inverse[r] = 1.0f / sum;
        if (call->saved)
            call->saved[(n * h->heads + i) * h->queries + first + r] = lse;
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)count, (int)h->dim, (int)h->keys, 1,
                scores, (int)h->keys, v, (int)h->stride, 0, y, (int)h->stride);
    for (int64_t r = 0; r < count; r++)
#pragma omp simd
        for (int64_t d = 0; d < h->dim; d++)
            y[r * h->stride + d] *= inverse[r];
}

void SLR_CPU(attention_fwd)(const slr_call *call)
{
    head h = head_of(call->op, call->in[0], call->in[1]);
    int64_t tasks = h.batch * h.heads * h.blocks;
#pragma omp parallel for num_threads(call->threads) schedule(static)
    for (int64_t task = 0; task < tasks; task++)
        forward_block(call, &h, task,
                      (float *)call->workspace + (int64_t)omp_get_thread_num() * 2 * QUERIES * h.keys);
}

/* p = exp(score - lse) and ds = p (dy v^T - dy . y) scale, row by row. */
static void backward_rows(const slr_call *call, const head *h, int64_t at, const float *lse, int64_t first,
                          int64_t count, float *p, float *ds)
{
    for (int64_t r = 0; r < count; r++) {
        const float *y = call->y + at + r * h->stride, *dy = call->dy + at + r * h->stride;
        float *p_row = p + r * h->keys, *ds_row = ds + r * h->keys, along = 0, own = lse[r];
        int64_t seen = visible(h, first + r);
#pragma omp simd reduction(+ : along)
        for (int64_t d = 0; d < h->dim; d++)
            along += y[d] * dy[d];
        float scale = h->scale;
#pragma omp simd
        for (int64_t j = 0; j < seen; j++) {
            p_row[j] = slr_exp(p_row[j] - own);
            ds_row[j] = p_row[j] * (ds_row[j] - along) * scale;
        }
        for (int64_t j = seen; j < h->keys; j++)
            p_row[j] = ds_row[j] = 0;
    }
}

static void backward_head(const slr_call *call, const head *h, int64_t task, float *p)
{
    int64_t i = task % h->heads, n = task / h->heads, stride = h->stride;
    float *ds = p + QUERIES * h->keys;
    int64_t k_at = n * h->keys * stride + i * h->dim;
    const float *lse = call->saved + task * h->queries;
    for (int64_t first = 0; first < h->queries; first += QUERIES) {
        int64_t count = h->queries - first < QUERIES ? h->queries - first : QUERIES;
        int64_t at = (n * h->queries + first) * stride + i * h->dim;
        int rows = (int)count, keys = (int)h->keys, dim = (int)h->dim, ld = (int)stride;
        float q_beta = call->accumulate[0] ? 1 : 0;
        float k_beta = first > 0 || call->accumulate[1] ? 1 : 0, v_beta = first > 0 || call->accumulate[2] ? 1 : 0;
        scores_of(h, call->x[0] + at, call->x[1] + k_at, count, p);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, keys, dim, 1, call->dy + at, ld,
                    call->x[2] + k_at, ld, 0, ds, keys);
        backward_rows(call, h, at, lse + first, first, count, p, ds);
        if (call->dx[0])
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, dim, keys, 1, ds, keys,
                        call->x[1] + k_at, ld, q_beta, call->dx[0] + at, ld);
        if (call->dx[1])
            cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, keys, dim, rows, 1, ds, keys,
                        call->x[0] + at, ld, k_beta, call->dx[1] + k_at, ld);
        if (call->dx[2])
            cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, keys, dim, rows, 1, p, keys,
                        call->dy + at, ld, v_beta, call->dx[2] + k_at, ld);
    }
}

void SLR_CPU(attention_bwd)(const slr_call *call)
{
    head h = head_of(call->op, call->in[0], call->in[1]);
#pragma omp parallel for num_threads(call->threads) schedule(static)
    for (int64_t task = 0; task < h.batch * h.heads; task++)
        backward_head(call, &h, task,
                      (float *)call->workspace + (int64_t)omp_get_thread_num() * 2 * QUERIES * h.keys);
}
