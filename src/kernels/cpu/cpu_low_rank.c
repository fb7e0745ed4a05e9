/* SPDX-License-Identifier: MIT
 *
 * The low-rank pair. Own loops rather than a BLAS: each component is computed by itself, in a fixed order, so that
 * its bits depend neither on how many others there are nor on the number of threads.
 */
#include <string.h>

#include "kernels/cpu/cpu_kernels.h"

enum { COLUMNS = 64, GROUP = 4, ROW_CHUNK = 256 };

static float dot(const float *a, const float *b, int64_t count)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

static void add_scaled(float *y, const float *x, float factor, int64_t count)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        y[i] += factor * x[i];
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
    float *y = call->y + r * slot->out;
    if (y != base)
        memcpy(y, base, (size_t)slot->out * sizeof *y);
    for (int i = 0; i < slot->rank; i++) {
        float h = dot(x, slot->a + i * slot->in, slot->in);
        if (call->saved)
            call->saved[r * slot->capacity + i] = h;
        add_scaled(y, slot->bt + i * slot->out, (float)slot->scale * h, slot->out);
    }
    for (int i = slot->rank; call->saved && i < slot->rank + slot->probes; i++)
        call->saved[r * slot->capacity + i] = dot(x, slot->a + i * slot->in, slot->in);
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
    const float *dy = call->dy + r * slot->out;
    float *dx = call->dx[1] ? call->dx[1] + r * slot->in : NULL;
    if (dx && !call->accumulate[1])
        memset(dx, 0, (size_t)slot->in * sizeof *dx);
    for (int i = 0; i < slot->rank; i++) {
        gb[i] = dot(dy, slot->bt + i * slot->out, slot->out);
        if (dx)
            add_scaled(dx, slot->a + i * slot->in, (float)slot->scale * gb[i], slot->in);
    }
}

/* sum over rows of factor[r][first + j] * x[r][column..] for up to GROUP components, row chunk by row chunk. */
static void reduce_columns(const float *x, int64_t stride, const float *factors, int64_t factor_stride,
                           int64_t first_row, int64_t last_row, int width, int components,
                           float total[GROUP][COLUMNS])
{
    memset(total, 0, GROUP * sizeof *total);
    for (int64_t chunk = first_row; chunk < last_row; chunk += ROW_CHUNK) {
        int64_t end = chunk + ROW_CHUNK < last_row ? chunk + ROW_CHUNK : last_row;
        float sum[GROUP][COLUMNS] = {{0}};
        for (int64_t r = chunk; r < end; r++)
            for (int j = 0; j < components; j++) {
                float factor = factors[r * factor_stride + j];
                const float *row = x + r * stride;
                if (width == COLUMNS)
#pragma omp simd
                    for (int c = 0; c < COLUMNS; c++)
                        sum[j][c] += factor * row[c];
                else
                    for (int c = 0; c < width; c++)
                        sum[j][c] += factor * row[c];
            }
        for (int j = 0; j < components; j++)
            for (int c = 0; c < width; c++)
                total[j][c] += sum[j][c];
    }
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
                add_scaled(gradient + (i + j) * width + at, total[j], (float)slot->scale, columns);
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
        column[r] = dot(call->dy + r * slot->out, slot->look, slot->out);
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
        add_scaled(call->dx[0], call->dy, 1, rows * slot->out);
}
