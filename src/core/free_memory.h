/* SPDX-License-Identifier: MIT
 *
 * How much memory a job may still take, so that one that cannot fit is refused with the figures instead of being
 * killed half-way.
 */
#ifndef SLR_FREE_MEMORY_H
#define SLR_FREE_MEMORY_H

#include <stddef.h>

#include "core/status.h"

/* Bytes that the system and the process's control group and limits leave; SIZE_MAX where nobody tells. */
size_t slr_free_memory(void);
/* SELORA_NO_RESOURCE with both figures and `advice` when `bytes` are more than that. */
selora_status slr_check_free_memory(size_t bytes, const char *what, const char *advice, slr_error *err);

#endif
