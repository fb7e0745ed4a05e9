/* SPDX-License-Identifier: MIT
 *
 * Pictures to be judged: any folder that trains (data/dataset.h), one that `selora generate` wrote, or plain
 * pictures (.png, .jpg) in a folder.
 *
 *     slr_image_set_options options = {.side = SLR_SIDE_TEST, .threads = 2};
 *     slr_image_set *set;
 *     SLR_TRY(slr_image_set_open("chest", &options, hooks, &set, err));
 *     for (size_t i = 0; i < slr_image_set_count(set); i++)
 *         SLR_TRY(slr_image_set_grey(set, i, 224, grey, err));
 *     slr_image_set_free(set);
 *
 * Every picture is decoded once while the set is opened: all damaged ones are listed in one go, and what the
 * items say of their pixels is true. Metric pictures are made from the files each time.
 *
 * One rule makes metric pictures on all sides, that of training (data/image_prepare.h): the smallest size
 * that covers the square at the picture's own aspect, then the centre. Resized once, antialiased bicubic (a =
 * -0.5) in float, then clamped. Grey of RGB is BT.601, taken before the resize.
 *
 * Prompts, paths and groups are patient data: on a terminal in an error at most, never in a file.
 */
#ifndef SLR_IMAGE_SET_H
#define SLR_IMAGE_SET_H

#include "data/dataset.h"

typedef struct slr_image_set_options {
    slr_side side;            /* SLR_SIDE_NONE: all pictures; else the folder has to say its sides */
    const char *group_column; /* NULL: what split.csv says, else a column patient_id, patient or group */
    int threads;              /* at least 1 */
} slr_image_set_options;

/* Owned by the set. */
typedef struct slr_image_item {
    const char *path, *prompt; /* "" without a prompt */
    int32_t group;     /* dense from 0: patient, prompt of a synthetic picture; else a picture is its own */
    int32_t prompt_id; /* dense from 0 by first occurrence; -1 without a prompt */
    int64_t row;       /* 1-based: of the metadata, or place in the sorted pictures */
    slr_side side;
    bool lossy;        /* the file is JPEG */
    bool source_lossy; /* the set says that its source was packed with losses */
    int bits, channels, width, height;
    double colour_mean, colour_p99; /* of max(|R-G|, |G-B|, |R-B|) over its pixels, 0..255 */
    char sha256[SLR_SHA256_HEX];    /* of the decoded pixels: equal for equal pictures in any format */
} slr_image_item;

typedef struct slr_image_set slr_image_set;

/* `options` may be NULL: all pictures, one thread. At least one picture otherwise SELORA_BAD_INPUT. */
selora_status slr_image_set_open(const char *folder, const slr_image_set_options *options,
                                 const slr_hooks *hooks, slr_image_set **set, slr_error *err);
void slr_image_set_free(slr_image_set *set); /* NULL is legal */

size_t slr_image_set_count(const slr_image_set *set);
const slr_image_item *slr_image_set_item(const slr_image_set *set, size_t index);
const char *slr_image_set_cell(const slr_image_set *set, size_t index,
                               const char *column); /* of the metadata; "" */
const char *slr_image_set_folder(const slr_image_set *set);

size_t slr_image_set_groups(const slr_image_set *set);
size_t slr_image_set_prompts(const slr_image_set *set); /* different ones; "" is none */
bool slr_image_set_has_patients(const slr_image_set *set);
const char *slr_image_set_patient(const slr_image_set *set, size_t index); /* the cell that says who it is; "" */
bool slr_image_set_is_synthetic(const slr_image_set *set); /* written by `selora generate` */
const char *slr_image_set_source(
    const slr_image_set *set); /* "synthetic", "real-train", "real-test", "" unknown */
const char *slr_image_set_sha256(const slr_image_set *set); /* over the pixel hashes in their order */

/* How greys were made of stored values, where the set was prepared from medical files. The rule is comparable
 * between sets; the counts are for people: "lut 61, window 79". Both "" where nothing is said. */
const char *slr_image_set_window_rule(const slr_image_set *set);
const char *slr_image_set_window_counts(const slr_image_set *set);

/* The colour residual over all pixels of the set, 0..255. */
typedef struct slr_colour_residual {
    double mean, p99;
} slr_colour_residual;
slr_colour_residual slr_image_set_colour(const slr_image_set *set);

/* From here on pictures are rounded to 8 bits as they are read, before the resize: for a set of 16 bits that
 * is compared with one of 8. Changes no item and no hash; forgets what was kept. */
void slr_image_set_round_to_8(slr_image_set *set);
/* All pictures have at most 8 bits, or are rounded to them. */
bool slr_image_set_is_8_bit(const slr_image_set *set);

/* Makes the greys of that size of all pictures once and keeps them, where they fit into 256 MB; else and
 * before they are made from the files each time. */
selora_status slr_image_set_keep(slr_image_set *set, int size, int threads, const slr_hooks *hooks,
                                 slr_error *err);

/* Metric pictures: (size, size) greys, (size, size, 3) colours, 0..1, rows top to bottom. May run in several
 * threads. */
selora_status slr_image_set_grey(const slr_image_set *set, size_t index, int size, float *grey,
                                 slr_error *err);
selora_status slr_image_set_rgb(const slr_image_set *set, size_t index, int size, float *rgb, slr_error *err);

#endif
