/* SPDX-License-Identifier: MIT
 * Linear maps, and convolution: as Winograd's where that pays, else as gathered patches times weights, in row chunks that
 * fit the workspace; backward as dy times weights, whose columns are then collected at the pixels they belong to. */
#include <string.h>

#include "kernels/cpu/cpu_gemm.h"
#include "kernels/cpu/cpu_winograd.h"

enum { CHUNK_BYTES = 8 << 20 };

typedef struct conv {
    int64_t n, h, w, c, out_h, out_w, o;
    int kh, kw, stride, top, left;
    bool alone; /* the way is not to depend on n */
    slr_panel_kernel bf16; /* of the backend */
} conv;

static conv conv_of(const slr_backend *backend, const slr_op *op, const slr_tensor *x, const slr_tensor *y)
{
    const slr_map_window *w = &op->u.conv.window;
    return (conv){x->shape[0], x->shape[1], x->shape[2], x->shape[3], y->shape[1], y->shape[2], y->shape[3], w->height,
                  w->width, w->stride, w->pads.top, w->pads.left, op->u.conv.alone, backend->panel_product_bf16};
}

/* Its shape as Winograd's; false where it has another form or where that would be slower. */
static bool is_winograd(const conv *s, bool backward, slr_winograd *c)
{
    *c = (slr_winograd){.n = s->n, .h = s->h, .w = s->w, .in = backward ? s->o : s->c, .out = backward ? s->c : s->o,
                        .judged = s->alone ? 2 : s->n, /* a picture drawn with guidance has two */
                        .transposed = backward, .bf16 = s->bf16};
    return s->kh == 3 && s->kw == 3 && s->stride == 1 && s->top == 1 && s->left == 1 && s->h == s->out_h && s->w == s->out_w &&
           SLR_CPU(winograd_pays)(c);
}

static bool is_pointwise(const conv *s)
{
    return s->kh == 1 && s->kw == 1 && s->stride == 1 && s->top == 0 && s->left == 0 && s->h == s->out_h &&
           s->w == s->out_w;
}

/* Columns of the patch matrix. */
static int64_t patch_of(const conv *s)
{
    return (int64_t)s->kh * s->kw * s->c;
}

/* Equal chunks: a few rows that are left over would cost as much as many. */
static int64_t chunk_rows(int64_t rows, int64_t columns)
{
    int64_t fit = CHUNK_BYTES / (columns * (int64_t)sizeof(float));
    int64_t chunks = fit < 1 ? rows : (rows + fit - 1) / fit;
    return (rows + chunks - 1) / chunks;
}

/* What the gradient takes at a time: whole images, or some rows of one. */
typedef struct band {
    int64_t images, rows;
} band;

static band band_of(const conv *s)
{
    int64_t fit = CHUNK_BYTES / (s->out_w * patch_of(s) * (int64_t)sizeof(float)); /* rows of the output */
    int64_t images = fit / s->out_h, rows = (fit - 1) * s->stride - s->kh + 2;
    if (images < 1)
        return (band){1, rows < 1 ? 1 : rows < s->h ? rows : s->h};
    int64_t steps = (s->n + images - 1) / images;
    return (band){(s->n + steps - 1) / steps, s->h};
}

/* The most rows of the output that `rows` rows of the input go into. */
static int64_t most_outputs(const conv *s, int64_t rows)
{
    int64_t most = (rows + s->kh - 2) / s->stride + 1;
    return most < s->out_h ? most : s->out_h;
}

size_t SLR_CPU(linear_workspace)(int threads)
{
    return (size_t)threads * SLR_CPU(gemm_packing)();
}

/* Winograd's, or packing space, then patches or what they send back. */
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
    int64_t columns = patch_of(&s);
    band b = band_of(&s);
    int64_t rows = backward ? b.images * most_outputs(&s, b.rows) * s.out_w
                            : chunk_rows(s.n * s.out_h * s.out_w, columns);
    return packing + (size_t)(rows * columns) * sizeof(float);
}

static float *patches_of(const slr_call *call)
{
    return (float *)call->workspace + SLR_CPU(linear_workspace)(call->threads) / sizeof(float);
}

/* Row `row` of the patch matrix: the pixels under output pixel (i, j), zeros outside. Those of one row of the kernel lie
 * beside each other. */
static void gather_patch(const conv *s, const float *x, int64_t n, int64_t i, int64_t j, float *patch)
{
    int64_t column = j * s->stride - s->left, before = column < 0 ? -column : 0;
    int64_t last = s->w - column < s->kw ? s->w - column : s->kw, inside = last > before ? last - before : 0;
    before = before < s->kw ? before : s->kw;
    for (int p = 0; p < s->kh; p++, patch += s->kw * s->c) {
        int64_t row = i * s->stride + p - s->top;
        if (row < 0 || row >= s->h || inside == 0) {
            memset(patch, 0, (size_t)(s->kw * s->c) * sizeof *patch);
            continue;
        }
        memset(patch, 0, (size_t)(before * s->c) * sizeof *patch);
        memcpy(patch + before * s->c, x + ((n * s->h + row) * s->w + column + before) * s->c,
               (size_t)(inside * s->c) * sizeof *patch);
        memset(patch + (before + inside) * s->c, 0, (size_t)((s->kw - before - inside) * s->c) * sizeof *patch);
    }
}

/* dx of input pixel (row, column): what each output that it went into sends back, tap after tap. `parts` has a row
 * of c for each tap for every output pixel, beginning with output row `first`. */
static void collect_gradient(const conv *s, const float *parts, int64_t first, int64_t row, int64_t column, float *dx,
                             bool accumulate)
{
    if (!accumulate)
        memset(dx, 0, (size_t)s->c * sizeof *dx);
    for (int p = 0; p < s->kh; p++)
        for (int q = 0; q < s->kw; q++) {
            int64_t i = row + s->top - p, j = column + s->left - q;
            if (i < 0 || j < 0 || i % s->stride != 0 || j % s->stride != 0 || i / s->stride >= s->out_h ||
                j / s->stride >= s->out_w)
                continue;
            int64_t pixel = (i / s->stride - first) * s->out_w + j / s->stride;
            const float *part = parts + ((pixel * s->kh + p) * s->kw + q) * s->c;
#pragma omp simd
            for (int64_t c = 0; c < s->c; c++)
                dx[c] += part[c];
        }
}

/* Rows [first_row, last_row) of dx of `images` images (one, if these are not all rows): dy of the outputs that they went
 * into, times all taps at once, then what belongs to each pixel. */
static void band_gradient(const conv *s, const slr_call *call, int64_t first_image, int64_t images, int64_t first_row,
                          int64_t last_row)
{
    int64_t columns = patch_of(s), rows = last_row - first_row;
    int64_t reach = first_row + s->top - s->kh + 1, end = (last_row - 1 + s->top) / s->stride + 1;
    int64_t first = reach > 0 ? (reach + s->stride - 1) / s->stride : 0;
    int64_t outputs = (end < s->out_h ? end : s->out_h) - first;
    float *parts = patches_of(call);
    slr_gemm g = {.rows = images * outputs * s->out_w, .columns = columns, .depth = s->o,
                  .a = call->dy + (first_image * s->out_h + first) * s->out_w * s->o, .a_row = s->o,
                  .weight = call->weight, .transposed = true,
                  .c = parts, .c_row = columns, .bf16 = s->bf16};
    if (outputs > 0)
        SLR_CPU(gemm)(&g, call->workspace, call->threads);
#pragma omp parallel for num_threads(call->threads) schedule(static)
    for (int64_t r = 0; r < images * rows * s->w; r++) {
        int64_t image = r / (rows * s->w), row = first_row + r / s->w % rows, column = r % s->w;
        collect_gradient(s, parts + image * outputs * s->out_w * columns, first, row, column,
                         call->dx[0] + (((first_image + image) * s->h + row) * s->w + column) * s->c,
                         call->accumulate[0]);
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
    int64_t rows = s.n * s.out_h * s.out_w, columns = patch_of(&s);
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
                      .a = pointwise ? call->x[0] : patches, .a_row = columns,
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
    if (is_pointwise(&s)) {
        slr_gemm g = {.rows = s.n * s.h * s.w, .columns = s.c, .depth = s.o,
                      .a = call->dy, .a_row = s.o,
                      .weight = call->weight, .transposed = true,
                      .c = call->dx[0], .c_row = s.c, .add = call->accumulate[0], .bf16 = s.bf16};
        SLR_CPU(gemm)(&g, call->workspace, call->threads);
        return;
    }
    band b = band_of(&s);
    for (int64_t image = 0; image < s.n; image += b.images)
        for (int64_t row = 0; row < s.h; row += b.rows)
            band_gradient(&s, call, image, s.n - image < b.images ? s.n - image : b.images, row,
                          s.h - row < b.rows ? s.h : row + b.rows);
}

void SLR_CPU(linear_fwd)(const slr_call *call)
{
    int64_t in = slr_tensor_columns(call->in[0]), out = slr_tensor_columns(call->out);
    slr_gemm g = {.rows = slr_tensor_rows(call->in[0]), .columns = out, .depth = in,
                  .a = call->x[0], .a_row = in,
                  .weight = call->weight,
                  .c = call->y, .c_row = out, .bias = call->bias ? call->bias->values : NULL,
                      .bf16 = call->backend->panel_product_bf16};
    SLR_CPU(gemm)(&g, call->workspace, call->threads);
}

void SLR_CPU(linear_bwd)(const slr_call *call)
{
    int64_t in = slr_tensor_columns(call->in[0]), out = slr_tensor_columns(call->out);
    slr_gemm g = {.rows = slr_tensor_rows(call->in[0]), .columns = in, .depth = out,
                  .a = call->dy, .a_row = out,
                  .weight = call->weight, .transposed = true,
                  .c = call->dx[0], .c_row = in, .add = call->accumulate[0],
                  .bf16 = call->backend->panel_product_bf16};
    SLR_CPU(gemm)(&g, call->workspace, call->threads);
}
