/* SPDX-License-Identifier: MIT */
#include "eval/roc.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/quantile.h"
#include "eval/binomial.h"

/* How many of `sorted` are below x, and how many equal to it. */
static void place(const double *sorted, size_t count, double x, size_t *below, size_t *equal)
{
    size_t low = 0, high = count, end = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    *below = low;
    for (high = low; high < end;) {
        size_t middle = high + (end - high) / 2;
        if (sorted[middle] <= x)
            high = middle + 1;
        else
            end = middle;
    }
    *equal = high - low;
}

static selora_status sorted_copy(const double *values, size_t count, double **copy, slr_error *err)
{
    *copy = NULL;
    if (count == 0)
        return slr_fail(err, SELORA_USAGE, "ROC: a group is empty");
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return slr_fail(err, SELORA_NUMERIC, "ROC: score %zu of a group is not finite", i + 1);
    *copy = slr_alloc(count, sizeof **copy);
    if (!*copy)
        return slr_fail_memory(err, count * sizeof **copy, "scores");
    memcpy(*copy, values, count * sizeof **copy);
    slr_sort_doubles(*copy, count);
    return SELORA_OK;
}

/* Mean and variance (divisor count - 1) of the share of the other group that each value beats. `above` false:
 * that beats it. */
static void placements(const double *values, size_t count, const double *others, size_t other_count,
                       bool above, double *mean, double *variance)
{
    double sum = 0, squares = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < count; i++) {
            size_t below, equal;
            place(others, other_count, values[i], &below, &equal);
            double won = above ? (double)below : (double)(other_count - below - equal);
            double share = (won + 0.5 * (double)equal) / (double)other_count;
            if (pass == 0)
                sum += share;
            else
                squares += (share - *mean) * (share - *mean);
            if (pass == 0 && i + 1 == count)
                *mean = sum / (double)count;
        }
    *variance = count > 1 ? squares / (double)(count - 1) : NAN;
}

selora_status slr_roc_of(const double *positives, size_t positive_count, const double *negatives,
                         size_t negative_count, slr_roc *roc, slr_error *err)
{
    double *p = NULL, *n = NULL, other, vp, vn;
    selora_status status = sorted_copy(positives, positive_count, &p, err);
    if (status == SELORA_OK)
        status = sorted_copy(negatives, negative_count, &n, err);
    if (status == SELORA_OK) {
        placements(p, positive_count, n, negative_count, true, &roc->auc, &vp);
        placements(n, negative_count, p, positive_count, false, &other, &vn);
        roc->se = sqrt(vp / (double)positive_count + vn / (double)negative_count);
        roc->low = fmax(roc->auc - slr_z95 * roc->se, 0);
        roc->high = fmin(roc->auc + slr_z95 * roc->se, 1);
        if (isnan(roc->se))
            roc->low = 0, roc->high = 1;
    }
    free(p);
    free(n);
    return status;
}

selora_status slr_tpr_at(const double *positives, size_t positive_count, const double *negatives,
                         size_t negative_count, double fpr, double *tpr, slr_error *err)
{
    double *n = NULL;
    *tpr = NAN;
    SLR_TRY(sorted_copy(negatives, negative_count, &n, err));
    /* 0.1 * 10 may lie just below 1 */
    size_t allowed = (size_t)floor(fpr * (double)negative_count * (1 + 1e-12));
    size_t found = 0;
    if (allowed >= 1 && allowed < negative_count) {
        double threshold = n[negative_count - 1 - allowed];
        for (size_t i = 0; i < positive_count; i++)
            found += positives[i] > threshold;
        *tpr = (double)found / (double)positive_count;
    }
    free(n);
    return SELORA_OK;
}
