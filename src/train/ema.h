/* SPDX-License-Identifier: MIT
 *
 * A moving average of an adapter's parameters. A component that grows joins with the values it
 * has then.
 *
 *     SLR_TRY(slr_ema_new(set, 0.999, &ema, err));
 *     SLR_TRY(slr_ema_update(ema, step, err));      (after each step, ranks included)
 *     slr_ema_swap(ema);                            (the set now holds the average; again: back)
 *     slr_ema_free(ema);
 */
#ifndef SLR_EMA_H
#define SLR_EMA_H

#include "adapters/adapter_set.h"
#include "io/safetensors.h"

typedef struct slr_ema slr_ema;

/* The set outlives the average. */
selora_status slr_ema_new(slr_adapter_set *set, double decay, slr_ema **ema, slr_error *err);
void slr_ema_free(slr_ema *ema);

/* average = d average + (1 - d) value, d = min(decay, (1 + step) / (10 + step)). */
selora_status slr_ema_update(slr_ema *ema, int64_t step, slr_error *err);

/* Exchanges the set's acting rows with the averaged ones. Never train, grow or save in between. */
void slr_ema_swap(slr_ema *ema);

/* For checkpoints, beside slr_adapter_state_save; the writer borrows memory until it has saved. */
selora_status slr_ema_save(const slr_ema *ema, slr_safetensors_writer *writer, slr_error *err);
selora_status slr_ema_load(slr_ema *ema, const slr_safetensors *file, slr_error *err);

#endif
