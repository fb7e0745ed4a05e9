/* SPDX-License-Identifier: MIT
 *
 * The numbers of one stored weight with adapters added: W + sum of scale B A in double from the stored values, rounded
 * once. Rows are shared among threads; no result depends on their number.
 *
 *     slr_merged_tensor merged = {.source = tensor, .dtype = SLR_DTYPE_F16, .layer = "unet.mid_block...to_q",
 *                                 .sets = sets, .set_count = 2, .threads = 2};
 *     SLR_TRY(slr_merged_tensor_make(&merged, data, err));
 */
#ifndef SLR_MERGED_TENSOR_H
#define SLR_MERGED_TENSOR_H

#include "adapters/adapter_set.h"
#include "io/safetensors.h"

typedef struct slr_merged_tensor {
    const slr_stored_tensor *source;
    slr_dtype dtype;   /* wanted: F32, F16, BF16, or the source's own */
    const char *layer; /* whose weight it is; NULL: nothing is added */
    slr_adapter_set *const *sets;
    int set_count, threads;
} slr_merged_tensor;

/* SELORA_NUMERIC when a number is not finite in the type. The source is not needed in memory afterwards. */
selora_status slr_merged_tensor_make(const slr_merged_tensor *tensor, void *data, slr_error *err);

#endif
