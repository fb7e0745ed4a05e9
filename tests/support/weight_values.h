/* SPDX-License-Identifier: MIT
 * A weight's numbers out of the engine's layout. */
#ifndef WEIGHT_VALUES_H
#define WEIGHT_VALUES_H

#include "graph/backend.h"

slr_real *weight_values(const slr_weight *weight); /* in file order; free() it */

#endif
