/* SPDX-License-Identifier: MIT
 *
 * The yardstick of measurements: how fast this machine multiplies matrices right now.
 *
 *     double gflops;
 *     SLR_TRY(slr_ceiling_gflops(slr_backend_cpu(), 2, &gflops, err));
 */
#ifndef SLR_CEILING_H
#define SLR_CEILING_H

#include "graph/backend.h"

/* 1e9 additions and multiplications a second: the better of the backend's linear layer (784 x 1280 x 640) and the
 * BLAS's sgemm (2048^3), best of several runs each. */
selora_status slr_ceiling_gflops(const slr_backend *backend, int threads, double *gflops, slr_error *err);

#endif
