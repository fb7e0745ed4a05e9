/* SPDX-License-Identifier: MIT */
#include "data/picture_size.h"

#include <stdbool.h>
#include <stdlib.h>

static bool read_side(const char **text, int *side)
{
    char *end;
    if (**text < '0' || **text > '9')
        return false;
    long value = strtol(*text, &end, 10);
    *text = end;
    *side = value > SLR_PICTURE_SIDE_MAX ? SLR_PICTURE_SIDE_MAX + 1 : (int)value;
    return true;
}

selora_status slr_picture_size(const char *text, int fallback, int step, int *width, int *height, slr_error *err)
{
    const char *at = text;
    *width = *height = fallback;
    if (text) {
        bool ok = read_side(&at, width);
        *height = *width;
        if (ok && (*at == 'x' || *at == 'X')) {
            at++;
            ok = read_side(&at, height);
        }
        if (!ok || *at)
            return slr_fail(err, SELORA_USAGE, "--size: found \"%s\", expected pixels such as 224 or 256x192", text);
    }
    int sides[2] = {*width, *height};
    for (int i = 0; i < 2; i++)
        if (sides[i] < step || sides[i] > SLR_PICTURE_SIDE_MAX || sides[i] % step != 0)
            return slr_fail(err, SELORA_USAGE, "--size: %dx%d: each side must be a multiple of %d from %d to %d",
                            *width, *height, step, step, SLR_PICTURE_SIDE_MAX);
    return SELORA_OK;
}
