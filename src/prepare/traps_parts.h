/* SPDX-License-Identifier: MIT
 * The checks of prepare/traps.h, by what they look at. */
#ifndef SLR_TRAPS_PARTS_H
#define SLR_TRAPS_PARTS_H

#include "prepare/traps.h"

/* Adds a row (from 0) to a trap. */
void slr_trap_add(slr_trap *trap, size_t row);
/* Severity and text, when rows were added. */
void slr_trap_say(slr_trap *trap, slr_trap_severity severity, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

selora_status slr_traps_of_labels(const slr_trap_set *set, slr_traps *traps, slr_error *err);
selora_status slr_traps_of_copies(const slr_trap_set *set, slr_traps *traps, slr_error *err);
selora_status slr_traps_of_texts(const slr_trap_set *set, slr_traps *traps, slr_error *err);
selora_status slr_traps_of_pixels(const slr_trap_set *set, slr_traps *traps, slr_error *err);

#endif
