/* SPDX-License-Identifier: MIT
 *
 * The loss over the validation part, always with the same latents, noise and timesteps: equal adapters give equal
 * bits, and better ones a lower number.
 *
 *     slr_validation *validation;
 *     SLR_TRY(slr_validation_new(&rules, samples, count, &validation, err));     (latents are drawn here)
 *     SLR_TRY(slr_validation_run(validation, trainer, hooks, &loss, err));
 *     slr_validation_free(validation);
 *
 * Every picture is looked at the same number of times, at least SLR_VALIDATION_DRAWS looks in all. Timesteps are
 * stratified: look i of n falls into the i-th of n equal parts of the schedule, which look gets which part is drawn
 * once. The loss is the plain mean squared error, each look weighing the same whatever batch it was computed in.
 */
#ifndef SLR_VALIDATION_H
#define SLR_VALIDATION_H

#include "core/hooks.h"
#include "train/trainer.h"

enum { SLR_VALIDATION_DRAWS = 16 };

typedef struct slr_validation slr_validation;

/* Samples' ids must outlive it, moments need not. `rules`: seed, schedule, area, channels, scaling_factor. */
selora_status slr_validation_new(const slr_draw_rules *rules, const slr_train_sample *samples, size_t count,
                                 slr_validation **validation, slr_error *err);
void slr_validation_free(slr_validation *validation);

/* How many looks there are, and the timestep of each. */
size_t slr_validation_looks(const slr_validation *validation);
int slr_validation_timestep(const slr_validation *validation, size_t look);

/* Between steps of the trainer, whose graph it borrows. SELORA_INTERRUPTED when the hooks say so, SELORA_NUMERIC
 * when the loss is not finite. Adapters, gradients and streams are untouched. */
selora_status slr_validation_run(slr_validation *validation, slr_trainer *trainer, const slr_hooks *hooks,
                                 double *loss, slr_error *err);

#endif
