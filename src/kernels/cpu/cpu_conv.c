/* SPDX-License-Identifier: MIT
 * Convolution: gathered patches times packed weights, in row chunks that fit the workspace. */
#include <cblas.h>
#include <string.h>

#include "kernels/cpu/cpu_kernels.h"

enum { CHUNK_BYTES = 16 << 20 };

typedef struct conv {
    int64_t n, h, w, c, out_h, out_w, o;
    int k, stride, top, left;
} conv;

static conv conv_of(const slr_op *op, const slr_tensor *x, const slr_tensor *y)
{
    return (conv){x->shape[0], x->shape[1], x->shape[2], x->shape[3], y->shape[1], y->shape[2],
                  y->shape[3], op->u.conv.kernel, op->u.conv.stride, op->u.conv.pads.top,
                  op->u.conv.pads.left};
}

static bool is_pointwise(const conv *s)
{
    return s->k == 1 && s->stride == 1 && s->top == 0 && s->left == 0 && s->h == s->out_h &&
           s->w == s->out_w;
}

static int64_t chunk_rows(int64_t rows, int64_t columns)
{
    int64_t fit = CHUNK_BYTES / (columns * (int64_t)sizeof(float));
    return fit < 1 ? 1 : fit < rows ? fit : rows;
}

size_t SLR_CPU(conv2d_workspace)(const slr_graph *graph, const slr_op *op, bool backward)
{
    const slr_tensor *x = slr_graph_tensor(graph, op->in[0]), *y = slr_graph_tensor(graph, op->out);
    conv s = conv_of(op, x, y);
    if (is_pointwise(&s))
        return 0;
    int64_t rows = backward ? s.n * s.h * s.w : s.n * s.out_h * s.out_w;
    int64_t columns = (int64_t)s.k * s.k * (backward ? s.o : s.c);
    return (size_t)(chunk_rows(rows, columns) * columns) * sizeof(float);
}

/* Row `row` of the patch matrix: the k x k pixels under output pixel (i, j), zeros outside. */
static void gather_patch(const conv *s, const float *x, int64_t n, int64_t i, int64_t j, float *patch)
{
    size_t bytes = (size_t)s->c * sizeof(float);
    for (int p = 0; p < s->k; p++)
        for (int q = 0; q < s->k; q++, patch += s->c) {
            int64_t row = i * s->stride + p - s->top, column = j * s->stride + q - s->left;
            if (row < 0 || row >= s->h || column < 0 || column >= s->w)
                memset(patch, 0, bytes);
            else
                memcpy(patch, x + ((n * s->h + row) * s->w + column) * s->c, bytes);
        }
}

/* The outputs that input pixel (row, column) went into, one slot a tap, zeros where there is none. */
static void gather_gradient(const conv *s, const float *dy, int64_t n, int64_t row, int64_t column,
                            float *patch)
{
    size_t bytes = (size_t)s->o * sizeof(float);
    for (int p = 0; p < s->k; p++)
        for (int q = 0; q < s->k; q++, patch += s->o) {
            int64_t i = row + s->top - p, j = column + s->left - q;
            bool hit = i >= 0 && j >= 0 && i % s->stride == 0 && j % s->stride == 0 &&
                       i / s->stride < s->out_h && j / s->stride < s->out_w;
            if (hit)
                memcpy(patch, dy + ((n * s->out_h + i / s->stride) * s->out_w + j / s->stride) * s->o, bytes);
            else
                memset(patch, 0, bytes);
        }
}

static void fill_bias(float *y, const float *bias, int64_t rows, int64_t width, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static) if (rows * width > 1 << 14)
    for (int64_t r = 0; r < rows; r++) {
        if (bias)
            memcpy(y + r * width, bias, (size_t)width * sizeof(float));
        else
            memset(y + r * width, 0, (size_t)width * sizeof(float));
    }
}

void SLR_CPU(conv2d_fwd)(const slr_call *call)
{
    conv s = conv_of(call->op, call->in[0], call->out);
    int64_t rows = s.n * s.out_h * s.out_w, columns = (int64_t)s.k * s.k * s.c;
    bool pointwise = is_pointwise(&s);
    int64_t chunk = pointwise ? rows : chunk_rows(rows, columns);
    fill_bias(call->y, call->bias ? call->bias->values : NULL, rows, s.o, call->threads);
    for (int64_t first = 0; first < rows; first += chunk) {
        int64_t count = rows - first < chunk ? rows - first : chunk;
        const float *patches = call->x[0];
        if (!pointwise) {
            float *workspace = call->workspace;
            patches = workspace;
#pragma omp parallel for num_threads(call->threads) schedule(static)
            for (int64_t r = first; r < first + count; r++)
                gather_patch(&s, call->x[0], r / (s.out_h * s.out_w), r / s.out_w % s.out_h,
                             r % s.out_w, workspace + (r - first) * columns);
        }
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)count, (int)s.o, (int)columns, 1,
                    patches, (int)columns, call->weight->values, (int)columns, 1,
                    call->y + first * s.o, (int)s.o);
    }
}

void SLR_CPU(conv2d_bwd)(const slr_call *call)
{
    conv s = conv_of(call->op, call->in[0], call->out);
    int64_t rows = s.n * s.h * s.w, taps = (int64_t)s.k * s.k, columns = taps * s.o;
    bool pointwise = is_pointwise(&s);
    int64_t chunk = pointwise ? rows : chunk_rows(rows, columns);
    for (int64_t first = 0; first < rows; first += chunk) {
        int64_t count = rows - first < chunk ? rows - first : chunk;
        const float *patches = call->dy;
        if (!pointwise) {
            float *workspace = call->workspace;
            patches = workspace;
#pragma omp parallel for num_threads(call->threads) schedule(static)
            for (int64_t r = first; r < first + count; r++)
                gather_gradient(&s, call->dy, r / (s.h * s.w), r / s.w % s.h, r % s.w,
                                workspace + (r - first) * columns);
        }
        for (int64_t tap = 0; tap < taps; tap++)
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)count, (int)s.c, (int)s.o, 1,
                        patches + tap * s.o, (int)columns, call->weight->values + tap * s.c,
                        (int)(taps * s.c), call->accumulate[0] || tap > 0 ? 1 : 0,
                        call->dx[0] + first * s.c, (int)s.c);
    }
}

void SLR_CPU(linear_fwd)(const slr_call *call)
{
    int64_t rows = slr_tensor_rows(call->in[0]), in = slr_tensor_columns(call->in[0]);
    int64_t out = slr_tensor_columns(call->out);
    fill_bias(call->y, call->bias ? call->bias->values : NULL, rows, out, call->threads);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)out, (int)in, 1, call->x[0],
                (int)in, call->weight->values, (int)in, 1, call->y, (int)out);
}

void SLR_CPU(linear_bwd)(const slr_call *call)
{
    int64_t rows = slr_tensor_rows(call->in[0]), in = slr_tensor_columns(call->in[0]);
    int64_t out = slr_tensor_columns(call->out);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)rows, (int)in, (int)out, 1, call->dy,
                (int)out, call->weight->values, (int)in, call->accumulate[0] ? 1 : 0, call->dx[0],
                (int)in);
}
