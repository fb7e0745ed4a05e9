/* SPDX-License-Identifier: MIT */
#include "eval/standardise.h"

#include <math.h>
#include <stdlib.h>

#include "core/memory.h"

selora_status slr_scaling_fit(const double *real, size_t count, size_t dim, bool rounded, slr_scaling *scaling,
                              slr_error *err)
{
    *scaling = (slr_scaling){.dim = dim, .columns = slr_alloc(dim, sizeof *scaling->columns),
                             .mean = slr_alloc(dim, sizeof(double)), .sd = slr_alloc(dim, sizeof(double))};
    if (!scaling->columns || !scaling->mean || !scaling->sd) {
        slr_scaling_free(scaling);
        return slr_fail_memory(err, dim * sizeof(double), "scales of features");
    }
    for (size_t j = 0; j < dim; j++) {
        double mean = 0, square = 0;
        for (size_t i = 0; i < count; i++)
            mean += real[i * dim + j];
        mean /= (double)count;
        for (size_t i = 0; i < count; i++)
            square += (real[i * dim + j] - mean) * (real[i * dim + j] - mean);
        double sd = sqrt(square / (double)count), size = fabs(mean) > 1 ? fabs(mean) : 1;
        if (!(sd > (rounded ? 2.5e-7 : 1e-9) * size) || !isfinite(sd))
            continue;
        scaling->columns[scaling->kept] = j;
        scaling->mean[scaling->kept] = mean;
        scaling->sd[scaling->kept++] = sd;
    }
    if (scaling->kept > 0)
        return SELORA_OK;
    slr_scaling_free(scaling);
    return slr_fail(err, SELORA_BAD_INPUT, "all %zu features are the same for every real picture: no distance means anything "
                    "with them", dim);
}

void slr_scaling_free(slr_scaling *scaling)
{
    free(scaling->columns);
    free(scaling->mean);
    free(scaling->sd);
    *scaling = (slr_scaling){0};
}

void slr_scaling_apply(const slr_scaling *scaling, const double *values, size_t count, double *out)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < scaling->kept; j++)
            out[i * scaling->kept + j] =
                (values[i * scaling->dim + scaling->columns[j]] - scaling->mean[j]) / scaling->sd[j];
}

size_t slr_scaling_farthest(const slr_scaling *scaling, const double *scaled, size_t count, size_t most, size_t *places,
                            double *means)
{
    size_t found = 0;
    for (size_t j = 0; j < scaling->kept; j++) {
        double mean = 0;
        for (size_t i = 0; i < count; i++)
            mean += scaled[i * scaling->kept + j];
        mean /= (double)count;
        size_t at = found < most ? found++ : most;
        for (; at > 0 && fabs(means[at - 1]) < fabs(mean); at--)
            if (at < most) {
                places[at] = places[at - 1];
                means[at] = means[at - 1];
            }
        if (at < most) {
            places[at] = j;
            means[at] = mean;
        }
    }
    return found;
}
