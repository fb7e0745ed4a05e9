/* SPDX-License-Identifier: MIT
 *
 * The yardstick of measurements: how fast this machine multiplies matrices right now.
 *
 *     slr_ceiling ceiling;
 *     SLR_TRY(slr_ceiling_measure(slr_backend_cpu(), 2, &ceiling, err));
 */
#ifndef SLR_CEILING_H
#define SLR_CEILING_H

#include "graph/backend.h"

/* 1e9 additions and multiplications a second, best of several runs. */
typedef struct slr_ceiling {
    double own;  /* the backend's linear layer, 784 x 1280 x 640 */
    double blas; /* the BLAS's sgemm, 2048^3 */
} slr_ceiling;

selora_status slr_ceiling_measure(const slr_backend *backend, int threads, slr_ceiling *ceiling, slr_error *err);
double slr_ceiling_best(const slr_ceiling *ceiling);

#endif
