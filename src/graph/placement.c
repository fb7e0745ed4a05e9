/* SPDX-License-Identifier: MIT */
#include "graph/placement.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

enum { ALIGNMENT = 64 };

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int by_size_then_start(const void *a, const void *b)
{
    const slr_lifetime *x = *(slr_lifetime *const *)a, *y = *(slr_lifetime *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x < y ? -1 : 1; /* a total order, so that the layout never depends on qsort */
}

/* The lowest offset at which `wanted` fits between the placed buffers (sorted by offset) alive with it. */
static size_t lowest_gap(slr_lifetime *const *placed, size_t count, const slr_lifetime *wanted)
{
    size_t bytes = aligned(wanted->bytes), end = 0;
    for (size_t i = 0; i < count; i++) {
        const slr_lifetime *other = placed[i];
        if (other->last < wanted->first || other->first > wanted->last)
            continue;
        if (other->offset >= end + bytes)
            break;
        if (other->offset + aligned(other->bytes) > end)
            end = other->offset + aligned(other->bytes);
    }
    return end;
}

bool slr_place_buffers(slr_lifetime *buffers, size_t count, size_t *arena_bytes)
{
    slr_lifetime **order = slr_alloc(count, sizeof *order);
    slr_lifetime **placed = slr_alloc(count, sizeof *placed);
    bool ok = order && placed;
    size_t used = 0, wanted = 0;
    *arena_bytes = 0;
    for (size_t i = 0; ok && i < count; i++)
        if (buffers[i].bytes > 0)
            order[wanted++] = &buffers[i];
    if (ok)
        qsort(order, wanted, sizeof *order, by_size_then_start);
    for (size_t i = 0; ok && i < wanted; i++) {
        slr_lifetime *buffer = order[i];
        buffer->offset = lowest_gap(placed, used, buffer);
        size_t at = used;
        while (at > 0 && placed[at - 1]->offset > buffer->offset)
            at--;
        memmove(placed + at + 1, placed + at, (used - at) * sizeof *placed);
        placed[at] = buffer;
        used++;
        if (buffer->offset + aligned(buffer->bytes) > *arena_bytes)
            *arena_bytes = buffer->offset + aligned(buffer->bytes);
    }
    free(order);
    free(placed);
    return ok;
}
