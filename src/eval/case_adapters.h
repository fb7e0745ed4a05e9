/* SPDX-License-Identifier: MIT
 *
 * The adapters of a reference case as an adapter set: A, B and probe rows as given, a rank and a
 * number of probe rows for each layer.
 *
 *     slr_adapter_set *set;
 *     SLR_TRY(slr_case_adapters(c, &set, err));       (NULL when the case has none)
 *     ... run ...
 *     slr_adapter_set_free(set);
 */
#ifndef SLR_CASE_ADAPTERS_H
#define SLR_CASE_ADAPTERS_H

#include "adapters/adapter_set.h"
#include "eval/reference_case.h"

selora_status slr_case_adapters(const slr_reference_case *c, slr_adapter_set **set, slr_error *err);

#endif
