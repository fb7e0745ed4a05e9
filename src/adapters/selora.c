/* SPDX-License-Identifier: MIT
 *
 * SeLoRA, the fused form. A candidate row k beside A meets a zero column of B, so the output does
 * not change; the gradient g of that column comes out of the training step's own backward, and R =
 * 1 + ||g||^2 / (||gA||^2 + ||gB||^2) is the ratio of Fisher energies with and without the
 * candidate, at one point theta, without another pass.
 */
#include <math.h>
#include <string.h>

#include "adapters/method_state.h"

static void before_step(slr_method *method, int64_t step, int64_t samples)
{
    bool window = slr_method_in_window(method, step);
    bool by_sample = window && method->options.fisher == SLR_FISHER_SAMPLE;
    bool power = method->options.probe_init == SLR_PROBE_POWER;
    size_t columns = 1 + (size_t)method->rows;
    slr_method_show_candidates(method, window || power);
    memset(method->sample_energy, 0,
           (size_t)method->layers * columns * sizeof *method->sample_energy);
    for (int i = 0; i < method->layers; i++) {
        slr_slot *slot = &slr_adapter_set_at(method->set, i)->slot;
        slot->samples = samples;
        slot->sample_energy = by_sample ? method->sample_energy + (size_t)i * columns : NULL;
        slot->look = power ? method->memory[i].look : NULL;
        slot->look_ga = power ? method->memory[i].look_ga : NULL;
    }
}

/* <g, g of the step before>; remembers g. */
static double crossed(slr_real *previous, const slr_real *g, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)previous[i] * (double)g[i];
    memcpy(previous, g, (size_t)count * sizeof *g);
    return sum;
}

static double candidate_energy(slr_method *method, int layer, int row)
{
    const slr_adapter *adapter = slr_adapter_set_at(method->set, layer);
    const slr_slot *slot = &adapter->slot;
    switch (method->options.fisher) {
    case SLR_FISHER_SAMPLE:
        return method->sample_energy[(size_t)layer * (1 + (size_t)method->rows) + 1 + (size_t)row];
    case SLR_FISHER_CROSS:
        return crossed(method->memory[layer].previous + row * slot->out,
                       slot->gbt + (slot->rank + row) * slot->out, slot->out);
    default: return slr_adapter_probe_energy(adapter, row);
    }
}

static void add_squares(slr_method *method, int layer)
{
    const slr_slot *slot = &slr_adapter_set_at(method->set, layer)->slot;
    const slr_real *g = slot->gbt + slot->rank * slot->out;
    for (int64_t i = 0; i < method->rows * slot->out; i++)
        method->memory[layer].squares[i] += g[i] * g[i];
}

/* One step of the window. The first of a crossed one only remembers its gradient. */
static void measure(slr_method *method, int layer, bool first)
{
    const slr_adapter *adapter = slr_adapter_set_at(method->set, layer);
    bool counts = !(first && method->options.fisher == SLR_FISHER_CROSS);
    double n = 0, d = method->options.fisher == SLR_FISHER_SAMPLE
                          ? method->sample_energy[(size_t)layer * (1 + (size_t)method->rows)]
                          : slr_adapter_gradient_energy(adapter);
    for (int row = 0; row < method->rows; row++) {
        double energy = candidate_energy(method, layer, row);
        n += energy / method->rows;
        if (counts)
            method->row_energy[layer * method->rows + row] += energy;
    }
    if (method->memory[layer].squares)
        add_squares(method, layer);
    if (counts)
        slr_score_add(&method->scores[layer], n, d);
}

static void after_backward(slr_method *method, int64_t step)
{
    bool window = slr_method_in_window(method, step), decides = slr_method_decides(method, step);
    bool first = !slr_method_in_window(method, step - 1) || slr_method_decides(method, step - 1);
    for (int i = 0; i < method->layers; i++) {
        if (!slr_adapter_set_at(method->set, i)->slot.trainable)
            continue;
        if (window)
            measure(method, i, first);
        if (method->options.probe_init == SLR_PROBE_POWER)
            slr_candidates_look(method, i);
        const slr_score *score = &method->scores[i];
        if (decides)
            slr_growth_decide(method, i, slr_score_ratio(score), slr_score_error(score),
                              score->n / score->count);
    }
    if (decides)
        slr_growth_settle(method);
}

const slr_method_table slr_method_selora = {
    .before_step = before_step,
    .after_backward = after_backward,
};
