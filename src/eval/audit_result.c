/* SPDX-License-Identifier: MIT */
#include "eval/audit_result.h"

slr_copying slr_audit_verdict(const slr_audit_result *result)
{
    slr_copying worst = SLR_COPYING_UNKNOWN;
    for (size_t i = 0; i < result->space_count; i++)
        if (result->spaces[i].copies.verdict > worst)
            worst = result->spaces[i].copies.verdict;
    return worst;
}

void slr_audit_result_free(slr_audit_result *result)
{
    for (size_t i = 0; i < result->space_count; i++)
        slr_memorisation_free(&result->spaces[i].copies);
    *result = (slr_audit_result){0};
}
