/* SPDX-License-Identifier: MIT
 *
 * The low-rank pair. Own loops rather than products of matrices: each component is computed by itself, in a fixed order,
 * so that its bits depend neither on how many others there are nor on the number of threads. Sums are written out in
 * lanes: a compiler that may choose their order chooses differently from one copy of a loop to the next.
 */
#include <string.h>

#include "kernels/cpu/cpu_kernels.h"

enum { LANES = 16, COLUMNS = 64, GROUP = 4, ROW_CHUNK = 256 };

typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));

#define LANES_AT(at) (*(const lanes *)(const void *)(at))

/* to[j] = x . row j, for `components` rows: a constant where this is inlined. */
SLR_INLINE void some_dots(const float *x, const float *rows, int64_t count, const int components, float *to)
{
    lanes sum[GROUP];
    int64_t i = 0;
#pragma GCC unroll 4
    for (int j = 0; j < components; j++)
        sum[j] = (lanes){0};
    for (; i + LANES <= count; i += LANES)
#pragma GCC unroll 4
        for (int j = 0; j < components; j++)
            sum[j] += LANES_AT(x + i) * LANES_AT(rows + j * count + i);
#pragma GCC unroll 4
    for (int j = 0; j < components; j++) {
        float total = 0, rest = 0;
        for (int l = 0; l < LANES; l++)
            total += sum[j][l];
        for (int64_t t = i; t < count; t++)
            rest += x[t] * rows[j * count + t];
        to[j] = total + rest;
    }
}

static void dots(const float *x, const float *rows, int64_t count, int components, float *to)
{
    int j = 0;
    for (; j + GROUP <= components; j += GROUP)
        some_dots(x, rows + j * count, count, GROUP, to + j);
    for (; j < components; j++)
        some_dots(x, rows + j * count, count, 1, to + j);
}

/* y += scale factors[0] row 0, then row 1, ... */
SLR_INLINE void add_some(float *y, const float *rows, const float *factors, float scale, int64_t count,
                         const int components)
{
    int64_t i = 0;
    float factor[GROUP];
#pragma GCC unroll 4
    for (int j = 0; j < components; j++)
        factor[j] = scale * factors[j];
    for (; i + LANES <= count; i += LANES) {
        lanes value = LANES_AT(y + i);
#pragma GCC unroll 4
        for (int j = 0; j < components; j++)
            value += factor[j] * LANES_AT(rows + j * count + i);
        *(lanes *)(void *)(y + i) = value;
    }
    for (; i < count; i++)
        for (int j = 0; j < components; j++)
            y[i] += factor[j] * rows[j * count + i];
}

static void add_rows(float *y, const float *rows, const float *factors, float scale, int64_t count, int components)
{
    int j = 0;
    for (; j + GROUP <= components; j += GROUP)
        add_some(y, rows + j * count, factors + j, scale, count, GROUP);
    for (; j < components; j++)
        add_some(y, rows + j * count, factors + j, scale, count, 1);
}

size_t SLR_CPU(low_rank_workspace)(const slr_graph *graph, const slr_op *op)
{
    const slr_tensor *x = slr_graph_tensor(graph, op->in[1]);
    /* dy B, and a column for dy look */
    return (size_t)slr_tensor_rows(x) * ((size_t)op->u.low_rank.slot->capacity + 1) * sizeof(float);
}

static void forward_row(const slr_call *call, int64_t r)
{
    const slr_slot *slot = call->slot;
    const float *x = call->x[1] + r * slot->in, *base = call->x[0] + r * slot->out;
    float *y = call->y + r * slot->out, *saved = call->saved ? call->saved + r * slot->capacity : NULL;
    if (y != base)
        memcpy(y, base, (size_t)slot->out * sizeof *y);
    for (int i = 0; i < slot->rank; i += GROUP) {
        float own[GROUP], *h = saved ? saved + i : own;
        int count = slot->rank - i < GROUP ? slot->rank - i : GROUP;
        dots(x, slot->a + i * slot->in, slot->in, count, h);
        add_rows(y, slot->bt + i * slot->out, h, (float)slot->scale, slot->out, count);
    }
    if (saved)
        dots(x, slot->a + slot->rank * slot->in, slot->in, slot->probes, saved + slot->rank);
}

void SLR_CPU(low_rank_fwd)(const slr_call *call)
{
    int64_t rows = slr_tensor_rows(call->in[1]);
#pragma omp parallel for num_threads(call->threads) schedule(static) if (rows > 16)
    for (int64_t r = 0; r < rows; r++)
        forward_row(call, r);
}

/* gb = dy B of one row, and what it adds to dx. */
static void backward_row(const slr_call *call, int64_t r, float *gb)
{
    const slr_slot *slot = call->slot;
    float *dx = call->dx[1] ? call->dx[1] + r * slot->in : NULL;
    if (dx && !call->accumulate[1])
        memset(dx, 0, (size_t)slot->in * sizeof *dx);
    dots(call->dy + r * slot->out, slot->bt, slot->out, slot->rank, gb);
    if (dx)
        add_rows(dx, slot->a, gb, (float)slot->scale, slot->in, slot->rank);
}

/* total[j] = sum over rows of factors[r][j] * x[r][0 .. COLUMNS), row chunk by row chunk; `components` is a constant
 * where this is inlined. */
SLR_INLINE void some_columns(const float *x, int64_t stride, const float *factors, int64_t factor_stride,
                             int64_t first_row, int64_t last_row, const int components, float total[GROUP][COLUMNS])
{
    enum { VECTORS = COLUMNS / LANES };
    memset(total, 0, GROUP * sizeof *total);
    for (int64_t chunk = first_row; chunk < last_row; chunk += ROW_CHUNK) {
        int64_t end = chunk + ROW_CHUNK < last_row ? chunk + ROW_CHUNK : last_row;
        lanes sum[GROUP][VECTORS];
#pragma GCC unroll 4
        for (int j = 0; j < components; j++)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++)
                sum[j][v] = (lanes){0};
        for (int64_t r = chunk; r < end; r++)
#pragma GCC unroll 4
            for (int j = 0; j < components; j++)
#pragma GCC unroll 4
                for (int v = 0; v < VECTORS; v++)
                    sum[j][v] += factors[r * factor_stride + j] * LANES_AT(x + r * stride + v * LANES);
#pragma GCC unroll 4
        for (int j = 0; j < components; j++)
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++)
                *(lanes *)(void *)(total[j] + v * LANES) += sum[j][v];
    }
}

/* The same over fewer columns than COLUMNS. */
static void few_columns(const float *x, int64_t stride, const float *factors, int64_t factor_stride, int64_t first_row,
                        int64_t last_row, int width, int components, float total[GROUP][COLUMNS])
{
    memset(total, 0, GROUP * sizeof *total);
    for (int64_t chunk = first_row; chunk < last_row; chunk += ROW_CHUNK) {
        int64_t end = chunk + ROW_CHUNK < last_row ? chunk + ROW_CHUNK : last_row;
        float sum[GROUP][COLUMNS] = {{0}};
        for (int64_t r = chunk; r < end; r++)
            for (int j = 0; j < components; j++)
                for (int c = 0; c < width; c++)
                    sum[j][c] += factors[r * factor_stride + j] * x[r * stride + c];
        for (int j = 0; j < components; j++)
            for (int c = 0; c < width; c++)
                total[j][c] += sum[j][c];
    }
}

static void reduce_columns(const float *x, int64_t stride, const float *factors, int64_t factor_stride,
                           int64_t first_row, int64_t last_row, int width, int components,
                           float total[GROUP][COLUMNS])
{
    if (width < COLUMNS)
        few_columns(x, stride, factors, factor_stride, first_row, last_row, width, components, total);
    else if (components == 1)
        some_columns(x, stride, factors, factor_stride, first_row, last_row, 1, total);
    else if (components == 2)
        some_columns(x, stride, factors, factor_stride, first_row, last_row, 2, total);
    else if (components == 3)
        some_columns(x, stride, factors, factor_stride, first_row, last_row, 3, total);
    else
        some_columns(x, stride, factors, factor_stride, first_row, last_row, 4, total);
}

/* gradient[i][c] += scale sum_r factors[r][i] x[r][c] for components [0, components); `stride` from row to row of
 * the factors. */
static void row_gradients(const slr_call *call, const float *x, int64_t width, const float *factors,
                          int64_t stride, int components, float *gradient)
{
    const slr_slot *slot = call->slot;
    int64_t rows = slr_tensor_rows(call->in[1]), blocks = (width + COLUMNS - 1) / COLUMNS;
#pragma omp parallel for num_threads(call->threads) schedule(static) if (rows * width > 1 << 12)
    for (int64_t block = 0; block < blocks; block++) {
        int64_t at = block * COLUMNS;
        int columns = (int)(width - at < COLUMNS ? width - at : COLUMNS);
        for (int i = 0; i < components; i += GROUP) {
            float total[GROUP][COLUMNS];
            int group = components - i < GROUP ? components - i : GROUP;
            reduce_columns(x + at, width, factors + i, stride, 0, rows, columns, group, total);
            for (int j = 0; j < group; j++)
                for (int c = 0; c < columns; c++)
                    gradient[(i + j) * width + at + c] += (float)slot->scale * total[j][c];
        }
    }
}

/* Adds, over the samples, the squared norm of what each alone would give for components [first, last). */
static double sample_energy(const slr_call *call, const float *x, int64_t width, const float *factors,
                            int first, int last)
{
    const slr_slot *slot = call->slot;
    int64_t per = slr_tensor_rows(call->in[1]) / slot->samples;
    double energy = 0;
    for (int64_t b = 0; b < slot->samples; b++)
        for (int64_t at = 0; at < width; at += COLUMNS)
            for (int i = first; i < last; i++) {
                float total[GROUP][COLUMNS];
                int columns = (int)(width - at < COLUMNS ? width - at : COLUMNS);
                reduce_columns(x + at, width, factors + i, slot->capacity, b * per, (b + 1) * per, columns,
                               1, total);
                for (int c = 0; c < columns; c++)
                    energy += (double)total[0][c] * total[0][c];
            }
    return energy * slot->scale * slot->scale;
}

static void sample_energies(const slr_call *call, const float *gb)
{
    const slr_slot *slot = call->slot;
    slot->sample_energy[0] += sample_energy(call, call->x[1], slot->in, gb, 0, slot->rank) +
                              sample_energy(call, call->dy, slot->out, call->saved, 0, slot->rank);
    for (int j = 0; j < slot->probes; j++)
        slot->sample_energy[1 + j] += sample_energy(call, call->dy, slot->out, call->saved,
                                                    slot->rank + j, slot->rank + j + 1);
}

static void look_gradient(const slr_call *call, float *column)
{
    const slr_slot *slot = call->slot;
    int64_t rows = slr_tensor_rows(call->in[1]);
#pragma omp parallel for num_threads(call->threads) schedule(static) if (rows > 16)
    for (int64_t r = 0; r < rows; r++)
        dots(call->dy + r * slot->out, slot->look, slot->out, 1, column + r);
    row_gradients(call, call->x[1], slot->in, column, 1, 1, slot->look_ga);
}

void SLR_CPU(low_rank_bwd)(const slr_call *call)
{
    const slr_slot *slot = call->slot;
    int64_t rows = slr_tensor_rows(call->in[1]);
    float *gb = call->workspace;
#pragma omp parallel for num_threads(call->threads) schedule(static) if (rows > 16)
    for (int64_t r = 0; r < rows; r++)
        backward_row(call, r, gb + r * slot->capacity);
    if (slot->trainable) {
        row_gradients(call, call->x[1], slot->in, gb, slot->capacity, slot->rank, slot->ga);
        row_gradients(call, call->dy, slot->out, call->saved, slot->capacity, slot->rank + slot->probes,
                      slot->gbt);
        if (slot->sample_energy)
            sample_energies(call, gb);
        if (slot->look)
            look_gradient(call, gb + rows * slot->capacity);
    }
    if (!call->dx[0] || call->dx[0] == call->dy)
        return;
    if (!call->accumulate[0])
        memcpy(call->dx[0], call->dy, (size_t)(rows * slot->out) * sizeof(float));
    else
#pragma omp parallel for simd num_threads(call->threads) schedule(static)
        for (int64_t e = 0; e < rows * slot->out; e++)
            call->dx[0][e] += call->dy[e];
}
