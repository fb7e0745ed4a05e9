/* SPDX-License-Identifier: MIT
 *
 * Where a value of a frame stands (PS3.3 C.7.6.16): in its own functional group, else in the shared one,
 * else on top of the file, as everything does in classic objects.
 *
 *     slr_group_place place = slr_group_first(dcm, 2, SLR_GROUP_PIXEL_VALUES, "0028,1053");
 *     slr_group_doubles(dcm, &place, "0028,1053", &slope, 1);
 */
#ifndef SLR_FUNCTIONAL_GROUPS_H
#define SLR_FUNCTIONAL_GROUPS_H

#include "medical/dcm.h"

#define SLR_GROUP_PIXEL_VALUES "0028,9145"
#define SLR_GROUP_VOI "0028,9132"
#define SLR_GROUP_POSITION "0020,9113"
#define SLR_GROUP_ORIENTATION "0020,9116"
#define SLR_GROUP_MEASURES "0028,9110"

enum { SLR_GROUP_PLACES = 3 };

typedef struct slr_group_place {
    char prefix[64]; /* before the tag; "" on top of the file */
} slr_group_place;

/* The places of a sequence for a frame, from the strongest: index 0, 1, 2. */
slr_group_place slr_group_at(const char *sequence, uint32_t frame, int index);
/* The first place where the tag has a value; the top of the file when none has. */
slr_group_place slr_group_first(const slr_dcm *dcm, uint32_t frame, const char *sequence, const char *tag);

/* As slr_dcm_doubles() and its sisters, with `tag` (or a whole path) below the place. */
long slr_group_doubles(const slr_dcm *dcm, const slr_group_place *place, const char *tag, double *out,
                       size_t n);
long slr_group_text(const slr_dcm *dcm, const slr_group_place *place, const char *tag, char *out, size_t n);
long slr_group_items(const slr_dcm *dcm, const slr_group_place *place, const char *tag);

#endif
