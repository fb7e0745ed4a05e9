/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "kernels/ref/ref_kernels.h"

/* One head of one image: row t of q, k, v starts at t * stride. */
typedef struct head {
    int64_t queries, keys, dim, stride;
    double scale;
    bool causal;
} head;

static head head_of(const slr_op *op, const slr_tensor *q, const slr_tensor *k)
{
    int64_t width = q->shape[2];
    return (head){q->shape[1], k->shape[1], width / op->u.attention.heads, width, op->u.attention.scale,
                  op->u.attention.causal};
}

/* A row of probabilities; backward: the gradients of one head's k and v as well. */
size_t slr_ref_attention_workspace(const slr_graph *graph, const slr_op *op, bool backward)
{
    head h = head_of(op, slr_graph_tensor(graph, op->in[0]), slr_graph_tensor(graph, op->in[1]));
    return (size_t)(h.keys * (backward ? 1 + 2 * h.dim : 1)) * sizeof(double);
}

static double product(const slr_real *a, const slr_real *b, int64_t count)
{
    double sum = 0;
    for (int64_t d = 0; d < count; d++)
        sum += (double)a[d] * (double)b[d];
    return sum;
}

/* The keys that query i sees are [0, result). */
static int64_t visible(const head *h, int64_t i)
{
    return h->causal && i + 1 < h->keys ? i + 1 : h->keys;
}

/* p_j = softmax of scale q . k_j over the visible keys; returns the log-sum-exp. */
static double probabilities(const head *h, const slr_real *q, const slr_real *k, int64_t seen, double *p)
{
    double most = -INFINITY, sum = 0;
    for (int64_t j = 0; j < seen; j++) {
        p[j] = h->scale * product(q, k + j * h->stride, h->dim);
        most = fmax(most, p[j]);
    }
    for (int64_t j = 0; j < seen; j++)
        sum += exp(p[j] - most);
    double lse = most + log(sum);
    for (int64_t j = 0; j < seen; j++)
        p[j] = exp(p[j] - lse);
    return lse;
}

static void head_forward(const slr_call *call, const head *h, int64_t q_at, int64_t k_at, slr_real *saved)
{
    double *p = call->workspace;
    for (int64_t i = 0; i < h->queries; i++) {
        int64_t seen = visible(h, i);
        double lse = probabilities(h, call->x[0] + q_at + i * h->stride, call->x[1] + k_at, seen, p);
        if (saved)
            saved[i] = (slr_real)lse;
        for (int64_t d = 0; d < h->dim; d++) {
            double sum = 0;
            for (int64_t j = 0; j < seen; j++)
                sum += p[j] * (double)call->x[2][k_at + j * h->stride + d];
            call->y[q_at + i * h->stride + d] = (slr_real)sum;
        }
    }
}

/* With ds_j = p_j (dy . v_j - dy . y) scale of one query: dq += ds_j k_j, dk_j += ds_j q, dv_j += p_j dy. */
static void head_backward(const slr_call *call, const head *h, int64_t q_at, int64_t k_at)
{
    double *p = call->workspace, *dk = p + h->keys, *dv = dk + h->keys * h->dim;
    const slr_real *k = call->x[1] + k_at, *v = call->x[2] + k_at;
    for (int64_t e = 0; e < 2 * h->keys * h->dim; e++)
        dk[e] = 0;
    for (int64_t i = 0; i < h->queries; i++) {
        int64_t at = q_at + i * h->stride, seen = visible(h, i);
        const slr_real *q = call->x[0] + at, *dy = call->dy + at;
        double along = product(dy, call->y + at, h->dim);
        probabilities(h, q, k, seen, p);
        for (int64_t j = 0; j < seen; j++) {
            double ds = p[j] * (product(dy, v + j * h->stride, h->dim) - along) * h->scale;
            for (int64_t d = 0; d < h->dim; d++) {
                dk[j * h->dim + d] += ds * (double)q[d];
                dv[j * h->dim + d] += p[j] * (double)dy[d];
            }
            p[j] = ds;
        }
        for (int64_t d = 0; call->dx[0] && d < h->dim; d++) {
            double sum = 0;
            for (int64_t j = 0; j < seen; j++)
                sum += p[j] * (double)k[j * h->stride + d];
            slr_put(&call->dx[0][at + d], call->accumulate[0], sum);
        }
    }
    for (int64_t j = 0; j < h->keys; j++)
        for (int64_t d = 0; d < h->dim; d++) {
            if (call->dx[1])
                slr_put(&call->dx[1][k_at + j * h->stride + d], call->accumulate[1], dk[j * h->dim + d]);
            if (call->dx[2])
                slr_put(&call->dx[2][k_at + j * h->stride + d], call->accumulate[2], dv[j * h->dim + d]);
        }
}

static void each_head(const slr_call *call, bool backward)
{
    head h = head_of(call->op, call->in[0], call->in[1]);
    int heads = call->op->u.attention.heads;
    for (int64_t n = 0; n < call->in[0]->shape[0]; n++)
        for (int i = 0; i < heads; i++) {
            int64_t q_at = n * h.queries * h.stride + i * h.dim, k_at = n * h.keys * h.stride + i * h.dim;
            if (backward)
                head_backward(call, &h, q_at, k_at);
            else
                head_forward(call, &h, q_at, k_at,
                             call->saved ? call->saved + (n * heads + i) * h.queries : NULL);
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
