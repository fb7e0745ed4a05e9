/* SPDX-License-Identifier: MIT
 * The rows that the expansion test tries: drawing them, and turning them by power iteration. */
#include <math.h>
#include <string.h>

#include "adapters/method_state.h"

enum { FRESH_DRAW = 64 }; /* beyond every candidate's number */

static size_t wanted(bool needed, size_t count)
{
    return needed ? count : 0;
}

size_t slr_candidates_vectors(const slr_method_options *options, int64_t in, int64_t out)
{
    size_t column = (size_t)slr_method_probe_rows(options) * (size_t)out;
    return wanted(options->fisher == SLR_FISHER_CROSS, column) +
           wanted(options->on_expand == SLR_ON_EXPAND_WARM, column) +
           wanted(options->probe_init == SLR_PROBE_POWER, (size_t)(out + 2 * in));
}

static slr_real *take(slr_real **at, bool needed, size_t count)
{
    slr_real *taken = needed ? *at : NULL;
    *at += wanted(needed, count);
    return taken;
}

void slr_candidates_lay_out(slr_method *method)
{
    const slr_method_options *options = &method->options;
    bool power = options->probe_init == SLR_PROBE_POWER;
    slr_real *at = method->vectors;
    for (int i = 0; i < method->layers; i++) {
        const slr_slot *slot = &slr_adapter_set_at(method->set, i)->slot;
        slr_probe_memory *memory = &method->memory[i];
        size_t in = (size_t)slot->in, out = (size_t)slot->out, column = (size_t)method->rows * out;
        memory->previous = take(&at, options->fisher == SLR_FISHER_CROSS, column);
        memory->squares = take(&at, options->on_expand == SLR_ON_EXPAND_WARM, column);
        memory->look = take(&at, power, out);
        memory->look_ga = take(&at, power, in);
        memory->mean = take(&at, power, in);
    }
}

static double norm(const slr_real *values, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)values[i] * (double)values[i];
    return sqrt(sum);
}

/* to = from scaled to the given norm; false, and nothing done, when from has none. */
static bool scale_to(slr_real *to, const slr_real *from, int64_t count, double length)
{
    double have = norm(from, count);
    if (!(have > 0) || !isfinite(have))
        return false;
    for (int64_t i = 0; i < count; i++)
        to[i] = (slr_real)((double)from[i] * (length / have));
    return true;
}

static void match_norm(const slr_adapter *adapter, slr_real *row)
{
    const slr_slot *slot = &adapter->slot;
    double mean = 0;
    for (int i = 0; i < slot->rank; i++)
        mean += norm(slot->a + i * slot->in, slot->in) / slot->rank;
    if (mean > 0)
        scale_to(row, row, slot->in, mean);
}

void slr_candidates_draw(slr_method *method, int layer, int64_t step)
{
    slr_adapter *adapter = slr_adapter_set_at(method->set, layer);
    slr_slot *slot = &adapter->slot;
    bool zero = method->options.probe_init == SLR_PROBE_ZERO && slot->rank == adapter->born;
    for (int j = 0; j < method->rows; j++) {
        slr_real *row = adapter->a + (slot->rank + j) * slot->in;
        if (zero) {
            memset(row, 0, (size_t)slot->in * sizeof *row);
            continue;
        }
        slr_adapter_draw_row(method->set, adapter, slot->rank + j, (uint32_t)step, (uint32_t)j);
        if (method->options.probe_norm == SLR_PROBE_NORM_MATCH)
            match_norm(adapter, row);
    }
    if (method->memory[layer].mean) {
        memset(method->memory[layer].mean, 0, (size_t)slot->in * sizeof(slr_real));
        memset(method->memory[layer].look, 0, (size_t)slot->out * sizeof(slr_real));
        memset(method->memory[layer].look_ga, 0, (size_t)slot->in * sizeof(slr_real));
    }
}

void slr_candidates_draw_fresh(slr_method *method, int layer, int64_t step)
{
    slr_adapter *adapter = slr_adapter_set_at(method->set, layer);
    slr_adapter_draw_row(method->set, adapter, adapter->slot.rank, (uint32_t)step, FRESH_DRAW);
}

/* Power iteration over batches: with D_j the full gradient of step j, z = D_j k and then k <- mean
 * of D_j+1^T z. Batches are independent, so the noise of the gradients averages out and k turns to
 * the top right singular vector of their mean. z is shown to the next backward as a column of B
 * that forward does not see. */
void slr_candidates_look(slr_method *method, int layer)
{
    const slr_slot *slot = &slr_adapter_set_at(method->set, layer)->slot;
    slr_probe_memory *memory = &method->memory[layer];
    double keep = method->options.power_decay, length = norm(memory->look_ga, slot->in);
    for (int64_t i = 0; length > 0 && isfinite(length) && i < slot->in; i++)
        memory->mean[i] =
            (slr_real)(keep * (double)memory->mean[i] + (1 - keep) * (double)memory->look_ga[i]);
    memset(memory->look_ga, 0, (size_t)slot->in * sizeof(slr_real));
    if (!scale_to(memory->look, slot->gbt + slot->rank * slot->out, slot->out, 1))
        memset(memory->look, 0, (size_t)slot->out * sizeof(slr_real));
}

/* The row keeps the length it was drawn with. */
void slr_candidates_turn(slr_method *method, int layer)
{
    slr_adapter *adapter = slr_adapter_set_at(method->set, layer);
    const slr_slot *slot = &adapter->slot;
    slr_real *row = adapter->a + slot->rank * slot->in;
    scale_to(row, method->memory[layer].mean, slot->in, norm(row, slot->in));
}
