/* SPDX-License-Identifier: MIT
 *
 * Fits a job into memory: predicts the most that the process will hold at one time, and lets training keep as much for
 * backward as there is room for.
 *
 *     slr_memory_rule rule = {.automatic = true, .most = 3000000000};
 *     SLR_TRY(slr_memory_fit(trainer, &rule, slr_weight_store_bytes(model->weights), others, advice, &peak, err));
 */
#ifndef SLR_MEMORY_FIT_H
#define SLR_MEMORY_FIT_H

#include "train/trainer.h"

typedef struct slr_memory_rule {
    bool automatic;          /* the first class that fits */
    slr_recompute recompute; /* otherwise */
    size_t most;             /* the process may hold; 0: what is free */
} slr_memory_rule;

/* The text of a class, "A", "A+" to "C"; "none" for SLR_RECOMPUTE_NONE. */
const char *slr_recompute_name(slr_recompute recompute);

/* `held` bytes are in memory already (the weights), `needed` will be. *peak is the prediction. SELORA_NO_RESOURCE with the
 * figures and `advice` when that is too much. */
selora_status slr_memory_check(const slr_memory_rule *rule, size_t held, size_t needed, const char *what,
                               const char *advice, size_t *peak, slr_error *err);
/* The same for a trainer, not allocated yet, whose graphs are recorded as the rule says, and `others` beside them. */
selora_status slr_memory_fit(slr_trainer *trainer, const slr_memory_rule *rule, size_t held, size_t others,
                             const char *advice, size_t *peak, slr_error *err);

#endif
