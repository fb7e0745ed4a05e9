/* SPDX-License-Identifier: MIT
 *
 * The element types of the safetensors format, shared by its reader and its writer.
 */
#ifndef SLR_STORED_TYPE_H
#define SLR_STORED_TYPE_H

#include "io/safetensors.h"

typedef struct slr_stored_type {
    const char *name; /* as in files */
    slr_dtype dtype;
    int bits;         /* of an element: some types are narrower than a byte */
} slr_stored_type;

const slr_stored_type *slr_stored_type_named(const char *name); /* NULL when unknown */

/* The place of a type in the reference writer's order; files begin with the tensors of the highest. */
int slr_stored_type_order(slr_dtype dtype);

#endif
