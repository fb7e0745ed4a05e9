/* SPDX-License-Identifier: MIT
 *
 * --memory and --max-memory.
 */
#ifndef SLR_MEMORY_OPTIONS_H
#define SLR_MEMORY_OPTIONS_H

#include "train/memory_fit.h"

/* `memory`: auto, A, A+, B, B+ or C; `most`: a size such as 3G or 500M, NULL for none. */
selora_status slr_memory_options_read(const char *memory, const char *most, slr_memory_rule *rule, slr_error *err);

#endif
