/* SPDX-License-Identifier: MIT */
#include "api/picture_side.h"

#include <string.h>

selora_status slr_side_named(const char *word, slr_side *side, slr_error *err)
{
    static const char *const words[] = {"all", "train", "validation", "test"};
    for (int i = 0; i < 4; i++)
        if (strcmp(word, words[i]) == 0) {
            *side = (slr_side)i;
            return SELORA_OK;
        }
    return slr_fail(err, SELORA_USAGE, "side: found \"%s\", expected all, train, validation or test", word);
}

bool slr_is_feature_file(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (strcmp(dot, ".safetensors") == 0 || strcmp(dot, ".npy") == 0 || strcmp(dot, ".csv") == 0);
}
