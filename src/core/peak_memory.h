/* SPDX-License-Identifier: MIT
 *
 * The most memory that this process has held at a time, since it began or since it was asked to forget.
 *
 *     bool anew = slr_peak_memory_forget();
 *     ... a job ...
 *     printf("%zu bytes\n", slr_peak_memory());
 */
#ifndef SLR_PEAK_MEMORY_H
#define SLR_PEAK_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes; 0 where the system does not tell. */
size_t slr_peak_memory(void);
/* False where the system does not let it: the peak then counts from the start of the process. */
bool slr_peak_memory_forget(void);

#endif
