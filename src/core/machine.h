/* SPDX-License-Identifier: MIT
 *
 * The machine in words, for reports: nothing that names it or its owner.
 */
#ifndef SLR_MACHINE_H
#define SLR_MACHINE_H

#include <stddef.h>

/* "Intel(R) Xeon(R) Gold 6330, 2 processors, 25.0 GB of memory". */
void slr_machine_describe(char *text, size_t size);
/* The most memory this process has held so far. */
size_t slr_machine_peak_memory(void);

#endif
