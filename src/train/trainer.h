/* SPDX-License-Identifier: MIT
 *
 * The training loop's body: batches of latents and captions in, adapters moved. Knows no files.
 *
 *     slr_trainer *trainer;
 *     SLR_TRY(slr_trainer_new(model, set, &options, &trainer, err));
 *     printf("%zu bytes\n", slr_trainer_bytes(trainer));         (nothing large is allocated so far)
 *     SLR_TRY(slr_trainer_allocate(trainer, err));
 *     while (slr_trainer_steps_done(trainer) < options.steps) {
 *         slr_train_result result;
 *         SLR_TRY(slr_trainer_step(trainer, samples, &result, err));
 *     }
 *     slr_trainer_free(trainer);
 *
 * A step: for each of its batches draw, forward, backward (gradients add up, so `accumulate` batches of N are one of
 * N * accumulate), then the method's scores, clipping, Adam, the method's second pass if it has one, the method's
 * ranks, the moving average. It allocates nothing unless a rank outgrows its capacity. After a failed step the
 * trainer refuses further ones; what it had written before is untouched.
 */
#ifndef SLR_TRAINER_H
#define SLR_TRAINER_H

#include "adapters/method.h"
#include "io/safetensors.h"
#include "train/lr_schedule.h"
#include "train/optimizer.h"
#include "train/step_costs.h"
#include "train/text_states.h"
#include "train/train_batch.h"
#include "train/train_graph.h"

/* Told of every sample that is drawn, in order; for tests and stream checks. */
typedef void slr_train_observer(void *context, int64_t step, int64_t item, const slr_train_sample *sample,
                                const slr_train_draw *draw);

typedef struct slr_trainer_options {
    slr_method_options method;
    slr_adam adam;
    slr_lr_schedule schedule;
    slr_learning_rates rates; /* at factor 1 */
    double max_grad_norm;     /* 0: no clipping */
    double ema;               /* decay; 0: no average */
    int64_t steps;            /* of the whole run */
    int64_t batch, accumulate;
    int64_t height, width, tokens; /* of latents, of texts */
    bool train_text;               /* the text encoder has adapters */
    slr_draw_rules draw;           /* area, channels and scaling_factor are filled in */
    slr_recompute recompute;       /* what backward computes again instead of keeping it */
    const slr_backend *backend;
    int threads;
    slr_rank_log rank_log;
    slr_train_observer *observer; /* may be NULL */
    void *observer_context;
} slr_trainer_options;

typedef struct slr_trainer slr_trainer;

/* `set` is finished, made with slr_method_probe_rows() candidates, and outlives the trainer, as the model does and what the
 * options point to. */
selora_status slr_trainer_new(const slr_model *model, slr_adapter_set *set, const slr_trainer_options *options,
                              slr_trainer **trainer, slr_error *err);
void slr_trainer_free(slr_trainer *trainer);
/* Before slr_trainer_allocate: records the graphs anew. */
selora_status slr_trainer_set_recompute(slr_trainer *trainer, slr_recompute recompute, slr_error *err);
size_t slr_trainer_bytes(const slr_trainer *trainer); /* working memory of graphs, adapters not counted */
int64_t slr_trainer_macs(const slr_trainer *trainer); /* of one forward run of one batch */
selora_status slr_trainer_allocate(slr_trainer *trainer, slr_error *err);

typedef struct slr_train_result {
    int64_t step; /* steps done, this one included */
    double loss;
    double gradient_norm; /* before clipping */
    slr_learning_rates rates;
    int64_t total_rank, parameters; /* acting ones, after the step */
    double method_seconds; /* of the step, for what adapts ranks: see slr_step_costs */
    bool grown; /* some rank passed its capacity: the graphs are new */
} slr_train_result;

/* `samples`: batch * accumulate of them. SELORA_NUMERIC names the module whose output, gradient or weight is not finite;
 * nothing has moved then unless it is a weight. */
selora_status slr_trainer_step(slr_trainer *trainer, const slr_train_sample *samples, slr_train_result *result,
                               slr_error *err);

int64_t slr_trainer_steps_done(const slr_trainer *trainer);
const slr_step_costs *slr_trainer_costs(const slr_trainer *trainer); /* of the steps since slr_trainer_new */
const slr_trainer_options *slr_trainer_get_options(const slr_trainer *trainer);
const slr_method *slr_trainer_method(const slr_trainer *trainer);
/* NULL when the text encoder is trained. */
slr_text_states *slr_trainer_text_states(slr_trainer *trainer);

/* The training graph, for forward runs between steps, and its text input at place n of the batch. */
slr_train_graph *slr_trainer_graph(slr_trainer *trainer);
void slr_trainer_put_text(slr_trainer *trainer, int64_t n, const int64_t *ids);

/* Exchanges the adapters with their moving average (nothing without one). Call twice around validation and export. */
void slr_trainer_swap_average(slr_trainer *trainer);

/* Everything a later step depends on: adapters, optimiser, method, average. The step count is the caller's to keep.
 * The writer borrows memory until it has saved. */
selora_status slr_trainer_save(const slr_trainer *trainer, slr_safetensors_writer *writer, slr_error *err);
/* Into a trainer that has not stepped; before or after slr_trainer_allocate. */
selora_status slr_trainer_load(slr_trainer *trainer, const slr_safetensors *file, int64_t steps_done,
                               slr_error *err);

#endif
