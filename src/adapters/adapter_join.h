/* SPDX-License-Identifier: MIT
 *
 * Several adapters as one: on a layer that more than one has, their components stand one behind the other.
 *
 *     SLR_TRY(slr_adapter_sets_join(sets, 2, &both, err));      (strengths are those that the sets have)
 */
#ifndef SLR_ADAPTER_JOIN_H
#define SLR_ADAPTER_JOIN_H

#include "adapters/adapter_set.h"

/* Caller slr_adapter_set_free()s *joined; the sets are not changed. */
selora_status slr_adapter_sets_join(slr_adapter_set *const *sets, int count, slr_adapter_set **joined,
                                    slr_error *err);

#endif
