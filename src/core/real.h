/* SPDX-License-Identifier: MIT
 *
 * The number type of activations, parameters and gradients: float in the program, double in the
 * library that the identity and finite-difference tests link (SLR_REAL_IS_DOUBLE).
 */
#ifndef SLR_REAL_H
#define SLR_REAL_H

#ifdef SLR_REAL_IS_DOUBLE
typedef double slr_real;
#else
typedef float slr_real;
#endif

#endif
