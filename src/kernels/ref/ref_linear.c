/* SPDX-License-Identifier: MIT
 * Convolution, linear maps and the low-rank pair. */
#include <string.h>

#include "kernels/ref/ref_kernels.h"

typedef struct conv_shape {
    int64_t n, h, w, c, out_h, out_w, o;
    int kh, kw, stride, top, left;
} conv_shape;

static conv_shape shape_of(const slr_call *call)
{
    const slr_tensor *x = call->in[0], *y = call->out;
    const slr_map_window *w = &call->op->u.conv.window;
    return (conv_shape){x->shape[0], x->shape[1], x->shape[2], x->shape[3], y->shape[1], y->shape[2],
                        y->shape[3], w->height, w->width, w->stride, w->pads.top, w->pads.left};
}

void slr_ref_conv2d_fwd(const slr_call *call)
{
    conv_shape s = shape_of(call);
    const slr_real *x = call->x[0];
    for (int64_t n = 0; n < s.n; n++)
        for (int64_t i = 0; i < s.out_h; i++)
            for (int64_t j = 0; j < s.out_w; j++)
                for (int64_t o = 0; o < s.o; o++) {
                    double sum = call->bias ? call->bias->values[o] : 0;
                    for (int p = 0; p < s.kh; p++)
                        for (int q = 0; q < s.kw; q++) {
                            int64_t row = i * s.stride + p - s.top, column = j * s.stride + q - s.left;
                            if (row < 0 || row >= s.h || column < 0 || column >= s.w)
                                continue;
                            const slr_real *pixel = x + ((n * s.h + row) * s.w + column) * s.c;
                            int64_t tap = (p * s.kw + q) * s.c;
                            for (int64_t c = 0; c < s.c; c++)
                                sum += (double)pixel[c] * (double)slr_weight_at(call->weight, o, tap + c);
                        }
                    call->y[((n * s.out_h + i) * s.out_w + j) * s.o + o] = (slr_real)sum;
                }
}

/* Gathers, for one input element, over the outputs it went into. */
static double conv_gradient_at(const slr_call *call, const conv_shape *s, int64_t n, int64_t row,
                               int64_t column, int64_t c)
{
    double sum = 0;
    for (int p = 0; p < s->kh; p++)
        for (int q = 0; q < s->kw; q++) {
            int64_t i = row + s->top - p, j = column + s->left - q;
            if (i < 0 || j < 0 || i % s->stride || j % s->stride)
                continue;
            i /= s->stride;
            j /= s->stride;
            if (i >= s->out_h || j >= s->out_w)
                continue;
            const slr_real *dy = call->dy + ((n * s->out_h + i) * s->out_w + j) * s->o;
            int64_t k = (p * s->kw + q) * s->c + c;
            for (int64_t o = 0; o < s->o; o++)
                sum += (double)dy[o] * (double)slr_weight_at(call->weight, o, k);
        }
    return sum;
}

void slr_ref_conv2d_bwd(const slr_call *call)
{
    conv_shape s = shape_of(call);
    for (int64_t n = 0; n < s.n; n++)
        for (int64_t i = 0; i < s.h; i++)
            for (int64_t j = 0; j < s.w; j++)
                for (int64_t c = 0; c < s.c; c++)
                    slr_put(&call->dx[0][((n * s.h + i) * s.w + j) * s.c + c], call->accumulate[0],
                            conv_gradient_at(call, &s, n, i, j, c));
}

void slr_ref_linear_fwd(const slr_call *call)
{
    int64_t rows = slr_tensor_rows(call->in[0]), in = slr_tensor_columns(call->in[0]);
    int64_t out = slr_tensor_columns(call->out);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t o = 0; o < out; o++) {
            double sum = call->bias ? call->bias->values[o] : 0;
            for (int64_t i = 0; i < in; i++)
                sum += (double)call->x[0][r * in + i] * (double)slr_weight_at(call->weight, o, i);
            call->y[r * out + o] = (slr_real)sum;
        }
}

void slr_ref_linear_bwd(const slr_call *call)
{
    int64_t rows = slr_tensor_rows(call->in[0]), in = slr_tensor_columns(call->in[0]);
    int64_t out = slr_tensor_columns(call->out);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < in; i++) {
            double sum = 0;
            for (int64_t o = 0; o < out; o++)
                sum += (double)call->dy[r * out + o] * (double)slr_weight_at(call->weight, o, i);
            slr_put(&call->dx[0][r * in + i], call->accumulate[0], sum);
        }
}

static double dot(const slr_real *a, const slr_real *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* Components are added one after the other, so that one more with a zero B row changes no bit of the output. */
void slr_ref_low_rank_fwd(const slr_call *call)
{
    const slr_slot *slot = call->slot;
    int64_t rows = slr_tensor_rows(call->in[1]);
    for (int64_t r = 0; r < rows; r++) {
        const slr_real *x = call->x[1] + r * slot->in;
        slr_real *y = call->y + r * slot->out;
        if (y != call->x[0] + r * slot->out)
            memcpy(y, call->x[0] + r * slot->out, (size_t)slot->out * sizeof *y);
        for (int i = 0; i < slot->rank + slot->probes; i++) {
            double h = dot(x, slot->a + i * slot->in, slot->in);
            if (call->saved)
                call->saved[r * slot->capacity + i] = (slr_real)h;
            for (int64_t o = 0; i < slot->rank && o < slot->out; o++)
                y[o] += (slr_real)(slot->scale * h * (double)slot->bt[i * slot->out + o]);
        }
    }
}

/* (rows, rank): dy . B_i, the gradient of H over scale. */
size_t slr_ref_low_rank_workspace(const slr_graph *graph, const slr_op *op)
{
    int64_t rows = slr_tensor_rows(slr_graph_tensor(graph, op->in[1]));
    return (size_t)(rows * op->u.low_rank.slot->capacity) * sizeof(double);
}

/* Gradients of component i over the rows [first, last): gA when it acts, gB always. Adds to the slot's, or only
 * their squares to *energy. */
static void component_gradients(const slr_call *call, const double *dh, int i, int64_t first, int64_t last,
                                double *energy)
{
    const slr_slot *slot = call->slot;
    for (int64_t k = 0; i < slot->rank && k < slot->in; k++) {
        double sum = 0;
        for (int64_t r = first; r < last; r++)
            sum += dh[r * slot->capacity + i] * (double)call->x[1][r * slot->in + k];
        sum *= slot->scale;
        if (energy)
            *energy += sum * sum;
        else
            slot->ga[i * slot->in + k] += (slr_real)sum;
    }
    for (int64_t o = 0; o < slot->out; o++) {
        double sum = 0;
        for (int64_t r = first; r < last; r++)
            sum += (double)call->saved[r * slot->capacity + i] * (double)call->dy[r * slot->out + o];
        sum *= slot->scale;
        if (energy)
            *energy += sum * sum;
        else
            slot->gbt[i * slot->out + o] += (slr_real)sum;
    }
}

static void look_gradient(const slr_call *call)
{
    const slr_slot *slot = call->slot;
    int64_t rows = slr_tensor_rows(call->in[1]);
    for (int64_t k = 0; k < slot->in; k++) {
        double sum = 0;
        for (int64_t r = 0; r < rows; r++)
            sum += dot(call->dy + r * slot->out, slot->look, slot->out) * (double)call->x[1][r * slot->in + k];
        slot->look_ga[k] += (slr_real)(slot->scale * sum);
    }
}

static void low_rank_input_gradient(const slr_call *call, const double *dh)
{
    const slr_slot *slot = call->slot;
    int64_t rows = slr_tensor_rows(call->in[1]);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < slot->in; k++) {
            double sum = 0;
            for (int i = 0; i < slot->rank; i++)
                sum += dh[r * slot->capacity + i] * (double)slot->a[i * slot->in + k];
            slr_put(&call->dx[1][r * slot->in + k], call->accumulate[1], slot->scale * sum);
        }
}

void slr_ref_low_rank_bwd(const slr_call *call)
{
    const slr_slot *slot = call->slot;
    int64_t rows = slr_tensor_rows(call->in[1]);
    int components = slot->trainable ? slot->rank + slot->probes : 0;
    double *dh = call->workspace;
    for (int64_t r = 0; r < rows; r++)
        for (int i = 0; i < slot->rank; i++)
            dh[r * slot->capacity + i] = dot(call->dy + r * slot->out, slot->bt + i * slot->out, slot->out);
    for (int i = 0; i < components; i++) {
        component_gradients(call, dh, i, 0, rows, NULL);
        for (int64_t b = 0; slot->sample_energy && b < slot->samples; b++)
            component_gradients(call, dh, i, b * rows / slot->samples, (b + 1) * rows / slot->samples,
                                &slot->sample_energy[i < slot->rank ? 0 : 1 + i - slot->rank]);
    }
    if (slot->trainable && slot->look)
        look_gradient(call);
    if (call->dx[1])
        low_rank_input_gradient(call, dh);
    if (call->dx[0] && call->dx[0] != call->dy)
        for (int64_t e = 0; e < rows * slot->out; e++)
            slr_put(&call->dx[0][e], call->accumulate[0], call->dy[e]);
}
