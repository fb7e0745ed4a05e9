/* SPDX-License-Identifier: MIT
 * Inside of prepare/prepare.h: what its steps hand on. Only the files prepare*.c and manifest.c include this.
 */
#ifndef SLR_PREPARATION_H
#define SLR_PREPARATION_H

#include "io/checksum.h"
#include "medical/picture_facts.h"
#include "prepare/duplicates.h"
#include "prepare/patient_keys.h"
#include "prepare/prepare.h"
#include "prepare/prepared_rows.h"
#include "prepare/private_folder.h"
#include "prepare/source_files.h"
#include "prepare/traps.h"

enum { SLR_FAILURE_TEXT = 240 };

/* A file that may hold pictures. */
typedef struct slr_prepared_file {
    const slr_source_file *source;
    size_t number; /* in the list of all files, from 1: how messages call it */
    slr_picture_kind kind;
    slr_picture_skip skip;
    int64_t frames, first; /* first: the frame that is taken, when one is */
    char sha256[SLR_SHA256_HEX];
    char key[SLR_PATIENT_KEY]; /* of its bytes */
    slr_picture_facts *facts;  /* of the frame `first`; NULL when skipped */
    size_t series;             /* number of its volume of single files, from 1; 0: none */
} slr_prepared_file;

/* What drawing a picture told. */
typedef struct slr_drawn {
    slr_picture_facts facts;
    slr_picture_measures measures;
    char pixels[SLR_SHA256_HEX];
    uint64_t near;
} slr_drawn;

typedef struct slr_prepared_picture {
    size_t file;
    int64_t frame;          /* of the file */
    int64_t slice, slices;  /* of the file or the series */
    slr_prompt prompt;
    size_t prompt_number;   /* as slr_token_budget calls it */
    slr_drawn *drawn;       /* NULL: not new, or it failed */
} slr_prepared_picture;

typedef struct slr_prepare_counts {
    size_t found, reports, other, examined; /* files; examined may hold pictures */
    size_t left_out;                        /* not of found: links to folders, devices, second names */
    size_t tables_left;                     /* of other: tables that nobody named */
    size_t skips[SLR_SKIP_COUNT];
    size_t bad;                             /* files that should be pictures and are none */
    size_t failures_told;
    size_t known, added, without_text;      /* pictures */
    size_t texts_kept;                      /* rows with another text than their reports give now */
    size_t most_cut[SLR_MOST_CUT];          /* rows of prompts.tokens.most; 0: not of this run */
    size_t slices_left;                     /* files and frames that the slice rule leaves */
    size_t series, series_equal, series_turned;
    size_t bad_reports;
    slr_prompt_counts prompts;
    slr_split_report split;
    slr_traps traps;
    double seconds, pictures_per_second;
    long peak_kilobytes;
    bool near_ignored; /* near copies join what an earlier run has put on two sides */
} slr_prepare_counts;

typedef struct slr_preparation {
    const slr_prepare_job *job;
    const slr_hooks *hooks;
    slr_private_folder folder;
    slr_patient_keys keys;
    slr_rows rows;
    size_t old_rows;
    slr_source_files sources, report_files;
    slr_prepared_file *files;
    size_t file_count;
    slr_prepared_picture *pictures;
    size_t picture_count, picture_capacity;
    slr_prompts *prompts;
    slr_prepare_counts counts;
    slr_task task;
    int64_t done;
} slr_preparation;

/* prepare_read.c: headers of all files, volumes of single files, the list of pictures. */
selora_status slr_prepare_read(slr_preparation *p, slr_error *err);
/* prepare_series.c: files of one series are a volume: which of them are taken. chosen[files]: 0 is left. */
selora_status slr_prepare_choose_series(slr_preparation *p, unsigned char *chosen, int64_t *slices,
                                        int64_t *counts, slr_error *err);
/* prepare_texts.c: reports and prompts; drops pictures without one. */
selora_status slr_prepare_texts(slr_preparation *p, slr_error *err);
/* prepare_draw.c: the pictures that are new, into the folder of unfinished ones: number of the picture.png.
 */
selora_status slr_prepare_draw(slr_preparation *p, slr_error *err);
/* prepare_store.c: rows, keys, split, traps, and everything onto the disk. */
selora_status slr_prepare_load(slr_preparation *p, slr_error *err);
selora_status slr_prepare_store(slr_preparation *p, json_t **manifest, slr_error *err);
/* prepare_split.c: patient keys and sides of all rows. */
selora_status slr_prepare_split(slr_preparation *p, slr_error *err);
bool slr_prepare_split_by_patient(const slr_preparation *p); /* some patient is known */
slr_side slr_prepare_side(const slr_rows *rows, size_t row);
/* prepare_traps.c: prepare/traps.h on all rows. */
selora_status slr_prepare_find_traps(slr_preparation *p, slr_error *err);
/* manifest.c */
json_t *slr_manifest_make(const slr_preparation *p);

/* Counts a file that gave nothing, and tells the first ones. `message` may be NULL. */
void slr_prepare_skip(slr_preparation *p, const slr_prepared_file *file, slr_picture_skip skip,
                      const char *message);
/* Pool messages and interruption as the user reads them. */
selora_status slr_prepare_pool_failed(selora_status status, slr_error *err);

#endif
