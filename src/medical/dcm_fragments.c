/* SPDX-License-Identifier: MIT
 * Which fragments of compressed Pixel Data belong to which frame (PS3.5 A.4). */
#include <string.h>

#include "medical/dcm_parts.h"

/* By the Basic Offset Table: bytes from the first fragment's item tag. false: it points between fragments. */
static bool by_table(const slr_dcm_fragment *fragments, size_t count, const uint32_t *offsets,
                     uint32_t frames, uint32_t *first)
{
    uint64_t at = 0;
    size_t f = 0;
    for (uint32_t k = 0; k < frames; k++) {
        for (; f < count && at < offsets[k]; f++)
            at += 8 + (uint64_t)fragments[f].length;
        if (f >= count || at != offsets[k] || (k == 0 ? f != 0 : f <= first[k - 1]))
            return false;
        first[k] = (uint32_t)f;
    }
    return true;
}

/* Does a stream begin here? Inside of one these bytes cannot stand at the front of a fragment but by chance.
 */
static bool begins_stream(slr_dcm_coding coding, const uint8_t *head)
{
    static const uint8_t codestream[] = {0xFF, 0x4F, 0xFF, 0x51};
    static const uint8_t box[] = {0, 0, 0, 12, 'j', 'P', ' ', ' ', '\r', '\n', 0x87, '\n'};
    if (coding == SLR_DCM_JPEG_2000)
        return memcmp(head, codestream, sizeof codestream) == 0 || memcmp(head, box, sizeof box) == 0;
    return head[0] == 0xFF && head[1] == 0xD8 && head[2] == 0xFF;
}

static selora_status by_streams(slr_dcm_coding coding, const slr_dcm_fragment *fragments, size_t count,
                                uint32_t frames, uint32_t *first, slr_error *err)
{
    uint32_t found = 0;
    for (size_t f = 0; f < count; f++) {
        if (!begins_stream(coding, fragments[f].head))
            continue;
        if (found < frames)
            first[found] = (uint32_t)f;
        found++;
    }
    if (found != frames || first[0] != 0)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "(7FE0,0010) Pixel Data: found %zu fragments, in %u of which a picture begins, "
                        "expected %u frames",
                        count, (unsigned)found, (unsigned)frames);
    return SELORA_OK;
}

selora_status slr_dcm_find_frames(slr_dcm_coding coding, const slr_dcm_fragment *fragments, size_t count,
                                  const uint32_t *offsets, size_t offset_count, uint32_t frames,
                                  uint32_t *first, slr_error *err)
{
    if (count < frames || count > UINT32_MAX)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "(7FE0,0010) Pixel Data: found %zu fragments, expected one a frame or more (%u)",
                        count, (unsigned)frames);
    first[frames] = (uint32_t)count;
    if (coding == SLR_DCM_RLE && count != frames)
        return slr_fail(
            err, SELORA_BAD_INPUT,
            "(7FE0,0010) Pixel Data: found %zu fragments, expected %u (RLE has one fragment a frame)", count,
            (unsigned)frames);
    if (count == frames) {
        for (uint32_t k = 0; k < frames; k++)
            first[k] = k;
        return SELORA_OK;
    }
    if (frames == 1) {
        first[0] = 0;
        return SELORA_OK;
    }
    if (offset_count == frames && by_table(fragments, count, offsets, frames, first))
        return SELORA_OK;
    return by_streams(coding, fragments, count, frames, first, err);
}
