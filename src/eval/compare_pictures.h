/* SPDX-License-Identifier: MIT
 *
 * Metrics that look at the pictures themselves: likeness within a side (diversity), colours, copies of training pictures.
 *
 *     slr_picture_comparison c = {.sides = {real, train, synthetic, NULL}, .size = 224, .seed = 42, .threads = 2};
 *     SLR_TRY(slr_compare_pictures(&c, &table, NULL, err));
 */
#ifndef SLR_COMPARE_PICTURES_H
#define SLR_COMPARE_PICTURES_H

#include "eval/compare_features.h"
#include "eval/image_set.h"
#include "eval/picture_space.h"

enum { SLR_LIKENESS_PAIRS = 1000 };

typedef struct slr_picture_comparison {
    slr_image_set *sides[SLR_ROLES]; /* real and synthetic; the others may be NULL */
    int size;                        /* of metric pictures */
    uint64_t seed;
    int threads;
    bool force;
    const slr_hooks *hooks;
} slr_picture_comparison;

/* What makes the two sides incomparable, all of it in one SELORA_BAD_INPUT unless forced (then warned of): windows, lossy
 * files on one side, patients or pictures that are on the real and the training side. 16-bit sides are rounded to 8 bits
 * where another side has 8. */
selora_status slr_check_sides(const slr_picture_comparison *c, slr_error *err);

/* `copies` (may be NULL) takes what the audit of pixels found where there are training pictures. */
selora_status slr_compare_pictures(const slr_picture_comparison *c, slr_metric_table *table, slr_memorisation *copies,
                                   slr_error *err);

/* A row "copies/extractor" of the audit in one space. `keep` (may be NULL) takes the findings: slr_memorisation_free(). */
selora_status slr_add_copies(const slr_picture_space *space, const char *extractor, int threads, const slr_hooks *hooks,
                             slr_metric_table *table, slr_memorisation *keep, slr_error *err);

/* Synthetic pictures whose prompt is one of the real side's; 0 where a side has no prompts. */
size_t slr_shared_prompts(const slr_image_set *real, const slr_image_set *synthetic);

#endif
