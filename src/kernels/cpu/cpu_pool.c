/* SPDX-License-Identifier: MIT
 * Pooling, scale and shift of channels, the choice of a row. */
#include <string.h>

#include "kernels/cpu/cpu_kernels.h"

/* The part of [from, from + length) that lies in [0, size). */
typedef struct range {
    int64_t first, last;
} range;

static range clip(int64_t from, int length, int64_t size)
{
    return (range){from > 0 ? from : 0, from + length < size ? from + length : size};
}

SLR_INLINE void take_largest(const float *x, float *y, int64_t channels)
{
#pragma omp simd
    for (int64_t c = 0; c < channels; c++)
        y[c] = x[c] > y[c] ? x[c] : y[c];
}

SLR_INLINE void add_pixel(const float *x, float *y, int64_t channels)
{
#pragma omp simd
    for (int64_t c = 0; c < channels; c++)
        y[c] += x[c];
}

SLR_INLINE void multiply(float *y, int64_t channels, float factor)
{
#pragma omp simd
    for (int64_t c = 0; c < channels; c++)
        y[c] *= factor;
}

/* One output pixel, its window row after row; `x` is its image. */
static void pool_pixel(const slr_call *call, const float *x, range rows, range columns, float *y)
{
    const int64_t *in = call->in[0]->shape, channels = in[3];
    const slr_map_window *w = &call->op->u.pool.window;
    const slr_pooling kind = call->op->u.pool.kind;
    memcpy(y, x + (rows.first * in[2] + columns.first) * channels, (size_t)channels * sizeof *y);
    for (int64_t i = rows.first; i < rows.last; i++)
        for (int64_t j = columns.first; j < columns.last; j++) {
            const float *pixel = x + (i * in[2] + j) * channels;
            if (i == rows.first && j == columns.first)
                continue;
            if (kind == SLR_POOL_MAX)
                take_largest(pixel, y, channels);
            else
                add_pixel(pixel, y, channels);
        }
    int64_t inside = (rows.last - rows.first) * (columns.last - columns.first);
    if (kind != SLR_POOL_MAX)
        multiply(y, channels, 1.0f / (float)(kind == SLR_POOL_MEAN ? (int64_t)w->height * w->width : inside));
}

void SLR_CPU(pool_fwd)(const slr_call *call)
{
    const int64_t *in = call->in[0]->shape, *out = call->out->shape;
    const slr_map_window *w = &call->op->u.pool.window;
#pragma omp parallel for num_threads(call->threads) schedule(static)
    for (int64_t r = 0; r < out[0] * out[1]; r++) {
        const float *image = call->x[0] + r / out[1] * in[1] * in[2] * in[3];
        range rows = clip(r % out[1] * w->stride - w->pads.top, w->height, in[1]);
        for (int64_t j = 0; j < out[2]; j++)
            pool_pixel(call, image, rows, clip(j * w->stride - w->pads.left, w->width, in[2]),
                       call->y + (r * out[2] + j) * out[3]);
    }
}

SLR_INLINE void scale_shift_row(const float *x, float *y, const float *scale, const float *shift, int64_t channels,
                                const bool relu)
{
#pragma omp simd
    for (int64_t c = 0; c < channels; c++) {
        float value = x[c] * scale[c] + shift[c];
        y[c] = relu && value < 0 ? 0 : value;
    }
}

void SLR_CPU(scale_shift_fwd)(const slr_call *call)
{
    int64_t rows = slr_tensor_rows(call->out), channels = slr_tensor_columns(call->out);
    const float *scale = call->weight->values, *shift = call->bias->values;
#pragma omp parallel for num_threads(call->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++)
        if (call->op->u.scale_shift.relu)
            scale_shift_row(call->x[0] + r * channels, call->y + r * channels, scale, shift, channels, true);
        else
            scale_shift_row(call->x[0] + r * channels, call->y + r * channels, scale, shift, channels, false);
}

void SLR_CPU(pick_fwd)(const slr_call *call)
{
    int64_t rows = call->in[0]->shape[1], width = call->in[0]->shape[2];
    for (int64_t n = 0; n < call->out->shape[0]; n++) {
        int64_t row = (int64_t)call->x[1][n];
        row = row >= 0 && row < rows ? row : 0; /* callers check it; memory stays safe whatever they do */
        memcpy(call->y + n * width, call->x[0] + (n * rows + row) * width, (size_t)width * sizeof(float));
    }
}
