/* SPDX-License-Identifier: MIT
 *
 * The frozen weights of a model: one store, keyed by canonical name, shared by every graph of the model. Each is read
 * once and held once, in the engine's layout (backend.h) and in the type that the policy gives.
 */
#ifndef SLR_WEIGHTS_H
#define SLR_WEIGHTS_H

#include "graph/backend.h"
#include "io/safetensors.h"

/* In which type matrices, convolutions and tables are held; norms and biases are always slr_real. The double library
 * holds everything in double. */
typedef enum slr_weight_policy {
    SLR_WEIGHTS_KEEP, /* as stored: exact (F64 becomes F32) */
    SLR_WEIGHTS_AUTO, /* as stored where that has 16 bits, else F16: half the memory, relative error 2^-12 */
    SLR_WEIGHTS_F16,
    SLR_WEIGHTS_BF16,
    SLR_WEIGHTS_F32,
    SLR_WEIGHTS_AUTO_BF16 /* AUTO beside products in bf16: as they round to bf16, F32 matrices become BF16 at once, which
                           * packs faster; tables F16 */
} slr_weight_policy;

const char *slr_weight_policy_name(slr_weight_policy policy);
/* "keep", "auto", "f16", "bf16" or "f32"; NULL means "auto". False for another name. */
bool slr_weight_policy_named(const char *name, slr_weight_policy *policy);

typedef struct slr_weight_store slr_weight_store;
slr_weight_store *slr_weight_store_new(slr_weight_policy policy); /* NULL when memory lacks */
void slr_weight_store_free(slr_weight_store *store);

/* Adds one weight from a stored tensor, file order; only the element count is compared with `spec` (1x1 convolutions
 * may be stored as matrices and the other way round). Non-finite values are refused by name; values too large for the
 * policy's type keep F32. */
selora_status slr_weight_store_add(slr_weight_store *store, const slr_weight_spec *spec,
                                   const slr_stored_tensor *tensor, slr_error *err);
/* The same from numbers in file order, which count as stored in F32. */
selora_status slr_weight_store_add_values(slr_weight_store *store, const slr_weight_spec *spec,
                                          const slr_real *values, slr_error *err);
/* Other numbers for a weight that is there, in file order, held as if they were stored as `stored`. No plan may
 * have been made with it. */
selora_status slr_weight_store_replace(slr_weight_store *store, const char *name, const slr_real *values,
                                       slr_dtype stored, slr_error *err);
/* Memory that adding a weight stored as `stored` will take. */
size_t slr_weight_store_needs(const slr_weight_store *store, const slr_weight_spec *spec, slr_dtype stored);

const slr_weight *slr_weight_store_find(const slr_weight_store *store, const char *name); /* or NULL */
slr_weight_policy slr_weight_store_policy(const slr_weight_store *store);
size_t slr_weight_store_count(const slr_weight_store *store);
size_t slr_weight_store_bytes(const slr_weight_store *store);

#endif
