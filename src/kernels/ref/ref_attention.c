/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "kernels/ref/ref_kernels.h"

/* One head of one image: row t of q, k, v starts at t * stride. */
typedef struct head {
    int64_t queries, keys, dim, stride;
    double scale;
    bool causal;
} head;

static head head_of(const slr_call *call)
{
    int64_t width = call->in[0]->shape[2];
    return (head){call->in[0]->shape[1], call->in[1]->shape[1], width / call->op->u.attention.heads,
                  width, call->op->u.attention.scale, call->op->u.attention.causal};
}

static double score(const head *h, const slr_real *q, const slr_real *k, int64_t i, int64_t j)
{
    double sum = 0;
    for (int64_t d = 0; d < h->dim; d++)
        sum += (double)q[i * h->stride + d] * (double)k[j * h->stride + d];
    return sum * h->scale;
}

static int64_t visible(const head *h, int64_t i)
{
    return h->causal && i + 1 < h->keys ? i + 1 : h->keys;
}

static double log_sum_exp(const head *h, const slr_real *q, const slr_real *k, int64_t i)
{
    double most = -INFINITY, sum = 0;
    for (int64_t j = 0; j < visible(h, i); j++)
        most = fmax(most, score(h, q, k, i, j));
    for (int64_t j = 0; j < visible(h, i); j++)
        sum += exp(score(h, q, k, i, j) - most);
    return most + log(sum);
}

static void head_forward(const head *h, const slr_real *q, const slr_real *k, const slr_real *v,
                         slr_real *y, slr_real *saved)
{
    for (int64_t i = 0; i < h->queries; i++) {
        double lse = log_sum_exp(h, q, k, i);
        if (saved)
            saved[i] = (slr_real)lse;
        for (int64_t d = 0; d < h->dim; d++) {
            double sum = 0;
            for (int64_t j = 0; j < visible(h, i); j++)
                sum += exp(score(h, q, k, i, j) - lse) * (double)v[j * h->stride + d];
            y[i * h->stride + d] = (slr_real)sum;
        }
    }
}

/* p_ij and ds_ij = p_ij (dy_i . v_j - dy_i . y_i) scale. */
static void pair(const head *h, const slr_real *q, const slr_real *k, const slr_real *v,
                 const slr_real *y, const slr_real *dy, int64_t i, int64_t j, double lse, double *p,
                 double *ds)
{
    double dp = 0;
    *p = exp(score(h, q, k, i, j) - lse);
    for (int64_t d = 0; d < h->dim; d++)
        dp += (double)dy[i * h->stride + d] *
              ((double)v[j * h->stride + d] - (double)y[i * h->stride + d]);
    *ds = *p * dp * h->scale;
}

static void head_backward(const slr_call *call, const head *h, int64_t q_at, int64_t k_at)
{
    const slr_real *q = call->x[0] + q_at, *k = call->x[1] + k_at, *v = call->x[2] + k_at;
    const slr_real *y = call->y + q_at, *dy = call->dy + q_at;
    double p, ds;
    for (int64_t i = 0; call->dx[0] && i < h->queries; i++) {
        double lse = log_sum_exp(h, q, k, i);
        for (int64_t d = 0; d < h->dim; d++) {
            double sum = 0;
            for (int64_t j = 0; j < visible(h, i); j++) {
                pair(h, q, k, v, y, dy, i, j, lse, &p, &ds);
                sum += ds * (double)k[j * h->stride + d];
            }
            slr_put(&call->dx[0][q_at + i * h->stride + d], call->accumulate[0], sum);
        }
    }
    for (int64_t j = 0; (call->dx[1] || call->dx[2]) && j < h->keys; j++)
        for (int64_t d = 0; d < h->dim; d++) {
            double dk = 0, dv = 0;
            for (int64_t i = 0; i < h->queries; i++) {
                if (j >= visible(h, i))
                    continue;
                pair(h, q, k, v, y, dy, i, j, log_sum_exp(h, q, k, i), &p, &ds);
                dk += ds * (double)q[i * h->stride + d];
                dv += p * (double)dy[i * h->stride + d];
            }
            if (call->dx[1])
                slr_put(&call->dx[1][k_at + j * h->stride + d], call->accumulate[1], dk);
            if (call->dx[2])
                slr_put(&call->dx[2][k_at + j * h->stride + d], call->accumulate[2], dv);
        }
}

static void each_head(const slr_call *call, bool backward)
{
    head h = head_of(call);
    int heads = call->op->u.attention.heads;
    for (int64_t n = 0; n < call->in[0]->shape[0]; n++)
        for (int i = 0; i < heads; i++) {
            int64_t q_at = n * h.queries * h.stride + i * h.dim, k_at = n * h.keys * h.stride + i * h.dim;
            if (backward)
                head_backward(call, &h, q_at, k_at);
            else
                head_forward(&h, call->x[0] + q_at, call->x[1] + k_at, call->x[2] + k_at,
                             call->y + q_at, call->saved ? call->saved + (n * heads + i) * h.queries : NULL);
        }
}

void slr_ref_attention_fwd(const slr_call *call)
{
    each_head(call, false);
}

void slr_ref_attention_bwd(const slr_call *call)
{
    each_head(call, true);
}
