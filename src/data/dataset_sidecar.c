/* SPDX-License-Identifier: MIT
 * Pictures with a caption file beside each. */
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/utf8.h"
#include "data/captions.h"
#include "data/dataset_build.h"
#include "data/picture_files.h"

static selora_status read_picture(slr_dataset *data, const char *inside, const char *name,
                                  size_t row, slr_side side, size_t *missing, slr_error *err)
{
    slr_error detail = {0};
    slr_data_source source = {.item = {.group = "", .row = row, .side = side},
                              .path = slr_dataset_path(data, inside, name),
                              .table = -1};
    if (!source.path)
        return slr_fail_memory(err, strlen(name), "a path");
    const char *relative = source.path + strlen(data->folder) + 1;
    selora_status status = slr_caption_beside(source.path, &source.caption, &detail);
    if (status == SELORA_NO_RESOURCE) {
        free(source.path);
        return slr_fail(err, status, "%s", detail.message);
    }
    if (!slr_utf8_is_printable(name) || slr_utf8_valid(name, strlen(name)) < strlen(name))
        slr_problems_add(&data->problems,
                         "picture %zu: its name is not UTF-8 or holds control characters", row);
    else if (status != SELORA_OK)
        slr_problems_add(&data->problems, "%s", detail.message);
    else if (!slr_is_readable_name(name))
        slr_problems_add(&data->problems, "%s: PNG and JPEG are read; convert it", relative);
    else if (!source.caption) {
        slr_problems_add(&data->problems, "%s: no caption beside it (.txt or .caption)", relative);
        (*missing)++;
    }
    source.item.caption = source.caption ? source.caption : "";
    return slr_dataset_add(data, source, err);
}

selora_status slr_dataset_read_captions(slr_dataset *data, const char *inside, slr_side side,
                                        slr_error *err)
{
    slr_picture_files files;
    size_t missing = 0;
    char *folder =
        *inside ? slr_format("%s/%s", data->folder, inside) : slr_copy_text(data->folder);
    selora_status status = folder ? slr_picture_files_list(folder, &files, err)
                                  : slr_fail_memory(err, strlen(inside), "a path");
    free(folder);
    SLR_TRY(status);
    if (data->options.group_column)
        slr_problems_add(&data->problems,
                         "%s%sno metadata.csv or metadata.jsonl that could hold column %s", inside,
                         *inside ? ": " : "", data->options.group_column);
    for (size_t i = 0; status == SELORA_OK && i < files.count; i++)
        status = read_picture(data, inside, files.names[i], i + 1, side, &missing, err);
    size_t count = files.count;
    slr_picture_files_free(&files);
    SLR_TRY(status);
    if (count == 0)
        slr_problems_add(&data->problems, "%s%sno pictures (.png, .jpg) in it", inside,
                         *inside ? ": " : "");
    else if (missing == count) /* one cause, one line */
        return slr_fail(
            err, SELORA_BAD_INPUT,
            "%s%s%s: %zu pictures, but neither metadata.csv nor metadata.jsonl nor caption files "
            "(.txt, .caption) beside them",
            data->folder, *inside ? "/" : "", inside, count);
    return SELORA_OK;
}
