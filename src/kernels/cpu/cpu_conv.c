/* SPDX-License-Identifier: MIT
 * Linear maps, and convolution: as Winograd's where that pays, else as gathered patches times weights, in row chunks that
 * fit the workspace. */
#include <string.h>

#include "kernels/cpu/cpu_gemm.h"
#include "kernels/cpu/cpu_winograd.h"

enum { CHUNK_BYTES = 4 << 20 };

typedef struct conv {
    int64_t n, h, w, c, out_h, out_w, o;
    int k, stride, top, left;
    bool alone; /* the way is not to depend on n */
    slr_panel_kernel bf16; /* of the backend */
} conv;

static conv conv_of(const slr_backend *backend, const slr_op *op, const slr_tensor *x, const slr_tensor *y)
{
    return (conv){x->shape[0], x->shape[1], x->shape[2], x->shape[3], y->shape[1], y->shape[2],
                  y->shape[3], op->u.conv.kernel, op->u.conv.stride, op->u.conv.pads.top,
                  op->u.conv.pads.left, op->u.conv.alone, backend->panel_product_bf16};
}

/* Its shape as Winograd's; false where it has another form or where that would be slower. */
static bool is_winograd(const conv *s, bool backward, slr_winograd *c)
{
    *c = (slr_winograd){.n = s->n, .h = s->h, .w = s->w, .in = backward ? s->o : s->c, .out = backward ? s->c : s->o,
                        .judged = s->alone ? 2 : s->n, /* a picture drawn with guidance has two */
                        .transposed = backward, .bf16 = s->bf16};
    return s->k == 3 && s->stride == 1 && s->top == 1 && s->left == 1 && s->h == s->out_h && s->w == s->out_w &&
           SLR_CPU(winograd_pays)(c);
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

size_t SLR_CPU(linear_workspace)(int threads)
{
    return (size_t)threads * SLR_CPU(gemm_packing)();
}

/* Winograd's, or packing space, then patches. */
size_t SLR_CPU(conv2d_workspace)(const slr_backend *backend, const slr_graph *graph, const slr_op *op, bool backward,
                                 int threads)
{
    const slr_tensor *x = slr_graph_tensor(graph, op->in[0]), *y = slr_graph_tensor(graph, op->out);
    conv s = conv_of(backend, op, x, y);
    slr_winograd c;
    if (is_winograd(&s, backward, &c))
        return SLR_CPU(winograd_workspace)(&c, threads);
    size_t packing = SLR_CPU(linear_workspace)(threads);
    if (is_pointwise(&s))
        return packing;
    int64_t rows = backward ? s.n * s.h * s.w : s.n * s.out_h * s.out_w;
    int64_t columns = (int64_t)s.k * s.k * (backward ? s.o : s.c);
    return packing + (size_t)(chunk_rows(rows, columns) * columns) * sizeof(float);
}

static float *patches_of(const slr_call *call)
{
    return (float *)call->workspace + SLR_CPU(linear_workspace)(call->threads) / sizeof(float);
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

void SLR_CPU(conv2d_fwd)(const slr_call *call)
{
    conv s = conv_of(call->backend, call->op, call->in[0], call->out);
    slr_winograd c;
    if (is_winograd(&s, false, &c)) {
        c.weight = call->weight;
        c.x = call->x[0];
        c.bias = call->bias ? call->bias->values : NULL;
        c.y = call->y;
        SLR_CPU(winograd)(&c, call->workspace, call->threads);
        return;
    }
    int64_t rows = s.n * s.out_h * s.out_w, columns = (int64_t)s.k * s.k * s.c;
    bool pointwise = is_pointwise(&s);
    int64_t chunk = pointwise ? rows : chunk_rows(rows, columns);
    float *patches = patches_of(call);
    for (int64_t first = 0; first < rows; first += chunk) {
        int64_t count = rows - first < chunk ? rows - first : chunk;
        if (!pointwise)
#pragma omp parallel for num_threads(call->threads) schedule(static)
            for (int64_t r = first; r < first + count; r++)
                gather_patch(&s, call->x[0], r / (s.out_h * s.out_w), r / s.out_w % s.out_h,
                             r % s.out_w, patches + (r - first) * columns);
        slr_gemm g = {.rows = count, .columns = s.o, .depth = columns,
                      .a = pointwise ? call->x[0] : patches, .a_row = columns, .a_step = 1,
                      .weight = call->weight,
                      .c = call->y + first * s.o, .c_row = s.o,
                      .bias = call->bias ? call->bias->values : NULL,
                      .bf16 = s.bf16};
        SLR_CPU(gemm)(&g, call->workspace, call->threads);
    }
}

void SLR_CPU(conv2d_bwd)(const slr_call *call)
{
    conv s = conv_of(call->backend, call->op, call->in[0], call->out);
    slr_winograd c;
    if (is_winograd(&s, true, &c)) {
        c.weight = call->weight;
        c.x = call->dy;
        c.y = call->dx[0];
        c.add = call->accumulate[0];
        SLR_CPU(winograd)(&c, call->workspace, call->threads);
        return;
    }
    int64_t rows = s.n * s.h * s.w, taps = (int64_t)s.k * s.k, columns = taps * s.o;
    bool pointwise = is_pointwise(&s);
    int64_t chunk = pointwise ? rows : chunk_rows(rows, columns);
    float *patches = patches_of(call);
    for (int64_t first = 0; first < rows; first += chunk) {
        int64_t count = rows - first < chunk ? rows - first : chunk;
        if (!pointwise)
#pragma omp parallel for num_threads(call->threads) schedule(static)
            for (int64_t r = first; r < first + count; r++)
                gather_gradient(&s, call->dy, r / (s.h * s.w), r / s.w % s.h, r % s.w,
                                patches + (r - first) * columns);
        for (int64_t tap = 0; tap < taps; tap++) {
            slr_gemm g = {.rows = count, .columns = s.c, .depth = s.o,
                          .a = (pointwise ? call->dy : patches) + tap * s.o, .a_row = columns, .a_step = 1,
                          .weight = call->weight, .transposed = true, .first = tap * s.c,
                          .c = call->dx[0] + first * s.c, .c_row = s.c,
                          .add = call->accumulate[0] || tap > 0,
                          .bf16 = s.bf16};
            SLR_CPU(gemm)(&g, call->workspace, call->threads);
        }
    }
}

void SLR_CPU(linear_fwd)(const slr_call *call)
{
    int64_t in = slr_tensor_columns(call->in[0]), out = slr_tensor_columns(call->out);
    slr_gemm g = {.rows = slr_tensor_rows(call->in[0]), .columns = out, .depth = in,
                  .a = call->x[0], .a_row = in, .a_step = 1,
                  .weight = call->weight,
                  .c = call->y, .c_row = out, .bias = call->bias ? call->bias->values : NULL,
                      .bf16 = call->backend->panel_product_bf16};
    SLR_CPU(gemm)(&g, call->workspace, call->threads);
}

void SLR_CPU(linear_bwd)(const slr_call *call)
{
    int64_t in = slr_tensor_columns(call->in[0]), out = slr_tensor_columns(call->out);
    slr_gemm g = {.rows = slr_tensor_rows(call->in[0]), .columns = in, .depth = out,
                  .a = call->dy, .a_row = out, .a_step = 1,
                  .weight = call->weight, .transposed = true,
                  .c = call->dx[0], .c_row = in, .add = call->accumulate[0],
                  .bf16 = call->backend->panel_product_bf16};
    SLR_CPU(gemm)(&g, call->workspace, call->threads);
}
