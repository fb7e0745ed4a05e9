/* SPDX-License-Identifier: MIT
 *
 * `selora train --save-as kohya,peft`: the best adapter of a run written for other tools as well.
 *
 *     SLR_TRY(slr_save_as_check("kohya,peft", err));                   (before training)
 *     SLR_TRY(slr_save_as("kohya,peft", "RUN", hooks, err));           (from RUN/adapter.safetensors)
 *
 * RUN/adapter-kohya.safetensors, RUN/adapter-peft/ and so on; those of an earlier end are replaced.
 */
#ifndef SLR_SAVE_AS_H
#define SLR_SAVE_AS_H

#include "core/hooks.h"
#include "core/status.h"

/* NULL is an empty list. */
selora_status slr_save_as_check(const char *list, slr_error *err);
selora_status slr_save_as(const char *list, const char *folder, const slr_hooks *hooks, slr_error *err);

#endif
