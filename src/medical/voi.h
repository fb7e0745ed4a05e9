/* SPDX-License-Identifier: MIT
 *
 * Values of interest (PS3.3 C.11.2): windows as functions from values to greys, in double.
 */
#ifndef SLR_VOI_H
#define SLR_VOI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum slr_voi_function {
    SLR_VOI_LINEAR,       /* C.11.2.1.2.1, width >= 1 */
    SLR_VOI_LINEAR_EXACT, /* C.11.2.1.3.2, width > 0 */
    SLR_VOI_SIGMOID       /* C.11.2.1.3.1, width > 0 */
} slr_voi_function;

typedef struct slr_window {
    slr_voi_function function;
    double centre, width;
} slr_window;

/* Finite, and of a width that its function is made for. */
bool slr_window_is_valid(const slr_window *window);
/* 0..1 for a value after the modality step. */
double slr_window_grey(const slr_window *window, double x);
/* Where the window begins and ends; of a sigmoid: centre -+ width / 2. */
void slr_window_range(const slr_window *window, double *low, double *high);

/* low is 0, high is 1, straight between; a step above low when they are equal. */
double slr_range_grey(double low, double high, double x);

/* How often each value occurs. */
typedef struct slr_value_count {
    double value;
    uint64_t count;
} slr_value_count;

/* Sorts by value (the order is kept where it is right already). */
void slr_value_counts_sort(slr_value_count *values, size_t n);
/* The p-th percentile (0..100) of sorted values, straight between neighbours as numpy.percentile has it;
 * NaN when nothing was counted. */
double slr_percentile(const slr_value_count *sorted, size_t n, double p);

#endif
