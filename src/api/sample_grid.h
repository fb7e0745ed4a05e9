/* SPDX-License-Identifier: MIT
 *
 * The pictures that a run draws at each validation: always the same prompts and the same noise, so that grids of
 * different steps differ by the adapter alone. Prompts are --validation-prompt, else captions of the validation part; they
 * are never written.
 */
#ifndef SLR_SAMPLE_GRID_H
#define SLR_SAMPLE_GRID_H

#include "api/train_job.h"
#include "report/picture_grid.h"

/* Working memory that drawing will take; 0 when no pictures are wanted. Refuses options that make no sense. */
selora_status slr_sample_grid_bytes(const slr_train_job *job, size_t *bytes, slr_error *err);

/* Draws with the adapters as they are now. SELORA_INTERRUPTED when the hooks say so. slr_picture_grid_free() in any case. */
selora_status slr_sample_grid_draw(const slr_train_job *job, slr_picture_grid *grid, slr_error *err);

#endif
