/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/rng.h"
#include "support/metric_vectors.h"

double *metric_vectors(int side, size_t count, size_t dim)
{
    double *values = malloc(count * dim * sizeof *values);
    for (size_t k = 0; k < count * dim; k++) {
        double i = (double)(k / dim), j = (double)(k % dim);
        values[k] = side == VECTOR_REAL ? sin(0.7 * i + 1.3 * j + 0.11 * i * j)
                                        : 0.9 * cos(0.5 * i + 0.8 * j + 0.07 * i * j) + 0.15;
    }
    return values;
}

double *metric_normal(unsigned seed, size_t count, size_t dim, double shift, double scale)
{
    double *values = malloc(count * dim * sizeof *values);
    slr_rng rng = slr_rng_at(seed, SLR_STREAM_TEST, 0, 0);
    for (size_t k = 0; k < count * dim; k++)
        values[k] = shift + scale * slr_rng_normal(&rng);
    return values;
}

void assert_near(double found, double wanted, double tolerance)
{
    double size = fabs(wanted) > 1 ? fabs(wanted) : 1;
    if (!(fabs(found - wanted) <= tolerance * size))
        fail_msg("found %.12g, expected %.12g", found, wanted);
}
