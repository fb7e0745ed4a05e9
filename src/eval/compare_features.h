/* SPDX-License-Identifier: MIT
 *
 * All metrics of one extractor's features: distances, neighbours, texts, copies.
 *
 *     slr_comparison c = {.sides = {&real, &train, &synthetic, NULL}, .seed = 42, .threads = 2};
 *     SLR_TRY(slr_compare_features(&c, &table, err));
 *
 * The main numbers are between the real (test) and the synthetic side. The floor is the same between the real side and real
 * training pictures, the base the same for pictures of the base model; both with as many pictures as the main number has,
 * where there are so many.
 */
#ifndef SLR_COMPARE_FEATURES_H
#define SLR_COMPARE_FEATURES_H

#include "core/hooks.h"
#include "eval/feature_set.h"
#include "eval/metric_table.h"

typedef enum slr_role { SLR_ROLE_REAL, SLR_ROLE_TRAIN, SLR_ROLE_SYNTHETIC, SLR_ROLE_BASE, SLR_ROLES } slr_role;

enum { SLR_FEWEST_PICTURES = 10, SLR_PERMUTATIONS = 999, SLR_KID_SUBSETS = 100 };

typedef struct slr_comparison {
    const slr_feature_set *sides[SLR_ROLES]; /* real and synthetic; the others may be NULL */
    uint64_t seed;
    int threads;
    bool force; /* what makes no sense is left out instead of refused */
    const slr_hooks *hooks;
} slr_comparison;

/* Different extractors, constant features, too few pictures: SELORA_BAD_INPUT, unless forced. */
selora_status slr_compare_features(const slr_comparison *c, slr_metric_table *table, slr_error *err);

/* The number that random choices of a metric are drawn with: of its key, so that it does not depend on what else is asked. */
uint32_t slr_metric_item(const char *name, const char *extractor);

#endif
