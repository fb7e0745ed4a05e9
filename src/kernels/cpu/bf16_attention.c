/* SPDX-License-Identifier: MIT
 *
 * Attention of the bf16 backends: the operands of all products are rounded to bf16, everything else is f32. Blocks of
 * queries meet tiles of keys; scores of one block and tile stay in the first-level cache, and a row of them turns into
 * bf16 probabilities in its own place. Threads share out blocks of queries, backward heads.
 *
 * Backward computes the scores transposed, keys by queries: P^T and dS^T are then rows of the operand A of dV = P^T dY
 * and dK = dS^T Q as they lie, and dQ^T = K^T dS^T takes dS^T as its operand B.
 */
#ifdef __AVX512F__
#include <math.h>
#include <omp.h>
#include <string.h>

#include "kernels/cpu/bf16_pack.h"
#include "kernels/cpu/bf16_round.h"
#include "kernels/cpu/vector_lanes.h"

enum { LANES = WIDTH, QUERIES = 128, KEYS = 256, BACKWARD_QUERIES = 128, BACKWARD_KEYS = 128 };

static const double LOG2_E = 1.4426950408889634;
static const float UNSEEN = -1e30f; /* the score of a key that is not seen: its probability is zero */

typedef struct head {
    int64_t batch, heads, queries, keys, dim, stride;
    int64_t block, blocks, tile, tiles; /* queries of a block and keys of a tile are multiples of 32 */
    int64_t depth, width, panels;       /* dim in steps of 32, of LANES, in panels */
    int64_t row, score_row;             /* from row to row of rounded queries (bf16), of scores (floats) */
    float scale, scale2;                /* of the scores, and for powers of two */
    bool causal;
} head;

static int64_t parts_of(int64_t total, int64_t most)
{
    return (total + most - 1) / most;
}

static int64_t padded(int64_t count, int64_t step)
{
    return parts_of(count, step) * step;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* `total` in parts of nearly equal size, at most `most`. */
static int64_t even_part(int64_t total, int64_t most)
{
    return padded(parts_of(total, parts_of(total, most)), SLR_PANEL);
}

static head head_of(const slr_op *op, const slr_tensor *q, const slr_tensor *k, bool backward)
{
    int64_t heads = op->u.attention.heads;
    head h = {.batch = q->shape[0], .heads = heads, .queries = q->shape[1], .keys = k->shape[1],
              .dim = q->shape[2] / heads, .stride = q->shape[2], .scale = (float)op->u.attention.scale,
              .scale2 = (float)(op->u.attention.scale * LOG2_E), .causal = op->u.attention.causal};
    h.block = even_part(h.queries, backward ? BACKWARD_QUERIES : QUERIES);
    h.blocks = parts_of(h.queries, h.block);
    h.tile = even_part(h.keys, backward ? BACKWARD_KEYS : KEYS);
    h.tiles = parts_of(h.keys, h.tile);
    h.depth = padded(h.dim, SLR_PANEL);
    h.width = padded(h.dim, LANES);
    h.panels = parts_of(h.dim, SLR_PANEL);
    h.row = slr_bf16_row(h.dim);
    h.score_row = ((backward ? h.block : h.tile) / LANES | 1) * LANES; /* an odd number of cache lines */
    return h;
}

/* Space in bytes for parts one after the other; where they lie, counted from `at`. */
static size_t place(const size_t *sizes, int count, char *at, char **parts)
{
    size_t used = 0;
    for (int i = 0; i < count; i++) {
        parts[i] = at ? at + used : NULL;
        used += (sizes[i] + 63) / 64 * 64;
    }
    return used;
}

static size_t halves(int64_t count)
{
    return (size_t)count * sizeof(uint16_t);
}

static size_t floats(int64_t count)
{
    return (size_t)count * sizeof(float);
}

/* Keys that `query` sees. */
static int64_t visible(const head *h, int64_t query)
{
    return h->causal && query + 1 < h->keys ? query + 1 : h->keys;
}

/* Columns of B: rows of `from`, each a column; panels of 32. */
static void pack_columns(const head *h, const float *from, int64_t columns, uint16_t *to)
{
    for (int64_t j = 0; j < columns; j += SLR_PANEL)
        SLR_CPU(bf16_pack_columns)(from + j * h->stride, SLR_DTYPE_F32, h->stride, SLR_PANEL, h->dim,
                                   (int)least(columns - j, SLR_PANEL), to + j * h->depth);
}

/* Rows of B, of one head; panels are `step` numbers apart. */
static void pack_rows(const head *h, const float *from, int64_t rows, int64_t step, uint16_t *to)
{
    for (int64_t i = 0; i < h->panels; i++)
        SLR_CPU(bf16_pack_rows)(from + i * SLR_PANEL, SLR_DTYPE_F32, h->stride, rows,
                                (int)least(h->dim - i * SLR_PANEL, SLR_PANEL), to + i * step);
}

/* ---- powers of two ---- */

/* 2^t, relative error 1.0e-4, a twentieth of what rounding the result to bf16 does: a cubic on [0, 1) that meets its
 * neighbours at both ends. Zero from -100 downwards, as subnormal numbers here or in what is multiplied by it would
 * take fifty times as long. */
SLR_INLINE __m512 exp2_of(__m512 t)
{
    const __m512 r = _mm512_reduce_ps(t, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); /* t - floor(t) */
    __m512 p = _mm512_set1_ps(0.0782679701f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.226307682f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.695424348f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    const __mmask16 counts = _mm512_cmp_ps_mask(t, _mm512_set1_ps(-100), _CMP_NLE_UQ);
    return _mm512_maskz_scalef_ps(counts, p, t); /* p 2^floor(t) */
}

/* ---- forward ---- */

/* One thread's space: operands of a head, then of a block. */
typedef struct space {
    uint16_t *k_columns, *v_rows; /* panels of K^T; of V, tile after tile */
    uint16_t *q;
    float *scores, *mixed;
} space;

static size_t lay_out(const head *h, char *at, space *s)
{
    const int64_t keys = h->tiles * h->tile;
    const size_t sizes[] = {halves(keys * h->depth), halves(keys * h->panels * SLR_PANEL), halves(h->block * h->row),
                            floats(h->block * h->score_row), floats(h->block * h->width)};
    char *parts[sizeof sizes / sizeof *sizes];
    size_t used = place(sizes, sizeof sizes / sizeof *sizes, at, parts);
    *s = (space){(void *)parts[0], (void *)parts[1], (void *)parts[2], (void *)parts[3], (void *)parts[4]};
    return used;
}

/* What is known of a block's rows so far: the largest score, the sum of exp(scale (score - largest)) in lanes. */
typedef struct softening {
    float largest[QUERIES];
    __m512 sum[QUERIES];
} softening;

static __mmask16 first_lanes(int64_t count)
{
    return count >= LANES ? 0xffff : count <= 0 ? 0 : (__mmask16)((1u << count) - 1);
}

/* 16 scores of a row, of which the first `seen` count. */
SLR_INLINE __m512 load_seen(const float *at, int64_t seen)
{
    return _mm512_mask_load_ps(_mm512_set1_ps(UNSEEN), first_lanes(seen), at);
}

static float largest_of(const float *row, int64_t seen)
{
    __m512 a = _mm512_set1_ps(UNSEEN), b = a;
    int64_t j = 0;
    for (; j + SLR_PANEL <= seen; j += SLR_PANEL) {
        a = _mm512_max_ps(a, _mm512_load_ps(row + j));
        b = _mm512_max_ps(b, _mm512_load_ps(row + j + LANES));
    }
    a = _mm512_max_ps(a, load_seen(row + j, seen - j));
    b = _mm512_max_ps(b, load_seen(row + j + LANES, seen - j - LANES));
    return _mm512_reduce_max_ps(_mm512_max_ps(a, b));
}

/* A larger score than all before: what was summed up to now is scaled down to it. */
static void raise_largest(const head *h, softening *all, int64_t r, float largest, float *mixed)
{
    const __m512 factor = exp2_of(_mm512_set1_ps((all->largest[r] - largest) * h->scale2));
    all->largest[r] = largest;
    all->sum[r] = _mm512_mul_ps(all->sum[r], factor);
    for (int64_t d = 0; mixed && d < h->width; d += LANES)
        _mm512_store_ps(mixed + d, _mm512_mul_ps(_mm512_load_ps(mixed + d), factor));
}

/* exp of 32 scores, rounded; returns their sums. */
SLR_INLINE __m512 soften_lanes(__m512 a, __m512 b, __m512 scale, __m512 shift, uint16_t *out)
{
    a = exp2_of(_mm512_fmsub_ps(a, scale, shift));
    b = exp2_of(_mm512_fmsub_ps(b, scale, shift));
    _mm512_store_si512(out, slr_bf16_round(a, b));
    return _mm512_add_ps(a, b);
}

/* A row of scores becomes exp(scale (score - largest)), in bf16 and in its own place; zero from `seen` to `end`. */
static __m512 soften_row(float *row, int64_t seen, int64_t end, float scale2, float largest, __m512 sum)
{
    const __m512 scale = _mm512_set1_ps(scale2), shift = _mm512_set1_ps(largest * scale2);
    uint16_t *out = (uint16_t *)(void *)row;
    for (int64_t j = 0; j < end; j += SLR_PANEL) {
        const bool all = j + SLR_PANEL <= seen;
        const __m512 a = all ? _mm512_load_ps(row + j) : load_seen(row + j, seen - j);
        const __m512 b = all ? _mm512_load_ps(row + j + LANES) : load_seen(row + j + LANES, seen - j - LANES);
        sum = _mm512_add_ps(sum, soften_lanes(a, b, scale, shift, out + j));
    }
    return sum;
}

/* Scores of queries [first, first + count) and of keys from `key`, `end` of them, become probabilities. */
static void soften(const head *h, const space *s, softening *all, int64_t first, int64_t count, int64_t key, int64_t end)
{
    for (int64_t r = 0; r < count; r++) {
        const int64_t seen = least(visible(h, first + r) - key, end);
        const float largest = largest_of(s->scores + r * h->score_row, seen);
        if (largest > all->largest[r])
            raise_largest(h, all, r, largest, key > 0 ? s->mixed + r * h->width : NULL);
    }
    for (int64_t r = 0; r < count; r++)
        all->sum[r] = soften_row(s->scores + r * h->score_row, least(visible(h, first + r) - key, end), end, h->scale2,
                                 all->largest[r], all->sum[r]);
}

/* Queries [first, first + count) of head `task` of all images. */
static void forward_block(const slr_call *call, const head *h, const space *s, int64_t task, int64_t first)
{
    const slr_panel_kernel multiply = call->backend->panel_product_bf16;
    int64_t count = least(h->queries - first, h->block), rows = padded(count, LANES); /* whole tiles of AMX */
    int64_t seen = visible(h, first + count - 1);
    int64_t at = (task / h->heads * h->queries + first) * h->stride + task % h->heads * h->dim;
    float *y = call->y + at;
    softening all;
    for (int64_t r = 0; r < count; r++)
        all.largest[r] = -INFINITY, all.sum[r] = _mm512_setzero_ps();
    SLR_CPU(bf16_round_rows)(call->x[0] + at, h->stride, 1, count, h->dim, s->q, h->row);
    for (int64_t key = 0; key < seen; key += h->tile) {
        int64_t end = padded(least(seen - key, h->tile), SLR_PANEL);
        multiply(&(slr_panel_product){.rows = rows, .depth = h->depth, .a = s->q, .a_row = h->row,
                                      .panel = s->k_columns + key * h->depth, .panel_step = SLR_PANEL * h->depth,
                                      .c = s->scores, .c_row = h->score_row, .columns = (int)end});
        soften(h, s, &all, first, count, key, end);
        multiply(&(slr_panel_product){.rows = rows, .depth = end, .a = s->scores, .a_row = 2 * h->score_row,
                                      .panel = s->v_rows + key * h->panels * SLR_PANEL, .panel_step = SLR_PANEL * h->tile,
                                      .c = s->mixed, .c_row = h->width, .columns = (int)h->width, .add = key > 0});
    }
    for (int64_t r = 0; r < count; r++) {
        const float sum = _mm512_reduce_add_ps(all.sum[r]), inverse = 1 / sum;
        if (call->saved)
            call->saved[task * h->queries + first + r] =
                (float)((double)h->scale * (double)all.largest[r] + log((double)sum));
#pragma omp simd
        for (int64_t d = 0; d < h->dim; d++)
            y[r * h->stride + d] = s->mixed[r * h->width + d] * inverse;
    }
}

static void pack_forward(const slr_call *call, const head *h, const space *s, int64_t task)
{
    int64_t at = task / h->heads * h->keys * h->stride + task % h->heads * h->dim;
    pack_columns(h, call->x[1] + at, h->keys, s->k_columns);
    for (int64_t key = 0; key < h->keys; key += h->tile)
        pack_rows(h, call->x[2] + at + key * h->stride, least(h->keys - key, h->tile), SLR_PANEL * h->tile,
                  s->v_rows + key * h->panels * SLR_PANEL);
}

void SLR_CPU(bf16_attention_fwd)(const slr_call *call)
{
    head h = head_of(call->op, call->in[0], call->in[1], false);
    int64_t blocks = h.batch * h.heads * h.blocks;
#pragma omp parallel num_threads(call->threads)
    {
        int64_t thread = omp_get_thread_num(), threads = omp_get_num_threads(), packed = -1;
        space s;
        lay_out(&h, (char *)call->workspace + (size_t)thread * lay_out(&h, NULL, &s), &s);
        for (int64_t i = thread * blocks / threads; i < (thread + 1) * blocks / threads; i++) {
            if (i / h.blocks != packed)
                pack_forward(call, &h, &s, i / h.blocks);
            packed = i / h.blocks;
            forward_block(call, &h, &s, packed, i % h.blocks * h.block);
        }
    }
}

/* ---- backward ---- */

/* One thread's space. */
typedef struct backward_space {
    uint16_t *q_columns, *dy_columns, *q_rows, *dy_rows; /* panels of a head, block after block */
    float *lse, *along, *dq; /* of a head: log2-sum-exp, dy . y scale, gradients (width, block) block after block */
    uint16_t *k, *v, *k_across; /* of a tile, rows of A; across: (dim, keys) */
    float *dk, *dv;
    float *scores, *gradients; /* of a tile and block: P^T and dS^T */
    uint16_t *ds;              /* dS^T as panels */
} backward_space;

static size_t lay_out_backward(const head *h, char *at, backward_space *s)
{
    const int64_t queries = h->blocks * h->block, keys = h->tile;
    const size_t columns = halves(queries * h->depth), rows = halves(queries * h->panels * SLR_PANEL);
    const size_t sizes[] = {columns, columns, rows, rows, floats(queries), floats(queries), floats(queries * h->width),
                            halves(keys * h->row), halves(keys * h->row), halves(h->width * slr_bf16_row(keys)),
                            floats(keys * h->width), floats(keys * h->width), floats(keys * h->score_row),
                            floats(keys * h->score_row), halves(keys * h->block)};
    char *parts[sizeof sizes / sizeof *sizes];
    size_t used = place(sizes, sizeof sizes / sizeof *sizes, at, parts);
    *s = (backward_space){(void *)parts[0], (void *)parts[1], (void *)parts[2], (void *)parts[3], (void *)parts[4],
                          (void *)parts[5], (void *)parts[6], (void *)parts[7], (void *)parts[8], (void *)parts[9],
                          (void *)parts[10], (void *)parts[11], (void *)parts[12], (void *)parts[13], (void *)parts[14]};
    return used;
}

/* Operands of queries [first, first + count) of head `task`; up to the end of the block they are zeros. */
static void pack_block(const slr_call *call, const head *h, const backward_space *s, int64_t task, int64_t first,
                       int64_t count)
{
    int64_t at = (task / h->heads * h->queries + first) * h->stride + task % h->heads * h->dim;
    const float *q = call->x[0] + at, *y = call->y + at, *dy = call->dy + at;
    pack_columns(h, q, count, s->q_columns + first * h->depth);
    pack_columns(h, dy, count, s->dy_columns + first * h->depth);
    pack_rows(h, q, count, SLR_PANEL * h->block, s->q_rows + first * h->panels * SLR_PANEL);
    pack_rows(h, dy, count, SLR_PANEL * h->block, s->dy_rows + first * h->panels * SLR_PANEL);
    for (int64_t r = 0; r < h->block; r++) {
        __m512 along = _mm512_setzero_ps();
        for (int64_t d = 0; r < count && d < h->dim; d += LANES) {
            const __mmask16 real = first_lanes(h->dim - d);
            along = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(real, y + r * h->stride + d),
                                    _mm512_maskz_loadu_ps(real, dy + r * h->stride + d), along);
        }
        s->along[first + r] = _mm512_reduce_add_ps(along) * h->scale;
        s->lse[first + r] = r < count ? (float)((double)call->saved[task * h->queries + first + r] * LOG2_E) : 0;
    }
}

/* A row of S^T and one of (dY V^T)^T become rows of P^T and dS^T in their own places. */
static void backward_row(float *p, float *ds, const float *lse, const float *along, int64_t count, float scale,
                         float scale2)
{
    const __m512 by = _mm512_set1_ps(scale), by2 = _mm512_set1_ps(scale2);
    uint16_t *p_out = (uint16_t *)(void *)p, *ds_out = (uint16_t *)(void *)ds;
    for (int64_t j = 0; j < count; j += SLR_PANEL) {
        __m512 own[2], change[2];
        for (int v = 0; v < 2; v++) {
            const int64_t at = j + v * LANES;
            own[v] = exp2_of(_mm512_fmsub_ps(_mm512_load_ps(p + at), by2, _mm512_load_ps(lse + at)));
            change[v] = _mm512_fmsub_ps(_mm512_load_ps(ds + at), by, _mm512_load_ps(along + at));
            change[v] = _mm512_mul_ps(change[v], own[v]);
        }
        _mm512_store_si512(p_out + j, slr_bf16_round(own[0], own[1]));
        _mm512_store_si512(ds_out + j, slr_bf16_round(change[0], change[1]));
    }
}

/* Queries [first, first + count) and keys [key, key + keys). */
static void backward_block(const slr_call *call, const head *h, const backward_space *s, int64_t key, int64_t keys,
                           int64_t first, int64_t count)
{
    const slr_panel_kernel multiply = call->backend->panel_product_bf16;
    const int64_t columns = padded(count, SLR_PANEL), rows = padded(keys, LANES);
    slr_panel_product g = {.rows = rows, .depth = h->depth, .a = s->k, .a_row = h->row,
                           .panel = s->q_columns + first * h->depth, .panel_step = SLR_PANEL * h->depth,
                           .c = s->scores, .c_row = h->score_row, .columns = (int)columns};
    multiply(&g);
    g.a = s->v, g.panel = s->dy_columns + first * h->depth, g.c = s->gradients;
    multiply(&g);
    for (int64_t r = 0; r < keys; r++) {
        float *row = s->scores + r * h->score_row;
        for (int64_t j = 0; h->causal && j < least(key + r - first, columns); j++)
            row[j] = UNSEEN;
        backward_row(row, s->gradients + r * h->score_row, s->lse + first, s->along + first, columns, h->scale,
                     h->scale2);
    }
    g = (slr_panel_product){.rows = rows, .depth = columns, .a = s->scores, .a_row = 2 * h->score_row,
                            .panel = s->dy_rows + first * h->panels * SLR_PANEL, .panel_step = SLR_PANEL * h->block,
                            .c = s->dv, .c_row = h->width, .columns = (int)h->width, .add = true};
    if (call->dx[2])
        multiply(&g);
    g.a = s->gradients, g.panel = s->q_rows + first * h->panels * SLR_PANEL, g.c = s->dk;
    if (call->dx[1])
        multiply(&g);
    if (!call->dx[0])
        return;
    for (int64_t j = 0; j < columns; j += SLR_PANEL)
        SLR_CPU(bf16_pack_rows)((uint16_t *)(void *)s->gradients + j, SLR_DTYPE_BF16, 2 * h->score_row, keys, SLR_PANEL,
                                s->ds + j * h->tile);
    multiply(&(slr_panel_product){.rows = h->width, .depth = padded(keys, SLR_PANEL), .a = s->k_across,
                                  .a_row = slr_bf16_row(h->tile), .panel = s->ds,
                                  .panel_step = SLR_PANEL * h->tile, .c = s->dq + first * h->width, .c_row = h->block,
                                  .columns = (int)columns, .add = key > 0});
}

/* A gradient goes where it belongs. */
static void put_rows(const head *h, const float *from, int64_t rows, float *to, bool accumulate)
{
    for (int64_t r = 0; r < rows; r++)
#pragma omp simd
        for (int64_t d = 0; d < h->dim; d++)
            to[r * h->stride + d] = (accumulate ? to[r * h->stride + d] : 0) + from[r * h->width + d];
}

/* The same for (width, block), transposed. */
static void put_columns(const head *h, const float *from, int64_t rows, float *to, bool accumulate)
{
    for (int64_t d = 0; d < h->dim; d += LANES)
        for (int64_t r = 0; r < rows; r += LANES) {
            const __mmask16 real = first_lanes(h->dim - d);
            vector t[LANES];
            for (int i = 0; i < LANES; i++)
                t[i] = _mm512_load_ps(from + (d + i) * h->block + r);
            slr_transpose(t);
            for (int i = 0; i < least(rows - r, LANES); i++) {
                float *at = to + (r + i) * h->stride + d;
                const __m512 before = _mm512_maskz_loadu_ps(accumulate ? real : 0, at);
                _mm512_mask_storeu_ps(at, real, _mm512_add_ps(before, t[i]));
            }
        }
}

/* Keys [key, key + keys) of head `task` and all queries. */
static void backward_tile(const slr_call *call, const head *h, const backward_space *s, int64_t task, int64_t key,
                          int64_t keys)
{
    int64_t at = (task / h->heads * h->keys + key) * h->stride + task % h->heads * h->dim;
    SLR_CPU(bf16_round_rows)(call->x[1] + at, h->stride, 1, keys, h->dim, s->k, h->row);
    SLR_CPU(bf16_round_rows)(call->x[2] + at, h->stride, 1, keys, h->dim, s->v, h->row);
    SLR_CPU(bf16_round_rows)(call->x[1] + at, 1, h->stride, h->dim, keys, s->k_across, slr_bf16_row(h->tile));
    memset(s->dk, 0, floats(h->tile * h->width));
    memset(s->dv, 0, floats(h->tile * h->width));
    for (int64_t first = 0; first < h->queries; first += h->block) {
        const int64_t count = least(h->queries - first, h->block);
        if (visible(h, first + count - 1) > key)
            backward_block(call, h, s, key, keys, first, count);
    }
    if (call->dx[1])
        put_rows(h, s->dk, keys, call->dx[1] + at, call->accumulate[1]);
    if (call->dx[2])
        put_rows(h, s->dv, keys, call->dx[2] + at, call->accumulate[2]);
}

static void backward_head(const slr_call *call, const head *h, const backward_space *s, int64_t task)
{
    int64_t at = task / h->heads * h->queries * h->stride + task % h->heads * h->dim;
    for (int64_t first = 0; first < h->queries; first += h->block)
        pack_block(call, h, s, task, first, least(h->queries - first, h->block));
    for (int64_t key = 0; key < h->keys; key += h->tile)
        backward_tile(call, h, s, task, key, least(h->keys - key, h->tile));
    for (int64_t first = 0; call->dx[0] && first < h->queries; first += h->block)
        put_columns(h, s->dq + first * h->width, least(h->queries - first, h->block),
                    call->dx[0] + at + first * h->stride, call->accumulate[0]);
}

void SLR_CPU(bf16_attention_bwd)(const slr_call *call)
{
    head h = head_of(call->op, call->in[0], call->in[1], true);
#pragma omp parallel num_threads(call->threads)
    {
        backward_space s;
        lay_out_backward(&h, (char *)call->workspace + (size_t)omp_get_thread_num() * lay_out_backward(&h, NULL, &s), &s);
#pragma omp for schedule(dynamic)
        for (int64_t task = 0; task < h.batch * h.heads; task++)
            backward_head(call, &h, &s, task);
    }
}

size_t SLR_CPU(bf16_attention_workspace)(const slr_graph *graph, const slr_op *op, bool backward, int threads)
{
    head h = head_of(op, slr_graph_tensor(graph, op->in[0]), slr_graph_tensor(graph, op->in[1]), backward);
    space forward_parts;
    backward_space backward_parts;
    return (size_t)threads * (backward ? lay_out_backward(&h, NULL, &backward_parts) : lay_out(&h, NULL, &forward_parts));
}

#endif
