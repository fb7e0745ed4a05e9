/* SPDX-License-Identifier: MIT
 *
 * A trainer over the tiny model and made-up latents, for tests of the loop itself.
 *
 *     tiny_training t;
 *     slr_trainer_options options = tiny_training_options(SLR_METHOD_SELORA);
 *     tiny_training_begin(&t, &options, "unet,text");
 *     tiny_training_run(&t, 10);
 *     tiny_training_end(&t);
 */
#ifndef TINY_TRAINING_H
#define TINY_TRAINING_H

#include "support/tiny_folder.h"
#include "train/trainer.h"

enum { TINY_PICTURES = 5, TINY_SIDE = 4 };

typedef struct tiny_training {
    slr_model *model;
    slr_adapter_set *set;
    slr_schedule schedule;
    slr_trainer *trainer;
    float *moments;                                /* (pictures, side, side, 8) */
    int64_t ids[TINY_PICTURES + 1][TINY_TOKENS];   /* the last is the empty caption */
    slr_train_sample pictures[TINY_PICTURES];
    slr_train_result last; /* of the last step */
} tiny_training;

/* 4x4 latents, batch 2, lr 1e-2, lambda 1.05, a decision every 5 steps. */
slr_trainer_options tiny_training_options(slr_method_kind method);
/* Everything is allocated; ends the test on failure. `components`: "unet", "text" or both. */
void tiny_training_begin(tiny_training *t, const slr_trainer_options *options, const char *components);
void tiny_training_end(tiny_training *t);
/* One step over pictures in order of SLR_STREAM_DATA_ORDER. */
selora_status tiny_training_step(tiny_training *t, slr_error *err);
/* Steps until `steps` are done in all; a failure ends the test. */
void tiny_training_run(tiny_training *t, int64_t steps);

/* Equal bits of every rank, parameter, candidate row, moment, age and scale. */
bool tiny_training_same(const tiny_training *a, const tiny_training *b);

#endif
