/* SPDX-License-Identifier: MIT */
#include "medical/functional_groups.h"

#include <stdio.h>

enum { PATH_CAPACITY = 128 };

slr_group_place slr_group_at(const char *sequence, uint32_t frame, int index)
{
    slr_group_place place = {""};
    if (index == 0)
        snprintf(place.prefix, sizeof place.prefix, "5200,9230[%u]/%s[0]/", frame, sequence);
    else if (index == 1)
        snprintf(place.prefix, sizeof place.prefix, "5200,9229[0]/%s[0]/", sequence);
    return place;
}

slr_group_place slr_group_first(const slr_dcm *dcm, uint32_t frame, const char *sequence, const char *tag)
{
    for (int i = 0; i < SLR_GROUP_PLACES - 1; i++) {
        slr_group_place place = slr_group_at(sequence, frame, i);
        char text[2];
        if (slr_group_text(dcm, &place, tag, text, sizeof text) > 0 ||
            slr_group_doubles(dcm, &place, tag, NULL, 0) > 0)
            return place;
    }
    return slr_group_at(sequence, frame, SLR_GROUP_PLACES - 1);
}

static const char *join(const slr_group_place *place, const char *tag, char path[PATH_CAPACITY])
{
    snprintf(path, PATH_CAPACITY, "%s%s", place->prefix, tag);
    return path;
}

long slr_group_doubles(const slr_dcm *dcm, const slr_group_place *place, const char *tag, double *out,
                       size_t n)
{
    char path[PATH_CAPACITY];
    return slr_dcm_doubles(dcm, join(place, tag, path), out, n);
}

long slr_group_text(const slr_dcm *dcm, const slr_group_place *place, const char *tag, char *out, size_t n)
{
    char path[PATH_CAPACITY];
    return slr_dcm_text(dcm, join(place, tag, path), out, n);
}

long slr_group_items(const slr_dcm *dcm, const slr_group_place *place, const char *tag)
{
    char path[PATH_CAPACITY];
    return slr_dcm_items(dcm, join(place, tag, path));
}
