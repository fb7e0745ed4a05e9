/* SPDX-License-Identifier: MIT
 *
 * How fast a model trains or draws here: the real training step (text encoder, U-Net, loss, backward, scores,
 * Adam), one guided network call, the VAE's decoder or encoder, or one batch of pictures from text to pixels, over
 * made-up latents, pictures and texts.
 *
 *     slr_bench_options options = {.task = SLR_BENCH_TRAIN, .size = 224, .batch = 1, .repeat = 3,
 *                                  .backend = slr_backend_cpu(), .threads = 2};
 *     slr_bench_result result;
 *     SLR_TRY(slr_bench_run(model, &options, NULL, &result, err));
 *     printf("%.3f s a step\n", result.best_s);
 *     slr_bench_result_free(&result);
 */
#ifndef SLR_BENCH_H
#define SLR_BENCH_H

#include "core/hooks.h"
#include "models/model.h"
#include "train/ceiling.h"
#include "train/memory_fit.h"
#include "train/op_costs.h"

typedef enum slr_bench_task {
    SLR_BENCH_TRAIN,
    SLR_BENCH_DENOISE,
    SLR_BENCH_DECODE,
    SLR_BENCH_ENCODE,
    SLR_BENCH_GENERATE,
    SLR_BENCH_TASKS
} slr_bench_task;

enum { SLR_BENCH_SAMPLER_STEPS = 50 }; /* PNDM, guided: what `generate` does by default */

typedef struct slr_bench_options {
    slr_bench_task task;
    slr_method_kind method; /* training only */
    int64_t size;           /* pixels of a side, a multiple of the VAE's factor */
    int64_t batch;
    slr_memory_rule memory;
    int repeat;  /* timed steps, after one that is not */
    bool shapes; /* costs by class and shape of ops, not by class alone */
    const slr_backend *backend;
    int threads;
} slr_bench_options;

typedef struct slr_bench_result {
    double best_s, median_s; /* of one step */
    double samples_per_s;    /* at the median */
    double cpu_s;            /* processor time of one step over threads: what a quiet machine would need */
    double weights_s;        /* until the model is there; for the caller to fill in */
    double plan_s, first_s;  /* until everything is planned and has its memory; the step that is not counted */
    size_t plan_bytes;       /* working memory of the graphs */
    size_t weight_bytes;     /* weights on the heap */
    size_t adapter_bytes;
    size_t peak_bytes;     /* the most this process has held so far */
    size_t predicted_bytes;  /* what was expected of it */
    slr_recompute recompute; /* training only */
    double gmac;           /* 1e9 multiply-accumulates of one step, forward and backward */
    slr_ceiling ceiling;   /* the best matrix products of this run */
    double share;          /* of the better one, at the best step */
    slr_op_costs costs;    /* of one step on average */
    double other_s;        /* of one step on average, outside ops: draws, clipping, Adam, the method, the sampler */
    int layers;            /* adapted */
    int64_t parameters;    /* of their adapters */
} slr_bench_result;

unsigned slr_bench_parts(slr_bench_task task); /* of the model that a task needs, as in slr_model_random() */
/* `hooks` may be NULL. Free the result, also after a failure. */
selora_status slr_bench_run(const slr_model *model, const slr_bench_options *options, const slr_hooks *hooks,
                            slr_bench_result *result, slr_error *err);
void slr_bench_result_free(slr_bench_result *result);

#endif
