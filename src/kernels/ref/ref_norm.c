/* SPDX-License-Identifier: MIT
 * Group norm (with optional SiLU) and layer norm. */
#include <math.h>

#include "kernels/ref/ref_kernels.h"

static double sigmoid(double z)
{
    return 1.0 / (1.0 + exp(-z));
}

/* A run of `count` elements at `step` distance within `pixels` rows: the elements of one group. */
typedef struct group {
    int64_t pixels, channels, stride; /* stride: channels of the whole row */
} group;

static void statistics(const slr_real *x, group g, double eps, double *mean, double *rstd)
{
    double count = (double)(g.pixels * g.channels), sum = 0, squares = 0;
    for (int64_t p = 0; p < g.pixels; p++)
        for (int64_t c = 0; c < g.channels; c++)
            sum += (double)x[p * g.stride + c];
    *mean = sum / count;
    for (int64_t p = 0; p < g.pixels; p++)
        for (int64_t c = 0; c < g.channels; c++) {
            double d = (double)x[p * g.stride + c] - *mean;
            squares += d * d;
        }
    *rstd = 1.0 / sqrt(squares / count + eps);
}

static void norm_forward(const slr_real *x, slr_real *y, const slr_real *weight, const slr_real *bias,
                         group g, double mean, double rstd, bool silu)
{
    for (int64_t p = 0; p < g.pixels; p++)
        for (int64_t c = 0; c < g.channels; c++) {
            double z = ((double)x[p * g.stride + c] - mean) * rstd * (double)weight[c] + (double)bias[c];
            y[p * g.stride + c] = (slr_real)(silu ? z * sigmoid(z) : z);
        }
}

/* With xh the normalised value and g = dy weight (times SiLU'): dx = rstd (g - mean(g) - xh mean(g xh)). */
static void norm_backward(const slr_real *x, const slr_real *dy, slr_real *dx, bool accumulate,
                          const slr_real *weight, const slr_real *bias, group s, double mean,
                          double rstd, bool silu)
{
    double count = (double)(s.pixels * s.channels), sum = 0, dot = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t p = 0; p < s.pixels; p++)
            for (int64_t c = 0; c < s.channels; c++) {
                int64_t e = p * s.stride + c;
                double xh = ((double)x[e] - mean) * rstd, g = (double)dy[e];
                if (silu) {
                    double z = xh * (double)weight[c] + (double)bias[c], q = sigmoid(z);
                    g *= q * (1 + z * (1 - q));
                }
                g *= (double)weight[c];
                if (pass == 0) {
                    sum += g;
                    dot += g * xh;
                } else {
                    slr_put(&dx[e], accumulate, rstd * (g - sum / count - xh * dot / count));
                }
            }
}

static void each_group(const slr_call *call, bool backward)
{
    const slr_tensor *t = call->in[0];
    int64_t batch = t->shape[0], channels = slr_tensor_columns(t);
    int64_t pixels = slr_tensor_rows(t) / batch, groups = call->op->u.norm.groups;
    group g = {pixels, channels / groups, channels};
    for (int64_t n = 0; n < batch; n++)
        for (int64_t i = 0; i < groups; i++) {
            int64_t at = n * pixels * channels + i * g.channels, stat = (n * groups + i) * 2;
            const slr_real *weight = call->weight->values + i * g.channels;
            const slr_real *bias = call->bias->values + i * g.channels;
            double mean, rstd;
            statistics(call->x[0] + at, g, call->op->u.norm.eps, &mean, &rstd);
            if (backward) {
                norm_backward(call->x[0] + at, call->dy + at, call->dx[0] + at, call->accumulate[0],
                              weight, bias, g, mean, rstd, call->op->u.norm.silu);
                continue;
            }
            if (call->saved) {
                call->saved[stat] = (slr_real)mean;
                call->saved[stat + 1] = (slr_real)rstd;
            }
            norm_forward(call->x[0] + at, call->y + at, weight, bias, g, mean, rstd,
                         call->op->u.norm.silu);
        }
}

void slr_ref_group_norm_fwd(const slr_call *call)
{
    each_group(call, false);
}

void slr_ref_group_norm_bwd(const slr_call *call)
{
    each_group(call, true);
}

void slr_ref_layer_norm_fwd(const slr_call *call)
{
    int64_t rows = slr_tensor_rows(call->in[0]), width = slr_tensor_columns(call->in[0]);
    group g = {1, width, width};
    for (int64_t r = 0; r < rows; r++) {
        double mean, rstd;
        statistics(call->x[0] + r * width, g, call->op->u.norm.eps, &mean, &rstd);
        if (call->saved) {
            call->saved[2 * r] = (slr_real)mean;
            call->saved[2 * r + 1] = (slr_real)rstd;
        }
        norm_forward(call->x[0] + r * width, call->y + r * width, call->weight->values,
                     call->bias->values, g, mean, rstd, false);
    }
}

void slr_ref_layer_norm_bwd(const slr_call *call)
{
    int64_t rows = slr_tensor_rows(call->in[0]), width = slr_tensor_columns(call->in[0]);
    group g = {1, width, width};
    for (int64_t r = 0; r < rows; r++) {
        double mean, rstd;
        statistics(call->x[0] + r * width, g, call->op->u.norm.eps, &mean, &rstd);
        norm_backward(call->x[0] + r * width, call->dy + r * width, call->dx[0] + r * width,
                      call->accumulate[0], call->weight->values, call->bias->values, g, mean, rstd,
                      false);
    }
}
