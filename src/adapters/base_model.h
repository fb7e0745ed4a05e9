/* SPDX-License-Identifier: MIT
 *
 * Which other base model a layer belongs to, by its name and its widths. Names that no file of a 1.x adapter has are told
 * while reading (slr_names_foreign in adapter_names.h); this asks what is left.
 */
#ifndef SLR_BASE_MODEL_H
#define SLR_BASE_MODEL_H

#include "adapters/pairs.h"

/* "SDXL", "Stable Diffusion 2"; NULL where nothing speaks against Stable Diffusion 1.x or a model of its layout. */
const char *slr_pair_foreign_base(const slr_pair *pair);

#endif
