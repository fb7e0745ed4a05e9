/* SPDX-License-Identifier: MIT
 *
 * The two sides that published values of the metrics are given for. */
#ifndef METRIC_VECTORS_H
#define METRIC_VECTORS_H

#include <stddef.h>

enum { VECTOR_REAL, VECTOR_SYNTHETIC };

/* (count, dim): X sin(0.7 i + 1.3 j + 0.11 i j) or Y 0.9 cos(0.5 i + 0.8 j + 0.07 i j) + 0.15. free() it. */
double *metric_vectors(int side, size_t count, size_t dim);
/* (count, dim) of N(shift, scale^2) from a seed. free() it. */
double *metric_normal(unsigned seed, size_t count, size_t dim, double shift, double scale);

/* Fails the test unless |found - wanted| <= tolerance max(1, |wanted|). */
void assert_near(double found, double wanted, double tolerance);

#endif
