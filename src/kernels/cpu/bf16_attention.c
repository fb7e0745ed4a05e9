/* SPDX-License-Identifier: MIT
 *
 * Attention of the bf16 backends: the operands of all products are rounded to bf16, everything else is f32. Blocks of
 * queries meet tiles of keys; scores of one block and tile stay in the first-level cache, and a row of them turns into
 * bf16 probabilities in its own place. Threads share out blocks of queries, backward heads.
 */
#ifdef __AVX512F__
#include <math.h>
#include <omp.h>
#include <string.h>

#include "kernels/cpu/bf16_pack.h"
#include "kernels/cpu/bf16_round.h"
#include "kernels/cpu/cpu_kernels.h"

enum { LANES = 16, QUERIES = 128, KEYS = 256 };

static const double LOG2_E = 1.4426950408889634;
static const float UNSEEN = -1e30f; /* the score of a key that is not seen: its probability is zero */

typedef struct head {
    int64_t batch, heads, queries, keys, dim, stride;
    int64_t blocks, tile, tiles; /* blocks of QUERIES; tiles of `tile` keys, a multiple of 32 */
    int64_t depth, width, panels; /* dim in steps of 32, of LANES, in panels */
    int64_t row, score_row;      /* from row to row of rounded queries (bf16), of scores (floats) */
    float scale, scale2;         /* of the scores, and for powers of two */
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

static head head_of(const slr_op *op, const slr_tensor *q, const slr_tensor *k)
{
    int64_t heads = op->u.attention.heads;
    head h = {.batch = q->shape[0], .heads = heads, .queries = q->shape[1], .keys = k->shape[1],
              .dim = q->shape[2] / heads, .stride = q->shape[2], .scale = (float)op->u.attention.scale,
              .scale2 = (float)(op->u.attention.scale * LOG2_E), .causal = op->u.attention.causal};
    h.blocks = parts_of(h.queries, QUERIES);
    h.tile = padded(parts_of(h.keys, parts_of(h.keys, KEYS)), SLR_PANEL);
    h.tiles = parts_of(h.keys, h.tile);
    h.depth = padded(h.dim, SLR_PANEL);
    h.width = padded(h.dim, LANES);
    h.panels = parts_of(h.dim, SLR_PANEL);
    h.row = slr_bf16_row(h.dim);
    h.score_row = (h.tile / LANES | 1) * LANES; /* an odd number of cache lines: rows do not collide in the cache */
    return h;
}

/* One thread's space: operands of a head, then of a block. */
typedef struct space {
    uint16_t *k_columns, *v_rows; /* panels of K^T; of V, tile after tile */
    uint16_t *q;
    float *scores, *mixed;
} space;

static size_t lay_out(const head *h, char *at, space *s)
{
    const size_t sizes[] = {
        (size_t)(h->tiles * h->tile * h->depth) * sizeof(uint16_t),
        (size_t)(h->tiles * h->tile * h->panels * SLR_PANEL) * sizeof(uint16_t),
        (size_t)(QUERIES * h->row) * sizeof(uint16_t),
        (size_t)(QUERIES * h->score_row) * sizeof(float),
        (size_t)(QUERIES * h->width) * sizeof(float),
    };
    char *parts[sizeof sizes / sizeof *sizes];
    size_t used = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        parts[i] = at ? at + used : NULL;
        used += (sizes[i] + 63) / 64 * 64;
    }
    *s = (space){(void *)parts[0], (void *)parts[1], (void *)parts[2], (void *)parts[3], (void *)parts[4]};
    return used;
}

size_t SLR_CPU(bf16_attention_workspace)(const slr_graph *graph, const slr_op *op, bool backward, int threads)
{
    if (backward)
        return SLR_CPU(attention_workspace)(graph, op, backward, threads);
    space unused;
    head h = head_of(op, slr_graph_tensor(graph, op->in[0]), slr_graph_tensor(graph, op->in[1]));
    return (size_t)threads * lay_out(&h, NULL, &unused);
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
 * neighbours at both ends. Zero from -126 downwards: subnormal numbers would take fifty times as long. */
SLR_INLINE __m512 exp2_of(__m512 t)
{
    const __m512 r = _mm512_reduce_ps(t, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); /* t - floor(t) */
    __m512 p = _mm512_set1_ps(0.0782679701f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.226307682f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.695424348f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    return _mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(t, _mm512_set1_ps(-126), _CMP_NLE_UQ), p, t); /* p 2^floor(t) */
}

/* ---- forward ---- */

/* What is known of a block's rows so far: the largest score, the sum of exp(scale (score - largest)) in lanes. */
typedef struct softening {
    float largest[QUERIES];
    __m512 sum[QUERIES];
} softening;

/* 16 scores of a row, of which the first `seen` count. */
SLR_INLINE __m512 load_seen(const float *at, int64_t seen)
{
    const __mmask16 mask = seen >= LANES ? 0xffff : seen <= 0 ? 0 : (__mmask16)((1u << seen) - 1);
    return _mm512_mask_load_ps(_mm512_set1_ps(UNSEEN), mask, at);
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
    int64_t j = 0;
    for (; j + SLR_PANEL <= seen; j += SLR_PANEL)
        sum = _mm512_add_ps(sum, soften_lanes(_mm512_load_ps(row + j), _mm512_load_ps(row + j + LANES), scale, shift,
                                              out + j));
    for (; j < end; j += SLR_PANEL)
        sum = _mm512_add_ps(sum, soften_lanes(load_seen(row + j, seen - j), load_seen(row + j + LANES, seen - j - LANES),
                                              scale, shift, out + j));
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
    int64_t count = least(h->queries - first, QUERIES), seen = visible(h, first + count - 1);
    int64_t at = (task / h->heads * h->queries + first) * h->stride + task % h->heads * h->dim;
    float *y = call->y + at;
    softening all;
    for (int64_t r = 0; r < count; r++)
        all.largest[r] = -INFINITY, all.sum[r] = _mm512_setzero_ps();
    SLR_CPU(bf16_round_rows)(call->x[0] + at, h->stride, 1, count, h->dim, s->q, h->row);
    for (int64_t key = 0; key < seen; key += h->tile) {
        int64_t end = padded(least(seen - key, h->tile), SLR_PANEL);
        multiply(&(slr_panel_product){.rows = count, .depth = h->depth, .a = s->q, .a_row = h->row, .a_step = 1,
                                      .panel = s->k_columns + key * h->depth, .panel_step = SLR_PANEL * h->depth,
                                      .c = s->scores, .c_row = h->score_row, .columns = (int)end});
        soften(h, s, &all, first, count, key, end);
        multiply(&(slr_panel_product){.rows = count, .depth = end, .a = s->scores, .a_row = 2 * h->score_row, .a_step = 1,
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
    head h = head_of(call->op, call->in[0], call->in[1]);
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
            forward_block(call, &h, &s, packed, i % h.blocks * QUERIES);
        }
    }
}

void SLR_CPU(bf16_attention_bwd)(const slr_call *call)
{
    SLR_CPU(attention_bwd)(call);
}

#endif
