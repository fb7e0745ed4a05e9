/* SPDX-License-Identifier: MIT
 *
 * Numbers in rising order, and what lies between them.
 *
 *     slr_sort_doubles(values, count);
 *     double median = slr_quantile(values, count, 0.5);
 */
#ifndef SLR_QUANTILE_H
#define SLR_QUANTILE_H

#include <stddef.h>

/* Rising. Infinities may be among the values, NaN may not. */
void slr_sort_doubles(double *values, size_t count);

/* Of values in rising order; between two of them by linear interpolation. share 0..1; NaN without any value. */
double slr_quantile(const double *sorted, size_t count, double share);

#endif
