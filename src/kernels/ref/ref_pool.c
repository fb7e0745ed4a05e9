/* SPDX-License-Identifier: MIT
 * Pooling, scale and shift of channels, the choice of a row. */
#include <string.h>

#include "kernels/ref/ref_kernels.h"

static double pool_at(const slr_call *call, int64_t n, int64_t i, int64_t j, int64_t c)
{
    const slr_map_window *w = &call->op->u.pool.window;
    const int64_t *in = call->in[0]->shape;
    double largest = 0, sum = 0;
    int64_t inside = 0;
    for (int p = 0; p < w->height; p++)
        for (int q = 0; q < w->width; q++) {
            int64_t row = i * w->stride + p - w->pads.top, column = j * w->stride + q - w->pads.left;
            if (row < 0 || row >= in[1] || column < 0 || column >= in[2])
                continue;
            double value = call->x[0][((n * in[1] + row) * in[2] + column) * in[3] + c];
            largest = inside == 0 || value > largest ? value : largest;
            sum += value;
            inside++;
        }
    if (call->op->u.pool.kind == SLR_POOL_MAX)
        return largest;
    return sum / (double)(call->op->u.pool.kind == SLR_POOL_MEAN ? (int64_t)w->height * w->width : inside);
}

void slr_ref_pool_fwd(const slr_call *call)
{
    const int64_t *out = call->out->shape;
    for (int64_t e = 0; e < slr_tensor_elements(call->out); e++) {
        int64_t pixel = e / out[3];
        call->y[e] = (slr_real)pool_at(call, pixel / (out[1] * out[2]), pixel / out[2] % out[1], pixel % out[2], e % out[3]);
    }
}

void slr_ref_scale_shift_fwd(const slr_call *call)
{
    int64_t channels = slr_tensor_columns(call->out);
    for (int64_t e = 0; e < slr_tensor_elements(call->out); e++) {
        double y = (double)call->x[0][e] * (double)call->weight->values[e % channels] +
                   (double)call->bias->values[e % channels];
        call->y[e] = (slr_real)(call->op->u.scale_shift.relu && y < 0 ? 0 : y);
    }
}

void slr_ref_pick_fwd(const slr_call *call)
{
    int64_t rows = call->in[0]->shape[1], width = call->in[0]->shape[2];
    for (int64_t n = 0; n < call->out->shape[0]; n++) {
        int64_t row = (int64_t)call->x[1][n];
        row = row >= 0 && row < rows ? row : 0; /* callers check it; memory stays safe whatever they do */
        memcpy(call->y + n * width, call->x[0] + (n * rows + row) * width, (size_t)width * sizeof(slr_real));
    }
}
