/* SPDX-License-Identifier: MIT
 *
 * The job of `selora prepare` for jobs that begin with it.
 */
#ifndef SLR_PREPARE_DATA_H
#define SLR_PREPARE_DATA_H

#include "api/context.h"

/* The options are checked. */
selora_status slr_prepare_data(selora_context *context, const selora_prepare_options *options,
                               slr_error *err);

#endif
