/* SPDX-License-Identifier: MIT */
#include "train/optimizer.h"

#include <math.h>
#include <string.h>

void slr_adam_vector(const slr_adam *adam, double lr, int64_t age, slr_real *w,
                     const slr_real *gradient, slr_real *m, slr_real *v, int64_t count)
{
    double step = lr / (1 - pow(adam->beta1, (double)age));
    double correction = 1 / sqrt(1 - pow(adam->beta2, (double)age));
    double keep = 1 - lr * adam->weight_decay, b1 = adam->beta1, b2 = adam->beta2, eps = adam->eps;
    for (int64_t i = 0; i < count; i++) {
        double g = (double)gradient[i];
        double mean = b1 * (double)m[i] + (1 - b1) * g;
        double square = b2 * (double)v[i] + (1 - b2) * g * g;
        m[i] = (slr_real)mean;
        v[i] = (slr_real)square;
        w[i] = (slr_real)(keep * (double)w[i] - step * mean / (sqrt(square) * correction + eps));
    }
}

static bool is_text_encoder(const slr_adapter *adapter)
{
    static const char prefix[] = "text_encoder.";
    return strncmp(adapter->path, prefix, sizeof prefix - 1) == 0;
}

static void scale(slr_real *values, int64_t count, double factor)
{
    for (int64_t i = 0; i < count; i++)
        values[i] = (slr_real)(factor * (double)values[i]);
}

double slr_clip_gradients(slr_adapter_set *set, double max_norm)
{
    double norm = slr_adapter_set_gradient_norm(set);
    double factor = max_norm / (norm + 1e-6);
    if (max_norm <= 0 || !(factor < 1))
        return norm;
    for (int i = 0; i < slr_adapter_set_count(set); i++) {
        slr_slot *slot = &slr_adapter_set_at(set, i)->slot;
        if (!slot->trainable)
            continue;
        scale(slot->ga, slot->rank * slot->in, factor);
        scale(slot->gbt, slot->rank * slot->out, factor);
    }
    return norm;
}

static bool all_zero(const slr_real *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (values[i] != 0)
            return false;
    return true;
}

/* One row of A or of B transposed. `waits`: its first step is the first with a gradient. */
static void step_row(const slr_adam *adam, double lr, bool waits, int64_t *age, slr_real *w,
                     const slr_real *gradient, slr_real *m, slr_real *v, int64_t count)
{
    if (waits && *age == 0 && all_zero(gradient, count)) {
        if (adam->weight_decay > 0)
            scale(w, count, 1 - lr * adam->weight_decay);
        return;
    }
    ++*age;
    slr_adam_vector(adam, lr, *age, w, gradient, m, v, count);
}

void slr_adam_step(const slr_adam *adam, slr_adapter_set *set, const slr_learning_rates *rates)
{
    for (int i = 0; i < slr_adapter_set_count(set); i++) {
        slr_adapter *adapter = slr_adapter_set_at(set, i);
        const slr_slot *slot = &adapter->slot;
        double lr = is_text_encoder(adapter) ? rates->text_encoder : rates->unet;
        for (int row = 0; slot->trainable && row < slot->rank; row++) {
            int64_t a = row * slot->in, bt = row * slot->out;
            step_row(adam, lr, row >= adapter->born, &adapter->age_a[row], adapter->a + a,
                     slot->ga + a, adapter->m_a + a, adapter->v_a + a, slot->in);
            step_row(adam, lr, false, &adapter->age_bt[row], adapter->bt + bt, slot->gbt + bt,
                     adapter->m_bt + bt, adapter->v_bt + bt, slot->out);
        }
    }
}
