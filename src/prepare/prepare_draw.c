/* SPDX-License-Identifier: MIT
 * Second pass: the pictures that are new, decoded, measured, fitted and written by workers. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/worker_pool.h"
#include "medical/medical_picture.h"
#include "prepare/preparation.h"

enum { CHUNK = 4 }; /* frames of one file that a worker takes at a time: it opens the file once for them */

typedef struct drawn_frame {
    bool done, disk; /* disk: the picture could not be written */
    selora_status status;
    char message[SLR_FAILURE_TEXT];
    slr_drawn drawn;
} drawn_frame;

typedef struct draw_result {
    drawn_frame frames[CHUNK];
} draw_result;

typedef struct chunk {
    size_t file, count, pictures[CHUNK];
} chunk;

typedef struct drawing {
    slr_preparation *p;
    chunk *chunks;
    size_t count, capacity;
    size_t wanted; /* pictures */
} drawing;

/* ---- in a worker ---- */

static selora_status hash_pixels(const slr_image *image, char hex[SLR_SHA256_HEX], slr_error *err)
{
    int32_t size[3] = {image->width, image->height, image->channels};
    slr_sha256 *hash = slr_sha256_new();
    if (!hash)
        return slr_fail_memory(err, 0, "a checksum");
    slr_sha256_update(hash, size, sizeof size);
    slr_sha256_update(hash, image->pixels,
                      (size_t)image->width * (size_t)image->height * (size_t)image->channels *
                          sizeof *image->pixels);
    slr_sha256_finish(hash, hex);
    return *hex ? SELORA_OK : slr_fail(err, SELORA_NO_RESOURCE, "a checksum cannot be computed");
}

/* Not synced: all pictures are, at once, before the first of them gets its name. */
static selora_status write_bytes(const char *path, const void *data, size_t size, slr_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return slr_fail_errno(err, path, "write");
    const char *at = data;
    while (size > 0) {
        ssize_t written = write(fd, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            break;
        at += written;
        size -= (size_t)written;
    }
    selora_status status = size > 0 ? slr_fail_errno(err, path, "write") : SELORA_OK;
    if (close(fd) != 0 && status == SELORA_OK)
        status = slr_fail_errno(err, path, "write");
    return status;
}

static selora_status write_picture(const slr_preparation *p, size_t picture, const slr_image *image,
                                   bool *disk, slr_error *err)
{
    void *data;
    size_t size;
    char *path = slr_format("%s/%zu.png", p->folder.unfinished, picture);
    if (!path)
        return slr_fail_memory(err, 0, "a path");
    selora_status status = slr_png_write_memory(image, 16, NULL, 0, &data, &size, err);
    if (status == SELORA_OK) {
        status = write_bytes(path, data, size, err);
        *disk = status != SELORA_OK;
        free(data);
    }
    free(path);
    return status;
}

static selora_status draw_frame(const slr_preparation *p, slr_medical *file, size_t picture, drawn_frame *out,
                                slr_error *err)
{
    slr_image image;
    slr_drawn *d = &out->drawn;
    SLR_TRY(slr_medical_read(file, p->pictures[picture].frame, &p->job->medical, &image, &d->facts, err));
    selora_status status = slr_picture_measure(&image, &d->measures, err); /* as it came */
    if (status == SELORA_OK)
        status = slr_picture_fit_apply(&p->job->fit, &image, err);
    if (status == SELORA_OK) {
        d->near = slr_difference_hash(&image); /* as it trains */
        status = hash_pixels(&image, d->pixels, err);
    }
    if (status == SELORA_OK)
        status = write_picture(p, picture, &image, &out->disk, err);
    slr_image_free(&image);
    return status;
}

static selora_status draw_chunk(void *context, int64_t index, void *result, slr_error *err)
{
    const drawing *d = context;
    const chunk *c = &d->chunks[index];
    draw_result *out = result;
    slr_medical *file;
    for (size_t i = 0; i < c->count; i++)
        out->frames[i].drawn.facts.skip = SLR_SKIP_DAMAGED;
    SLR_TRY(
        slr_medical_open(d->p->files[c->file].source->path, &file, &out->frames[0].drawn.facts.skip, err));
    for (size_t i = 0; i < c->count; i++) {
        slr_error failure = {0};
        drawn_frame *frame = &out->frames[i];
        frame->status = draw_frame(d->p, file, c->pictures[i], frame, &failure);
        frame->done = frame->status == SELORA_OK;
        snprintf(frame->message, sizeof frame->message, "%s", failure.message);
    }
    slr_medical_close(file);
    return SELORA_OK;
}

/* ---- in this process ---- */

static void seal(slr_drawn *d)
{
    slr_picture_facts *f = &d->facts;
    char *texts[] = {f->modality, f->view_position, f->laterality, f->body_part,
                     f->sex,      f->age,           f->photometric};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        texts[i][SLR_FACT_TEXT - 1] = 0;
    f->transfer_syntax[SLR_FACT_KEY - 1] = 0;
    d->pixels[SLR_SHA256_HEX - 1] = 0;
    if ((unsigned)f->skip >= SLR_SKIP_COUNT)
        f->skip = SLR_SKIP_DAMAGED;
    if ((unsigned)f->voi >= SLR_VOI_SOURCE_COUNT)
        f->voi = SLR_VOI_NONE;
    if ((unsigned)f->colour >= SLR_COLOUR_COUNT)
        f->colour = SLR_COLOUR_TRUE;
}

static selora_status take_frame(slr_preparation *p, size_t picture, const drawn_frame *frame,
                                selora_status status, const char *message, slr_error *err)
{
    const slr_prepared_file *file = &p->files[p->pictures[picture].file];
    if (status == SELORA_OK && frame->done) {
        slr_drawn *d = slr_alloc(1, sizeof *d);
        if (!d)
            return slr_fail_memory(err, sizeof *d, "what pictures told");
        *d = frame->drawn;
        seal(d);
        p->pictures[picture].drawn = d;
        p->counts.added++;
        return SELORA_OK;
    }
    if (status == SELORA_OK && frame->disk)
        return slr_fail(err, SELORA_NO_RESOURCE,
                        "%.*s; nothing was added. Free space on the disk and start the same command "
                        "again",
                        SLR_FAILURE_TEXT, frame->message);
    unsigned skip = frame->drawn.facts.skip;
    slr_prepare_skip(
        p, file, skip == SLR_SKIP_NONE || skip >= SLR_SKIP_COUNT ? SLR_SKIP_DAMAGED : (slr_picture_skip)skip,
        status == SELORA_OK ? frame->message : message);
    return SELORA_OK;
}

static selora_status took_chunk(void *context, int64_t index, selora_status status, const char *message,
                                const void *result, slr_error *err)
{
    drawing *d = context;
    const chunk *c = &d->chunks[index];
    draw_result *r = slr_alloc(1, sizeof *r);
    if (!r)
        return slr_fail_memory(err, sizeof *r, "what pictures told");
    memcpy(r, result, sizeof *r);
    selora_status taken = SELORA_OK;
    for (size_t i = 0; taken == SELORA_OK && i < c->count; i++) {
        r->frames[i].message[SLR_FAILURE_TEXT - 1] = 0;
        taken = take_frame(d->p, c->pictures[i], &r->frames[i], status, message, err);
    }
    free(r);
    d->p->done += (int64_t)c->count;
    slr_task_report(&d->p->task, d->p->done, "%zu bad", d->p->counts.bad);
    return taken;
}

/* ---- what is new ---- */

typedef struct known_key {
    char text[2 * SLR_PATIENT_KEY + 24]; /* key of the file and frame, or of the series */
    size_t uses, row;                    /* row: the first one */
    bool shared;                         /* there is another one */
} known_key;

static int by_key(const void *a, const void *b)
{
    return strcmp(((const known_key *)a)->text, ((const known_key *)b)->text);
}

static size_t count_equal(known_key *keys, size_t count)
{
    size_t kept = 0;
    if (count > 1)
        qsort(keys, count, sizeof *keys, by_key);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && strcmp(keys[kept - 1].text, keys[i].text) == 0)
            keys[kept - 1].shared = keys[kept - 1].uses++ > 0;
        else
            keys[kept++] = keys[i];
    }
    return kept;
}

/* A picture is there already when its file is, as often as it is there; or, when a series gives one slice,
 * its series. */
static selora_status is_known(slr_preparation *p, const slr_prepared_picture *picture, known_key *keys,
                              size_t count, bool *known, slr_error *err)
{
    known_key key = {0};
    const slr_prepared_file *file = &p->files[picture->file];
    snprintf(key.text, sizeof key.text, "%s/%lld", file->key, (long long)picture->frame);
    known_key *found = bsearch(&key, keys, count, sizeof *keys, by_key);
    *known = found && found->uses > 0;
    if (*known) {
        found->uses--;
        p->counts.texts_kept += !found->shared && picture->prompt.text &&
                                strcmp(picture->prompt.text, slr_rows_get(&p->rows, found->row, SLR_COLUMN_TEXT)) != 0;
    }
    bool one_of_many = p->job->medical.slice != SLR_SLICE_ALL && p->job->medical.slice != SLR_SLICE_EVERY;
    if (*known || !file->series || !one_of_many)
        return SELORA_OK;
    SLR_TRY(slr_patient_key(&p->keys, file->facts->series_uid, key.text, err));
    *known = bsearch(&key, keys, count, sizeof *keys, by_key) != NULL;
    return SELORA_OK;
}

/* A slice of a series of single files has its place in the series in its row, but is frame 0 of its file. */
static void key_of_row(const slr_rows *rows, size_t row, known_key *key)
{
    bool single = *slr_rows_get(rows, row, SLR_COLUMN_SERIES_KEY) != 0;
    *key = (known_key){.uses = 1, .row = row};
    snprintf(key->text, sizeof key->text, "%.16s/%.20s", slr_rows_get(rows, row, SLR_COLUMN_FILE_KEY),
             single ? "0" : slr_rows_get(rows, row, SLR_COLUMN_FRAME));
}

static selora_status add_to_chunk(drawing *d, size_t picture, slr_error *err)
{
    size_t file = d->p->pictures[picture].file;
    chunk *last = d->count ? &d->chunks[d->count - 1] : NULL;
    if (!last || last->file != file || last->count == CHUNK) {
        if (!slr_grow((void **)&d->chunks, &d->capacity, d->count, sizeof *d->chunks))
            return slr_fail_memory(err, d->count * sizeof *d->chunks, "the list of pictures");
        last = &d->chunks[d->count++];
        *last = (chunk){.file = file};
    }
    last->pictures[last->count++] = picture;
    d->wanted++;
    return SELORA_OK;
}

static selora_status list_new(drawing *d, slr_error *err)
{
    slr_preparation *p = d->p;
    size_t count = 0;
    known_key *keys = slr_alloc(2 * p->old_rows + 1, sizeof *keys);
    if (!keys)
        return slr_fail_memory(err, p->old_rows * sizeof *keys, "the list of rows");
    for (size_t row = 0; row < p->old_rows; row++) {
        const char *series = slr_rows_get(&p->rows, row, SLR_COLUMN_SERIES_KEY);
        key_of_row(&p->rows, row, &keys[count++]);
        if (*series)
            snprintf(keys[count++].text, sizeof keys->text, "%.16s", series);
    }
    count = count_equal(keys, count);
    selora_status status = SELORA_OK;
    for (size_t i = 0; status == SELORA_OK && i < p->picture_count; i++) {
        bool known = false;
        status = is_known(p, &p->pictures[i], keys, count, &known, err);
        if (known)
            p->counts.known++;
        else if (status == SELORA_OK)
            status = add_to_chunk(d, i, err);
    }
    free(keys);
    if (status == SELORA_OK && p->counts.texts_kept)
        slr_warn(p->hooks,
                 "%zu rows have another text than their reports give now (corrected in metadata.csv, or the "
                 "reports changed); rows keep theirs: for the texts of now prepare into a new folder",
                 p->counts.texts_kept);
    return status;
}

selora_status slr_prepare_draw(slr_preparation *p, slr_error *err)
{
    drawing d = {.p = p};
    slr_worker_pool_options options = {
        .jobs = p->job->jobs, .result_bytes = sizeof(draw_result), .hooks = p->hooks};
    selora_status status = list_new(&d, err);
    if (status == SELORA_OK && d.count > 0) {
        p->task = slr_task_begin(p->hooks, "prepare pictures", (int64_t)d.wanted);
        p->done = 0;
        status = slr_prepare_pool_failed(
            slr_worker_pool_run(&options, (int64_t)d.count, draw_chunk, took_chunk, &d, err), err);
    }
    free(d.chunks);
    return status;
}
