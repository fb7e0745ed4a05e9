/* SPDX-License-Identifier: MIT
 *
 * Phantoms: synthetic grey pictures that look a little like medical ones, with a caption and the
 * truth about what was drawn. A picture depends on (seed, index, spec) alone; geometry and texture
 * are fixed in picture coordinates, so sizes differ in sharpness only.
 *
 *     slr_phantom_set set = slr_phantom_set_default(seed);
 *     slr_phantom_spec spec = slr_phantom_set_item(&set, i);
 *     slr_phantom_draw(seed, i, spec, 64, pixels, &truth);       pixels: size x size, 0..1
 *     slr_phantom_caption(spec, caption, sizeof caption);
 *
 * Coordinates: x to the right, y down, the picture spans -1..1 in both. "left" is the left of the
 * picture. One finding (metal plate) and one region (breast) are held out: the default model has
 * never seen them, and a set shows them only when it asks for them.
 */
#ifndef SLR_PHANTOM_H
#define SLR_PHANTOM_H

#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

typedef enum slr_phantom_region {
    SLR_PHANTOM_HEAD,
    SLR_PHANTOM_CHEST,
    SLR_PHANTOM_ABDOMEN,
    SLR_PHANTOM_PELVIS,
    SLR_PHANTOM_KNEE,
    SLR_PHANTOM_BREAST, /* held out */
    SLR_PHANTOM_REGIONS
} slr_phantom_region;

typedef enum slr_phantom_finding {
    SLR_PHANTOM_NORMAL,
    SLR_PHANTOM_MASS,
    SLR_PHANTOM_NODULE,
    SLR_PHANTOM_CYST,
    SLR_PHANTOM_RING,
    SLR_PHANTOM_CALCIFICATIONS,
    SLR_PHANTOM_PLATE, /* held out */
    SLR_PHANTOM_FINDINGS
} slr_phantom_finding;

typedef enum slr_phantom_place {
    SLR_PHANTOM_UPPER_LEFT,
    SLR_PHANTOM_UPPER_RIGHT,
    SLR_PHANTOM_CENTRE,
    SLR_PHANTOM_LOWER_LEFT,
    SLR_PHANTOM_LOWER_RIGHT,
    SLR_PHANTOM_PLACES
} slr_phantom_place;

enum {
    SLR_PHANTOM_ANY = -1,          /* in a set: every value that `classes` allows */
    SLR_PHANTOM_SIZE_MIN = 32,
    SLR_PHANTOM_SIZE_MAX = 4096,
    SLR_PHANTOM_CAPTION_CAPACITY = 64
};

/* What to draw. The place of SLR_PHANTOM_NORMAL is SLR_PHANTOM_CENTRE and has no meaning. */
typedef struct slr_phantom_spec {
    slr_phantom_region region;
    slr_phantom_finding finding;
    slr_phantom_place place;
} slr_phantom_spec;

/* Where the finding was drawn; all zero for a normal picture. */
typedef struct slr_phantom_truth {
    float x, y;     /* centre, -1..1 */
    float radius;   /* of the circle that holds all of it */
    float box[4];   /* x0 y0 x1 y1 of that circle, clipped to -1..1 */
} slr_phantom_truth;

/* Names as captions spell them ("frontal chest", "bright mass", "upper left"), and the short names
 * of options ("chest", "mass", "upper-left"). The index must be a valid one. */
const char *slr_phantom_region_name(slr_phantom_region region);
const char *slr_phantom_finding_name(slr_phantom_finding finding);
const char *slr_phantom_place_name(slr_phantom_place place);
const char *slr_phantom_region_option(slr_phantom_region region);
const char *slr_phantom_finding_option(slr_phantom_finding finding);
const char *slr_phantom_place_option(slr_phantom_place place);

/* The index of a short name; SELORA_USAGE with the list of names when there is none. */
selora_status slr_phantom_region_find(const char *option, int *region, slr_error *err);
selora_status slr_phantom_finding_find(const char *option, int *finding, slr_error *err);
selora_status slr_phantom_place_find(const char *option, int *place, slr_error *err);

/* 1 where the default model never saw it. */
int slr_phantom_region_is_held_out(slr_phantom_region region);
int slr_phantom_finding_is_held_out(slr_phantom_finding finding);

/* "frontal chest, bright mass, upper left" or "frontal chest, normal". Writes at most `capacity`
 * bytes with the final zero (SLR_PHANTOM_CAPTION_CAPACITY is always enough). */
void slr_phantom_caption(slr_phantom_spec spec, char *caption, size_t capacity);

/* Draws into pixels[size * size], row by row from the top, values 0..1.
 * size: SLR_PHANTOM_SIZE_MIN..MAX. `truth` may be NULL. SELORA_USAGE for a bad size or spec. */
selora_status slr_phantom_draw(uint64_t seed, uint32_t index, slr_phantom_spec spec, int size,
                               float *pixels, slr_phantom_truth *truth, slr_error *err);

/* The same as 8-bit grey (rounded) for picture files; `scratch` holds size * size floats. */
selora_status slr_phantom_draw_grey(uint64_t seed, uint32_t index, slr_phantom_spec spec, int size,
                                    float *scratch, uint8_t *pixels, slr_phantom_truth *truth,
                                    slr_error *err);

/* A set: an endless list of specs. Each block of slr_phantom_set_kinds() consecutive items shows
 * each allowed (region, finding, place) once, in an order drawn from the seed. */
typedef enum slr_phantom_classes {
    SLR_PHANTOM_SEEN,     /* what the default model was trained on */
    SLR_PHANTOM_HELD_OUT, /* pictures of the held-out region or the held-out finding */
    SLR_PHANTOM_ALL
} slr_phantom_classes;

typedef struct slr_phantom_set {
    uint64_t seed;
    slr_phantom_classes classes; /* limits the values of fields that are SLR_PHANTOM_ANY */
    int region, finding, place;  /* one value each, or SLR_PHANTOM_ANY */
} slr_phantom_set;

/* Everything seen, from `seed`. */
slr_phantom_set slr_phantom_set_default(uint64_t seed);

/* How many different specs the set has; 0 where the filters exclude each other or are invalid. */
uint32_t slr_phantom_set_kinds(const slr_phantom_set *set);

/* Spec of item `index`; the set must have at least one kind. */
slr_phantom_spec slr_phantom_set_item(const slr_phantom_set *set, uint32_t index);

#endif
