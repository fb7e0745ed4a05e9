/* SPDX-License-Identifier: MIT
 *
 * Inside of eval/texture.h: the picture in levels, lists of pairs, and the families.
 */
#ifndef SLR_TEXTURE_PARTS_H
#define SLR_TEXTURE_PARTS_H

#include "eval/texture.h"

/* How often each pair (first, second) occurs, as cells in the order of first, then of first occurrence. */
typedef struct slr_pair_cell {
    int32_t first, second;
    int64_t count;
} slr_pair_cell;

struct slr_texture {
    size_t most; /* pixels */
    int width, height, level_count, level_room;
    const double *values;
    double least, largest; /* of the values */
    int32_t *levels;       /* (pixels), 1 .. level_count */
    int64_t *level_counts; /* (level_count + 1): pixels of each */
    double *sorted; /* (pixels): values by level; within a level in no order */
    /* Pairs in the making, and counted: */
    int32_t *first, *second, *by_first;
    size_t pairs;
    size_t *starts;       /* (level_count + 2) */
    int32_t *seen;        /* (most + level_room + 2): count of a second, zero between rows */
    slr_pair_cell *cells; /* (most) */
    size_t cell_count;
    /* Sums over levels, and over their sums and differences: */
    double *by_level[4]; /* (2 level_count + 1) */
    int32_t *stack;      /* (pixels): a zone in the making */
};

static inline size_t slr_texture_pixels(const slr_texture *t)
{
    return (size_t)t->width * (size_t)t->height;
}

/* Counts the pairs t->first[i], t->second[i], i < t->pairs, into t->cells. */
void slr_texture_count_pairs(slr_texture *t);

/* sum p log2 p, negated, of `n` shares; those that are 0 add nothing. */
double slr_texture_entropy(const double *shares, size_t n);

void slr_texture_first_order(slr_texture *t, double shift, double features[SLR_FIRST_ORDER_FEATURES]);
void slr_texture_glcm(slr_texture *t, double features[SLR_GLCM_FEATURES]);
void slr_texture_glrlm(slr_texture *t, double features[SLR_GLRLM_FEATURES]);
void slr_texture_glszm(slr_texture *t, double features[SLR_GLSZM_FEATURES]);
void slr_texture_ngtdm(slr_texture *t, double features[SLR_NGTDM_FEATURES]);

/* The directions that pairs and runs are looked for in: (dy, dx). */
extern const int slr_texture_directions[4][2];

#endif
