/* SPDX-License-Identifier: MIT
 *
 * The values that training options take in a sweep, from its JSON file and from its options.
 *
 *     slr_sweep_axes axes = {0};
 *     SLR_TRY(slr_sweep_axes_read(&axes, options, err));
 *     slr_sweep_axes_free(&axes);
 */
#ifndef SLR_SWEEP_AXES_H
#define SLR_SWEEP_AXES_H

#include "core/status.h"
#include "selora_sweep.h"

typedef struct slr_sweep_axis {
    const selora_option *option; /* of `selora train` */
    char **values;               /* as on a command line */
    size_t count, capacity;
} slr_sweep_axis;

typedef struct slr_sweep_axes {
    slr_sweep_axis *axes; /* the last value of an option counts */
    size_t count, capacity;
    char *out;
    char *controls; /* with commas; "" for none */
} slr_sweep_axes;

/* Zeroed on failure. */
selora_status slr_sweep_axes_read(slr_sweep_axes *axes, const selora_sweep_options *options, slr_error *err);
void slr_sweep_axes_free(slr_sweep_axes *axes);

#endif
