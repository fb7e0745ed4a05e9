/* SPDX-License-Identifier: MIT
 *
 * All of an adapter set, bit for bit, for checkpoints: ranks, scales, A with its candidate rows,
 * B, Adam moments and ages. (The file for other programs is adapter_file.h.)
 *
 *     SLR_TRY(slr_adapter_state_save(set, writer, err));
 *     ...
 *     SLR_TRY(slr_adapter_state_load(set, file, err));     (a set of the same layers and options)
 *
 * Tensors are named "adapter." + layer + ".a" (rank + probes, in), ".bt" (rank, out), ".m_a",
 * ".v_a", ".m_bt", ".v_bt" (rank rows), ".age_a", ".age_bt" (rank), ".scale" (1).
 */
#ifndef SLR_ADAPTER_STATE_H
#define SLR_ADAPTER_STATE_H

#include "adapters/adapter_set.h"
#include "io/safetensors.h"

/* The writer borrows memory of the set until it has saved. */
selora_status slr_adapter_state_save(const slr_adapter_set *set, slr_safetensors_writer *writer,
                                     slr_error *err);
/* Every layer must be there and no other; all misfits are listed in one error, the set is then
 * unchanged. Capacities may grow: record graphs afterwards. */
selora_status slr_adapter_state_load(slr_adapter_set *set, const slr_safetensors *file,
                                     slr_error *err);

#endif
