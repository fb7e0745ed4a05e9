/* SPDX-License-Identifier: MIT
 *
 * The traps of a folder that trains, prepared by selora or not, from its pictures, texts and columns.
 */
#ifndef SLR_INSPECT_TRAPS_H
#define SLR_INSPECT_TRAPS_H

#include <jansson.h>

#include "data/dataset.h"
#include "data/split.h"
#include "io/csv.h"

/* Decodes every picture. `table` may be NULL; `split` is that of a training run. *traps: as in manifest.json.
 */
selora_status slr_inspect_traps(const slr_dataset *data, const slr_table *table, const slr_split *split,
                                const slr_hooks *hooks, json_t **traps, slr_error *err);

#endif
