/* SPDX-License-Identifier: MIT */
#include "train/memory_fit.h"

#include <stdio.h>

#include "core/free_memory.h"

/* Measured: the program and its libraries, stacks of threads, small blocks of the heap. */
static const size_t base = 16000000;

const char *slr_recompute_name(slr_recompute recompute)
{
    static const char *const names[] = {"none", "A", "A+", "B", "B+", "C"};
    return names[recompute];
}

selora_status slr_memory_check(const slr_memory_rule *rule, size_t held, size_t needed, const char *what,
                               const char *advice, size_t *peak, slr_error *err)
{
    *peak = base + held + needed;
    if (rule->most && *peak > rule->most)
        return slr_fail(err, SELORA_NO_RESOURCE, "%s needs %.2f GB of memory, --max-memory allows %.2f GB; %s", what,
                        (double)*peak / 1e9, (double)rule->most / 1e9, advice);
    return slr_check_free_memory(needed, what, advice, err);
}

selora_status slr_memory_fit(slr_trainer *trainer, const slr_memory_rule *rule, size_t held, size_t others,
                             const char *advice, size_t *peak, slr_error *err)
{
    slr_recompute class = rule->automatic ? SLR_RECOMPUTE_A : rule->recompute;
    for (;; class++) {
        char what[64];
        slr_error reason = {0};
        SLR_TRY(slr_trainer_set_recompute(trainer, class, err));
        snprintf(what, sizeof what, "training (memory class %s)", slr_recompute_name(class));
        selora_status status = slr_memory_check(rule, held, slr_trainer_bytes(trainer) + others, what, advice, peak,
                                                &reason);
        if (status == SELORA_OK)
            return SELORA_OK;
        if (!rule->automatic || class == SLR_RECOMPUTE_C)
            return slr_fail(err, status, "%s", reason.message);
    }
}
