/* SPDX-License-Identifier: MIT
 *
 * What goes wrong in data sets without a word: copies across the split, labels that anything but the body
 * tells, marks, screenshots, frames, texts that fit several pictures. Each check counts, names rows and says
 * what to do.
 *
 *     slr_trap_picture *pictures = ...;
 *     slr_trap_set set = {.pictures = pictures, .count = count};
 *     slr_traps traps;
 *     SLR_TRY(slr_traps_find(&set, &traps, err));
 *     for (int i = 0; i < SLR_TRAPS; i++)
 *         if (traps.found[i].severity != SLR_TRAP_NONE)
 *             print(slr_trap_id(i), traps.found[i].count, traps.found[i].text, slr_trap_advice(i));
 *
 * Where no picture has a label, prompts stand for labels when they are a few. Rows are counted from 1.
 * Nothing of a text, name or label gets into a result.
 */
#ifndef SLR_TRAPS_H
#define SLR_TRAPS_H

#include <stdbool.h>

#include "data/dataset.h"
#include "prepare/picture_measures.h"

typedef enum slr_trap_kind {
    SLR_TRAP_SIZE_LABEL,      /* size tells the label */
    SLR_TRAP_BLUR_LABEL,      /* sharpness does */
    SLR_TRAP_COLUMN_LABEL,    /* a column does */
    SLR_TRAP_DUPLICATES,      /* equal files or pixels, or nearly equal pixels */
    SLR_TRAP_SPLIT_COPIES,    /* the same across the parts of the split */
    SLR_TRAP_SPLIT_PATIENTS,  /* a patient in two parts */
    SLR_TRAP_COLOUR,          /* coloured marks */
    SLR_TRAP_TYPES,           /* several kinds of pixels */
    SLR_TRAP_BURNED_IN,       /* text in pixels */
    SLR_TRAP_FIGURES,         /* frames and odd shapes, as pictures from articles have them */
    SLR_TRAP_SCREENSHOTS,     /* JPEG blocks in a part of the set */
    SLR_TRAP_VIEWS,           /* views under one report that the prompt does not tell apart */
    SLR_TRAP_SAME_PROMPT,
    SLR_TRAP_MISSING,         /* files that gave no picture */
    SLR_TRAP_BACKGROUND,      /* mostly zeros */
    SLR_TRAP_CONSTANT,        /* one value */
    SLR_TRAP_FACES,           /* slices enough to see a face */
    SLR_TRAPS
} slr_trap_kind;

typedef enum slr_trap_severity {
    SLR_TRAP_NONE,
    SLR_TRAP_NOTE,
    SLR_TRAP_WARNING,
    SLR_TRAP_ERROR
} slr_trap_severity;

/* Texts may be NULL for "not known". */
typedef struct slr_trap_picture {
    const char *text, *label, *patient, *report, *view, *modality, *body_part, *series;
    const char *source;         /* where it comes from, for comparisons between sources */
    const char *type;           /* "PNG, 8 bit, grey" */
    const char *burned_in;      /* "yes", "no" */
    const char *file, *pixels;  /* checksums */
    uint64_t near;              /* difference hash */
    slr_side side;
    int width, height;          /* of the source */
    bool measured, constant;
    slr_picture_measures measures;
} slr_trap_picture;

typedef struct slr_trap_set {
    const slr_trap_picture *pictures;
    size_t count;
    size_t missing; /* files that should be pictures and are none */
    /* further columns, compared with the label */
    int columns;
    const char *(*cell)(const void *context, size_t picture, int column); /* NULL: none */
    const char *(*column_name)(const void *context, int column);
    const void *context;
} slr_trap_set;

enum { SLR_TRAP_ROWS = 20, SLR_TRAP_TEXT = 240 };

typedef struct slr_trap {
    slr_trap_severity severity;
    size_t count;                 /* rows concerned */
    uint32_t rows[SLR_TRAP_ROWS]; /* the first of them */
    int shown;
    char text[SLR_TRAP_TEXT];     /* what was seen */
} slr_trap;

typedef struct slr_traps {
    slr_trap found[SLR_TRAPS];
    int errors, warnings;
} slr_traps;

const char *slr_trap_id(slr_trap_kind kind);     /* "duplicates-across-split" */
const char *slr_trap_advice(slr_trap_kind kind);
const char *slr_trap_severity_name(slr_trap_severity severity); /* "ok", "note", "warning", "error" */

selora_status slr_traps_find(const slr_trap_set *set, slr_traps *traps, slr_error *err);

#endif
