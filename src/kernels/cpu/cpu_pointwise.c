/* SPDX-License-Identifier: MIT
 * Activations, sums, concatenation, up-sampling, embeddings, the loss. */
#include <math.h>
#include <string.h>

#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/vector_math.h"
#include "kernels/timestep_angle.h"

enum { PIECE = 4096 }; /* elements that one thread takes at a time */

typedef void (*piece_function)(const slr_call *call, int64_t first, int64_t count);

static void in_pieces(const slr_call *call, piece_function function)
{
    int64_t total = slr_tensor_elements(call->out), pieces = (total + PIECE - 1) / PIECE;
#pragma omp parallel for num_threads(call->threads) schedule(static) if (pieces > 4)
    for (int64_t i = 0; i < pieces; i++)
        function(call, i * PIECE, total - i * PIECE < PIECE ? total - i * PIECE : PIECE);
}

static void activate(const slr_call *call, int64_t first, int64_t count)
{
    const float *x = call->x[0] + first;
    float *y = call->y + first;
    float rate = call->op->u.act.kind == SLR_ACT_QUICK_GELU ? 1.702f : 1.0f;
    if (call->op->u.act.kind == SLR_ACT_GELU) {
#pragma omp simd
        for (int64_t e = 0; e < count; e++) {
            float density;
            y[e] = x[e] * slr_normal_cdf(x[e], &density);
        }
        return;
    }
    if (call->op->u.act.kind == SLR_ACT_RELU) {
#pragma omp simd
        for (int64_t e = 0; e < count; e++)
            y[e] = x[e] > 0 ? x[e] : 0;
        return;
    }
#pragma omp simd
    for (int64_t e = 0; e < count; e++)
        y[e] = x[e] * slr_sigmoid(rate * x[e]);
}

void SLR_CPU(activation_fwd)(const slr_call *call)
{
    in_pieces(call, activate);
}

SLR_INLINE float slope_at(float x, const slr_activation kind)
{
    if (kind == SLR_ACT_RELU)
        return x > 0 ? 1.0f : 0.0f;
    if (kind == SLR_ACT_GELU) {
        float density, cdf = slr_normal_cdf(x, &density);
        return cdf + x * density;
    }
    float rate = kind == SLR_ACT_QUICK_GELU ? 1.702f : 1.0f, q = slr_sigmoid(rate * x);
    return q * (1.0f + rate * x * (1.0f - q));
}

SLR_INLINE void activation_piece(const float *x, const float *dy, float *dx, int64_t count, const slr_activation kind,
                                 const bool accumulate)
{
#pragma omp simd
    for (int64_t e = 0; e < count; e++) {
        float value = dy[e] * slope_at(x[e], kind);
        dx[e] = accumulate ? dx[e] + value : value;
    }
}

SLR_INLINE void activation_gradient_of(const slr_call *call, int64_t first, int64_t count, const slr_activation kind)
{
    const float *x = call->x[0] + first, *dy = call->dy + first;
    float *dx = call->dx[0] + first;
    if (call->accumulate[0])
        activation_piece(x, dy, dx, count, kind, true);
    else
        activation_piece(x, dy, dx, count, kind, false);
}

static void activation_gradient(const slr_call *call, int64_t first, int64_t count)
{
    switch (call->op->u.act.kind) {
    case SLR_ACT_SILU: activation_gradient_of(call, first, count, SLR_ACT_SILU); break;
    case SLR_ACT_GELU: activation_gradient_of(call, first, count, SLR_ACT_GELU); break;
    case SLR_ACT_QUICK_GELU: activation_gradient_of(call, first, count, SLR_ACT_QUICK_GELU); break;
    case SLR_ACT_RELU: activation_gradient_of(call, first, count, SLR_ACT_RELU); break;
    }
}

void SLR_CPU(activation_bwd)(const slr_call *call)
{
    in_pieces(call, activation_gradient);
}

void SLR_CPU(geglu_fwd)(const slr_call *call)
{
    int64_t rows = slr_tensor_rows(call->out), width = slr_tensor_columns(call->out);
#pragma omp parallel for num_threads(call->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        const float *x = call->x[0] + 2 * r * width, *gate = x + width;
        float *y = call->y + r * width;
#pragma omp simd
        for (int64_t i = 0; i < width; i++) {
            float density;
            y[i] = x[i] * gate[i] * slr_normal_cdf(gate[i], &density);
        }
    }
}

/* x and dx: values, then gates. */
SLR_INLINE void geglu_row(const float *x, const float *dy, float *dx, int64_t width, const bool accumulate)
{
    const float *gate = x + width;
    float *dgate = dx + width;
#pragma omp simd
    for (int64_t i = 0; i < width; i++) {
        float density, cdf = slr_normal_cdf(gate[i], &density);
        float value = dy[i] * gate[i] * cdf, slope = dy[i] * x[i] * (cdf + gate[i] * density);
        dx[i] = accumulate ? dx[i] + value : value;
        dgate[i] = accumulate ? dgate[i] + slope : slope;
    }
}

void SLR_CPU(geglu_bwd)(const slr_call *call)
{
    int64_t rows = slr_tensor_rows(call->out), width = slr_tensor_columns(call->out);
#pragma omp parallel for num_threads(call->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        const float *x = call->x[0] + 2 * r * width, *dy = call->dy + r * width;
        float *dx = call->dx[0] + 2 * r * width;
        if (call->accumulate[0])
            geglu_row(x, dy, dx, width, true);
        else
            geglu_row(x, dy, dx, width, false);
    }
}

static void add_piece(const slr_call *call, int64_t first, int64_t count)
{
    const float *a = call->x[0] + first, *b = call->x[1] + first;
    float *y = call->y + first;
#pragma omp simd
    for (int64_t e = 0; e < count; e++)
        y[e] = a[e] + b[e];
}

void SLR_CPU(add_fwd)(const slr_call *call)
{
    in_pieces(call, add_piece);
}

/* dx[k] takes or gains dy, unless they are one. */
static void pass_piece(const slr_call *call, int k, int64_t first, int64_t count)
{
    float *dx = call->dx[k] + first;
    const float *dy = call->dy + first;
    if (!call->accumulate[k]) {
        memcpy(dx, dy, (size_t)count * sizeof *dx);
        return;
    }
#pragma omp simd
    for (int64_t e = 0; e < count; e++)
        dx[e] += dy[e];
}

static void pass_both(const slr_call *call, int64_t first, int64_t count)
{
    for (int k = 0; k < 2; k++)
        if (call->dx[k] && call->dx[k] != call->dy)
            pass_piece(call, k, first, count);
}

static void pass_first(const slr_call *call, int64_t first, int64_t count)
{
    pass_piece(call, 0, first, count);
}

void SLR_CPU(add_bwd)(const slr_call *call)
{
    in_pieces(call, pass_both);
}

void SLR_CPU(add_channel_fwd)(const slr_call *call)
{
    int64_t channels = call->out->shape[3], pixels = call->out->shape[1] * call->out->shape[2];
#pragma omp parallel for num_threads(call->threads) schedule(static)
    for (int64_t r = 0; r < call->out->shape[0] * pixels; r++) {
        const float *x = call->x[0] + r * channels, *t = call->x[1] + r / pixels * channels;
        float *y = call->y + r * channels;
#pragma omp simd
        for (int64_t c = 0; c < channels; c++)
            y[c] = x[c] + t[c];
    }
}

void SLR_CPU(add_channel_bwd)(const slr_call *call)
{
    enum { COLUMNS = 64 };
    int64_t batch = call->out->shape[0], channels = call->out->shape[3];
    int64_t pixels = call->out->shape[1] * call->out->shape[2], blocks = (channels + COLUMNS - 1) / COLUMNS;
    if (call->dx[1]) {
#pragma omp parallel for num_threads(call->threads) schedule(static)
        for (int64_t task = 0; task < batch * blocks; task++) {
            int64_t n = task / blocks, first = task % blocks * COLUMNS;
            int width = (int)(channels - first < COLUMNS ? channels - first : COLUMNS);
            float sum[COLUMNS] = {0}, *dt = call->dx[1] + n * channels + first;
            for (int64_t p = 0; p < pixels; p++)
                for (int c = 0; c < width; c++)
                    sum[c] += call->dy[(n * pixels + p) * channels + first + c];
            for (int c = 0; c < width; c++)
                dt[c] = call->accumulate[1] ? dt[c] + sum[c] : sum[c];
        }
    }
    if (call->dx[0] && call->dx[0] != call->dy)
        in_pieces(call, pass_first);
}

void SLR_CPU(concat_fwd)(const slr_call *call)
{
    int64_t rows = slr_tensor_rows(call->out), a = call->in[0]->shape[3], b = call->in[1]->shape[3];
#pragma omp parallel for num_threads(call->threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        memcpy(call->y + r * (a + b), call->x[0] + r * a, (size_t)a * sizeof(float));
        memcpy(call->y + r * (a + b) + a, call->x[1] + r * b, (size_t)b * sizeof(float));
    }
}

void SLR_CPU(concat_bwd)(const slr_call *call)
{
    int64_t rows = slr_tensor_rows(call->out), total = call->out->shape[3];
    for (int k = 0; k < 2; k++) {
        int64_t width = call->in[k]->shape[3], offset = k ? call->in[0]->shape[3] : 0;
        bool accumulate = call->accumulate[k];
        if (!call->dx[k])
            continue;
#pragma omp parallel for num_threads(call->threads) schedule(static)
        for (int64_t r = 0; r < rows; r++) {
            const float *dy = call->dy + r * total + offset;
            float *dx = call->dx[k] + r * width;
#pragma omp simd
            for (int64_t c = 0; c < width; c++)
                dx[c] = accumulate ? dx[c] + dy[c] : dy[c];
        }
    }
}

void SLR_CPU(upsample_fwd)(const slr_call *call)
{
    const int64_t *in = call->in[0]->shape, *out = call->out->shape;
#pragma omp parallel for num_threads(call->threads) schedule(static)
    for (int64_t r = 0; r < out[0] * out[1]; r++) {
        int64_t n = r / out[1], i = r % out[1] * in[1] / out[1];
        for (int64_t j = 0; j < out[2]; j++)
            memcpy(call->y + (r * out[2] + j) * out[3],
                   call->x[0] + ((n * in[1] + i) * in[2] + j * in[2] / out[2]) * in[3],
                   (size_t)in[3] * sizeof(float));
    }
}

/* The first output index whose source is `source` or later. */
static int64_t first_output(int64_t source, int64_t in, int64_t out)
{
    return (source * out + in - 1) / in;
}

void SLR_CPU(upsample_bwd)(const slr_call *call)
{
    const int64_t *in = call->in[0]->shape, *out = call->out->shape;
#pragma omp parallel for num_threads(call->threads) schedule(static)
    for (int64_t r = 0; r < in[0] * in[1] * in[2]; r++) {
        int64_t n = r / (in[1] * in[2]), i = r / in[2] % in[1], j = r % in[2];
        float *dx = call->dx[0] + r * in[3];
        if (!call->accumulate[0])
            memset(dx, 0, (size_t)in[3] * sizeof *dx);
        for (int64_t p = first_output(i, in[1], out[1]); p < first_output(i + 1, in[1], out[1]); p++)
            for (int64_t q = first_output(j, in[2], out[2]); q < first_output(j + 1, in[2], out[2]); q++) {
                const float *dy = call->dy + ((n * out[1] + p) * out[2] + q) * out[3];
#pragma omp simd
                for (int64_t c = 0; c < in[3]; c++)
                    dx[c] += dy[c];
            }
    }
}

void SLR_CPU(embedding_fwd)(const slr_call *call)
{
    int64_t width = slr_tensor_columns(call->out), tokens = call->out->shape[1];
    int64_t vocabulary = call->weight->spec->shape[0];
    for (int64_t r = 0; r < slr_tensor_rows(call->out); r++) {
        int64_t id = (int64_t)call->x[0][r];
        id = id >= 0 && id < vocabulary ? id : 0; /* callers check ids; memory stays safe whatever they do */
        for (int64_t d = 0; d < width; d++)
            call->y[r * width + d] = slr_weight_at(call->weight, id, d) + slr_weight_at(call->bias, r % tokens, d);
    }
}

void SLR_CPU(timestep_fwd)(const slr_call *call)
{
    int64_t width = call->out->shape[1], half = width / 2;
    int64_t cos_at = call->op->u.timestep.cos_first ? 0 : half, sin_at = half - cos_at;
    for (int64_t n = 0; n < call->out->shape[0]; n++) {
        float *y = call->y + n * width;
        for (int64_t i = 0; i < half; i++) {
            double angle = slr_timestep_angle((double)call->x[0][n], i, half, call->op->u.timestep.shift,
                                              call->op->u.timestep.max_period);
            y[cos_at + i] = (float)cos(angle);
            y[sin_at + i] = (float)sin(angle);
        }
        if (width % 2)
            y[width - 1] = 0;
    }
}

void SLR_CPU(mse_fwd)(const slr_call *call)
{
    int64_t batch = call->in[0]->shape[0], per = slr_tensor_elements(call->in[0]) / batch;
    double sum = 0;
    for (int64_t n = 0; n < batch; n++) {
        double squares = 0;
        for (int64_t e = n * per; e < (n + 1) * per; e++) {
            double d = (double)call->x[0][e] - (double)call->x[1][e];
            squares += d * d;
        }
        sum += (double)call->x[2][n] * squares;
    }
    call->y[0] = (float)(sum / (double)(batch * per));
}

void SLR_CPU(mse_bwd)(const slr_call *call)
{
    int64_t batch = call->in[0]->shape[0], per = slr_tensor_elements(call->in[0]) / batch;
    double unit = 2.0 * (double)call->dy[0] / (double)(batch * per);
    for (int64_t n = 0; call->dx[0] && n < batch; n++) {
        float factor = (float)(unit * (double)call->x[2][n]);
        for (int64_t e = n * per; e < (n + 1) * per; e++) {
            float value = factor * (call->x[0][e] - call->x[1][e]);
            call->dx[0][e] = call->accumulate[0] ? call->dx[0][e] + value : value;
        }
    }
}
