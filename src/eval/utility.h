/* SPDX-License-Identifier: MIT
 *
 * What synthetic pictures are worth: classifiers trained on real, synthetic and both, tested on real pictures
 * that no generator has seen. Logistic regression over features; each arm's features are z-scored by its own
 * training rows.
 *
 *     slr_utility_data data = {.dim = 380, .label_count = 2, .train = ..., .test = ..., .synthetic = ...};
 *     slr_utility *u;
 *     SLR_TRY(slr_utility_run(&data, 5, threads, hooks, &u, err));
 *     printf("%s: AUC %.3f\n", u->arms[0].name, u->arms[0].mean);
 *     slr_utility_free(u);
 *
 * A seed draws the folds of cross-validation and which synthetic pictures join. Equal bits for any number of
 * threads.
 */
#ifndef SLR_UTILITY_H
#define SLR_UTILITY_H

#include "core/hooks.h"
#include "eval/roc.h"

enum {
    SLR_UTILITY_LABELS = 16,
    SLR_UTILITY_SEEDS = 20,
    SLR_UTILITY_ARMS = 12,
    SLR_UTILITY_SUBGROUPS = 24,
    SLR_UTILITY_RESAMPLES = 2000,
    SLR_UTILITY_FEWEST = 30
};

/* Rows of one side; count 0: there is none. */
typedef struct slr_utility_rows {
    size_t count;
    const double *x;       /* (count, dim) */
    const uint8_t *labels; /* (count, label_count): 0 or 1 */
    const int32_t *groups; /* (count): patients; prompts of synthetic pictures */
} slr_utility_rows;

typedef struct slr_utility_subgroup {
    char name[64];
    const uint8_t *member; /* (test.count) */
} slr_utility_subgroup;

typedef struct slr_utility_data {
    size_t dim, label_count;
    slr_utility_rows train, validation, test, synthetic;
    slr_utility_rows more;      /* further real pictures: the ceiling */
    slr_utility_rows augmented; /* training pictures, moved and lit otherwise; a row for each of train */
    const double *shares;       /* of synthetic pictures to real ones, beside 1 */
    size_t share_count;
    const slr_utility_subgroup *subgroups;
    size_t subgroup_count;
} slr_utility_data;

typedef struct slr_utility_arm {
    char name[32];
    size_t real, synthetic;                            /* training rows */
    double auc[SLR_UTILITY_LABELS][SLR_UTILITY_SEEDS]; /* on the test rows; NaN: a class lacks */
    double label_mean[SLR_UTILITY_LABELS];             /* over seeds */
    double mean, sd;                                   /* of the mean over labels, over seeds */
    double balanced_accuracy; /* at the threshold that is best on the validation rows; NaN without any */
    double brier;
    double difference, low, high;           /* to R; 95 % of a bootstrap over test patients */
    double subgroup[SLR_UTILITY_SUBGROUPS]; /* mean AUC; NaN: fewer than SLR_UTILITY_FEWEST patients, or a
                                               class lacks */
} slr_utility_arm;

typedef struct slr_utility {
    size_t label_count, seed_count, arm_count, subgroup_count;
    slr_utility_arm arms[SLR_UTILITY_ARMS]; /* the first is R */
    size_t subgroup_patients[SLR_UTILITY_SUBGROUPS];
    slr_roc consistency[SLR_UTILITY_LABELS]; /* of the prompted label on synthetic pictures, by R; auc NaN:
                                                none */
    size_t skipped_shares;                   /* too few synthetic pictures for them */
} slr_utility;

/* Train and test are needed, with both classes of every label in train and in synthetic. */
selora_status slr_utility_run(const slr_utility_data *data, int seeds, int threads, const slr_hooks *hooks,
                              slr_utility **utility, slr_error *err);
void slr_utility_free(slr_utility *utility); /* NULL is legal */

#endif
