/* SPDX-License-Identifier: MIT */
#include "eval/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/quantile.h"
#include "core/rng.h"

/* Rows sorted by group: those of group g are rows[begin[g]] .. rows[begin[g + 1] - 1]. */
typedef struct group_rows {
    size_t groups;
    size_t *begin, *rows;
} group_rows;

static bool sort_rows(const int32_t *groups, size_t count, group_rows *sorted)
{
    *sorted = (group_rows){.groups = groups ? 0 : count};
    for (size_t i = 0; groups && i < count; i++)
        if ((size_t)groups[i] + 1 > sorted->groups)
            sorted->groups = (size_t)groups[i] + 1;
    sorted->begin = slr_alloc(sorted->groups + 2, sizeof *sorted->begin);
    sorted->rows = slr_alloc(count, sizeof *sorted->rows);
    if (!sorted->begin || !sorted->rows)
        return false;
    for (size_t i = 0; i < count; i++)
        sorted->begin[(groups ? (size_t)groups[i] : i) + 2]++;
    for (size_t g = 2; g < sorted->groups + 2; g++)
        sorted->begin[g] += sorted->begin[g - 1];
    for (size_t i = 0; i < count; i++)
        sorted->rows[sorted->begin[(groups ? (size_t)groups[i] : i) + 1]++] = i;
    return true;
}

/* Values of resamples; how many exist. `chosen` has room for groups times the largest group. */
static size_t resample(const group_rows *sorted, uint64_t seed, uint32_t item, slr_row_statistic statistic,
                       const void *user, size_t *chosen, double *values)
{
    size_t found = 0;
    for (uint32_t b = 0; b < SLR_RESAMPLES; b++) {
        slr_rng rng = slr_rng_at(seed, SLR_STREAM_JUDGING, item, b);
        size_t count = 0;
        for (size_t g = 0; g < sorted->groups; g++) {
            size_t drawn = slr_rng_below(&rng, (uint32_t)sorted->groups), size = sorted->begin[drawn + 1] - sorted->begin[drawn];
            memcpy(chosen + count, sorted->rows + sorted->begin[drawn], size * sizeof *chosen);
            count += size;
        }
        double value = statistic(user, chosen, count);
        if (!isnan(value))
            values[found++] = value;
    }
    return found;
}

selora_status slr_bootstrap_rows(const int32_t *groups, size_t count, uint64_t seed, uint32_t item,
                                 slr_row_statistic statistic, const void *user, slr_bootstrap *result, slr_error *err)
{
    group_rows sorted;
    double *values = slr_alloc(SLR_RESAMPLES, sizeof *values), mean = 0, square = 0;
    size_t *chosen = NULL, largest = 0, found = 0;
    selora_status status = SELORA_OK;
    *result = (slr_bootstrap){NAN, NAN, NAN, NAN};
    if (!sort_rows(groups, count, &sorted) || !values) {
        status = slr_fail_memory(err, count * sizeof(size_t), "a bootstrap");
        goto out;
    }
    result->value = statistic(user, sorted.rows, count);
    for (size_t g = 0; g < sorted.groups; g++) {
        size_t size = sorted.begin[g + 1] - sorted.begin[g];
        largest = size > largest ? size : largest;
    }
    if (sorted.groups < 2)
        goto out;
    chosen = slr_alloc(sorted.groups * largest, sizeof *chosen);
    if (!chosen) {
        status = slr_fail_memory(err, sorted.groups * largest * sizeof *chosen, "a bootstrap");
        goto out;
    }
    found = resample(&sorted, seed, item, statistic, user, chosen, values);
    if (found < 2)
        goto out;
    for (size_t i = 0; i < found; i++)
        mean += values[i] / (double)found;
    for (size_t i = 0; i < found; i++)
        square += (values[i] - mean) * (values[i] - mean) / (double)(found - 1);
    result->se = sqrt(square);
    slr_sort_doubles(values, found);
    result->low = slr_quantile(values, found, 0.025);
    result->high = slr_quantile(values, found, 0.975);
out:
    free(sorted.begin);
    free(sorted.rows);
    free(values);
    free(chosen);
    return status;
}

static double mean_of(const void *user, const size_t *chosen, size_t count)
{
    const double *values = user;
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[chosen[i]];
    return count ? sum / (double)count : NAN;
}

selora_status slr_bootstrap_mean(const double *values, const int32_t *groups, size_t count, uint64_t seed, uint32_t item,
                                 slr_bootstrap *result, slr_error *err)
{
    return slr_bootstrap_rows(groups, count, seed, item, mean_of, values, result, err);
}
