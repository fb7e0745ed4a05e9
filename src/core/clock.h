/* SPDX-License-Identifier: MIT */
#ifndef SLR_CLOCK_H
#define SLR_CLOCK_H

/* Monotonic seconds since an arbitrary moment. */
double slr_clock_seconds(void);

#endif
