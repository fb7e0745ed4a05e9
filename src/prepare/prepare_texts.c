/* SPDX-License-Identifier: MIT
 * Second step: reports become prompts; pictures that none names are left out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "io/regular_file.h"
#include "prepare/preparation.h"

enum { MAX_TABLE_BYTES = 1 << 30, MAX_XML_BYTES = 4 << 20 };

/* ---- reports ---- */

/* What messages call a file of reports: tables that were named by the user keep their names. */
static void name_report(const slr_preparation *p, const slr_source_file *file, size_t number, char *name,
                        size_t capacity)
{
    if (file->named || p->job->show_paths)
        snprintf(name, capacity, "%s", file->path);
    else
        snprintf(name, capacity, "report file %zu", number);
}

/* Damaged reports are counted as damaged files; a table that makes no sense ends the job: all hangs on it. */
static selora_status add_report(slr_preparation *p, const slr_source_file *file, size_t number,
                                slr_error *err)
{
    char name[4096], *data;
    size_t size;
    slr_error failure = {0};
    bool xml = slr_source_name_ends(file->name, ".xml");
    name_report(p, file, number, name, sizeof name);
    if (slr_read_file(file->path, xml ? MAX_XML_BYTES : MAX_TABLE_BYTES, &data, &size, &failure) !=
        SELORA_OK) {
        p->counts.bad_reports++;
        p->counts.bad++;
        slr_warn(p->hooks, "%s: cannot be read or is too large", name);
        return SELORA_OK;
    }
    selora_status status = xml ? slr_prompts_add_xml(p->prompts, data, size, name, &failure)
                               : slr_prompts_add_table(p->prompts, data, size, name, err);
    free(data);
    p->counts.reports++;
    if (!xml || status == SELORA_OK)
        return status;
    if (status != SELORA_BAD_INPUT)
        return slr_fail(err, status, "%s", failure.message);
    p->counts.bad_reports++;
    p->counts.bad++;
    if (p->counts.bad_reports <= 10)
        slr_warn(p->hooks, "%s", failure.message);
    return SELORA_OK;
}

static bool is_report(const slr_source_file *file, bool any_table)
{
    const char *name = file->name;
    bool table = slr_source_name_ends(name, ".csv") || slr_source_name_ends(name, ".jsonl");
    bool usual = strcmp(name, "metadata.csv") == 0 || strcmp(name, "metadata.jsonl") == 0;
    return slr_source_name_ends(name, ".xml") || (table && (any_table || file->named || usual));
}

static selora_status add_reports(slr_preparation *p, slr_error *err)
{
    for (size_t i = 0; i < p->sources.count; i++)
        if (is_report(&p->sources.files[i], false))
            SLR_TRY(add_report(p, &p->sources.files[i], i + 1, err));
    if (!p->job->reports)
        return SELORA_OK;
    SLR_TRY(slr_source_files_list(&p->job->reports, 1, NULL, &p->report_files, err));
    size_t before = p->counts.reports + p->counts.bad_reports;
    for (size_t i = 0; i < p->report_files.count; i++)
        if (p->report_files.files[i].closed || is_report(&p->report_files.files[i], true))
            SLR_TRY(add_report(p, &p->report_files.files[i], i + 1, err));
    if (p->counts.reports + p->counts.bad_reports == before)
        return slr_fail(err, SELORA_BAD_INPUT, "--reports: %s holds no .xml, .csv or .jsonl file",
                        p->job->reports);
    return SELORA_OK;
}

/* ---- prompts ---- */

static void describe(const slr_preparation *p, const slr_prepared_picture *picture, slr_prompt_picture *about)
{
    const slr_prepared_file *file = &p->files[picture->file];
    const slr_picture_facts *f = file->facts;
    *about = (slr_prompt_picture){.name = file->source->name,
                                  .path = file->source->path,
                                  .modality = f->modality,
                                  .view = f->view_position,
                                  .laterality = f->laterality,
                                  .body_part = f->body_part,
                                  .sex = f->sex,
                                  .age = f->age,
                                  .patient_id = f->patient_id,
                                  .study_uid = f->study_uid,
                                  .series_uid = f->series_uid};
}

static selora_status fill(slr_preparation *p, slr_error *err)
{
    slr_prompt_picture *about = slr_alloc(p->picture_count, sizeof *about);
    slr_prompt *results = slr_alloc(p->picture_count, sizeof *results);
    selora_status status =
        about && results ? SELORA_OK : slr_fail_memory(err, p->picture_count * sizeof *about, "the prompts");
    for (size_t i = 0; status == SELORA_OK && i < p->picture_count; i++)
        describe(p, &p->pictures[i], &about[i]);
    if (status == SELORA_OK)
        status = slr_prompts_fill(p->prompts, about, p->picture_count, results, &p->counts.prompts, err);
    for (size_t i = 0; status == SELORA_OK && i < p->picture_count; i++)
        p->pictures[i].prompt = results[i], p->pictures[i].prompt_number = i + 1;
    free(about);
    free(results);
    return status;
}

static selora_status no_text(const slr_preparation *p, slr_error *err)
{
    char tables[80] = "";
    if (p->counts.tables_left)
        snprintf(tables, sizeof tables, ", %zu tables in the folders were not, because nobody named them",
                 p->counts.tables_left);
    return slr_fail(err, SELORA_BAD_INPUT,
                    "none of %zu pictures has a text: %zu reports were read%s, and no caption file lies "
                    "beside a picture. Name a table or folder with --reports (its columns with --columns), "
                    "build texts from headers with --template, or keep pictures without a text by --no-text "
                    "keep",
                    p->picture_count, p->counts.prompts.reports, tables);
}

static selora_status drop_untold(slr_preparation *p, slr_error *err)
{
    size_t kept = 0, all = p->picture_count;
    for (size_t i = 0; i < p->picture_count; i++) {
        slr_prepared_picture *picture = &p->pictures[i];
        bool untold = !picture->prompt.text && picture->prompt.skip != SLR_PROMPT_XXXX;
        p->counts.without_text += untold;
        if (untold && p->job->keep_without_text)
            picture->prompt.text = "";
        if (picture->prompt.text)
            p->pictures[kept++] = *picture;
    }
    if (kept == 0)
        return no_text(p, err);
    p->picture_count = kept;
    if (p->counts.without_text && !p->job->keep_without_text)
        slr_warn(p->hooks, "%zu of %zu pictures have no text and are left out; --no-text keep takes them",
                 p->counts.without_text, all);
    return SELORA_OK;
}

static selora_status check_phi(const slr_preparation *p, slr_error *err)
{
    const slr_text_scan *scan = &p->counts.prompts.scan;
    size_t found = 0;
    for (int i = 0; i < SLR_SCAN_KINDS; i++)
        found += scan->found[i];
    if (p->job->fail_on_phi && found)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "--fail-on-phi: %zu places in %zu prompts may tell who somebody is; nothing was "
                        "added",
                        found, scan->suspect);
    return SELORA_OK;
}

selora_status slr_prepare_texts(slr_preparation *p, slr_error *err)
{
    SLR_TRY(slr_prompts_new(&p->job->prompts, &p->prompts, err));
    SLR_TRY(add_reports(p, err));
    SLR_TRY(fill(p, err));
    SLR_TRY(check_phi(p, err));
    return drop_untold(p, err);
}
