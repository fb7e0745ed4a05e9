/* SPDX-License-Identifier: MIT */
#include "support/weight_values.h"

#include <stdlib.h>
#include <string.h>

slr_real *weight_values(const slr_weight *weight)
{
    const slr_weight_spec *spec = weight->spec;
    int64_t count = slr_weight_elements(spec), rows = spec->shape[0], columns = count / rows;
    int64_t taps = spec->kind == SLR_WEIGHT_CONV ? spec->shape[2] * spec->shape[3] : 1, in = columns / taps;
    slr_real *values = malloc((size_t)count * sizeof *values);
    if (!values)
        abort();
    if (spec->kind == SLR_WEIGHT_VECTOR) {
        memcpy(values, weight->values, (size_t)count * sizeof *values);
        return values;
    }
    for (int64_t o = 0; o < rows; o++)
        for (int64_t c = 0; c < in; c++)
            for (int64_t t = 0; t < taps; t++)
                values[(o * in + c) * taps + t] = slr_weight_at(weight, o, t * in + c);
    return values;
}
