/* SPDX-License-Identifier: MIT
 *
 * Which layers of an adapter `selora generate` puts into the weights: convolutions, and those where the time of one
 * picture is larger beside them. Other pictures of the job do not count, so that each has the same bits in every job.
 *
 *     SLR_TRY(slr_merge_for_drawing(context, model, options, set, err));
 */
#ifndef SLR_MERGE_CHOICE_H
#define SLR_MERGE_CHOICE_H

#include "api/context.h"

/* By options->merge. `set` may be NULL; what is merged is taken out of it. Before any graph is planned. */
selora_status slr_merge_for_drawing(const selora_context *context, slr_model *model, const selora_generate_options *options,
                                    slr_adapter_set *set, slr_error *err);

#endif
