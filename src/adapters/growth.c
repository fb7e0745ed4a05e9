/* SPDX-License-Identifier: MIT
 * Which layers grow at a decision, and growing them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/method_state.h"
#include "core/memory.h"

static const char SKIPPED[] = "non-finite, skipped";

static int best_row(const slr_method *method, int layer)
{
    const double *energy = method->row_energy + layer * method->rows;
    int best = 0;
    for (int row = 1; row < method->rows; row++)
        if (energy[row] > energy[best])
            best = row;
    return best;
}

void slr_growth_decide(slr_method *method, int layer, double ratio, double error, double surplus)
{
    const slr_method_options *options = &method->options;
    const slr_slot *slot = &slr_adapter_set_at(method->set, layer)->slot;
    slr_decision *decision = &method->decisions[layer];
    *decision = (slr_decision){.probed = true, .ratio = ratio, .error = error, .note = ""};
    if (isnan(ratio) || !isfinite(surplus)) {
        decision->ratio = NAN;
        decision->note = SKIPPED;
        return;
    }
    bool by_rank = options->normalise == SLR_NORMALISE_RANK;
    double threshold = by_rank ? options->mu : options->lambda;
    double score = by_rank ? slot->rank * (ratio - 1) : ratio;
    double doubt = options->confidence * error * (by_rank ? slot->rank : 1);
    decision->row = best_row(method, layer);
    decision->gain = options->normalise == SLR_NORMALISE_PARAM
                         ? surplus / (double)(slot->in + slot->out)
                         : score;
    decision->grows = !isinf(threshold) && score - (doubt > 0 ? doubt : 0) >= threshold;
    if (decision->grows && options->rank_max > 0 && slot->rank >= options->rank_max) {
        decision->grows = false;
        decision->note = "at the largest rank";
    }
}

/* The layer that wants to grow most among those not looked at yet, -1 for none. Equal gains go by
 * path, so that the order of layers decides nothing. */
static int next_best(const slr_method *method, const bool *seen)
{
    int best = -1;
    for (int i = 0; i < method->layers; i++) {
        const slr_decision *decision = &method->decisions[i];
        if (!decision->grows || seen[i])
            continue;
        double ahead = best < 0 ? 1 : decision->gain - method->decisions[best].gain;
        bool same =
            best >= 0 && decision->gain == method->decisions[best].gain; /* infinities too */
        if (ahead > 0 || (same && strcmp(slr_adapter_set_at(method->set, i)->path,
                                         slr_adapter_set_at(method->set, best)->path) < 0))
            best = i;
    }
    return best;
}

void slr_growth_settle(slr_method *method)
{
    const slr_method_options *options = &method->options;
    int64_t parameters = slr_adapter_set_parameters(method->set);
    int taken = 0;
    memset(method->seen, 0, (size_t)method->layers * sizeof *method->seen);
    for (int i; (i = next_best(method, method->seen)) >= 0;) {
        const slr_slot *slot = &slr_adapter_set_at(method->set, i)->slot;
        slr_decision *decision = &method->decisions[i];
        method->seen[i] = true;
        if (options->top > 0 && taken >= options->top)
            decision->note = "others came first";
        else if (options->budget > 0 && parameters + slot->in + slot->out > options->budget)
            decision->note = "over the budget";
        decision->grows = decision->note[0] == 0;
        if (decision->grows) {
            taken++;
            parameters += slot->in + slot->out;
        }
    }
    method->decided = true;
}

/* Puts the adopted row in place of row `rank` of A. */
static void adopt(slr_method *method, int layer, int64_t step)
{
    slr_adapter *adapter = slr_adapter_set_at(method->set, layer);
    slr_real *place = adapter->a + adapter->slot.rank * adapter->slot.in;
    size_t bytes = (size_t)adapter->slot.in * sizeof *place;
    int row = method->decisions[layer].row;
    if (method->options.adopt == SLR_ADOPT_FRESH)
        slr_candidates_draw_fresh(method, layer, step);
    else if (row > 0)
        memcpy(place, place + row * adapter->slot.in, bytes);
}

static void reset_moments(slr_adapter *adapter)
{
    size_t rank = (size_t)adapter->slot.rank;
    size_t a = rank * (size_t)adapter->slot.in, bt = rank * (size_t)adapter->slot.out;
    memset(adapter->m_a, 0, a * sizeof(slr_real));
    memset(adapter->v_a, 0, a * sizeof(slr_real));
    memset(adapter->m_bt, 0, bt * sizeof(slr_real));
    memset(adapter->v_bt, 0, bt * sizeof(slr_real));
    memset(adapter->age_a, 0, rank * sizeof *adapter->age_a);
    memset(adapter->age_bt, 0, rank * sizeof *adapter->age_bt);
}

/* The new B row starts with the second moment its gradient had as a candidate, and with an age at
 * which bias correction has ended. */
static void warm_moments(slr_method *method, int layer)
{
    slr_adapter *adapter = slr_adapter_set_at(method->set, layer);
    int64_t out = adapter->slot.out;
    int born = adapter->slot.rank - 1;
    const slr_real *squares = method->memory[layer].squares + method->decisions[layer].row * out;
    for (int64_t i = 0; i < out; i++)
        adapter->v_bt[born * out + i] = squares[i] / (slr_real)method->options.probe_window;
    adapter->age_bt[born] = (int64_t)ceil(-54 * log(2) / log(method->options.beta2));
}

static selora_status grow(slr_method *method, int layer, int64_t step, slr_error *err)
{
    slr_adapter *adapter = slr_adapter_set_at(method->set, layer);
    if (!slr_grow((void **)&method->expansions, &method->expansion_capacity,
                  method->expansion_count, sizeof *method->expansions))
        return slr_fail_memory(err, sizeof *method->expansions, "the list of expansions");
    adopt(method, layer, step);
    if (slr_adapter_set_options(method->set)->scale_mode != SLR_SCALE_FIXED)
        slr_adapter_set_scale(adapter, slr_adapter_scale_at(method->set, adapter->slot.rank + 1),
                              true);
    slr_adapter_activate(adapter);
    if (method->options.on_expand == SLR_ON_EXPAND_RESET)
        reset_moments(adapter);
    if (method->options.on_expand == SLR_ON_EXPAND_WARM)
        warm_moments(method, layer);
    method->expansions[method->expansion_count++] =
        (slr_expansion){.step = step, .layer = layer, .rank = adapter->slot.rank};
    return SELORA_OK;
}

static selora_status make_room(slr_method *method, bool *moved, slr_error *err)
{
    for (int i = 0; i < method->layers; i++)
        method->wanted[i] =
            method->decisions[i].grows ? slr_adapter_set_at(method->set, i)->slot.rank + 1 : 0;
    return slr_adapter_set_reserve(method->set, method->wanted, moved, err);
}

static void start_window(slr_method *method, int layer)
{
    method->scores[layer] = (slr_score){0};
    memset(method->row_energy + layer * method->rows, 0,
           (size_t)method->rows * sizeof *method->row_energy);
    if (method->memory[layer].squares)
        memset(method->memory[layer].squares, 0,
               (size_t)(method->rows * slr_adapter_set_at(method->set, layer)->slot.out) *
                   sizeof(slr_real));
}

selora_status slr_growth_apply(slr_method *method, int64_t step, const slr_rank_log *log,
                               bool *moved, slr_error *err)
{
    SLR_TRY(make_room(method, moved, err));
    for (int i = 0; i < method->layers; i++) {
        slr_decision *decision = &method->decisions[i];
        const slr_adapter *adapter = slr_adapter_set_at(method->set, i);
        int before = adapter->slot.rank;
        if (!decision->probed)
            continue;
        if (decision->grows)
            SLR_TRY(grow(method, i, step, err));
        bool turned = method->options.probe_init == SLR_PROBE_POWER; /* a row worth keeping */
        if (decision->grows || (method->options.redraw && !turned))
            slr_candidates_draw(method, i, step);
        start_window(method, i);
        slr_rank_event event = {.step = step,
                                .layer = adapter->path,
                                .ratio = decision->ratio,
                                .standard_error = decision->error,
                                .rank_before = before,
                                .rank_after = adapter->slot.rank,
                                .note = decision->note};
        if (log && log->write)
            log->write(log->context, &event);
        *decision = (slr_decision){0};
    }
    method->decided = false;
    return SELORA_OK;
}
