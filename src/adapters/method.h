/* SPDX-License-Identifier: MIT
 *
 * How the ranks of an adapter set change in training: plain LoRA (never), SeLoRA (the fused
 * test), and the authors' published loop with its defects. A method reads gradients and moves
 * ranks; it never touches data streams.
 *
 *     slr_method_options options = slr_method_options_of(SLR_METHOD_SELORA);
 *     set_options.probes = slr_method_probe_rows(&options);    (then: new set, layers, finish)
 *     SLR_TRY(slr_method_new(&options, set, steps, &method, err));
 *     for (int64_t step = 1; step <= steps; step++) {
 *         slr_adapter_set_zero_gradients(set);
 *         slr_method_before_step(method, step, batch);
 *         ... forward, backward, for every micro-batch; gradients add up ...
 *         slr_method_after_backward(method, step);                    (before clipping)
 *         ... clip, Adam ...
 *         if (slr_method_wants_second_pass(method, step)) {
 *             slr_adapter_set_zero_gradients(set);
 *             slr_method_before_second_pass(method, step, batch);
 *             ... forward, backward on the same batch ...
 *             slr_method_after_second_pass(method, step);
 *         }
 *         bool moved;
 *         SLR_TRY(slr_method_after_step(method, step, &log, &moved, err));
 *         if (moved) ... record graphs and plans again: capacities have grown ...
 *     }
 *     slr_method_free(method);
 */
#ifndef SLR_METHOD_H
#define SLR_METHOD_H

#include "adapters/adapter_set.h"
#include "io/safetensors.h"

typedef enum slr_method_kind {
    SLR_METHOD_LORA,
    SLR_METHOD_SELORA,
    SLR_METHOD_SELORA_AUTHORS
} slr_method_kind;

/* The Fisher estimate of one step: n for the candidate row, d for the acting components. */
typedef enum slr_fisher {
    SLR_FISHER_BATCH,  /* squares of the batch gradient: the paper */
    SLR_FISHER_SAMPLE, /* sum over samples of squares of the sample's gradient */
    SLR_FISHER_CROSS   /* n = <g_j, g_j+1> of consecutive steps (needs a window of 2), d as batch */
} slr_fisher;

typedef enum slr_normalise {
    SLR_NORMALISE_NONE, /* expand when R >= lambda */
    SLR_NORMALISE_RANK, /* expand when r (R - 1) >= mu */
    SLR_NORMALISE_PARAM /* R >= lambda, the best n / (in + out) first: with `top` or `budget` */
} slr_normalise;

typedef enum slr_probe_norm {
    SLR_PROBE_NORM_KAIMING, /* as drawn */
    SLR_PROBE_NORM_MATCH    /* scaled to the mean norm of the acting rows of A */
} slr_probe_norm;

typedef enum slr_probe_pass {
    SLR_PROBE_FUSED, /* the scores come out of the training step's own backward */
    SLR_PROBE_EXTRA  /* numerator from another pass after the optimiser step, denominator before */
} slr_probe_pass;

typedef enum slr_probe_init {
    SLR_PROBE_RANDOM,
    SLR_PROBE_ZERO, /* zero until the layer's first expansion, then random */
    SLR_PROBE_POWER /* random, then turned to the mean gradient's top direction at every step */
} slr_probe_init;

typedef enum slr_adopt {
    SLR_ADOPT_TESTED,
    SLR_ADOPT_FRESH
} slr_adopt;

typedef enum slr_on_expand {
    SLR_ON_EXPAND_CARRY, /* old components keep their Adam state, the new one starts at zero */
    SLR_ON_EXPAND_RESET, /* the whole layer's Adam state starts at zero */
    SLR_ON_EXPAND_WARM   /* carry; the new B row's v is the mean of its squared probe gradients */
} slr_on_expand;

typedef struct slr_method_options {
    slr_method_kind kind;
    double lambda;       /* 1: expand always; infinity: never */
    double mu;           /* with SLR_NORMALISE_RANK */
    int every;           /* a decision at steps every, 2 every, ... */
    double expand_until; /* no decision after this fraction of the steps */
    int rank_max;        /* 0: no cap */
    int64_t budget;      /* acting parameters never pass this; 0: no budget */
    int top;             /* of the layers that pass, so many grow, the best first; 0: all */
    int probe_rows;      /* candidates per layer: their mean decides, the best is adopted */
    int probe_window;    /* steps summed for one decision */
    double confidence;   /* expand when the score less so many standard errors passes */
    slr_fisher fisher;
    slr_normalise normalise;
    slr_probe_norm probe_norm;
    slr_probe_pass probe_pass;
    slr_probe_init probe_init;
    slr_adopt adopt;
    slr_on_expand on_expand;
    bool redraw;        /* new candidates after every decision (turned ones: after expansions) */
    double power_decay; /* of the moving average in SLR_PROBE_POWER */
    double beta2;       /* the optimiser's, for SLR_ON_EXPAND_WARM */
} slr_method_options;

/* The defaults: selora as the paper states it, selora-authors as its code does it. */
slr_method_options slr_method_options_of(slr_method_kind kind);
/* SELORA_USAGE names the option that makes no sense. */
selora_status slr_method_options_check(const slr_method_options *options, slr_error *err);
/* What the adapter set must be made with. */
int slr_method_probe_rows(const slr_method_options *options);
const char *slr_method_name(slr_method_kind kind); /* "lora", "selora", "selora-authors" */
bool slr_method_kind_named(const char *name, slr_method_kind *kind);

/* One layer at one decision. */
typedef struct slr_rank_event {
    int64_t step;
    const char *layer;
    double ratio;          /* R; NaN when the probe was skipped */
    double standard_error; /* of R; 0 for a window of one step */
    int rank_before, rank_after;
    const char *note; /* "" or why a passing layer did not grow, or its probe was skipped */
} slr_rank_event;

typedef struct slr_rank_log {
    void (*write)(void *context, const slr_rank_event *event); /* may be NULL */
    void *context;
} slr_rank_log;

typedef struct slr_method slr_method;

/* `set` is finished and outlives the method; `steps` is the length of the run, for expand_until.
 * Draws the first candidates. */
selora_status slr_method_new(const slr_method_options *options, slr_adapter_set *set, int64_t steps,
                             slr_method **method, slr_error *err);
void slr_method_free(slr_method *method);

/* Steps count from 1. `samples`: the images of one micro-batch, rows of every slot divide by it. */
void slr_method_before_step(slr_method *method, int64_t step, int64_t samples);
void slr_method_after_backward(slr_method *method, int64_t step);
bool slr_method_wants_second_pass(const slr_method *method, int64_t step);
void slr_method_before_second_pass(slr_method *method, int64_t step, int64_t samples);
void slr_method_after_second_pass(slr_method *method, int64_t step);
/* Activates what was accepted, draws new candidates, reports every layer of a decision to `log`
 * (NULL: none). *moved tells that capacities grew: pointers into blocks and recorded graphs are
 * stale. */
selora_status slr_method_after_step(slr_method *method, int64_t step, const slr_rank_log *log,
                                    bool *moved, slr_error *err);

/* Every expansion so far, oldest first. */
typedef struct slr_expansion {
    int64_t step;
    int64_t layer; /* index in the set */
    int64_t rank;  /* after it */
} slr_expansion;
const slr_expansion *slr_method_expansions(const slr_method *method, size_t *count);

/* What a method keeps between steps beside the set (whose state, candidates included,
 * adapter_state.h saves): call after after_step. The writer borrows the method's memory until it
 * has saved. */
selora_status slr_method_save(const slr_method *method, slr_safetensors_writer *writer,
                              slr_error *err);
/* Into a new method of the same options. Resuming goes: set, method_new, adapter_state_load,
 * method_load. */
selora_status slr_method_load(slr_method *method, const slr_safetensors *file, slr_error *err);

#endif
