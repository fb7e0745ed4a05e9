/* SPDX-License-Identifier: MIT */
#include "api/memory_options.h"

#include <stdlib.h>
#include <string.h>

static selora_status read_size(const char *text, size_t *bytes, slr_error *err)
{
    char *end;
    double value = strtod(text, &end), unit = *end == 'M' ? 1e6 : *end == 'G' ? 1e9 : 0;
    if (end == text || unit == 0 || end[1] || !(value > 0 && value * unit < 1e15))
        return slr_fail(err, SELORA_USAGE, "--max-memory: found \"%s\", expected a size such as 3G or 500M", text);
    *bytes = (size_t)(value * unit);
    return SELORA_OK;
}

selora_status slr_memory_options_read(const char *memory, const char *most, slr_memory_rule *rule, slr_error *err)
{
    *rule = (slr_memory_rule){.automatic = !memory || strcmp(memory, "auto") == 0};
    if (most)
        SLR_TRY(read_size(most, &rule->most, err));
    if (rule->automatic)
        return SELORA_OK;
    for (rule->recompute = SLR_RECOMPUTE_A; rule->recompute <= SLR_RECOMPUTE_C; rule->recompute++)
        if (strcmp(memory, slr_recompute_name(rule->recompute)) == 0)
            return SELORA_OK;
    return slr_fail(err, SELORA_USAGE, "--memory: found \"%s\", expected auto, A, A+, B, B+ or C", memory);
}
