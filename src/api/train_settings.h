/* SPDX-License-Identifier: MIT
 *
 * The public training options turned into what the rooms below take, with every value that makes no sense refused by
 * the option's name; and what a run and a step-by-step trainer both need beside it.
 *
 *     slr_train_settings settings;
 *     SLR_TRY(slr_train_settings_read(&settings, context, model, options, err));
 *     SLR_TRY(slr_train_settings_adapters(&settings, model, hooks, &set, err));
 *     settings.trainer.steps = ...;
 *     SLR_TRY(slr_trainer_new(model, set, &settings.trainer, &trainer, err));
 *     slr_train_settings_free(&settings);
 */
#ifndef SLR_TRAIN_SETTINGS_H
#define SLR_TRAIN_SETTINGS_H

#include "api/context.h"
#include "data/image_prepare.h"
#include "models/clip_tokenizer.h"
#include "train/memory_fit.h"

typedef struct slr_train_settings {
    const selora_train_options *options;
    slr_prepare_options prepare; /* of training pictures; width, height: the training size */
    slr_adapter_options adapter;
    bool unet, text;             /* which components get adapters */
    slr_schedule schedule;
    slr_tokenizer *tokenizer;
    int64_t *empty_ids;          /* of the empty caption */
    slr_memory_rule memory;
    slr_trainer_options trainer; /* complete but for steps and the callbacks; points into this struct */
} slr_train_settings;

/* The struct must not move afterwards. `options` are borrowed. Zeroed on failure. */
selora_status slr_train_settings_read(slr_train_settings *settings, const selora_context *context,
                                      const slr_model *model, const selora_train_options *options, slr_error *err);
void slr_train_settings_free(slr_train_settings *settings);

/* A finished set over the chosen layers; caller frees. */
selora_status slr_train_settings_adapters(const slr_train_settings *settings, const slr_model *model,
                                          const slr_hooks *hooks, slr_adapter_set **set, slr_error *err);

/* Ids of a caption, (T) of them; *cut tells whether it was longer. */
selora_status slr_train_settings_encode(const slr_train_settings *settings, const char *caption, int64_t *ids,
                                        bool *cut, slr_error *err);

#endif
