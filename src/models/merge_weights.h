/* SPDX-License-Identifier: MIT
 *
 * Adapters of convolutions larger than 1x1 have no op beside the weight: they are put into the weights of an open
 * model, with the strength that they have, for as long as it lives.
 *
 *     SLR_TRY(slr_model_merge_convolutions(model, set, threads, &merged, err));
 */
#ifndef SLR_MERGE_WEIGHTS_H
#define SLR_MERGE_WEIGHTS_H

#include "adapters/adapter_set.h"
#include "models/model.h"

/* Before any graph of the model is planned. *merged: layers of that kind. */
selora_status slr_model_merge_convolutions(slr_model *model, slr_adapter_set *set, int threads, int *merged,
                                           slr_error *err);

#endif
