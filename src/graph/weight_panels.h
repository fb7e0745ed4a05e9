/* SPDX-License-Identifier: MIT
 * A stored tensor becomes a weight in the engine's layout, panel by panel and on every processor. */
#ifndef SLR_WEIGHT_PANELS_H
#define SLR_WEIGHT_PANELS_H

#include "graph/backend.h"

/* The rows and columns of the matrix that a weight is; a vector is one row. */
typedef struct slr_weight_size {
    int64_t rows, depth;
} slr_weight_size;
slr_weight_size slr_weight_size_of(const slr_weight_spec *spec);

/* Elements of the engine's layout: panels are filled up. */
size_t slr_weight_layout_count(const slr_weight_spec *spec);

/* What was met on the way. */
typedef struct slr_weight_range {
    bool finite; /* every value is */
    bool fits;   /* in the type asked for */
} slr_weight_range;

/* Writes slr_weight_layout_count() elements of `dtype` to `data`; F32 stands for slr_real. False when the tensor is of
 * a type that holds no real numbers. */
bool slr_weight_convert(const slr_weight_spec *spec, const slr_stored_tensor *tensor, slr_dtype dtype, void *data,
                        slr_weight_range *range);

#endif
