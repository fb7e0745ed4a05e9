/* SPDX-License-Identifier: MIT */
#include "eval/bootstrap.h"

#include <math.h>
#include <stdlib.h>

#include "core/memory.h"
#include "core/quantile.h"
#include "core/rng.h"

/* The mean over as many groups as there are, drawn with replacement; NaN when they hold no row. */
static double resample(const double *sums, const size_t *sizes, size_t groups, slr_rng rng)
{
    double sum = 0;
    size_t count = 0;
    for (size_t g = 0; g < groups; g++) {
        uint32_t drawn = slr_rng_below(&rng, (uint32_t)groups);
        sum += sums[drawn];
        count += sizes[drawn];
    }
    return count ? sum / (double)count : NAN;
}

/* Deviation and interval of `found` values, which are sorted. */
static void summarise(double *values, size_t found, slr_bootstrap *result)
{
    double mean = 0, square = 0;
    for (size_t i = 0; i < found; i++)
        mean += values[i] / (double)found;
    for (size_t i = 0; i < found; i++)
        square += (values[i] - mean) * (values[i] - mean) / (double)(found - 1);
    result->se = sqrt(square);
    slr_sort_doubles(values, found);
    result->low = slr_quantile(values, found, 0.025);
    result->high = slr_quantile(values, found, 0.975);
}

selora_status slr_bootstrap_mean(const double *values, const int32_t *groups, size_t count, uint64_t seed, uint32_t item,
                                 slr_bootstrap *result, slr_error *err)
{
    size_t group_count = groups ? 0 : count, found = 0;
    double total = 0;
    for (size_t i = 0; groups && i < count; i++)
        group_count = (size_t)groups[i] + 1 > group_count ? (size_t)groups[i] + 1 : group_count;
    double *sums = slr_alloc(group_count + 1, sizeof *sums), *means = slr_alloc(SLR_RESAMPLES, sizeof *means);
    size_t *sizes = slr_alloc(group_count + 1, sizeof *sizes);
    selora_status status = sums && means && sizes ? SELORA_OK : slr_fail_memory(err, group_count * 16, "a bootstrap");
    *result = (slr_bootstrap){NAN, NAN, NAN, NAN};
    for (size_t i = 0; status == SELORA_OK && i < count; i++) {
        size_t group = groups ? (size_t)groups[i] : i;
        total += values[i];
        sums[group] += values[i];
        sizes[group]++;
    }
    if (status == SELORA_OK && count > 0)
        result->value = total / (double)count;
    for (uint32_t b = 0; status == SELORA_OK && group_count > 1 && b < SLR_RESAMPLES; b++) {
        double mean = resample(sums, sizes, group_count, slr_rng_at(seed, SLR_STREAM_JUDGING, item, b));
        if (!isnan(mean))
            means[found++] = mean;
    }
    if (found > 1)
        summarise(means, found, result);
    free(sums);
    free(means);
    free(sizes);
    return status;
}
