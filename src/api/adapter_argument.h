/* SPDX-License-Identifier: MIT
 *
 * "FILE" or "FILE:strength" as users write it, a line each, loaded onto a model.
 *
 *     slr_chosen_adapters chosen = {0};
 *     SLR_TRY(slr_chosen_adapters_load("a.safetensors\nb.safetensors:0.5", model, false, hooks, &chosen, err));
 *     SLR_TRY(slr_chosen_adapters_join(&chosen, err));
 *     ... chosen.set, NULL for no adapter ...
 *     slr_chosen_adapters_free(&chosen);
 */
#ifndef SLR_ADAPTER_ARGUMENT_H
#define SLR_ADAPTER_ARGUMENT_H

#include "adapters/adapter_set.h"
#include "core/hooks.h"
#include "io/checksum.h"
#include "models/model.h"

enum { SLR_MOST_ADAPTERS = 16 };

typedef struct slr_chosen_adapters {
    slr_adapter_set *set; /* all of them together, after slr_chosen_adapters_join() */
    int count;
    slr_adapter_set *sets[SLR_MOST_ADAPTERS]; /* each with its strength */
    char *paths[SLR_MOST_ADAPTERS];
    double strengths[SLR_MOST_ADAPTERS];
} slr_chosen_adapters;

/* Loads nothing for NULL. Free it also after a failure. */
selora_status slr_chosen_adapters_load(const char *argument, const slr_model *model, bool strict,
                                       const slr_hooks *hooks, slr_chosen_adapters *chosen, slr_error *err);
/* Makes `set`; the single ones are not needed any more and are gone but for one alone. */
selora_status slr_chosen_adapters_join(slr_chosen_adapters *chosen, slr_error *err);
void slr_chosen_adapters_free(slr_chosen_adapters *chosen);
/* Of the file; of several: of their sums in order. "" for none. */
selora_status slr_chosen_adapters_hash(const slr_chosen_adapters *chosen, char hex[SLR_SHA256_HEX], slr_error *err);

/* What the model cannot use is warned of, with `strict` refused. */
selora_status slr_adapter_open(const char *path, const slr_model *model, double strength, bool strict,
                               const slr_hooks *hooks, slr_adapter_set **set, slr_error *err);

#endif
