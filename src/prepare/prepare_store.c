/* SPDX-License-Identifier: MIT
 * Last step: pictures get their rows and names, patients their keys and sides, and all of it its place on the
 * disk. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/memory.h"
#include "data/split_file.h"
#include "io/atomic_file.h"
#include "io/csv.h"
#include "io/json.h"
#include "prepare/contact_sheet.h"
#include "prepare/header_words.h"
#include "prepare/preparation.h"

enum { MANIFEST_LIMIT = 256 << 20 };

static char *path_in(const slr_preparation *p, const char *name)
{
    return slr_format("%s/%s", p->folder.out, name);
}

/* ---- what an earlier run left ---- */

/* The first setting that differs; all of them must be the same for one set. */
static selora_status compare_settings(const slr_preparation *p, const json_t *old, slr_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(p->job->settings, key, value) {
        const json_t *before = json_object_get(old, key);
        if (json_equal(value, before))
            continue;
        char *now = json_is_string(value) ? slr_copy_text(json_string_value(value))
                                          : json_dumps(value, JSON_ENCODE_ANY);
        char *then = json_is_string(before) ? slr_copy_text(json_string_value(before))
                     : before               ? json_dumps(before, JSON_ENCODE_ANY)
                                            : NULL;
        selora_status status =
            slr_fail(err, SELORA_USAGE,
                     "--%s: this data set was prepared with %s, now it is %s; one rule holds "
                     "for a whole set: use the same, or prepare into a new folder",
                     key, then && strcmp(then, "null") != 0 ? then : "nothing",
                     now && strcmp(now, "null") != 0 ? now : "nothing");
        free(now);
        free(then);
        return status;
    }
    return SELORA_OK;
}

static selora_status check_settings(const slr_preparation *p, slr_error *err)
{
    char *path = path_in(p, "manifest.json");
    json_t *root = NULL;
    if (!path)
        return slr_fail_memory(err, 0, "a path");
    selora_status status = SELORA_OK;
    if (access(path, F_OK) == 0)
        status = slr_json_load_file(path, MANIFEST_LIMIT, &root, err);
    if (root && status == SELORA_OK)
        status = compare_settings(p, json_object_get(root, "settings"), err);
    json_decref(root);
    free(path);
    return status;
}

static selora_status take_cell(slr_preparation *p, const slr_table *table, size_t row, slr_row_column column,
                               slr_error *err)
{
    int from = slr_table_column(table, slr_row_column_name(column));
    return from < 0 ? SELORA_OK : slr_rows_set(&p->rows, row, column, slr_table_cell(table, row, from), err);
}

/* Texts and labels that were corrected by hand in metadata.csv stay. */
static selora_status take_corrections(slr_preparation *p, slr_error *err)
{
    char *path = path_in(p, "metadata.csv");
    slr_table *table = NULL;
    if (!path)
        return slr_fail_memory(err, 0, "a path");
    selora_status status = access(path, F_OK) == 0 ? slr_table_read_csv(path, &table, err) : SELORA_OK;
    size_t rows = table ? slr_table_rows(table) : 0;
    int name = table ? slr_table_column(table, "file_name") : -1;
    if (status == SELORA_OK && rows > p->rows.count)
        status =
            slr_fail(err, SELORA_BAD_INPUT, "%s: %zu rows, prepared were %zu; rows cannot be added by hand",
                     path, rows, p->rows.count);
    for (size_t r = 0; status == SELORA_OK && r < rows; r++) {
        if (strcmp(slr_table_cell(table, r, name), slr_rows_get(&p->rows, r, SLR_COLUMN_FILE_NAME)) != 0)
            status = slr_fail(err, SELORA_BAD_INPUT,
                              "%s: row %zu names another picture than it did; rows must keep their order",
                              path, r + 1);
        if (status == SELORA_OK)
            status = take_cell(p, table, r, SLR_COLUMN_TEXT, err);
        if (status == SELORA_OK)
            status = take_cell(p, table, r, SLR_COLUMN_LABEL, err);
    }
    slr_table_free(table);
    free(path);
    return status;
}

/* Pictures beyond the rows: a run was ended between naming them and writing the rows. */
static void remove_unlisted(const slr_preparation *p)
{
    for (size_t row = p->rows.count + 1;; row++) {
        char *path = slr_format("%s/images/%06zu.png", p->folder.out, row);
        bool gone = path && unlink(path) == 0;
        free(path);
        if (!gone)
            return;
    }
}

selora_status slr_prepare_load(slr_preparation *p, slr_error *err)
{
    char *salt = slr_format("%s/salt", p->folder.hidden), *rows = slr_format("%s/rows.csv", p->folder.hidden);
    selora_status status =
        salt && rows ? slr_patient_keys_open(salt, &p->keys, err) : slr_fail_memory(err, 0, "a path");
    if (status == SELORA_OK)
        status = slr_rows_read(rows, &p->rows, err);
    free(salt);
    free(rows);
    SLR_TRY(status);
    p->old_rows = p->rows.count;
    if (p->old_rows > 0) {
        SLR_TRY(check_settings(p, err));
        SLR_TRY(take_corrections(p, err));
    }
    remove_unlisted(p);
    return SELORA_OK;
}

/* ---- rows ---- */

static const char *answer_name(slr_answer answer)
{
    return answer == SLR_YES ? "yes" : answer == SLR_NO ? "no" : "";
}

static selora_status set_header(slr_preparation *p, size_t row, const slr_picture_facts *f, const char *view,
                                slr_error *err)
{
    slr_rows *rows = &p->rows;
    char age[SLR_AGE_TEXT] = "";
    const char *syntax = slr_transfer_syntax_name(f->transfer_syntax);
    if (!slr_age_words(f->age, p->job->prompts.exact_age, age))
        age[0] = 0;
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_MODALITY, slr_modality_name(f->modality), err));
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_VIEW, view && *view ? view : slr_view_name(f->view_position),
                         err));
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_BODY_PART, slr_body_part_name(f->body_part), err));
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_LATERALITY, slr_laterality_name(f->laterality), err));
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_SEX, slr_sex_name(f->sex), err));
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_AGE, age, err));
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_PHOTOMETRIC, f->photometric, err));
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_SYNTAX, syntax && *syntax ? syntax : f->transfer_syntax, err));
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_LOSSY, answer_name(f->lossy), err));
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_BURNED_IN, answer_name(f->burned_in), err));
    return slr_rows_set(rows, row, SLR_COLUMN_DEIDENTIFIED, answer_name(f->deidentified), err);
}

static selora_status set_pixels(slr_preparation *p, size_t row, const slr_drawn *d, slr_error *err)
{
    slr_rows *rows = &p->rows;
    const slr_picture_facts *f = &d->facts;
    char near[24], measures[SLR_MEASURES_TEXT], key[SLR_PATIENT_KEY];
    snprintf(near, sizeof near, "%016llx", (unsigned long long)d->near);
    slr_picture_measures_text(&d->measures, measures);
    SLR_TRY(slr_patient_key(&p->keys, d->pixels, key, err));
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_KIND, slr_picture_kind_name(f->kind), err));
    SLR_TRY(slr_rows_set_number(rows, row, SLR_COLUMN_BITS, f->bits_stored, err));
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_VOI, slr_voi_source_name(f->voi), err));
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_INVERTED, f->inverted ? "yes" : "no", err));
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_PADDING, f->padding_pixels > 0 ? "yes" : "no", err));
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_COLOUR, slr_colour_name(f->colour), err));
    SLR_TRY(slr_rows_set_number(rows, row, SLR_COLUMN_WIDTH, f->source_width, err));
    SLR_TRY(slr_rows_set_number(rows, row, SLR_COLUMN_HEIGHT, f->source_height, err));
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_NEAR, near, err));
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_MEASURES, measures, err));
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_PIXELS_KEY, key, err));
    return slr_rows_set_number(rows, row, SLR_COLUMN_WARNINGS, f->warnings, err);
}

static selora_status set_plane(slr_rows *rows, size_t row, const slr_picture_facts *f, slr_error *err)
{
    char plane[40];
    const char *axis = f->axis == 'a'   ? "axial"
                       : f->axis == 'c' ? "coronal"
                       : f->axis == 's' ? "sagittal"
                                        : NULL;
    if (!axis)
        return SELORA_OK;
    snprintf(plane, sizeof plane, "%s %s", axis, f->neurological ? "neurological" : "radiological");
    return slr_rows_set(rows, row, SLR_COLUMN_PLANE, plane, err);
}

static selora_status fill_row(slr_preparation *p, const slr_prepared_picture *picture, size_t row,
                              size_t report_offset, slr_error *err)
{
    slr_rows *rows = &p->rows;
    const slr_prepared_file *file = &p->files[picture->file];
    const slr_drawn *d = picture->drawn;
    char name[40], key[SLR_PATIENT_KEY];
    snprintf(name, sizeof name, "images/%06zu.png", row + 1);
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_FILE_NAME, name, err));
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_TEXT, picture->prompt.text, err));
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_LABEL, picture->prompt.label, err));
    if (picture->prompt.report)
        SLR_TRY(slr_rows_set_number(rows, row, SLR_COLUMN_REPORT,
                                    (int64_t)(picture->prompt.report + report_offset), err));
    SLR_TRY(slr_rows_set_number(rows, row, SLR_COLUMN_SOURCE, file->source->source + 1, err));
    SLR_TRY(slr_rows_set_number(rows, row, SLR_COLUMN_FRAME, picture->slice, err));
    SLR_TRY(slr_rows_set_number(rows, row, SLR_COLUMN_FRAMES, picture->slices, err));
    SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_FILE_KEY, file->key, err));
    if (file->series) {
        SLR_TRY(slr_patient_key(&p->keys, file->facts->series_uid, key, err));
        SLR_TRY(slr_rows_set(rows, row, SLR_COLUMN_SERIES_KEY, key, err));
    }
    SLR_TRY(set_plane(rows, row, &d->facts, err));
    SLR_TRY(set_header(p, row, &d->facts, picture->prompt.view, err));
    return set_pixels(p, row, d, err);
}

static selora_status name_picture(const slr_preparation *p, size_t picture, size_t row, slr_error *err)
{
    char *from = slr_format("%s/%zu.png", p->folder.unfinished, picture);
    char *to = slr_format("%s/%s", p->folder.out, slr_rows_get(&p->rows, row, SLR_COLUMN_FILE_NAME));
    selora_status status = from && to ? SELORA_OK : slr_fail_memory(err, 0, "a path");
    if (status == SELORA_OK && rename(from, to) != 0)
        status = slr_fail_errno(err, to, "give a picture its name");
    free(from);
    free(to);
    return status;
}

static size_t largest_report(const slr_rows *rows)
{
    size_t largest = 0;
    for (size_t r = 0; r < rows->count; r++) {
        size_t number = strtoull(slr_rows_get(rows, r, SLR_COLUMN_REPORT), NULL, 10);
        largest = number > largest ? number : largest;
    }
    return largest;
}

static void note_most_cut(slr_prepare_counts *counts, const slr_prepared_picture *picture, size_t row)
{
    for (int i = 0; i < SLR_MOST_CUT; i++)
        if (counts->prompts.tokens.most[i].lost > 0 && counts->prompts.tokens.most[i].row == picture->prompt_number)
            counts->most_cut[i] = row + 1;
}

static selora_status add_rows(slr_preparation *p, slr_error *err)
{
    size_t offset = largest_report(&p->rows);
    for (size_t i = 0; i < p->picture_count; i++) {
        size_t row = 0;
        if (!p->pictures[i].drawn)
            continue;
        SLR_TRY(slr_rows_add(&p->rows, &row, err));
        SLR_TRY(fill_row(p, &p->pictures[i], row, offset, err));
        note_most_cut(&p->counts, &p->pictures[i], row);
    }
    return p->rows.count > 0 ? SELORA_OK
                             : slr_fail(err, SELORA_BAD_INPUT,
                                        "none of %zu pictures could be decoded; the first reasons are "
                                        "above",
                                        p->picture_count);
}

/* ---- onto the disk ---- */

static selora_status name_pictures(const slr_preparation *p, slr_error *err)
{
    size_t row = p->old_rows;
    for (size_t i = 0; i < p->picture_count; i++)
        if (p->pictures[i].drawn)
            SLR_TRY(name_picture(p, i, row++, err));
    int fd = open(p->folder.out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || syncfs(fd) != 0) {
        selora_status status = slr_fail_errno(err, p->folder.out, "save the pictures in");
        if (fd >= 0)
            close(fd);
        return status;
    }
    close(fd);
    return SELORA_OK;
}

static selora_status write_split(const slr_preparation *p, const char *path, slr_error *err)
{
    bool by_patient = slr_prepare_split_by_patient(p);
    slr_split_row *rows = slr_alloc(p->rows.count, sizeof *rows);
    selora_status status = rows ? SELORA_OK : slr_fail_memory(err, p->rows.count * sizeof *rows, "the split");
    for (size_t r = 0; status == SELORA_OK && r < p->rows.count; r++) {
        const char *patient = slr_rows_get(&p->rows, r, SLR_COLUMN_PATIENT);
        rows[r].side = slr_prepare_side(&p->rows, r);
        /* a picture of nobody known is a patient of its own */
        snprintf(rows[r].key, sizeof rows[r].key, "%s",
                 by_patient && *patient ? patient : slr_rows_get(&p->rows, r, SLR_COLUMN_PIXELS_KEY));
    }
    if (status == SELORA_OK)
        status = slr_split_file_write(path, rows, p->rows.count, by_patient, err);
    free(rows);
    return status;
}

static selora_status write_sheet(const slr_preparation *p, const char *path, slr_error *err)
{
    slr_contact_sheet sheet;
    SLR_TRY(slr_contact_sheet_new(p->rows.count, &sheet, err));
    selora_status status = SELORA_OK;
    for (int cell = 0; status == SELORA_OK && cell < sheet.cells; cell++) {
        slr_image image;
        size_t row = slr_contact_sheet_row(p->rows.count, cell);
        char *name = slr_format("%s/%s", p->folder.out, slr_rows_get(&p->rows, row, SLR_COLUMN_FILE_NAME));
        status = name ? slr_image_read(name, NULL, &image, err) : slr_fail_memory(err, 0, "a path");
        free(name);
        if (status == SELORA_OK) {
            status = slr_contact_sheet_put(&sheet, cell, row + 1, &image, err);
            slr_image_free(&image);
        }
    }
    if (status == SELORA_OK)
        status = slr_contact_sheet_write(&sheet, path, err);
    slr_contact_sheet_free(&sheet);
    return status;
}

static selora_status write_manifest(slr_preparation *p, const char *path, json_t **manifest, slr_error *err)
{
    struct rusage self, workers;
    getrusage(RUSAGE_SELF, &self);
    getrusage(RUSAGE_CHILDREN, &workers);
    p->counts.peak_kilobytes = self.ru_maxrss > workers.ru_maxrss ? self.ru_maxrss : workers.ru_maxrss;
    p->counts.seconds += slr_clock_seconds();
    p->counts.pictures_per_second = p->counts.seconds > 0 ? (double)p->counts.added / p->counts.seconds : 0;
    *manifest = slr_manifest_make(p);
    char *text = *manifest ? slr_json_text(*manifest, 2) : NULL;
    if (!text)
        return slr_fail_memory(err, 0, "the manifest");
    selora_status status = slr_atomic_write(path, 0600, text, strlen(text), err);
    free(text);
    return status;
}

/* Rows are never there without the settings and sides that belong to them, and no list that trains without its
 * split. What follows the rows can be made from them. */
static selora_status write_files(slr_preparation *p, json_t **manifest, slr_error *err)
{
    static const char *const names[] = {"manifest.json", "split.csv", SLR_PRIVATE_NAME "/rows.csv",
                                        "contact_sheet.png", "metadata.csv"};
    selora_status status = SELORA_OK;
    for (int i = 0; status == SELORA_OK && i < 5; i++) {
        char *path = path_in(p, names[i]);
        if (!path)
            status = slr_fail_memory(err, 0, "a path");
        else if (i == 0)
            status = write_manifest(p, path, manifest, err);
        else if (i == 1)
            status = write_split(p, path, err);
        else if (i == 3)
            status = write_sheet(p, path, err);
        else
            status = slr_rows_write(&p->rows, path, i == 2 ? SLR_COLUMNS : SLR_COLUMNS_PUBLIC, err);
        free(path);
    }
    return status;
}

selora_status slr_prepare_store(slr_preparation *p, json_t **manifest, slr_error *err)
{
    SLR_TRY(add_rows(p, err));
    SLR_TRY(slr_prepare_split(p, err));
    SLR_TRY(slr_prepare_find_traps(p, err));
    SLR_TRY(name_pictures(p, err));
    selora_status status = write_files(p, manifest, err);
    if (status != SELORA_OK) {
        json_decref(*manifest);
        *manifest = NULL;
    }
    return status;
}
