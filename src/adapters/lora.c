/* SPDX-License-Identifier: MIT
 * Plain LoRA: ranks stay as they are. */
#include "adapters/method_state.h"

const slr_method_table slr_method_lora = {0};
