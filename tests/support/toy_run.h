/* SPDX-License-Identifier: MIT
 *
 * Training a toy: batches of random x against a fixed linear teacher, squared error, Adam, a
 * method. What is drawn for a step depends on the step alone.
 *
 *     toy_run *run = toy_run_new(&shape, &set_options, &options, steps, slr_backend_ref());
 *     toy_run_steps(run, 1, 40);
 *     ... toy_layer(run->toy, 0)->slot.rank, run->events[0].ratio ...
 *     toy_run_free(run);
 */
#ifndef TOY_RUN_H
#define TOY_RUN_H

#include "adapters/method.h"
#include "support/toy.h"
#include "train/optimizer.h"

enum { TOY_MAX_EVENTS = 4096 };

typedef struct toy_run {
    toy *toy;
    slr_method *method;
    slr_adam adam;
    slr_learning_rates rates;
    slr_real *teacher; /* (out, in): what is learnt on top of the frozen chain */
    double noise;      /* of the targets */
    int event_count;
    slr_rank_event events[TOY_MAX_EVENTS];
    int moves;   /* times that capacities grew */
    double loss; /* of the last step */
    /* Called after backward, before the method looks; may be NULL. */
    void (*meddle)(struct toy_run *run, int64_t step);
} toy_run;

/* The options' probe rows are put into the set's. Default rates are 1e-2. */
toy_run *toy_run_new(const toy_shape *shape, const slr_adapter_options *set_options,
                     const slr_method_options *options, int64_t steps, const slr_backend *backend);
void toy_run_free(toy_run *run);
/* The difference to learn gets this rank (default: full) and size. */
void toy_run_teach(toy_run *run, int rank, double size);
void toy_run_steps(toy_run *run, int64_t first, int64_t last);
/* Gradients of the step's batch at the present parameters. */
void toy_run_pass(toy_run *run, int64_t step);

#endif
