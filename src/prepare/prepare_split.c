/* SPDX-License-Identifier: MIT
 * Who is on a picture, and which part of the split it belongs to. Rows of earlier runs keep their side. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "data/split_file.h"
#include "prepare/preparation.h"

static const char *const sides[] = {"", "train", "validation", "test"};

slr_side slr_prepare_side(const slr_rows *rows, size_t row)
{
    const char *name = slr_rows_get(rows, row, SLR_COLUMN_SIDE);
    for (int side = SLR_SIDE_TRAIN; side <= SLR_SIDE_TEST; side++)
        if (strcmp(name, sides[side]) == 0)
            return side;
    return SLR_SIDE_NONE;
}

bool slr_prepare_split_by_patient(const slr_preparation *p)
{
    for (size_t r = 0; r < p->rows.count; r++)
        if (*slr_rows_get(&p->rows, r, SLR_COLUMN_PATIENT))
            return true;
    return false;
}

/* What the rows are split by. */
typedef struct splitting {
    slr_preparation *p;
    slr_split_picture *pictures; /* (rows) */
    char **patients;             /* (rows), of new rows: as they are called, in memory only */
    const char **texts;          /* (rows) */
    slr_picture_print *prints;
    slr_side *sides;
} splitting;

static void splitting_free(splitting *s)
{
    for (size_t r = 0; s->patients && r < s->p->rows.count; r++)
        free(s->patients[r]);
    free(s->patients);
    free(s->pictures);
    free(s->texts);
    free(s->prints);
    free(s->sides);
}

/* ---- patients ---- */

static selora_status choose_patient(splitting *s, const slr_prepared_picture *picture, size_t row,
                                    const slr_patient_regex *regex, slr_error *err)
{
    slr_preparation *p = s->p;
    const slr_prepared_file *file = &p->files[picture->file];
    slr_patient_source source;
    char key[SLR_PATIENT_KEY];
    SLR_TRY(slr_patient_choose(picture->prompt.patient, file->facts->patient_id, file->source->name, regex,
                               &s->patients[row], &source, err));
    if (!*s->patients[row])
        return SELORA_OK;
    SLR_TRY(slr_patient_key(&p->keys, s->patients[row], key, err));
    return slr_rows_set(&p->rows, row, SLR_COLUMN_PATIENT, key, err);
}

static selora_status choose_patients(splitting *s, slr_error *err)
{
    slr_preparation *p = s->p;
    slr_patient_regex *regex = NULL;
    if (p->job->patient_regex)
        SLR_TRY(slr_patient_regex_new(p->job->patient_regex, &regex, err));
    selora_status status = SELORA_OK;
    size_t row = p->old_rows;
    for (size_t i = 0; status == SELORA_OK && i < p->picture_count; i++)
        if (p->pictures[i].drawn)
            status = choose_patient(s, &p->pictures[i], row++, regex, err);
    slr_patient_regex_free(regex);
    return status;
}

/* ---- sides ---- */

/* What decides the side of a new picture must not depend on the salt: the same sources are split the same way
 * in every folder. Of earlier rows only keys are known, and the side is. */
static void describe_rows(splitting *s)
{
    slr_preparation *p = s->p;
    size_t row = p->old_rows;
    for (size_t r = 0; r < p->rows.count; r++)
        s->pictures[r] = (slr_split_picture){
            .picture = slr_rows_get(&p->rows, r, SLR_COLUMN_PIXELS_KEY),
            .patient = slr_rows_get(&p->rows, r, SLR_COLUMN_PATIENT),
            .key = slr_rows_get(&p->rows, r, SLR_COLUMN_PATIENT),
            .label = p->job->split.stratify ? slr_rows_get(&p->rows, r, SLR_COLUMN_LABEL) : "",
            .known = slr_prepare_side(&p->rows, r)};
    for (size_t i = 0; i < p->picture_count; i++)
        if (p->pictures[i].drawn) {
            s->pictures[row].picture = p->pictures[i].drawn->pixels;
            s->pictures[row].patient = s->patients[row];
            row++;
        }
}

static selora_status join_column(splitting *s, slr_row_column column, slr_clusters *clusters, slr_error *err)
{
    for (size_t r = 0; r < s->p->rows.count; r++)
        s->texts[r] = slr_rows_get(&s->p->rows, r, column);
    return slr_clusters_join_equal(clusters, s->texts, NULL, err);
}

static selora_status split_rows(splitting *s, bool near, slr_clusters *clusters, slr_error *err)
{
    static const slr_row_column joined[] = {SLR_COLUMN_FILE_KEY, SLR_COLUMN_SERIES_KEY, SLR_COLUMN_REPORT,
                                            SLR_COLUMN_PATIENT};
    slr_preparation *p = s->p;
    slr_duplicate_counts counts;
    for (size_t r = 0; r < p->rows.count; r++)
        s->prints[r] = (slr_picture_print){
            .pixels = slr_rows_get(&p->rows, r, SLR_COLUMN_PIXELS_KEY),
            .near = near ? strtoull(slr_rows_get(&p->rows, r, SLR_COLUMN_NEAR), NULL, 16) : 0};
    for (size_t i = 0; i < sizeof joined / sizeof *joined; i++)
        SLR_TRY(join_column(s, joined[i], clusters, err));
    SLR_TRY(slr_duplicates_join(s->prints, p->rows.count, clusters, &counts, err));
    return slr_patient_split(&p->job->split, s->pictures, p->rows.count, clusters, s->sides, &p->counts.split,
                             err);
}

/* A new picture may be nearly equal to two that earlier runs have put on different sides. That is no reason
 * to fail: near copies are left alone then, and the traps name them. */
static selora_status find_sides(splitting *s, slr_error *err)
{
    slr_preparation *p = s->p;
    slr_clusters clusters;
    slr_error failure = {0};
    SLR_TRY(slr_clusters_new(p->rows.count, &clusters, err));
    selora_status status = split_rows(s, true, &clusters, &failure);
    slr_clusters_free(&clusters);
    if (status == SELORA_OK)
        return SELORA_OK;
    if (status != SELORA_BAD_INPUT || p->old_rows == 0)
        return slr_fail(err, status, "%s", failure.message);
    p->counts.near_ignored = true;
    slr_split_report_free(&p->counts.split);
    SLR_TRY(slr_clusters_new(p->rows.count, &clusters, err));
    status = split_rows(s, false, &clusters, err);
    slr_clusters_free(&clusters);
    return status;
}

static bool belongs(const slr_preparation *p, const slr_split_file *file, size_t row)
{
    const char *patient = slr_rows_get(&p->rows, row, SLR_COLUMN_PATIENT);
    const char *picture = slr_rows_get(&p->rows, row, SLR_COLUMN_PIXELS_KEY);
    return strcmp(file->rows[row].key, file->by_patient && *patient ? patient : picture) == 0;
}

/* Sides may have been moved by hand in split.csv; what it says of earlier rows holds. Without the file all are
 * drawn anew. Rows beyond those that are there are of a run that was killed before it wrote its list. */
static selora_status take_split_file(slr_preparation *p, slr_error *err)
{
    slr_split_file *file = NULL;
    char *path = slr_format("%s/split.csv", p->folder.out);
    selora_status status = path ? slr_split_file_read(path, &file, err) : slr_fail_memory(err, 0, "a path");
    free(path);
    for (size_t r = 0; status == SELORA_OK && r < p->old_rows; r++) {
        bool told = file && r < file->count;
        if (told && !belongs(p, file, r))
            status = slr_fail(err, SELORA_BAD_INPUT,
                              "split.csv: row %zu has the key of another picture: it belongs to another data "
                              "set; restore it, or remove it and all sides are drawn anew",
                              r + 1);
        else if (told || !file)
            status = slr_rows_set(&p->rows, r, SLR_COLUMN_SIDE, told ? sides[file->rows[r].side] : "", err);
    }
    slr_split_file_free(file);
    return status;
}

selora_status slr_prepare_split(slr_preparation *p, slr_error *err)
{
    size_t n = p->rows.count;
    splitting s = {.p = p,
                   .pictures = slr_alloc(n, sizeof *s.pictures),
                   .patients = slr_alloc(n, sizeof *s.patients),
                   .texts = slr_alloc(n, sizeof *s.texts),
                   .prints = slr_alloc(n, sizeof *s.prints),
                   .sides = slr_alloc(n, sizeof *s.sides)};
    bool there = s.pictures && s.patients && s.texts && s.prints && s.sides;
    selora_status status =
        there ? take_split_file(p, err) : slr_fail_memory(err, n * sizeof *s.pictures, "the split");
    if (status == SELORA_OK)
        status = choose_patients(&s, err);
    if (status == SELORA_OK) {
        describe_rows(&s);
        status = find_sides(&s, err);
    }
    for (size_t r = 0; status == SELORA_OK && r < n; r++)
        status = slr_rows_set(&p->rows, r, SLR_COLUMN_SIDE, sides[s.sides[r]], err);
    splitting_free(&s);
    return status;
}
