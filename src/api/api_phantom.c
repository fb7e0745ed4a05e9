/* SPDX-License-Identifier: MIT
 * A folder of phantoms with its metadata.csv. The table is written first: an interrupted job leaves a folder that the
 * same command completes and that a reader of the table refuses, because pictures are missing. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/context.h"
#include "core/memory.h"
#include "data/phantom.h"
#include "io/atomic_file.h"
#include "io/csv.h"
#include "io/image.h"
#include "io/regular_file.h"

static const char HEADER[] = "file_name,text,region,finding,place,x,y,radius\n";

enum { NAME_CAPACITY = 32, MAX_TABLE_BYTES = 1 << 30 };

static void picture_name(uint32_t index, char name[NAME_CAPACITY])
{
    snprintf(name, NAME_CAPACITY, "%06u.png", index);
}

/* The number in a name that picture_name() gives, else -1. */
static int64_t picture_index(const char *name)
{
    char *end, again[NAME_CAPACITY];
    unsigned long long value = strtoull(name, &end, 10);
    if (value > UINT32_MAX)
        return -1;
    picture_name((uint32_t)value, again);
    return strcmp(name, again) == 0 ? (int64_t)value : -1;
}

static bool has_own_table(const char *path)
{
    char *text = NULL;
    size_t size;
    bool own = slr_read_file(path, MAX_TABLE_BYTES, &text, &size, NULL) == SELORA_OK &&
               strncmp(text, HEADER, sizeof HEADER - 1) == 0;
    free(text);
    return own;
}

/* An empty folder is fine; so is one of phantoms, which loses its pictures from `count` on. */
static selora_status take_folder(const char *folder, int64_t count, slr_error *err)
{
    slr_remove_left_overs(folder);
    DIR *listing = opendir(folder);
    if (!listing)
        return slr_fail_errno(err, folder, "read the folder");
    char *table = slr_format("%s/metadata.csv", folder);
    bool own = table && has_own_table(table);
    free(table);
    selora_status status = SELORA_OK;
    struct dirent *entry;
    while (status == SELORA_OK && (errno = 0, entry = readdir(listing))) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || (own && strcmp(name, "metadata.csv") == 0))
            continue;
        int64_t index = picture_index(name);
        if (!own || index < 0)
            status = slr_fail(err, SELORA_USAGE, "--out: %s holds %s, which is not of a phantom folder; name a new or empty folder",
                              folder, name);
        else if (index >= count && unlinkat(dirfd(listing), name, 0) != 0)
            status = slr_fail_errno(err, folder, "remove an old picture from");
    }
    if (status == SELORA_OK && errno != 0)
        status = slr_fail_errno(err, folder, "read the folder");
    closedir(listing);
    return status;
}

static selora_status read_set(const selora_phantom_options *options, slr_phantom_set *set, slr_error *err)
{
    *set = slr_phantom_set_default(options->seed);
    const char *classes = options->classes ? options->classes : "seen";
    if (strcmp(classes, "seen") == 0)
        set->classes = SLR_PHANTOM_SEEN;
    else if (strcmp(classes, "held-out") == 0)
        set->classes = SLR_PHANTOM_HELD_OUT;
    else if (strcmp(classes, "all") == 0)
        set->classes = SLR_PHANTOM_ALL;
    else
        return slr_fail(err, SELORA_USAGE, "--classes: found %s, expected seen, held-out or all", classes);
    if (options->region)
        SLR_TRY(slr_phantom_region_find(options->region, &set->region, err));
    if (options->finding)
        SLR_TRY(slr_phantom_finding_find(options->finding, &set->finding, err));
    if (options->place)
        SLR_TRY(slr_phantom_place_find(options->place, &set->place, err));
    if (slr_phantom_set_kinds(set) == 0)
        return slr_fail(err, SELORA_USAGE, "--classes %s with this --region, --finding and --place leaves nothing to draw; "
                        "leave one of them out", classes);
    return SELORA_OK;
}

static void write_row(FILE *stream, uint32_t index, slr_phantom_spec spec, const slr_phantom_truth *truth)
{
    char name[NAME_CAPACITY], caption[SLR_PHANTOM_CAPTION_CAPACITY];
    bool normal = spec.finding == SLR_PHANTOM_NORMAL;
    picture_name(index, name);
    slr_phantom_caption(spec, caption, sizeof caption);
    fprintf(stream, "%s,", name);
    slr_csv_write_field(stream, caption);
    fprintf(stream, ",%s,%s,%s,", slr_phantom_region_option(spec.region), slr_phantom_finding_option(spec.finding),
            normal ? "" : slr_phantom_place_option(spec.place));
    if (normal)
        fputs(",,\n", stream);
    else
        fprintf(stream, "%.4f,%.4f,%.4f\n", (double)truth->x, (double)truth->y, (double)truth->radius);
}

/* The truth of a picture does not depend on its size, so the table costs the smallest pictures. */
static selora_status write_table(const char *folder, const slr_phantom_set *set, uint32_t count, const slr_hooks *hooks,
                                 slr_error *err)
{
    float pixels[SLR_PHANTOM_SIZE_MIN * SLR_PHANTOM_SIZE_MIN];
    slr_atomic_file *file = NULL;
    char *path = slr_format("%s/metadata.csv", folder);
    if (!path)
        return slr_fail_memory(err, strlen(folder), folder);
    selora_status status = slr_atomic_open(path, 0644, &file, err);
    free(path);
    SLR_TRY(status);
    FILE *stream = slr_atomic_stream(file);
    fputs(HEADER, stream);
    for (uint32_t i = 0; i < count; i++) {
        slr_phantom_truth truth;
        slr_phantom_spec spec = slr_phantom_set_item(set, i);
        status = slr_interrupted(hooks)
                     ? slr_fail(err, SELORA_INTERRUPTED, "stopped while writing the table; nothing is in the folder yet")
                     : slr_phantom_draw(set->seed, i, spec, SLR_PHANTOM_SIZE_MIN, pixels, &truth, err);
        if (status != SELORA_OK) {
            slr_atomic_abort(file);
            return status;
        }
        write_row(stream, i, spec, &truth);
    }
    return slr_atomic_commit(file, err);
}

static selora_status write_picture(const char *folder, const slr_phantom_set *set, uint32_t index, slr_image *image,
                                   slr_error *err)
{
    char name[NAME_CAPACITY];
    picture_name(index, name);
    SLR_TRY(slr_phantom_draw(set->seed, index, slr_phantom_set_item(set, index), image->width, image->pixels, NULL, err));
    char *path = slr_format("%s/%s", folder, name);
    if (!path)
        return slr_fail_memory(err, strlen(folder), folder);
    selora_status status = slr_png_write(path, image, 8, NULL, 0, err);
    free(path);
    return status;
}

selora_status selora_phantom_folder(selora_context *context, const selora_phantom_options *options)
{
    slr_error *err = slr_context_begin(context);
    slr_phantom_set set;
    SLR_TRY(read_set(options, &set, err));
    if (!options->out || !*options->out)
        return slr_fail(err, SELORA_USAGE, "--out: missing; name the folder for the pictures");
    if (options->count < 1 || options->count > UINT32_MAX)
        return slr_fail(err, SELORA_USAGE, "--count: found %lld, expected at least 1", (long long)options->count);
    if (options->size < SLR_PHANTOM_SIZE_MIN || options->size > SLR_PHANTOM_SIZE_MAX)
        return slr_fail(err, SELORA_USAGE, "--size: found %lld, expected %d..%d", (long long)options->size,
                        SLR_PHANTOM_SIZE_MIN, SLR_PHANTOM_SIZE_MAX);
    uint32_t count = (uint32_t)options->count;
    SLR_TRY(slr_make_folders(options->out, 0755, err));
    SLR_TRY(take_folder(options->out, count, err));
    SLR_TRY(write_table(options->out, &set, count, &context->hooks, err));
    slr_image image = {0};
    SLR_TRY(slr_image_new((int)options->size, (int)options->size, 1, &image, err));
    slr_task task = slr_task_begin(&context->hooks, "phantom", count);
    selora_status status = SELORA_OK;
    for (uint32_t i = 0; status == SELORA_OK && i < count; i++) {
        if (slr_interrupted(&context->hooks))
            status = slr_fail(err, SELORA_INTERRUPTED, "stopped after %u of %u pictures; the same command completes the folder",
                              i, count);
        else
            status = write_picture(options->out, &set, i, &image, err);
        slr_task_report(&task, i + 1, NULL);
    }
    slr_image_free(&image);
    return status;
}
