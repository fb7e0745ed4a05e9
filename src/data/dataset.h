/* SPDX-License-Identifier: MIT
 *
 * A folder of pictures with captions. Three layouts are read:
 *
 *   - metadata.csv or metadata.jsonl beside the pictures: a column file_name (or one X_file_name),
 *     a caption column `text`, further columns free. Names are relative to the metadata file and
 *     stay inside its folder.
 *   - a caption file beside each picture: chest.png with chest.txt or chest.caption.
 *   - folders train/, validation/ (or val/, valid/) and test/, each in one of the layouts above:
 *     the split is given. So it is by split.csv beside a metadata file (data/split_file.h), whose
 *     patients then are the groups unless others are asked for.
 *
 * Everything that is wrong with a folder is reported in one go.
 *
 *     slr_dataset *data;
 *     slr_dataset_options options = {.group_column = "patient_id"};
 *     SLR_TRY(slr_dataset_open("images", &options, &data, err));
 *     SLR_TRY(slr_dataset_check_pictures(data, NULL, err));
 *     for (size_t i = 0; i < slr_dataset_count(data); i++)
 *         use(slr_dataset_item(data, i)->caption);
 *     slr_dataset_free(data);
 *
 * Paths, captions and groups are patient data: they may appear in an error on the terminal, never
 * in a file. What is written names an item by its row.
 */
#ifndef SLR_DATASET_H
#define SLR_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hooks.h"
#include "core/status.h"
#include "io/checksum.h"

typedef enum slr_side {
    SLR_SIDE_NONE, /* the folder does not say */
    SLR_SIDE_TRAIN,
    SLR_SIDE_VALIDATION,
    SLR_SIDE_TEST
} slr_side;

/* Zero-initialised: the defaults. */
typedef struct slr_dataset_options {
    const char *image_column;   /* NULL: file_name, else the one column that ends in _file_name */
    const char *caption_column; /* NULL: text */
    const char *group_column;   /* NULL: no groups; else no cell of it may be empty */
} slr_dataset_options;

/* Owned by the dataset. */
typedef struct slr_data_item {
    const char *path;    /* opens the picture */
    const char *caption; /* UTF-8; "" is legal */
    const char *group;   /* cell of the group column; "" without one */
    size_t row;          /* 1-based: row below the header, or place in the sorted pictures */
    slr_side side;
    /* Set by slr_dataset_check_pictures(), zero before: */
    int width, height, channels, bits;
    char sha256[SLR_SHA256_HEX]; /* of the bytes of the file */
} slr_data_item;

typedef struct slr_dataset slr_dataset;

/* Reads tables, captions and the presence of every file; no picture is opened. `options` may be
 * NULL. SELORA_BAD_INPUT lists all problems; a folder without pictures is one. At least one item
 * otherwise. */
selora_status slr_dataset_open(const char *folder, const slr_dataset_options *options,
                               slr_dataset **data, slr_error *err);
void slr_dataset_free(slr_dataset *data); /* NULL is legal */

size_t slr_dataset_count(const slr_dataset *data);
const slr_data_item *slr_dataset_item(const slr_dataset *data, size_t index);

/* The cell of any column of the metadata for an item; "" where the column or the metadata is
 * absent. */
const char *slr_dataset_cell(const slr_dataset *data, size_t index, const char *column);
bool slr_dataset_has_column(const slr_dataset *data, const char *column);

/* What is legal but worth a word to the user. */
/* Where the sides of the items come from. */
typedef enum slr_side_source {
    SLR_SIDES_NONE,
    SLR_SIDES_FOLDERS,
    SLR_SIDES_BY_PATIENT, /* split.csv */
    SLR_SIDES_BY_PICTURE  /* split.csv of a folder without patients */
} slr_side_source;
slr_side_source slr_dataset_side_source(const slr_dataset *data);

typedef struct slr_dataset_counts {
    size_t empty_captions;
    size_t unlisted;   /* pictures in the folder that no row names: not used */
    size_t duplicates; /* files byte for byte like an earlier one (after check_pictures) */
} slr_dataset_counts;
slr_dataset_counts slr_dataset_get_counts(const slr_dataset *data);

/* Reads and decodes every picture once: fills the later fields of the items and lists all damaged
 * ones in one go. Long for a large folder: `hooks` hears the progress and may stop it
 * (SELORA_INTERRUPTED). */
selora_status slr_dataset_check_pictures(slr_dataset *data, const slr_hooks *hooks, slr_error *err);

/* SHA-256 over the items in their order: contents, captions, groups and sides; no names, no paths.
 * Needs slr_dataset_check_pictures() (SELORA_USAGE without). */
selora_status slr_dataset_hash(const slr_dataset *data, char hex[SLR_SHA256_HEX], slr_error *err);

#endif
