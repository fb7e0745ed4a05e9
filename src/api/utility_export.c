/* SPDX-License-Identifier: MIT */
#include "api/utility_export.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/rng.h"
#include "io/atomic_file.h"
#include "io/csv.h"
#include "io/image.h"

enum { LARGEST_FILE = 1 << 30 };

static const char *ending(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && !strchr(dot, '/') ? dot : "";
}

static selora_status copy_picture(const char *from, const char *folder, const char *name, slr_error *err)
{
    char *data = NULL, *path = slr_format("%s/%s", folder, name);
    size_t size;
    selora_status status =
        path ? slr_read_file(from, LARGEST_FILE, &data, &size, err) : slr_fail_memory(err, 0, "a path");
    if (status == SELORA_OK)
        status = slr_atomic_write(path, 0600, data, size, err);
    free(data);
    free(path);
    return status;
}

static selora_status write_rows(const char *folder, FILE *table, const slr_utility_side *side, size_t count,
                                size_t *number, const slr_utility_labels *labels, slr_error *err)
{
    char name[32];
    bool synthetic = slr_image_set_is_synthetic(side->set);
    for (size_t i = 0; i < count && i < side->rows.count; i++) {
        const slr_image_item *item = slr_image_set_item(side->set, side->items[i]);
        snprintf(name, sizeof name, "%06zu%.8s", (*number)++, ending(item->path));
        SLR_TRY(copy_picture(item->path, folder, name, err));
        fprintf(table, "%s,%s,%d", name, synthetic ? "synthetic" : "real", (int)side->rows.groups[i]);
        for (size_t l = 0; l < labels->count; l++)
            fprintf(table, ",%d", side->labels[i * labels->count + l]);
        fputc('\n', table);
    }
    return SELORA_OK;
}

selora_status slr_utility_export(const char *folder, const slr_utility_side *const *sides,
                                 const size_t *counts, size_t side_count, const slr_utility_labels *labels,
                                 slr_error *err)
{
    slr_atomic_file *file;
    size_t number = 0;
    SLR_TRY(slr_make_folders(folder, 0700, err));
    char *path = slr_format("%s/metadata.csv", folder);
    if (!path)
        return slr_fail_memory(err, 0, "a path");
    selora_status status = slr_atomic_open(path, 0600, &file, err);
    free(path);
    SLR_TRY(status);
    FILE *table = slr_atomic_stream(file);
    fputs("file_name,source,patient", table);
    for (size_t l = 0; l < labels->count; l++) {
        fputc(',', table);
        slr_csv_write_field(table, labels->items[l].name);
    }
    fputc('\n', table);
    for (size_t s = 0; s < side_count && status == SELORA_OK; s++)
        status = write_rows(folder, table, sides[s], counts[s], &number, labels, err);
    if (status == SELORA_OK)
        return slr_atomic_commit(file, err);
    slr_atomic_abort(file);
    return status;
}

/* ---- augmentation ---- */

static selora_status augment_one(const char *from, const char *to, uint32_t index, slr_error *err)
{
    slr_image whole = {0}, cut = {0};
    slr_rng rng = slr_rng_at(0, SLR_STREAM_AUDIT, 4, index);
    double scale = 0.9 + 0.1 * slr_rng_uniform(&rng), across = slr_rng_uniform(&rng),
           down = slr_rng_uniform(&rng);
    double contrast = 0.9 + 0.2 * slr_rng_uniform(&rng), light = 0.1 * (slr_rng_uniform(&rng) - 0.5);
    SLR_TRY(slr_image_read(from, NULL, &whole, err));
    int width = (int)fmax(1, scale * whole.width), height = (int)fmax(1, scale * whole.height);
    int left = (int)(across * (whole.width - width)), top = (int)(down * (whole.height - height));
    selora_status status = slr_image_new(width, height, whole.channels, &cut, err);
    for (int y = 0; status == SELORA_OK && y < height; y++)
        for (int x = 0; x < width * whole.channels; x++) {
            size_t at =
                ((size_t)(y + top) * (size_t)whole.width + (size_t)left) * (size_t)whole.channels + (size_t)x;
            double value = 0.5 + contrast * ((double)whole.pixels[at] - 0.5) + light;
            cut.pixels[(size_t)y * (size_t)width * (size_t)whole.channels + (size_t)x] =
                (float)fmin(fmax(value, 0), 1);
        }
    void *png = NULL;
    size_t size;
    if (status == SELORA_OK)
        status = slr_png_write_memory(&cut, whole.bits == 16 ? 16 : 8, NULL, 0, &png, &size, err);
    if (status == SELORA_OK)
        status = slr_atomic_write(to, 0600, png, size, err);
    free(png);
    slr_image_free(&whole);
    slr_image_free(&cut);
    return status;
}

selora_status slr_utility_augment(const slr_utility_side *side, const char *folder, const slr_hooks *hooks,
                                  slr_error *err)
{
    SLR_TRY(slr_make_folders(folder, 0700, err));
    slr_task task = slr_task_begin(hooks, "augment pictures", (int64_t)side->rows.count);
    for (size_t i = 0; i < side->rows.count; i++) {
        char *path = slr_format("%s/%06zu.png", folder, i);
        selora_status status =
            path ? augment_one(slr_image_set_item(side->set, side->items[i])->path, path, (uint32_t)i, err)
                 : slr_fail_memory(err, 0, "a path");
        free(path);
        SLR_TRY(status);
        slr_task_report(&task, (int64_t)i + 1, NULL);
        if (slr_interrupted(hooks))
            return slr_fail(err, SELORA_INTERRUPTED, "stopped while augmenting pictures");
    }
    return SELORA_OK;
}
