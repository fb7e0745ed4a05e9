/* SPDX-License-Identifier: MIT
 *
 * How the layouts of data/dataset.h fill a dataset. A reader adds items and problems; it fails only
 * where going on makes no sense (memory, a folder that cannot be listed).
 */
#ifndef SLR_DATASET_BUILD_H
#define SLR_DATASET_BUILD_H

#include "core/problems.h"
#include "data/dataset.h"
#include "io/csv.h"

typedef struct slr_data_source {
    slr_data_item item;   /* first: what callers see */
    char *path, *caption; /* owned; caption NULL where the table owns it */
    size_t name;          /* where the name relative to the dataset begins in `path` */
    int table;            /* -1: a caption file */
    size_t table_row;
} slr_data_source;

enum { SLR_DATASET_TABLES = 3 };

struct slr_dataset {
    char *folder;
    slr_dataset_options options; /* borrowed texts, valid while the dataset is opened */
    slr_data_source *sources;
    size_t count, capacity;
    slr_table *tables[SLR_DATASET_TABLES];
    int table_count;
    slr_dataset_counts counts;
    slr_side_source side_source;
    bool checked;
    slr_problems problems;
};

/* Adds the pictures of `folder`/`inside` ("" or "train"), which has the metadata file `file`. */
selora_status slr_dataset_read_table(slr_dataset *data, const char *inside, const char *file,
                                     slr_side side, slr_error *err);
/* The same with caption files. */
selora_status slr_dataset_read_captions(slr_dataset *data, const char *inside, slr_side side,
                                        slr_error *err);

/* Takes sides and groups from split.csv where the folder has one; after its table. */
selora_status slr_dataset_take_split(slr_dataset *data, slr_error *err);

/* Takes over the texts, also on failure. */
selora_status slr_dataset_add(slr_dataset *data, slr_data_source source, slr_error *err);

/* "FOLDER/inside/name"; NULL when memory lacks. */
char *slr_dataset_path(const slr_dataset *data, const char *inside, const char *name);

#endif
