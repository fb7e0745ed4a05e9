/* SPDX-License-Identifier: MIT */
#include "adapters/method.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/method_state.h"
#include "core/memory.h"

enum { USUAL_EXPANSIONS = 16 }; /* of a layer in one run; the list grows when there are more */

static const char *const names[] = {
    [SLR_METHOD_LORA] = "lora",
    [SLR_METHOD_SELORA] = "selora",
    [SLR_METHOD_SELORA_AUTHORS] = "selora-authors",
};

const char *slr_method_name(slr_method_kind kind)
{
    return names[kind];
}

bool slr_method_kind_named(const char *name, slr_method_kind *kind)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            *kind = (slr_method_kind)i;
            return true;
        }
    return false;
}

slr_method_options slr_method_options_of(slr_method_kind kind)
{
    slr_method_options options = {.kind = kind,
                                  .lambda = 1.3,
                                  .mu = 1,
                                  .every = 40,
                                  .expand_until = 1,
                                  .probe_rows = 1,
                                  .probe_window = 1,
                                  .redraw = true,
                                  .power_decay = 0.9,
                                  .beta2 = 0.999};
    if (kind == SLR_METHOD_SELORA_AUTHORS) {
        options.probe_pass = SLR_PROBE_EXTRA;
        options.probe_init = SLR_PROBE_ZERO;
        options.adopt = SLR_ADOPT_FRESH;
        options.on_expand = SLR_ON_EXPAND_RESET;
        options.redraw = false;
    }
    return options;
}

int slr_method_probe_rows(const slr_method_options *options)
{
    return options->kind == SLR_METHOD_LORA ? 0 : options->probe_rows;
}

static selora_status check_combination(const slr_method_options *options, slr_error *err)
{
    bool extra = options->probe_pass == SLR_PROBE_EXTRA,
         power = options->probe_init == SLR_PROBE_POWER;
    if (options->fisher == SLR_FISHER_CROSS && options->probe_window < 2)
        return slr_fail(err, SELORA_USAGE,
                        "--fisher cross needs --probe-window 2 or more, found %d",
                        options->probe_window);
    if (extra && (options->probe_window > 1 || options->fisher != SLR_FISHER_BATCH || power ||
                  options->on_expand == SLR_ON_EXPAND_WARM))
        return slr_fail(err, SELORA_USAGE,
                        "--probe-pass extra goes with --probe-window 1 and --fisher batch, without "
                        "--probe-init power and --warm-v; --probe-pass fused takes them");
    if (power && (options->probe_rows != 1 || options->fisher == SLR_FISHER_CROSS))
        return slr_fail(err, SELORA_USAGE,
                        "--probe-init power needs --probe-rows 1 and --fisher batch or sample");
    return SELORA_OK;
}

selora_status slr_method_options_check(const slr_method_options *options, slr_error *err)
{
    const struct {
        const char *name;
        double value, low, high;
    } ranges[] = {{"--lambda", options->lambda, 1, INFINITY},
                  {"--mu", options->mu, 0, INFINITY},
                  {"--probe-every", options->every, 1, 1 << 30},
                  {"--expand-until", options->expand_until, 0, 1},
                  {"--rank-max", options->rank_max, 0, 4096},
                  {"rank budget", (double)options->budget, 0, 1e15},
                  {"layers per decision", options->top, 0, 1 << 20},
                  {"--probe-rows", options->probe_rows, 1, 63},
                  {"--probe-window", options->probe_window, 1, options->every},
                  {"--probe-z", options->confidence, 0, 100},
                  {"power decay", options->power_decay, 0, 0.9999},
                  {"--adam-beta2", options->beta2, 0.1, 0.9999999}};
    if (options->kind == SLR_METHOD_LORA)
        return SELORA_OK;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (!(ranges[i].value >= ranges[i].low && ranges[i].value <= ranges[i].high))
            return slr_fail(err, SELORA_USAGE, "%s: found %g, expected a number from %g to %g",
                            ranges[i].name, ranges[i].value, ranges[i].low, ranges[i].high);
    return check_combination(options, err);
}

/* ---- life ---- */

static size_t count_vectors(const slr_method *method)
{
    size_t count = 0;
    for (int i = 0; i < method->layers; i++) {
        const slr_slot *slot = &slr_adapter_set_at(method->set, i)->slot;
        count += slr_candidates_vectors(&method->options, slot->in, slot->out);
    }
    return count;
}

static bool allocate(slr_method *method)
{
    size_t layers = (size_t)method->layers, rows = (size_t)method->rows;
    method->vector_count = count_vectors(method);
    method->expansion_capacity = USUAL_EXPANSIONS * layers;
    return (method->scores = slr_alloc(layers, sizeof *method->scores)) &&
           (method->row_energy = slr_alloc(layers * rows, sizeof *method->row_energy)) &&
           (method->present = slr_alloc(layers, sizeof *method->present)) &&
           (method->sample_energy =
                slr_alloc(layers * (1 + rows), sizeof *method->sample_energy)) &&
           (method->vectors = slr_alloc(method->vector_count, sizeof *method->vectors)) &&
           (method->memory = slr_alloc(layers, sizeof *method->memory)) &&
           (method->decisions = slr_alloc(layers, sizeof *method->decisions)) &&
           (method->seen = slr_alloc(layers, sizeof *method->seen)) &&
           (method->wanted = slr_alloc(layers, sizeof *method->wanted)) &&
           (method->expansions = slr_alloc(method->expansion_capacity, sizeof *method->expansions));
}

selora_status slr_method_new(const slr_method_options *options, slr_adapter_set *set, int64_t steps,
                             slr_method **result, slr_error *err)
{
    *result = NULL;
    SLR_TRY(slr_method_options_check(options, err));
    if (slr_adapter_set_options(set)->probes != slr_method_probe_rows(options))
        return slr_fail(err, SELORA_USAGE,
                        "the adapter has %d candidate rows a layer, the method wants %d",
                        slr_adapter_set_options(set)->probes, slr_method_probe_rows(options));
    slr_method *method = slr_alloc(1, sizeof *method);
    if (!method)
        return slr_fail_memory(err, sizeof *method, "the method");
    method->options = *options;
    method->set = set;
    method->steps = steps;
    method->layers = slr_adapter_set_count(set);
    method->rows = slr_method_probe_rows(options);
    method->table = options->kind == SLR_METHOD_LORA         ? &slr_method_lora
                    : options->probe_pass == SLR_PROBE_EXTRA ? &slr_method_selora_authors
                                                             : &slr_method_selora;
    if (!allocate(method)) {
        size_t bytes = method->vector_count * sizeof *method->vectors;
        slr_method_free(method);
        return slr_fail_memory(err, bytes, "the method");
    }
    slr_candidates_lay_out(method);
    for (int i = 0; i < method->layers && method->rows > 0; i++)
        slr_candidates_draw(method, i, 0);
    *result = method;
    return SELORA_OK;
}

void slr_method_free(slr_method *method)
{
    if (!method)
        return;
    free(method->scores);
    free(method->row_energy);
    free(method->present);
    free(method->sample_energy);
    free(method->vectors);
    free(method->memory);
    free(method->decisions);
    free(method->seen);
    free(method->wanted);
    free(method->expansions);
    free(method);
}

/* ---- when ---- */

bool slr_method_decides(const slr_method *method, int64_t step)
{
    double last =
        method->options.expand_until * (double)method->steps * (1 + 1e-12); /* 0.57 of 100 is 57 */
    return step > 0 && step % method->options.every == 0 && (double)step <= last;
}

bool slr_method_in_window(const slr_method *method, int64_t step)
{
    int64_t every = method->options.every, decision = (step + every - 1) / every * every;
    return step > 0 && decision - step < method->options.probe_window &&
           slr_method_decides(method, decision);
}

void slr_method_show_candidates(slr_method *method, bool shown)
{
    for (int i = 0; i < method->layers; i++)
        slr_adapter_set_at(method->set, i)->slot.probes = shown ? method->rows : 0;
}

/* ---- the parts of a step ---- */

void slr_method_before_step(slr_method *method, int64_t step, int64_t samples)
{
    if (method->table->before_step)
        method->table->before_step(method, step, samples);
}

void slr_method_after_backward(slr_method *method, int64_t step)
{
    if (method->table->after_backward)
        method->table->after_backward(method, step);
}

bool slr_method_wants_second_pass(const slr_method *method, int64_t step)
{
    return method->table->second_pass && slr_method_decides(method, step);
}

void slr_method_before_second_pass(slr_method *method, int64_t step, int64_t samples)
{
    if (method->table->before_second_pass)
        method->table->before_second_pass(method, step, samples);
}

void slr_method_after_second_pass(slr_method *method, int64_t step)
{
    if (method->table->after_second_pass)
        method->table->after_second_pass(method, step);
}

selora_status slr_method_after_step(slr_method *method, int64_t step, const slr_rank_log *log,
                                    bool *moved, slr_error *err)
{
    *moved = false;
    for (int i = 0;
         method->rows > 0 && method->options.probe_init == SLR_PROBE_POWER && i < method->layers;
         i++)
        if (!method->decisions[i].grows) /* what grows adopts the row that was tested */
            slr_candidates_turn(method, i);
    return method->decided ? slr_growth_apply(method, step, log, moved, err) : SELORA_OK;
}

const slr_expansion *slr_method_expansions(const slr_method *method, size_t *count)
{
    *count = method->expansion_count;
    return method->expansions;
}
