/* SPDX-License-Identifier: MIT */
#include "eval/jackknife.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/memory.h"

selora_status slr_folds_new(const int32_t *groups, size_t count, slr_folds *folds, slr_error *err)
{
    int32_t most = -1;
    *folds = (slr_folds){.count = count, .fold = slr_alloc(count, sizeof *folds->fold)};
    if (!folds->fold)
        return slr_fail_memory(err, count * sizeof *folds->fold, "folds");
    for (size_t i = 0; i < count; i++)
        most = groups[i] > most ? groups[i] : most;
    folds->folds = most + 1 < SLR_MOST_FOLDS ? most + 1 : SLR_MOST_FOLDS;
    for (size_t i = 0; i < count; i++)
        folds->fold[i] = groups[i] % folds->folds;
    return SELORA_OK;
}

void slr_folds_free(slr_folds *folds)
{
    free(folds->fold);
    *folds = (slr_folds){0};
}

double slr_jackknife_part(const double *theta, int folds, int stride)
{
    double mean = 0, sum = 0;
    if (folds < 2)
        return NAN;
    for (int g = 0; g < folds; g++)
        mean += theta[g * stride] / folds;
    for (int g = 0; g < folds; g++)
        sum += (theta[g * stride] - mean) * (theta[g * stride] - mean);
    return (folds - 1) * sum / folds;
}

/* The rows outside fold g; returns how many. */
static size_t rows_without(const slr_folds *folds, int g, size_t *rows)
{
    size_t kept = 0;
    for (size_t i = 0; i < folds->count; i++)
        if (folds->fold[i] != g)
            rows[kept++] = i;
    return kept;
}

selora_status slr_jackknife(const slr_folds *x, const slr_folds *y, int outputs, slr_two_sided statistic, const void *user,
                            int threads, double *se, slr_error *err)
{
    double *theta = slr_alloc((size_t)(2 * SLR_MOST_FOLDS * outputs), sizeof *theta);
    int parts = x->folds + y->folds;
    selora_status status = theta ? SELORA_OK : slr_fail_memory(err, 1, "a jackknife");
    for (int o = 0; o < outputs; o++)
        se[o] = NAN;
    if (status != SELORA_OK || x->folds < 2 || y->folds < 2)
        goto out;
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int p = 0; p < parts; p++) {
        bool of_x = p < x->folds;
        const slr_folds *side = of_x ? x : y;
        size_t *rows = slr_alloc(side->count, sizeof *rows);
        slr_error own = {0};
        selora_status now = SELORA_OK;
        if (!rows) {
            now = slr_fail_memory(&own, side->count * sizeof *rows, "a jackknife");
        } else {
            size_t kept = rows_without(side, of_x ? p : p - x->folds, rows);
            now = statistic(user, of_x ? rows : NULL, of_x ? kept : 0, of_x ? NULL : rows, of_x ? 0 : kept,
                            theta + p * outputs, &own);
        }
        if (now != SELORA_OK) {
#pragma omp critical
            status = slr_fail(err, now, "%s", own.message);
        }
        free(rows);
    }
    for (int o = 0; o < outputs; o++)
        se[o] = sqrt(slr_jackknife_part(theta + o, x->folds, outputs) +
                     slr_jackknife_part(theta + x->folds * outputs + o, y->folds, outputs));
out:
    free(theta);
    return status;
}
