/* SPDX-License-Identifier: MIT
 *
 * Inside of a method, shared by the files that make one: method.c (options, life), candidates.c
 * (rows that are tested), growth.c (which layers grow, and growing), selora.c and
 * selora_authors.c (when what is measured).
 */
#ifndef SLR_METHOD_STATE_H
#define SLR_METHOD_STATE_H

#include "adapters/method.h"
#include "adapters/score.h"

/* What one layer keeps between steps, all in slr_method.vectors; NULL where the options need
 * none. */
typedef struct slr_probe_memory {
    slr_real *previous; /* (q, out) probe gradients of the step before, for SLR_FISHER_CROSS */
    slr_real *squares;  /* (q, out) sums of squared probe gradients, for SLR_ON_EXPAND_WARM */
    slr_real *look;     /* (out) power iteration: direction shown to backward */
    slr_real *look_ga;  /* (in) what backward gave for it */
    slr_real *mean;     /* (in) moving average of that */
} slr_probe_memory;

typedef struct slr_decision {
    bool probed, grows;
    double ratio, error;
    double gain; /* candidates with more come first */
    int row;     /* the candidate to adopt */
    const char *note;
} slr_decision;

typedef struct slr_method_table {
    void (*before_step)(slr_method *method, int64_t step, int64_t samples);
    void (*after_backward)(slr_method *method, int64_t step);
    bool second_pass;
    void (*before_second_pass)(slr_method *method, int64_t step, int64_t samples);
    void (*after_second_pass)(slr_method *method, int64_t step);
} slr_method_table;

extern const slr_method_table slr_method_lora, slr_method_selora, slr_method_selora_authors;

struct slr_method {
    slr_method_options options;
    slr_adapter_set *set;
    const slr_method_table *table;
    int64_t steps;
    int layers, rows;      /* rows: candidates per layer, q */
    slr_score *scores;     /* (layers) of the present window */
    double *row_energy;    /* (layers, q) sums over the window, for the choice of the row */
    double *present;       /* (layers) energies before the optimiser step, for the extra pass */
    double *sample_energy; /* (layers, 1 + q) what kernels add to */
    slr_real *vectors;
    size_t vector_count;
    slr_probe_memory *memory; /* (layers) */
    slr_decision *decisions;  /* (layers) */
    bool *seen;               /* (layers) scratch of the settling */
    int *wanted;              /* (layers) scratch: ranks to make room for */
    bool decided;             /* decisions wait for after_step */
    slr_expansion *expansions;
    size_t expansion_count, expansion_capacity;
};

/* ---- when ---- */
bool slr_method_decides(const slr_method *method, int64_t step);
bool slr_method_in_window(const slr_method *method, int64_t step);
/* Switches the candidate rows of all slots on or off. */
void slr_method_show_candidates(slr_method *method, bool shown);

/* ---- candidates.c ---- */
size_t slr_candidates_vectors(const slr_method_options *options, int64_t in,
                              int64_t out); /* numbers wanted */
void slr_candidates_lay_out(slr_method *method);
/* New rows for one layer; `step` keys the stream. */
void slr_candidates_draw(slr_method *method, int layer, int64_t step);
/* The row that is adopted instead of the tested one. */
void slr_candidates_draw_fresh(slr_method *method, int layer, int64_t step);
/* Power iteration: read this step's probe gradient, then (after the step) turn the row. */
void slr_candidates_look(slr_method *method, int layer);
void slr_candidates_turn(slr_method *method, int layer);

/* ---- growth.c ---- */
/* Fills the decision of one probed layer. `surplus`: n of the candidates. */
void slr_growth_decide(slr_method *method, int layer, double ratio, double error, double surplus);
/* Applies the caps to all decisions and lets them wait for after_step. */
void slr_growth_settle(slr_method *method);
selora_status slr_growth_apply(slr_method *method, int64_t step, const slr_rank_log *log,
                               bool *moved, slr_error *err);

#endif
