/* SPDX-License-Identifier: MIT
 * Activations, sums, concatenation, up-sampling, embeddings, the loss. */
#include <math.h>
#include <string.h>

#include "kernels/ref/ref_kernels.h"
#include "kernels/timestep_angle.h"

/* Phi(z), the normal distribution function; GELU is z Phi(z). */
static double normal_cdf(double z)
{
    return 0.5 * erfc(-z * 0.70710678118654752440);
}

static double normal_pdf(double z)
{
    return 0.39894228040143267794 * exp(-0.5 * z * z);
}

static double activate(slr_activation kind, double z, double *slope)
{
    double rate = kind == SLR_ACT_QUICK_GELU ? 1.702 : 1.0;
    if (kind == SLR_ACT_GELU) {
        *slope = normal_cdf(z) + z * normal_pdf(z);
        return z * normal_cdf(z);
    }
    if (kind == SLR_ACT_RELU) {
        *slope = z > 0;
        return z > 0 ? z : 0;
    }
    double q = 1.0 / (1.0 + exp(-rate * z));
    *slope = q * (1 + rate * z * (1 - q));
    return z * q;
}

void slr_ref_activation_fwd(const slr_call *call)
{
    double slope;
    for (int64_t e = 0; e < slr_tensor_elements(call->out); e++)
        call->y[e] = (slr_real)activate(call->op->u.act.kind, call->x[0][e], &slope);
}

void slr_ref_activation_bwd(const slr_call *call)
{
    double slope;
    for (int64_t e = 0; e < slr_tensor_elements(call->out); e++) {
        activate(call->op->u.act.kind, call->x[0][e], &slope);
        slr_put(&call->dx[0][e], call->accumulate[0], (double)call->dy[e] * slope);
    }
}

void slr_ref_geglu_fwd(const slr_call *call)
{
    int64_t rows = slr_tensor_rows(call->out), width = slr_tensor_columns(call->out);
    double slope;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < width; i++) {
            const slr_real *x = call->x[0] + 2 * r * width;
            call->y[r * width + i] = (slr_real)((double)x[i] * activate(SLR_ACT_GELU, x[width + i], &slope));
        }
}

void slr_ref_geglu_bwd(const slr_call *call)
{
    int64_t rows = slr_tensor_rows(call->out), width = slr_tensor_columns(call->out);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < width; i++) {
            const slr_real *x = call->x[0] + 2 * r * width;
            slr_real *dx = call->dx[0] + 2 * r * width;
            double slope, gate = activate(SLR_ACT_GELU, x[width + i], &slope);
            double dy = call->dy[r * width + i], value = x[i]; /* dx may be x */
            slr_put(&dx[i], call->accumulate[0], dy * gate);
            slr_put(&dx[width + i], call->accumulate[0], dy * value * slope);
        }
}

void slr_ref_add_fwd(const slr_call *call)
{
    for (int64_t e = 0; e < slr_tensor_elements(call->out); e++)
        call->y[e] = call->x[0][e] + call->x[1][e];
}

void slr_ref_add_bwd(const slr_call *call)
{
    for (int k = 0; k < 2; k++)
        if (call->dx[k] && call->dx[k] != call->dy)
            for (int64_t e = 0; e < slr_tensor_elements(call->out); e++)
                slr_put(&call->dx[k][e], call->accumulate[k], call->dy[e]);
}

void slr_ref_add_channel_fwd(const slr_call *call)
{
    int64_t batch = call->out->shape[0], channels = call->out->shape[3];
    int64_t pixels = call->out->shape[1] * call->out->shape[2];
    for (int64_t e = 0; e < batch * pixels * channels; e++)
        call->y[e] = call->x[0][e] + call->x[1][e / (pixels * channels) * channels + e % channels];
}

void slr_ref_add_channel_bwd(const slr_call *call)
{
    int64_t batch = call->out->shape[0], channels = call->out->shape[3];
    int64_t pixels = call->out->shape[1] * call->out->shape[2];
    for (int64_t n = 0; call->dx[1] && n < batch; n++)
        for (int64_t c = 0; c < channels; c++) {
            double sum = 0;
            for (int64_t p = 0; p < pixels; p++)
                sum += (double)call->dy[(n * pixels + p) * channels + c];
            slr_put(&call->dx[1][n * channels + c], call->accumulate[1], sum);
        }
    if (call->dx[0] && call->dx[0] != call->dy)
        for (int64_t e = 0; e < batch * pixels * channels; e++)
            slr_put(&call->dx[0][e], call->accumulate[0], call->dy[e]);
}

void slr_ref_concat_fwd(const slr_call *call)
{
    int64_t rows = slr_tensor_rows(call->out), a = call->in[0]->shape[3], b = call->in[1]->shape[3];
    for (int64_t r = 0; r < rows; r++) {
        memcpy(call->y + r * (a + b), call->x[0] + r * a, (size_t)a * sizeof(slr_real));
        memcpy(call->y + r * (a + b) + a, call->x[1] + r * b, (size_t)b * sizeof(slr_real));
    }
}

void slr_ref_concat_bwd(const slr_call *call)
{
    int64_t rows = slr_tensor_rows(call->out), total = call->out->shape[3], offset = 0;
    for (int k = 0; k < 2; k++) {
        int64_t width = call->in[k]->shape[3];
        for (int64_t e = 0; call->dx[k] && e < rows * width; e++)
            slr_put(&call->dx[k][e], call->accumulate[k],
                    call->dy[e / width * total + offset + e % width]);
        offset += width;
    }
}

void slr_ref_upsample_fwd(const slr_call *call)
{
    const int64_t *in = call->in[0]->shape, *out = call->out->shape;
    for (int64_t n = 0; n < out[0]; n++)
        for (int64_t i = 0; i < out[1]; i++)
            for (int64_t j = 0; j < out[2]; j++)
                memcpy(call->y + ((n * out[1] + i) * out[2] + j) * out[3],
                       call->x[0] + ((n * in[1] + i * in[1] / out[1]) * in[2] + j * in[2] / out[2]) * in[3],
                       (size_t)in[3] * sizeof(slr_real));
}

void slr_ref_upsample_bwd(const slr_call *call)
{
    const int64_t *in = call->in[0]->shape, *out = call->out->shape;
    if (!call->accumulate[0])
        memset(call->dx[0], 0, (size_t)slr_tensor_elements(call->in[0]) * sizeof(slr_real));
    for (int64_t n = 0; n < out[0]; n++)
        for (int64_t i = 0; i < out[1]; i++)
            for (int64_t j = 0; j < out[2]; j++)
                for (int64_t c = 0; c < out[3]; c++)
                    call->dx[0][((n * in[1] + i * in[1] / out[1]) * in[2] + j * in[2] / out[2]) * in[3] + c] +=
                        call->dy[((n * out[1] + i) * out[2] + j) * out[3] + c];
}

void slr_ref_embedding_fwd(const slr_call *call)
{
    int64_t width = slr_tensor_columns(call->out), tokens = call->out->shape[1];
    int64_t vocabulary = call->weight->spec->shape[0];
    for (int64_t r = 0; r < slr_tensor_rows(call->out); r++) {
        int64_t id = (int64_t)call->x[0][r];
        if (id < 0 || id >= vocabulary)
            id = 0; /* callers check ids; memory stays safe whatever they do */
        for (int64_t d = 0; d < width; d++)
            call->y[r * width + d] = slr_weight_at(call->weight, id, d) +
                                     slr_weight_at(call->bias, r % tokens, d);
    }
}

void slr_ref_timestep_fwd(const slr_call *call)
{
    int64_t width = call->out->shape[1], half = width / 2;
    double shift = call->op->u.timestep.shift;
    for (int64_t n = 0; n < call->out->shape[0]; n++) {
        slr_real *y = call->y + n * width;
        int64_t cos_at = call->op->u.timestep.cos_first ? 0 : half, sin_at = half - cos_at;
        for (int64_t i = 0; i < half; i++) {
            double angle = slr_timestep_angle((double)call->x[0][n], i, half, shift,
                                              call->op->u.timestep.max_period);
            y[cos_at + i] = (slr_real)cos(angle);
            y[sin_at + i] = (slr_real)sin(angle);
        }
        if (width % 2)
            y[width - 1] = 0;
    }
}

void slr_ref_mse_fwd(const slr_call *call)
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
    call->y[0] = (slr_real)(sum / (double)(batch * per));
}

void slr_ref_mse_bwd(const slr_call *call)
{
    int64_t batch = call->in[0]->shape[0], per = slr_tensor_elements(call->in[0]) / batch;
    for (int64_t e = 0; call->dx[0] && e < batch * per; e++)
        slr_put(&call->dx[0][e], call->accumulate[0],
                (double)call->dy[0] * 2 * (double)call->x[2][e / per] *
                    ((double)call->x[0][e] - (double)call->x[1][e]) / (double)(batch * per));
}
