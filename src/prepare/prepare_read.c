/* SPDX-License-Identifier: MIT
 * First pass: what each file is, its checksum, its header. Workers read; nothing is decoded but for --slice
 * largest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/worker_pool.h"
#include "medical/dcm.h"
#include "medical/medical_picture.h"
#include "medical/slice_choice.h"
#include "prepare/preparation.h"

enum { MAX_FRAMES = 1 << 20 };

typedef struct read_result {
    slr_picture_kind kind;
    slr_picture_skip skip;
    int64_t frames, first;
    char sha256[SLR_SHA256_HEX];
    slr_picture_facts facts;
} read_result;

/* ---- in a worker ---- */

/* The frame that the rule takes, when it takes one; of several the first. */
static selora_status first_frame(slr_medical *file, const slr_medical_options *options, read_result *result,
                                 slr_error *err)
{
    int64_t *frames;
    size_t count;
    if (result->frames == 1) /* of single files the rule chooses among those of a series */
        return SELORA_OK;
    SLR_TRY(slr_medical_choose(file, options, &frames, &count, &result->skip, err));
    result->first = count ? frames[0] : 0;
    free(frames);
    return SELORA_OK;
}

static selora_status read_header(const char *path, const slr_medical_options *options, read_result *result,
                                 slr_error *err)
{
    slr_medical *file;
    SLR_TRY(slr_medical_open(path, &file, &result->skip, err));
    result->kind = slr_medical_kind(file);
    result->frames = slr_medical_frames(file, options);
    result->skip = SLR_SKIP_NO_FRAME;
    selora_status status = first_frame(file, options, result, err);
    if (status == SELORA_OK) {
        status = slr_medical_facts(file, result->first, options, &result->facts, err);
        result->skip = result->facts.skip;
    }
    slr_medical_close(file);
    return status;
}

static selora_status read_one(void *context, int64_t index, void *out, slr_error *err)
{
    const slr_preparation *p = context;
    const slr_prepared_file *file = &p->files[index];
    read_result *result = out;
    if (file->source->closed) {
        result->skip = SLR_SKIP_UNREADABLE;
        return slr_fail(err, SELORA_BAD_INPUT, "a folder that cannot be listed");
    }
    result->kind = slr_medical_kind_of(file->source->path);
    result->skip = file->source->size == 0 ? SLR_SKIP_UNREADABLE : SLR_SKIP_FORMAT;
    if (file->source->size == 0)
        return slr_fail(err, SELORA_BAD_INPUT, "the file is empty");
    if (result->kind == SLR_KIND_UNKNOWN)
        return slr_fail(err, SELORA_BAD_INPUT, "neither DICOM, NIfTI, PNG nor JPEG");
    result->skip = SLR_SKIP_UNREADABLE;
    slr_error failure = {0};
    if (slr_sha256_file(file->source->path, result->sha256, &failure) != SELORA_OK)
        return slr_fail(err, failure.status, "cannot be read");
    return read_header(file->source->path, &p->job->medical, result, err);
}

/* ---- in this process ---- */

/* A worker that read a hostile file may have answered anything. */
static void seal(read_result *r)
{
    slr_picture_facts *f = &r->facts;
    char *texts[] = {f->modality, f->view_position, f->laterality,  f->body_part,    f->sex,
                     f->age,      f->image_type,    f->photometric, f->rescale_type, f->lossy_method};
    char *keys[] = {f->transfer_syntax, f->patient_id, f->study_uid, f->series_uid, r->sha256};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        texts[i][SLR_FACT_TEXT - 1] = 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        keys[i][SLR_FACT_KEY - 1] = 0;
    if ((unsigned)r->kind >= SLR_KIND_COUNT)
        r->kind = SLR_KIND_UNKNOWN;
    if ((unsigned)r->skip >= SLR_SKIP_COUNT)
        r->skip = SLR_SKIP_DAMAGED;
    r->frames = r->frames < 1 ? 1 : r->frames > MAX_FRAMES ? MAX_FRAMES : r->frames;
    if (r->first < 0 || r->first >= r->frames)
        r->first = 0;
}

static selora_status take_header(slr_preparation *p, slr_prepared_file *file, const read_result *r,
                                 slr_error *err)
{
    file->frames = r->frames;
    file->first = r->first;
    memcpy(file->sha256, r->sha256, sizeof file->sha256);
    file->facts = slr_alloc(1, sizeof *file->facts);
    if (!file->facts)
        return slr_fail_memory(err, sizeof *file->facts, "what the headers say");
    *file->facts = r->facts;
    return slr_patient_key(&p->keys, file->sha256, file->key, err);
}

static selora_status took_one(void *context, int64_t index, selora_status status, const char *message,
                              const void *result, slr_error *err)
{
    slr_preparation *p = context;
    slr_prepared_file *file = &p->files[index];
    read_result r = *(const read_result *)result;
    seal(&r);
    slr_task_report(&p->task, ++p->done, "%zu bad", p->counts.bad);
    file->kind = r.kind;
    if (status == SELORA_OK)
        return take_header(p, file, &r, err);
    file->skip = r.skip == SLR_SKIP_NONE ? SLR_SKIP_DAMAGED : r.skip;
    if (file->skip == SLR_SKIP_FORMAT && !slr_source_name_promises(file->source->name)) {
        p->counts.other++; /* a text, a program, whatever lies beside pictures */
        return SELORA_OK;
    }
    slr_prepare_skip(p, file, file->skip, message);
    return SELORA_OK;
}

/* ---- reports among the files ---- */

static bool is_report(const slr_source_file *file)
{
    const char *name = file->name;
    bool table = slr_source_name_ends(name, ".csv") || slr_source_name_ends(name, ".jsonl");
    return slr_source_name_ends(name, ".xml") ||
           (table &&
            (file->named || strcmp(name, "metadata.csv") == 0 || strcmp(name, "metadata.jsonl") == 0));
}

/* p->files: all that may hold a picture. */
static selora_status list_files(slr_preparation *p, slr_error *err)
{
    p->counts.found = p->sources.count;
    p->counts.left_out = p->sources.others;
    p->files = slr_alloc(p->sources.count + 1, sizeof *p->files);
    if (!p->files)
        return slr_fail_memory(err, p->sources.count * sizeof *p->files, "the list of files");
    for (size_t i = 0; i < p->sources.count; i++) {
        const slr_source_file *source = &p->sources.files[i];
        bool table =
            slr_source_name_ends(source->name, ".csv") || slr_source_name_ends(source->name, ".jsonl");
        bool words = table || slr_source_name_ends(source->name, ".txt") ||
                     slr_source_name_ends(source->name, ".caption");
        if (is_report(source))
            continue;
        p->counts.tables_left += table;
        if (words && !source->closed)
            p->counts.other++;
        else
            p->files[p->file_count++] = (slr_prepared_file){.source = source, .number = i + 1};
    }
    p->counts.examined = p->file_count;
    if (p->file_count == 0)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "the sources hold no file that may be a picture (%zu files in all)",
                        p->sources.count);
    return SELORA_OK;
}

static bool has_dicom(const slr_preparation *p)
{
    for (size_t i = 0; i < p->file_count; i++)
        if (slr_medical_kind_of(p->files[i].source->path) == SLR_KIND_DICOM)
            return true;
    return false;
}

/* A window that is given by name is for CT: files that may be CT and were windowed otherwise would not
 * compare. */
static selora_status check_windows(const slr_preparation *p, slr_error *err)
{
    size_t given = 0, own = 0;
    for (size_t i = 0; i < p->file_count; i++) {
        const slr_picture_facts *f = p->files[i].facts;
        if (!f || p->files[i].kind != SLR_KIND_DICOM)
            continue;
        bool may_be_ct = !f->modality[0] || strcmp(f->modality, "CT") == 0;
        given += f->voi == SLR_VOI_USER;
        own += may_be_ct && f->voi != SLR_VOI_USER && f->voi != SLR_VOI_NONE;
    }
    if (given && own && !p->job->medical.mixed_voi)
        return slr_fail(
            err, SELORA_USAGE,
            "--window: %zu files take it and %zu of the same or no modality keep windows of their "
            "own; one rule must hold for a modality. Give the window as CENTRE/WIDTH, which holds for all, "
            "or "
            "accept the mixture with --mixed-voi",
            given, own);
    return SELORA_OK;
}

/* ---- the pictures ---- */

static selora_status add_picture(slr_preparation *p, size_t file, int64_t frame, int64_t slice,
                                 int64_t slices, slr_error *err)
{
    if (!slr_grow((void **)&p->pictures, &p->picture_capacity, p->picture_count, sizeof *p->pictures))
        return slr_fail_memory(err, p->picture_count * sizeof *p->pictures, "the list of pictures");
    p->pictures[p->picture_count++] =
        (slr_prepared_picture){.file = file, .frame = frame, .slice = slice, .slices = slices};
    return SELORA_OK;
}

static selora_status add_frames(slr_preparation *p, size_t index, slr_error *err)
{
    const slr_prepared_file *file = &p->files[index];
    int64_t *frames;
    size_t count;
    if (file->frames == 1)
        return add_picture(p, index, 0, 0, 1, err);
    SLR_TRY(slr_slice_choose(&p->job->medical, file->frames, file->first, &frames, &count, err));
    selora_status status = SELORA_OK;
    for (size_t i = 0; status == SELORA_OK && i < count; i++)
        status = add_picture(p, index, frames[i], frames[i], file->frames, err);
    free(frames);
    p->counts.slices_left += (size_t)file->frames - count;
    return status;
}

static selora_status list_pictures(slr_preparation *p, slr_error *err)
{
    unsigned char *chosen = slr_alloc(p->file_count, 1);
    int64_t *slices = slr_alloc(2 * p->file_count, sizeof *slices),
            *counts = slices ? slices + p->file_count : NULL;
    selora_status status = chosen && slices ? slr_prepare_choose_series(p, chosen, slices, counts, err)
                                            : slr_fail_memory(err, p->file_count, "the list of series");
    for (size_t i = 0; status == SELORA_OK && i < p->file_count; i++) {
        if (!p->files[i].facts)
            continue;
        if (!p->files[i].series)
            status = add_frames(p, i, err);
        else if (chosen[i])
            status = add_picture(p, i, 0, slices[i], counts[i], err);
        else
            p->counts.slices_left++;
    }
    free(chosen);
    free(slices);
    return status;
}

static selora_status no_picture(const slr_preparation *p, slr_error *err)
{
    char reasons[600] = "";
    size_t used = 0;
    for (int s = 1; s < SLR_SKIP_COUNT && used < sizeof reasons; s++)
        if (p->counts.skips[s])
            used += (size_t)snprintf(reasons + used, sizeof reasons - used, "%s%zu %s", used ? ", " : ": ",
                                     p->counts.skips[s], slr_picture_skip_name(s));
    if (p->counts.other && used < sizeof reasons)
        snprintf(reasons + used, sizeof reasons - used, "%s%zu other", used ? ", " : ": ", p->counts.other);
    return slr_fail(err, SELORA_BAD_INPUT, "none of %zu files gave a picture%s", p->sources.count, reasons);
}

selora_status slr_prepare_read(slr_preparation *p, slr_error *err)
{
    SLR_TRY(list_files(p, err));
    if (has_dicom(p))
        SLR_TRY(slr_dcm_init(err));
    slr_worker_pool_options options = {
        .jobs = p->job->jobs, .result_bytes = sizeof(read_result), .hooks = p->hooks};
    p->task = slr_task_begin(p->hooks, "read headers", (int64_t)p->file_count);
    p->done = 0;
    SLR_TRY(slr_prepare_pool_failed(
        slr_worker_pool_run(&options, (int64_t)p->file_count, read_one, took_one, p, err), err));
    SLR_TRY(check_windows(p, err));
    SLR_TRY(list_pictures(p, err));
    return p->picture_count > 0 ? SELORA_OK : no_picture(p, err);
}
