/* SPDX-License-Identifier: MIT
 *
 * Attention by blocks of queries. Keys and values of a head are packed once. Forward computes whole score rows: scores,
 * maximum, exp, sum, mix. Only q, k, v, the output and the log-sum-exp are kept: backward recomputes the probabilities,
 * tile by tile of keys. Threads share out blocks of queries, backward heads: a head's gradients of k and v are sums
 * over its blocks in their order.
 */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "kernels/cpu/block_product.h"
#include "kernels/cpu/vector_math.h"

enum { LANES = SLR_PACKED_COLUMNS, QUERIES = 28, BACKWARD_QUERIES = 56, BACKWARD_KEYS = 384, SUM_STEP = 512 };

static const double LOG2_E = 1.4426950408889634;

typedef struct head {
    int64_t batch, heads, queries, keys, dim, stride;
    int64_t block, blocks; /* queries of a block */
    int64_t tile;          /* keys of a tile, a multiple of LANES; forward: all */
    int64_t width, score_row; /* floats from row to row of packed results, of scores */
    float scale, scale2;   /* of the scores, and for powers of two */
    bool causal;
} head;

/* `total` in equal parts of at most `most`: the size of a part. */
static int64_t even_part(int64_t total, int64_t most)
{
    int64_t parts = (total + most - 1) / most;
    return (total + parts - 1) / parts;
}

static head head_of(const slr_op *op, const slr_tensor *q, const slr_tensor *k, bool backward)
{
    int64_t heads = op->u.attention.heads;
    head h = {.batch = q->shape[0], .heads = heads, .queries = q->shape[1], .keys = k->shape[1],
              .dim = q->shape[2] / heads, .stride = q->shape[2], .scale = (float)op->u.attention.scale,
              .scale2 = (float)(op->u.attention.scale * LOG2_E), .causal = op->u.attention.causal};
    h.block = even_part(h.queries, backward ? BACKWARD_QUERIES : QUERIES);
    h.blocks = (h.queries + h.block - 1) / h.block;
    h.tile = slr_padded_columns(backward ? even_part(h.keys, BACKWARD_KEYS) : h.keys);
    h.width = slr_padded_columns(h.dim);
    h.score_row = (h.tile / LANES | 1) * LANES; /* an odd number of cache lines: rows do not collide in the cache */
    return h;
}

/* One thread's space: operands of a head, then of a block. Where NULL goes in, floats are counted from zero. */
typedef struct space {
    float *k_columns, *v_columns, *k_rows, *v_rows, *dk, *dv; /* head */
    float *q_rows, *dy_rows, *scores, *gradients, *mixed;     /* block */
} space;

static size_t lay_out(const head *h, bool backward, float *at, space *s)
{
    int64_t tiles = (h->keys + h->tile - 1) / h->tile;
    size_t columns = (size_t)(tiles * slr_packed_floats(h->dim, h->tile)), scores = (size_t)(h->block * h->score_row);
    size_t rows = (size_t)(tiles * h->tile * h->width), block = (size_t)(h->block * h->width), used = 0;
    struct {
        float **part;
        size_t floats;
    } parts[] = {
        {&s->k_columns, columns}, {&s->v_columns, backward ? columns : 0}, {&s->k_rows, backward ? rows : 0},
        {&s->v_rows, backward ? 0 : rows}, {&s->dk, backward ? rows : 0}, {&s->dv, backward ? rows : 0},
        {&s->q_rows, backward ? block : 0}, {&s->dy_rows, backward ? block : 0}, {&s->scores, scores},
        {&s->gradients, backward ? scores : 0}, {&s->mixed, block},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        *parts[i].part = at ? at + used : NULL;
        used += parts[i].floats;
    }
    return used;
}

size_t SLR_CPU(attention_workspace)(const slr_graph *graph, const slr_op *op, bool backward, int threads)
{
    space unused;
    head h = head_of(op, slr_graph_tensor(graph, op->in[0]), slr_graph_tensor(graph, op->in[1]), backward);
    return (size_t)threads * lay_out(&h, backward, NULL, &unused) * sizeof(float);
}

static space own_space(const slr_call *call, const head *h, bool backward)
{
    space s;
    size_t floats = lay_out(h, backward, NULL, &s);
    lay_out(h, backward, (float *)call->workspace + (size_t)omp_get_thread_num() * floats, &s);
    return s;
}

/* Keys that `query` sees. */
static int64_t visible(const head *h, int64_t query)
{
    return h->causal && query + 1 < h->keys ? query + 1 : h->keys;
}

/* C (count, columns) = or += A B with row-major A of the op's own stride or of scores. */
static void multiply(const float *a, int64_t a_row, int64_t a_step, int64_t rows, int64_t depth, const slr_packed *b,
                     int64_t columns, float *c, int64_t c_row, bool add)
{
    SLR_CPU(block_product)(&(slr_block_product){.rows = rows, .depth = depth, .a = a, .a_row = a_row, .a_step = a_step,
                                                .b = b, .columns = columns, .c = c, .c_row = c_row, .add = add});
}

/* ---- forward ---- */

/* The largest of `count` values, a multiple of LANES: four chains, for one would wait for itself. */
static float largest(const float *row, int64_t count)
{
    int64_t quarter = count / (4 * LANES) * LANES;
    float a = row[0], b = a, c = a, d = a;
#pragma omp simd reduction(max : a, b, c, d)
    for (int64_t j = 0; j < quarter; j++) {
        a = row[j] > a ? row[j] : a;
        b = row[j + quarter] > b ? row[j + quarter] : b;
        c = row[j + 2 * quarter] > c ? row[j + 2 * quarter] : c;
        d = row[j + 3 * quarter] > d ? row[j + 3 * quarter] : d;
    }
#pragma omp simd reduction(max : a)
    for (int64_t j = 4 * quarter; j < count / LANES * LANES; j++)
        a = row[j] > a ? row[j] : a;
    a = a > b ? a : b;
    c = c > d ? c : d;
    return a > c ? a : c;
}

/* row = exp(scale (score - most)) over the first `seen` scores, zero from there to `end`; returns the log-sum-exp, *sum
 * the sum. Loops run over whole vectors. */
static float soften_row(const head *h, float *row, int64_t seen, int64_t end, double *sum)
{
    int64_t padded = slr_padded_columns(seen), stop = slr_padded_columns(end);
    for (int64_t j = seen; j < padded; j++)
        row[j] = -1e30f;
    float most = largest(row, padded), scale2 = h->scale2;
    *sum = 0;
    for (int64_t first = 0; first < padded; first += SUM_STEP) {
        int64_t vectors = (padded - first < SUM_STEP ? padded - first : SUM_STEP) / LANES;
        float part = 0, *at = row + first;
#pragma omp simd reduction(+ : part)
        for (int64_t j = 0; j < vectors * LANES; j++) {
            at[j] = slr_exp2_negative((at[j] - most) * scale2);
            part += at[j];
        }
        *sum += (double)part;
    }
    for (int64_t j = seen; j < stop; j++)
        row[j] = 0;
    return (float)((double)h->scale * (double)most + log(*sum));
}

static void pack_forward(const slr_call *call, const head *h, const space *s, int64_t task)
{
    int64_t at = task / h->heads * h->keys * h->stride + task % h->heads * h->dim;
    SLR_CPU(pack_columns)(&(slr_packed){s->k_columns, h->dim, h->keys}, call->x[1] + at, h->stride);
    SLR_CPU(pack_rows)(&(slr_packed){s->v_rows, h->keys, h->dim}, call->x[2] + at, h->stride);
}

/* Queries [first, first + count) of head `task` of all images. */
static void forward_block(const slr_call *call, const head *h, const space *s, int64_t task, int64_t first)
{
    int64_t count = h->queries - first < h->block ? h->queries - first : h->block;
    int64_t at = (task / h->heads * h->queries + first) * h->stride + task % h->heads * h->dim;
    int64_t end = visible(h, first + count - 1);
    float *y = call->y + at, inverse[QUERIES];
    multiply(call->x[0] + at, h->stride, 1, count, h->dim, &(slr_packed){s->k_columns, h->dim, h->keys}, end, s->scores,
             h->score_row, false);
    for (int64_t r = 0; r < count; r++) {
        double sum;
        float lse = soften_row(h, s->scores + r * h->score_row, visible(h, first + r), end, &sum);
        inverse[r] = (float)(1 / sum);
        if (call->saved)
            call->saved[task * h->queries + first + r] = lse;
    }
    multiply(s->scores, h->score_row, 1, count, end, &(slr_packed){s->v_rows, h->keys, h->dim}, h->dim, s->mixed,
             h->width, false);
    for (int64_t r = 0; r < count; r++)
#pragma omp simd
        for (int64_t d = 0; d < h->dim; d++)
            y[r * h->stride + d] = s->mixed[r * h->width + d] * inverse[r];
}

void SLR_CPU(attention_fwd)(const slr_call *call)
{
    head h = head_of(call->op, call->in[0], call->in[1], false);
    int64_t blocks = h.batch * h.heads * h.blocks;
#pragma omp parallel num_threads(call->threads)
    {
        int64_t thread = omp_get_thread_num(), threads = omp_get_num_threads(), packed = -1;
        space s = own_space(call, &h, false);
        for (int64_t i = thread * blocks / threads; i < (thread + 1) * blocks / threads; i++) {
            if (i / h.blocks != packed)
                pack_forward(call, &h, &s, i / h.blocks);
            packed = i / h.blocks;
            forward_block(call, &h, &s, packed, i % h.blocks * h.block);
        }
    }
}

/* ---- backward ---- */

/* Keys [first, first + keys) of the head being worked on, and what was packed of them. */
typedef struct tile {
    int64_t first, keys;
    slr_packed k_columns, v_columns, k_rows;
    float *dk, *dv;
} tile;

static tile tile_at(const head *h, const space *s, int64_t first)
{
    int64_t keys = h->keys - first < h->tile ? h->keys - first : h->tile;
    int64_t columns = first / h->tile * slr_packed_floats(h->dim, h->tile), rows = first * h->width;
    return (tile){first, keys, {s->k_columns + columns, h->dim, keys}, {s->v_columns + columns, h->dim, keys},
                  {s->k_rows + rows, keys, h->dim}, s->dk + rows, s->dv + rows};
}

/* p = exp(score - lse) and ds = p (dy v^T - dy . y) scale over the first `keys` columns, zero where a key is not seen. */
static void backward_rows(const slr_call *call, const head *h, const space *s, int64_t at, const float *lse,
                          const tile *t, int64_t first, int64_t count, int64_t keys)
{
    int64_t vectors = slr_padded_columns(keys) / LANES;
    for (int64_t r = 0; r < count; r++) {
        const float *y = call->y + at + r * h->stride, *dy = call->dy + at + r * h->stride;
        float *p = s->scores + r * h->score_row, *ds = s->gradients + r * h->score_row, along = 0;
        float own = (float)((double)lse[r] * LOG2_E), scale = h->scale, scale2 = h->scale2;
        int64_t seen = visible(h, first + r) - t->first;
#pragma omp simd reduction(+ : along)
        for (int64_t d = 0; d < h->dim; d++)
            along += y[d] * dy[d];
#pragma omp simd
        for (int64_t j = 0; j < vectors * LANES; j++) {
            p[j] = slr_exp2_negative(scale2 * p[j] - own);
            ds[j] = p[j] * (ds[j] - along) * scale;
        }
        for (int64_t j = seen > 0 ? seen : 0; j < keys; j++)
            p[j] = ds[j] = 0;
    }
}

static void backward_tile(const slr_call *call, const head *h, const space *s, const tile *t, int64_t task, int64_t first,
                          int64_t count)
{
    int64_t at = (task / h->heads * h->queries + first) * h->stride + task % h->heads * h->dim;
    int64_t keys = visible(h, first + count - 1) - t->first;
    keys = keys < t->keys ? keys : t->keys;
    multiply(call->x[0] + at, h->stride, 1, count, h->dim, &t->k_columns, keys, s->scores, h->score_row, false);
    multiply(call->dy + at, h->stride, 1, count, h->dim, &t->v_columns, keys, s->gradients, h->score_row, false);
    backward_rows(call, h, s, at, call->saved + task * h->queries + first, t, first, count, keys);
    if (call->dx[0])
        multiply(s->gradients, h->score_row, 1, count, keys, &t->k_rows, h->dim, s->mixed, h->width, t->first > 0);
    if (call->dx[1])
        multiply(s->gradients, 1, h->score_row, keys, count, &(slr_packed){s->q_rows, count, h->dim}, h->dim, t->dk,
                 h->width, true);
    if (call->dx[2])
        multiply(s->scores, 1, h->score_row, keys, count, &(slr_packed){s->dy_rows, count, h->dim}, h->dim, t->dv,
                 h->width, true);
}

/* A gradient goes where it belongs. */
static void put_rows(const head *h, const float *from, int64_t rows, float *to, bool accumulate)
{
    for (int64_t r = 0; r < rows; r++)
#pragma omp simd
        for (int64_t d = 0; d < h->dim; d++)
            to[r * h->stride + d] = (accumulate ? to[r * h->stride + d] : 0) + from[r * h->width + d];
}

static void backward_block(const slr_call *call, const head *h, const space *s, int64_t task, int64_t first)
{
    int64_t count = h->queries - first < h->block ? h->queries - first : h->block;
    int64_t at = (task / h->heads * h->queries + first) * h->stride + task % h->heads * h->dim;
    SLR_CPU(pack_rows)(&(slr_packed){s->q_rows, count, h->dim}, call->x[0] + at, h->stride);
    SLR_CPU(pack_rows)(&(slr_packed){s->dy_rows, count, h->dim}, call->dy + at, h->stride);
    for (int64_t key = 0; key < visible(h, first + count - 1); key += h->tile) {
        tile t = tile_at(h, s, key);
        backward_tile(call, h, s, &t, task, first, count);
    }
    if (call->dx[0])
        put_rows(h, s->mixed, count, call->dx[0] + at, call->accumulate[0]);
}

static void backward_head(const slr_call *call, const head *h, const space *s, int64_t task)
{
    int64_t at = task / h->heads * h->keys * h->stride + task % h->heads * h->dim;
    for (int64_t key = 0; key < h->keys; key += h->tile) {
        tile t = tile_at(h, s, key);
        SLR_CPU(pack_columns)(&t.k_columns, call->x[1] + at + key * h->stride, h->stride);
        SLR_CPU(pack_columns)(&t.v_columns, call->x[2] + at + key * h->stride, h->stride);
        SLR_CPU(pack_rows)(&t.k_rows, call->x[1] + at + key * h->stride, h->stride);
    }
    memset(s->dk, 0, (size_t)(h->keys * h->width) * sizeof(float));
    memset(s->dv, 0, (size_t)(h->keys * h->width) * sizeof(float));
    for (int64_t first = 0; first < h->queries; first += h->block)
        backward_block(call, h, s, task, first);
    if (call->dx[1])
        put_rows(h, s->dk, h->keys, call->dx[1] + at, call->accumulate[1]);
    if (call->dx[2])
        put_rows(h, s->dv, h->keys, call->dx[2] + at, call->accumulate[2]);
}

void SLR_CPU(attention_bwd)(const slr_call *call)
{
    head h = head_of(call->op, call->in[0], call->in[1], true);
#pragma omp parallel num_threads(call->threads)
    {
        space s = own_space(call, &h, true);
#pragma omp for schedule(dynamic)
        for (int64_t task = 0; task < h.batch * h.heads; task++)
            backward_head(call, &h, &s, task);
    }
}
