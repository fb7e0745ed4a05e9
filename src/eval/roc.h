/* SPDX-License-Identifier: MIT
 *
 * How well a score tells two groups apart: area under the ROC curve, its standard error (DeLong et al. 1988),
 * and the share of positives found at a small share of false alarms.
 *
 *     slr_roc roc;
 *     SLR_TRY(slr_roc_of(members, m, others, n, &roc, err));
 *     printf("AUC %.3f +- %.3f\n", roc.auc, roc.se);
 *     SLR_TRY(slr_tpr_at(members, m, others, n, 0.01, &tpr, err));     (NaN where n < 1 / 0.01)
 */
#ifndef SLR_ROC_H
#define SLR_ROC_H

#include <stddef.h>

#include "core/status.h"

typedef struct slr_roc {
    double auc;       /* ties count half */
    double se;        /* NaN where a group has fewer than two */
    double low, high; /* 95 % interval, within 0..1 */
} slr_roc;

/* Higher scores mean "positive". No group may be empty, every score must be finite (SELORA_NUMERIC). */
selora_status slr_roc_of(const double *positives, size_t positive_count, const double *negatives,
                         size_t negative_count, slr_roc *roc, slr_error *err);

/* The share of positives strictly above the (floor(fpr n) + 1)-th largest of n negatives; NaN where fpr n <
 * 1: too few negatives to say. */
selora_status slr_tpr_at(const double *positives, size_t positive_count, const double *negatives,
                         size_t negative_count, double fpr, double *tpr, slr_error *err);

#endif
