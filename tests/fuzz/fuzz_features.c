/* SPDX-License-Identifier: MIT
 * Any bytes as a file of features of each format; what can be read has finite numbers and dense groups. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "eval/feature_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(selora_status status, slr_feature_set *set, const slr_error *err)
{
    if (status != SELORA_OK && (!err->message[0] || set->values || set->rows))
        abort();
    for (size_t i = 0; status == SELORA_OK && i < set->count; i++) {
        if (set->groups[i] < 0 || (size_t)set->groups[i] > i)
            abort();
        for (size_t j = 0; j < set->dim; j++)
            if (!isfinite(set->values[i * set->dim + j]))
                abort();
    }
    slr_feature_set_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slr_feature_set set;
    slr_error err = {0};
    check(slr_feature_set_parse_safetensors(data, size, "input", &set, &err), &set, &err);
    err = (slr_error){0};
    check(slr_feature_set_parse_npy(data, size, "input", &set, &err), &set, &err);
    err = (slr_error){0};
    check(slr_feature_set_parse_csv((const char *)data, size, "input", &set, &err), &set, &err);
    return 0;
}
