/* SPDX-License-Identifier: MIT
 * The split that a prepared folder brings along: split.csv beside metadata.csv. */
#include <stdlib.h>
#include <string.h>

#include "data/dataset_build.h"
#include "data/split_file.h"

/* A picture of nobody known is a patient of its own. */
static void compare_row(slr_dataset *data, size_t index, const slr_split_file *file)
{
    slr_data_source *source = &data->sources[index];
    const char *column = "patient", *key = file->by_patient ? slr_dataset_cell(data, index, column) : "";
    if (!*key)
        key = slr_dataset_cell(data, index, column = "picture");
    if (strcmp(key, file->rows[index].key) != 0)
        slr_problems_add(&data->problems,
                         "row %zu: column %s differs from that of split.csv: the list was changed after it "
                         "was split; prepare it again, or remove split.csv and all sides are drawn anew",
                         source->item.row, column);
    source->item.side = file->rows[index].side;
    if (!data->options.group_column)
        source->item.group = key;
}

static void take(slr_dataset *data, const slr_split_file *file)
{
    const char *column = file->by_patient ? "patient" : "picture";
    if (data->count > 0 && data->sources[0].item.side != SLR_SIDE_NONE)
        slr_problems_add(&data->problems,
                         "split.csv and folders train, validation or test: keep one of the two");
    else if (file->count != data->count)
        slr_problems_add(&data->problems,
                         "split.csv has %zu rows, the metadata %zu: the list was changed after it was split; "
                         "prepare it again, or remove split.csv and all sides are drawn anew", file->count, data->count);
    else if (!slr_dataset_has_column(data, column))
        slr_problems_add(&data->problems, "the metadata have no column %s to compare split.csv with", column);
    else
        for (size_t i = 0; i < data->count; i++)
            compare_row(data, i, file);
    data->side_source = file->by_patient ? SLR_SIDES_BY_PATIENT : SLR_SIDES_BY_PICTURE;
}

selora_status slr_dataset_take_split(slr_dataset *data, slr_error *err)
{
    slr_split_file *file = NULL;
    char *path = slr_dataset_path(data, "", "split.csv");
    selora_status status = path ? slr_split_file_read(path, &file, err) : slr_fail_memory(err, 0, "a path");
    free(path);
    if (file)
        take(data, file);
    slr_split_file_free(file);
    return status;
}
