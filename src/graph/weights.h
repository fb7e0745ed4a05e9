/* SPDX-License-Identifier: MIT
 *
 * The frozen weights of a model: one store, keyed by canonical name, shared by every graph of the model.
 * F32 tensors whose layout is the engine's own are used where they lie in the mapped file; others are
 * converted once.
 */
#ifndef SLR_WEIGHTS_H
#define SLR_WEIGHTS_H

#include "graph/backend.h"
#include "io/safetensors.h"

typedef struct slr_weight_store slr_weight_store;
slr_weight_store *slr_weight_store_new(void); /* NULL when memory lacks */
void slr_weight_store_free(slr_weight_store *store);

/* Adds one weight from a mapped tensor that outlives the store; only the element count is compared with `spec`
 * (1x1 convolutions may be stored as matrices and the other way round). Non-finite values are refused by name. */
selora_status slr_weight_store_add(slr_weight_store *store, const slr_weight_spec *spec,
                                   const slr_stored_tensor *tensor, slr_error *err);
/* Heap that adding it will take: none for floats that can stay in their file. */
size_t slr_weight_store_needs(const slr_weight_spec *spec, const slr_stored_tensor *tensor);
/* Adds one weight with values in file order; the store copies them. */
selora_status slr_weight_store_add_values(slr_weight_store *store, const slr_weight_spec *spec,
                                          const slr_real *values, slr_error *err);
/* The same without a copy: the values come from slr_alloc_aligned() and belong to the store, whatever it returns. */
selora_status slr_weight_store_take_values(slr_weight_store *store, const slr_weight_spec *spec,
                                           slr_real *values, slr_error *err);

const slr_weight *slr_weight_store_find(const slr_weight_store *store, const char *name); /* or NULL */
size_t slr_weight_store_count(const slr_weight_store *store);
size_t slr_weight_store_bytes(const slr_weight_store *store); /* heap held; mapped files not counted */

/* Reorders a convolution from (out, in, kh, kw) to (out, kh, kw, in). */
void slr_conv_weight_pack(const slr_weight_spec *spec, const slr_real *file_order, slr_real *packed);

#endif
