/* SPDX-License-Identifier: MIT
 *
 * Layers of an adapter put into the weights of an open model, with the strength that they have, for as long as it lives.
 * Convolutions larger than 1x1 have no op beside the weight: for them this is the only way.
 *
 *     SLR_TRY(slr_model_merge_layers(model, set, chosen, threads, err));      chosen[i]: layer i of the set
 */
#ifndef SLR_MERGE_WEIGHTS_H
#define SLR_MERGE_WEIGHTS_H

#include "adapters/adapter_set.h"
#include "models/model.h"

/* Before any graph of the model is planned. What is merged is taken out of the set. Sums are made from the stored
 * weights and rounded once to the type in which the model holds them. */
selora_status slr_model_merge_layers(slr_model *model, slr_adapter_set *set, const bool *chosen, int threads,
                                     slr_error *err);

#endif
