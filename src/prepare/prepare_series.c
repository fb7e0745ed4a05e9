/* SPDX-License-Identifier: MIT
 * Single-frame files of one series with places in space are a volume: the slice rule chooses among them. */
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/worker_pool.h"
#include "medical/medical_picture.h"
#include "medical/slice_choice.h"
#include "prepare/preparation.h"

enum { GREY_BINS = 1024 };
static const double background_percentile = 5;

typedef struct member {
    const char *study, *series;
    size_t file;
} member;

static int by_series(const void *a, const void *b)
{
    const member *left = a, *right = b;
    int order = strcmp(left->series, right->series);
    if (order == 0)
        order = strcmp(left->study, right->study);
    return order ? order : (left->file > right->file) - (left->file < right->file);
}

static bool is_slice(const slr_prepared_file *file)
{
    const slr_picture_facts *f = file->facts;
    return f && file->kind == SLR_KIND_DICOM && file->frames == 1 && f->series_uid[0] && f->has_position &&
           f->has_orientation;
}

/* ---- the slice with the most in it ---- */

typedef struct histogram {
    uint32_t bins[GREY_BINS]; /* of greys above 0 */
} histogram;

typedef struct search {
    slr_preparation *p;
    const size_t *files;
    histogram *found;
} search;

static selora_status count_greys(void *context, int64_t index, void *result, slr_error *err)
{
    const search *s = context;
    histogram *h = result;
    slr_medical *file;
    slr_image image;
    slr_picture_facts facts;
    SLR_TRY(slr_medical_open(s->p->files[s->files[index]].source->path, &file, NULL, err));
    selora_status status = slr_medical_read(file, 0, &s->p->job->medical, &image, &facts, err);
    slr_medical_close(file);
    SLR_TRY(status);
    size_t count = (size_t)image.width * (size_t)image.height;
    for (size_t i = 0; i < count; i++) {
        float grey = image.pixels[i * (size_t)image.channels];
        if (grey > 0)
            h->bins[(int)(grey * (GREY_BINS - 1))]++;
    }
    slr_image_free(&image);
    return SELORA_OK;
}

/* A slice that fails has nothing in it; it is reported when it is drawn. */
static selora_status take_greys(void *context, int64_t index, selora_status status, const char *message,
                                const void *result, slr_error *err)
{
    const search *s = context;
    (void)message;
    (void)err;
    if (status == SELORA_OK)
        s->found[index] = *(const histogram *)result;
    return SELORA_OK;
}

static selora_status find_largest(slr_preparation *p, const size_t *files, size_t count, int64_t *largest,
                                  slr_error *err)
{
    search s = {p, files, slr_alloc(count, sizeof *s.found)};
    slr_worker_pool_options options = {
        .jobs = p->job->jobs, .result_bytes = sizeof(histogram), .hooks = p->hooks};
    if (!s.found)
        return slr_fail_memory(err, count * sizeof *s.found, "the slices of a series");
    selora_status status = slr_prepare_pool_failed(
        slr_worker_pool_run(&options, (int64_t)count, count_greys, take_greys, &s, err), err);
    uint64_t all = 0, below = 0, most = 0;
    int first = 0;
    for (size_t i = 0; i < count; i++)
        for (int b = 0; b < GREY_BINS; b++)
            all += s.found[i].bins[b];
    for (; first < GREY_BINS && (double)below <= background_percentile / 100 * (double)all; first++)
        for (size_t i = 0; i < count; i++)
            below += s.found[i].bins[first];
    *largest = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t above = 0;
        for (int b = first; b < GREY_BINS; b++)
            above += s.found[i].bins[b];
        if (above > most) {
            most = above;
            *largest = (int64_t)i;
        }
    }
    free(s.found);
    return status;
}

/* ---- one series ---- */

static selora_status order_slices(slr_preparation *p, const member *members, size_t count, size_t *files,
                                  slr_error *err)
{
    const slr_picture_facts **facts = slr_alloc(count, sizeof *facts);
    size_t *order = slr_alloc(count, sizeof *order);
    slr_series_problems problems = {0};
    selora_status status =
        facts && order ? SELORA_OK : slr_fail_memory(err, count * sizeof *order, "the slices of a series");
    for (size_t i = 0; status == SELORA_OK && i < count; i++)
        facts[i] = p->files[members[i].file].facts;
    if (status == SELORA_OK)
        status = slr_series_order(facts, count, order, &problems, err);
    for (size_t i = 0; status == SELORA_OK && i < count; i++)
        files[i] = members[order[i]].file;
    p->counts.series_equal += problems.equal > 0;
    p->counts.series_turned += problems.turned > 0;
    free(facts);
    free(order);
    return status;
}

static selora_status choose(slr_preparation *p, const size_t *files, size_t count, unsigned char *chosen,
                            int64_t *slices, int64_t *counts, slr_error *err)
{
    const slr_medical_options *options = &p->job->medical;
    int64_t largest = 0, *list;
    size_t taken;
    if (options->slice == SLR_SLICE_LARGEST)
        SLR_TRY(find_largest(p, files, count, &largest, err));
    if (options->slice == SLR_SLICE_INDEX && options->slice_number >= (int64_t)count) {
        slr_prepare_skip(p, &p->files[files[0]], SLR_SKIP_NO_FRAME,
                         "its series has fewer slices than --slice asks for");
        return SELORA_OK;
    }
    SLR_TRY(slr_slice_choose(options, (int64_t)count, largest, &list, &taken, err));
    for (size_t i = 0; i < taken; i++)
        chosen[files[list[i]]] = 1;
    for (size_t i = 0; i < count; i++) {
        slices[files[i]] = (int64_t)i;
        counts[files[i]] = (int64_t)count;
    }
    free(list);
    return SELORA_OK;
}

static selora_status take_series(slr_preparation *p, const member *members, size_t count,
                                 unsigned char *chosen, int64_t *slices, int64_t *counts, slr_error *err)
{
    if (count < 2)
        return SELORA_OK;
    size_t *files = slr_alloc(count, sizeof *files);
    if (!files)
        return slr_fail_memory(err, count * sizeof *files, "the slices of a series");
    p->counts.series++;
    for (size_t i = 0; i < count; i++)
        p->files[members[i].file].series = p->counts.series;
    selora_status status = order_slices(p, members, count, files, err);
    if (status == SELORA_OK)
        status = choose(p, files, count, chosen, slices, counts, err);
    free(files);
    return status;
}

selora_status slr_prepare_choose_series(slr_preparation *p, unsigned char *chosen, int64_t *slices,
                                        int64_t *counts, slr_error *err)
{
    size_t count = 0;
    member *members = slr_alloc(p->file_count, sizeof *members);
    if (!members)
        return slr_fail_memory(err, p->file_count * sizeof *members, "the list of series");
    for (size_t i = 0; i < p->file_count; i++)
        if (is_slice(&p->files[i]))
            members[count++] = (member){p->files[i].facts->study_uid, p->files[i].facts->series_uid, i};
    if (count > 1)
        qsort(members, count, sizeof *members, by_series);
    selora_status status = SELORA_OK;
    for (size_t i = 0, end; status == SELORA_OK && i < count; i = end) {
        for (end = i + 1; end < count && strcmp(members[end].series, members[i].series) == 0 &&
                          strcmp(members[end].study, members[i].study) == 0;)
            end++;
        status = take_series(p, members + i, end - i, chosen, slices, counts, err);
    }
    free(members);
    return status;
}
