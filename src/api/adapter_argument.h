/* SPDX-License-Identifier: MIT
 *
 * "FILE" or "FILE:strength" as users write it, loaded onto a model.
 */
#ifndef SLR_ADAPTER_ARGUMENT_H
#define SLR_ADAPTER_ARGUMENT_H

#include "adapters/adapter_set.h"
#include "core/hooks.h"
#include "models/model.h"

/* *set is NULL for a NULL argument; *path (caller frees) is the file alone. */
selora_status slr_adapter_argument_load(const char *argument, const slr_model *model, bool strict,
                                        const slr_hooks *hooks, slr_adapter_set **set, char **path, double *strength,
                                        slr_error *err);
/* What the model cannot use is warned of, with `strict` refused. */
selora_status slr_adapter_open(const char *path, const slr_model *model, double strength, bool strict,
                               const slr_hooks *hooks, slr_adapter_set **set, slr_error *err);

#endif
