/* SPDX-License-Identifier: MIT
 *
 * Which kind of model a single .safetensors file holds, told before dozens of its tensors do not
 * fit.
 */
#ifndef SLR_SINGLE_FILE_H
#define SLR_SINGLE_FILE_H

#include "io/safetensors.h"

/* SELORA_BAD_INPUT with the kind's name for anything but a Stable Diffusion model under LDM names.
 * With configs of its own the file may differ from version 1.x in its sizes. */
selora_status slr_single_file_check(const slr_safetensors *file, bool has_config, slr_error *err);

#endif
