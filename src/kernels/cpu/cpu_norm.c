/* SPDX-License-Identifier: MIT
 * Group norm with optional SiLU, layer norm. Sums are taken around a shift and combined in double. */
#include <math.h>

#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/vector_math.h"

enum { BLOCK = 64, PIXEL_CHUNK = 64 };

typedef struct norm {
    int64_t batch, pixels, channels;
    int groups;
    bool silu;
    double eps;
    int threads;
} norm;

static norm norm_of(const slr_call *call)
{
    const slr_tensor *t = call->in[0];
    int64_t channels = slr_tensor_columns(t);
    return (norm){t->shape[0], slr_tensor_rows(t) / t->shape[0], channels, call->op->u.norm.groups,
                  call->op->u.norm.silu, call->op->u.norm.eps, call->threads};
}

/* Per image and channel: two sums in double, then scale and shift in float. */
size_t SLR_CPU(group_norm_workspace)(const slr_graph *graph, const slr_op *op)
{
    const slr_tensor *t = slr_graph_tensor(graph, op->in[0]);
    return (size_t)(t->shape[0] * slr_tensor_columns(t)) * (2 * sizeof(double) + 4 * sizeof(float));
}

/* sums[c] = sum (x - x0), squares[c] = sum (x - x0)^2 over the pixels of one image, x0 the first pixel. */
static void channel_sums(const norm *s, const float *x, int64_t first, int width, double *sums,
                         double *squares)
{
    float shift[BLOCK], sum[BLOCK], square[BLOCK];
    for (int c = 0; c < width; c++) {
        shift[c] = x[first + c];
        sums[first + c] = squares[first + c] = 0;
    }
    for (int64_t chunk = 0; chunk < s->pixels; chunk += PIXEL_CHUNK) {
        int64_t end = chunk + PIXEL_CHUNK < s->pixels ? chunk + PIXEL_CHUNK : s->pixels;
        for (int c = 0; c < width; c++)
            sum[c] = square[c] = 0;
        for (int64_t p = chunk; p < end; p++) {
            const float *row = x + p * s->channels + first;
#pragma omp simd
            for (int c = 0; c < width; c++) {
                float d = row[c] - shift[c];
                sum[c] += d;
                square[c] += d * d;
            }
        }
        for (int c = 0; c < width; c++) {
            sums[first + c] += sum[c];
            squares[first + c] += square[c];
        }
    }
}

/* Folds channel sums to mean and 1/sqrt(var + eps) of each group of one image. */
static void group_statistics(const norm *s, const float *x, const double *sums, const double *squares,
                             float *saved)
{
    int64_t per = s->channels / s->groups;
    double pixels = (double)s->pixels, count = pixels * (double)per;
    for (int g = 0; g < s->groups; g++) {
        double mean = 0, spread = 0;
        for (int64_t c = g * per; c < (g + 1) * per; c++)
            mean += ((double)x[c] + sums[c] / pixels) / (double)per;
        for (int64_t c = g * per; c < (g + 1) * per; c++) {
            double own = sums[c] / pixels, away = (double)x[c] + own - mean;
            spread += squares[c] - pixels * own * own + pixels * away * away;
        }
        saved[2 * g] = (float)mean;
        saved[2 * g + 1] = (float)(1.0 / sqrt((spread > 0 ? spread : 0) / count + s->eps));
    }
}

/* y = x scale + shift per channel. */
static void affine_of(const norm *s, const slr_call *call, const float *statistics, float *scale,
                      float *shift)
{
    int64_t per = s->channels / s->groups;
    for (int64_t c = 0; c < s->channels; c++) {
        float mean = statistics[2 * (c / per)], rstd = statistics[2 * (c / per) + 1];
        scale[c] = rstd * call->weight->values[c];
        shift[c] = call->bias->values[c] - mean * scale[c];
    }
}

static void apply_row(const norm *s, const float *x, float *y, const float *scale, const float *shift)
{
    if (s->silu) {
#pragma omp simd
        for (int64_t c = 0; c < s->channels; c++) {
            float z = x[c] * scale[c] + shift[c];
            y[c] = z * slr_sigmoid(z);
        }
    } else {
#pragma omp simd
        for (int64_t c = 0; c < s->channels; c++)
            y[c] = x[c] * scale[c] + shift[c];
    }
}

void SLR_CPU(group_norm_fwd)(const slr_call *call)
{
    norm s = norm_of(call);
    int64_t cells = s.batch * s.channels, blocks = (s.channels + BLOCK - 1) / BLOCK;
    double *sums = call->workspace, *squares = sums + cells;
    float *scale = (float *)(squares + cells), *shift = scale + cells, *own = shift + cells;
    float *statistics = call->saved ? call->saved : own;
#pragma omp parallel for num_threads(s.threads) schedule(static)
    for (int64_t task = 0; task < s.batch * blocks; task++) {
        int64_t n = task / blocks, first = task % blocks * BLOCK;
        int width = (int)(s.channels - first < BLOCK ? s.channels - first : BLOCK);
        channel_sums(&s, call->x[0] + n * s.pixels * s.channels, first, width, sums + n * s.channels,
                     squares + n * s.channels);
    }
    for (int64_t n = 0; n < s.batch; n++) {
        group_statistics(&s, call->x[0] + n * s.pixels * s.channels, sums + n * s.channels,
                         squares + n * s.channels, statistics + 2 * n * s.groups);
        affine_of(&s, call, statistics + 2 * n * s.groups, scale + n * s.channels, shift + n * s.channels);
    }
#pragma omp parallel for num_threads(s.threads) schedule(static)
    for (int64_t r = 0; r < s.batch * s.pixels; r++)
        apply_row(&s, call->x[0] + r * s.channels, call->y + r * s.channels,
                  scale + r / s.pixels * s.channels, shift + r / s.pixels * s.channels);
}

/* Slope of SiLU at z. */
static inline float silu_slope(float z)
{
    float q = slr_sigmoid(z);
    return q * (1.0f + z * (1.0f - q));
}

/* sums[c] = sum g, dots[c] = sum g x scale over pixels, g = dy (times SiLU'). */
SLR_INLINE void gradient_sums_of(const norm *s, const slr_call *call, int64_t n, int64_t first, int width,
                                 const float *scale, const float *shift, double *sums, double *dots, const bool silu)
{
    float sum[BLOCK], dot[BLOCK];
    int64_t base = n * s->pixels * s->channels + first;
    for (int c = 0; c < width; c++)
        sums[first + c] = dots[first + c] = 0;
    for (int64_t chunk = 0; chunk < s->pixels; chunk += PIXEL_CHUNK) {
        int64_t end = chunk + PIXEL_CHUNK < s->pixels ? chunk + PIXEL_CHUNK : s->pixels;
        for (int c = 0; c < width; c++)
            sum[c] = dot[c] = 0;
        for (int64_t p = chunk; p < end; p++) {
            const float *x = call->x[0] + base + p * s->channels, *dy = call->dy + base + p * s->channels;
            const float *a = scale + first, *b = shift + first;
#pragma omp simd
            for (int c = 0; c < width; c++) {
                float z = x[c] * a[c] + b[c];
                float g = silu ? dy[c] * silu_slope(z) : dy[c];
                sum[c] += g;
                dot[c] += g * (z - b[c]); /* g x scale: finite whatever the weight is */
            }
        }
        for (int c = 0; c < width; c++) {
            sums[first + c] += sum[c];
            dots[first + c] += dot[c];
        }
    }
}

static void gradient_sums(const norm *s, const slr_call *call, int64_t n, int64_t first, int width,
                          const float *scale, const float *shift, double *sums, double *dots)
{
    if (s->silu)
        gradient_sums_of(s, call, n, first, width, scale, shift, sums, dots, true);
    else
        gradient_sums_of(s, call, n, first, width, scale, shift, sums, dots, false);
}

/* dx = g' scale - (p + q x) with p, q from the group's mean gradients. */
static void gradient_coefficients(const norm *s, const slr_call *call, const float *statistics,
                                  const double *sums, const double *dots, float *p, float *q)
{
    int64_t per = s->channels / s->groups;
    double count = (double)(s->pixels * per);
    for (int g = 0; g < s->groups; g++) {
        double mean = statistics[2 * g], rstd = statistics[2 * g + 1], sum = 0, dot = 0;
        for (int64_t c = g * per; c < (g + 1) * per; c++) {
            double weight = call->weight->values[c];
            sum += weight * sums[c];
            dot += dots[c] - mean * rstd * weight * sums[c]; /* sum of g weight xh */
        }
        for (int64_t c = g * per; c < (g + 1) * per; c++) {
            q[c] = (float)(rstd * rstd * dot / count);
            p[c] = (float)(rstd * sum / count - mean * rstd * rstd * dot / count);
        }
    }
}

SLR_INLINE void gradient_row_of(int64_t channels, const float *x, const float *dy, float *dx,
                                const float *scale, const float *shift, const float *p, const float *q,
                                const bool silu, const bool accumulate)
{
#pragma omp simd
    for (int64_t c = 0; c < channels; c++) {
        float z = x[c] * scale[c] + shift[c];
        float g = silu ? dy[c] * silu_slope(z) : dy[c];
        float value = g * scale[c] - p[c] - q[c] * x[c];
        dx[c] = accumulate ? dx[c] + value : value;
    }
}

static void gradient_row(const norm *s, const float *x, const float *dy, float *dx, bool accumulate,
                         const float *scale, const float *shift, const float *p, const float *q)
{
    if (s->silu && accumulate)
        gradient_row_of(s->channels, x, dy, dx, scale, shift, p, q, true, true);
    else if (s->silu)
        gradient_row_of(s->channels, x, dy, dx, scale, shift, p, q, true, false);
    else if (accumulate)
        gradient_row_of(s->channels, x, dy, dx, scale, shift, p, q, false, true);
    else
        gradient_row_of(s->channels, x, dy, dx, scale, shift, p, q, false, false);
}

void SLR_CPU(group_norm_bwd)(const slr_call *call)
{
    norm s = norm_of(call);
    int64_t cells = s.batch * s.channels, blocks = (s.channels + BLOCK - 1) / BLOCK;
    double *sums = call->workspace, *dots = sums + cells;
    float *scale = (float *)(dots + cells), *shift = scale + cells, *p = shift + cells, *q = p + cells;
    for (int64_t n = 0; n < s.batch; n++)
        affine_of(&s, call, call->saved + 2 * n * s.groups, scale + n * s.channels, shift + n * s.channels);
#pragma omp parallel for num_threads(s.threads) schedule(static)
    for (int64_t task = 0; task < s.batch * blocks; task++) {
        int64_t n = task / blocks, first = task % blocks * BLOCK, at = n * s.channels;
        int width = (int)(s.channels - first < BLOCK ? s.channels - first : BLOCK);
        gradient_sums(&s, call, n, first, width, scale + at, shift + at, sums + at, dots + at);
    }
    for (int64_t n = 0; n < s.batch; n++)
        gradient_coefficients(&s, call, call->saved + 2 * n * s.groups, sums + n * s.channels,
                              dots + n * s.channels, p + n * s.channels, q + n * s.channels);
#pragma omp parallel for num_threads(s.threads) schedule(static)
    for (int64_t r = 0; r < s.batch * s.pixels; r++) {
        int64_t at = r / s.pixels * s.channels, e = r * s.channels;
        gradient_row(&s, call->x[0] + e, call->dy + e, call->dx[0] + e, call->accumulate[0], scale + at,
                     shift + at, p + at, q + at);
    }
}

static void layer_norm_row(const slr_call *call, int64_t r, int64_t width)
{
    const float *x = call->x[0] + r * width, *weight = call->weight->values, *bias = call->bias->values;
    float *y = call->y + r * width;
    double sum = 0, square = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < width; i++)
        sum += (double)x[i];
    float mean = (float)(sum / (double)width);
#pragma omp simd reduction(+ : square)
    for (int64_t i = 0; i < width; i++)
        square += (double)((x[i] - mean) * (x[i] - mean));
    float rstd = (float)(1.0 / sqrt(square / (double)width + call->op->u.norm.eps));
    if (call->saved) {
        call->saved[2 * r] = mean;
        call->saved[2 * r + 1] = rstd;
    }
#pragma omp simd
    for (int64_t i = 0; i < width; i++)
        y[i] = (x[i] - mean) * rstd * weight[i] + bias[i];
}

void SLR_CPU(layer_norm_fwd)(const slr_call *call)
{
    int64_t rows = slr_tensor_rows(call->in[0]), width = slr_tensor_columns(call->in[0]);
#pragma omp parallel for num_threads(call->threads) schedule(static) if (rows > 16)
    for (int64_t r = 0; r < rows; r++)
        layer_norm_row(call, r, width);
}

static void layer_norm_gradient_row(const slr_call *call, int64_t r, int64_t width)
{
    const float *x = call->x[0] + r * width, *dy = call->dy + r * width, *weight = call->weight->values;
    float *dx = call->dx[0] + r * width;
    float mean = call->saved[2 * r], rstd = call->saved[2 * r + 1];
    double sum = 0, dot = 0;
    bool accumulate = call->accumulate[0];
#pragma omp simd reduction(+ : sum, dot)
    for (int64_t i = 0; i < width; i++) {
        float g = dy[i] * weight[i];
        sum += (double)g;
        dot += (double)(g * (x[i] - mean));
    }
    float p = (float)(sum / (double)width);
    float q = (float)(dot * (double)(rstd * rstd) / (double)width);
#pragma omp simd
    for (int64_t i = 0; i < width; i++) {
        float value = rstd * (dy[i] * weight[i] - p - (x[i] - mean) * q);
        dx[i] = accumulate ? dx[i] + value : value;
    }
}

void SLR_CPU(layer_norm_bwd)(const slr_call *call)
{
    int64_t rows = slr_tensor_rows(call->in[0]), width = slr_tensor_columns(call->in[0]);
#pragma omp parallel for num_threads(call->threads) schedule(static) if (rows > 16)
    for (int64_t r = 0; r < rows; r++)
        layer_norm_gradient_row(call, r, width);
}
