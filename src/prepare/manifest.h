/* SPDX-License-Identifier: MIT
 *
 * Traps as JSON, as manifest.json and `selora inspect --json` have them.
 */
#ifndef SLR_MANIFEST_H
#define SLR_MANIFEST_H

#include <jansson.h>

#include "prepare/traps.h"

/* A list of {trap, severity, rows, first_rows, seen, advice}; all: with those that found nothing. */
json_t *slr_traps_json(const slr_traps *traps, bool all);

#endif
